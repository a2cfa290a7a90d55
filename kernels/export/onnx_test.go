package export_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"litefront/kernels/export"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// peers is the folder of the JavaScript packages that tests and benchmarks
// compare with; `make peers` installs them.
const peers = "../../bench/peers"

// needPeers skips the test where node or the packages are missing, unless they
// are required.
func needPeers(t testing.TB) {
	t.Helper()
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(peers, "node_modules", "onnxruntime-node"))
	}
	if err == nil {
		return
	}
	if os.Getenv("LITEFRONT_REQUIRE_PEERS") != "" {
		t.Fatalf("%v; make peers installs what is missing", err)
	}
	t.Skipf("%v; make peers installs what is missing", err)
}

// TestONNX compares the module with the ONNX model in ONNX Runtime, which shares
// nothing with it but the graph: a prompt, several tokens over what is past, and
// single ones. The weights of both went out and came back through safetensors.
func TestONNX(t *testing.T) {
	needPeers(t)
	r := rand.New(rand.NewPCG(7, 7))
	for i, a := range draw(t, 10) {
		t.Run(fmt.Sprintf("%02d %v", i, a), func(t *testing.T) {
			g := build(t, a)
			_, weights := throughFile(t, g)
			path := filepath.Join(t.TempDir(), "model.onnx")
			writeONNX(t, path, g, weights)
			p := run(t, g)
			p.place(weights)
			c := chunks(r, a.Vocab)
			compare(t, onnxRuntime(t, path, c), p.logits(c), 1e-3)
		})
	}
}

func writeONNX(t testing.TB, path string, g *graph.Graph, weights export.Weights) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := export.WriteONNX(f, g, weights); err != nil {
		t.Fatal(err)
	}
}

// onnxRuntime returns the logits after each chunk.
func onnxRuntime(t testing.TB, model string, chunks [][]int) (logits [][]float32) {
	t.Helper()
	input, err := json.Marshal(chunks)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join(peers, "logits.mjs"), model, string(input))
	output, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("logits.mjs: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	if err := json.Unmarshal(output, &logits); err != nil {
		t.Fatal(err)
	}
	return logits
}

// TestONNXIsBounded exports a model that protocol buffers cannot hold. Its
// tensors share one array, so that the test does not need the memory.
func TestONNXIsBounded(t *testing.T) {
	const d = 1 << 10
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 1 << 19, DModel: d, MaxLen: 4, Layers: []arch.Layer{{Heads: 1, DInner: 1}}}
	g := build(t, a)
	zeros := make([]float32, a.Vocab*d)
	w := export.Weights{}
	for _, x := range g.Tensors {
		if x.Kind == graph.Weight {
			w[x.Name] = zeros[:x.Rows.Len*x.Cols.Len]
		}
	}
	err := export.WriteONNX(io.Discard, g, w)
	if err == nil || !strings.Contains(err.Error(), "the format holds 2147483647") {
		t.Errorf("error %v", err)
	}
}

// TestONNXOfInt8 exports the same model whatever the module's precision.
func TestONNXOfInt8(t *testing.T) {
	for _, a := range draw(t, 12) {
		var files [2]bytes.Buffer
		for i, p := range trial.Precisions() {
			g := buildIn(t, a, p)
			if err := export.WriteONNX(&files[i], g, export.Seeded(g, seed)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(files[0].Bytes(), files[1].Bytes()) {
			t.Errorf("%v: the files differ", a)
		}
	}
}
