package export_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"litefront/kernels"
	"litefront/kernels/export"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

const seed = 77

// small draws architectures with every awkward dimension: odd widths, layers that
// differ or not, heads that fill the width or not, projections, clusters, memory.
func small(r *rand.Rand, backbone arch.Backbone) arch.Architecture {
	heads := 3 + r.IntN(3)
	a := arch.Architecture{Backbone: backbone, Vocab: 30 + r.IntN(300), DModel: heads * (6 + r.IntN(18)), MaxLen: 40}
	if r.IntN(2) == 0 {
		a.DivVal = 2 << r.IntN(2)
	}
	if r.IntN(3) == 0 {
		a.DEmbed = 16 + r.IntN(50) // of which the third cluster has at least a 16th
	}
	for cut := 0; len(a.Cutoffs) < 2 && r.IntN(2) == 0; {
		cut += 2 + r.IntN(a.Vocab/2-3) // no token is alone in its softmax
		a.Cutoffs = append(a.Cutoffs, cut)
	}
	if backbone == arch.TransformerXL {
		a.DModel += r.IntN(3)
		a.MemLen = max(0, r.IntN(40)-10)
	}
	for range 1 + r.IntN(4) {
		h := heads
		for r.IntN(2) == 0 || backbone == arch.GPT2 && a.DModel%h != 0 {
			h = 1 + r.IntN(heads)
		}
		a.Layers = append(a.Layers, arch.Layer{Heads: h, DInner: 8 + r.IntN(150)}) // 8: not all ReLUs are dead
	}
	if r.IntN(2) == 0 {
		for i := range a.Layers {
			a.Layers[i] = a.Layers[0]
		}
	}
	return a
}

// draw returns n of each backbone, among which everything occurs that makes a
// difference in the files.
func draw(t testing.TB, n int) (list []arch.Architecture) {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 2))
	for _, backbone := range []arch.Backbone{arch.GPT2, arch.TransformerXL} {
		seen := map[string]bool{}
		for range n {
			a := small(r, backbone)
			_, note, err := export.Config(a)
			if err != nil {
				t.Fatal(err)
			}
			seen[fmt.Sprintf("stock: %v", note == "")] = true
			seen[fmt.Sprintf("%d clusters", len(a.Clusters()))] = true
			seen[fmt.Sprintf("one table for several: %v", len(a.Clusters()) > 1 && a.DivVal == 0)] = true
			seen[fmt.Sprintf("projected: %v", a.Projected())] = true
			if backbone == arch.TransformerXL {
				seen[fmt.Sprintf("memory: %v", a.MemLen > 0)] = true
				seen[fmt.Sprintf("odd: %v", a.DModel%2 == 1)] = true
			}
			list = append(list, a)
		}
		if want := map[arch.Backbone]int{arch.GPT2: 9, arch.TransformerXL: 13}[backbone]; len(seen) != want {
			t.Fatalf("%s: the draw is one-sided: %v", backbone, seen)
		}
	}
	return list
}

func build(t testing.TB, a arch.Architecture) *graph.Graph {
	t.Helper()
	return buildIn(t, a, trial.F32)
}

func buildIn(t testing.TB, a arch.Architecture, p trial.Precision) *graph.Graph {
	t.Helper()
	g, err := graph.Build(a, trial.Workload{PromptLen: min(30, a.MaxLen), Context: a.MaxLen, Precision: p, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// program is a module in wazero.
type program struct {
	t   testing.TB
	g   *graph.Graph
	mod api.Module
}

func run(t testing.TB, g *graph.Graph) program {
	t.Helper()
	m, err := kernels.Compile(g, kernels.Features{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { r.Close(ctx) })
	mod, err := r.Instantiate(ctx, m.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return program{t, g, mod}
}

func (p program) call(name string, args ...uint64) {
	p.t.Helper()
	if _, err := p.mod.ExportedFunction(name).Call(context.Background(), args...); err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
}

// place brings weights into memory.
func (p program) place(w export.Weights) {
	p.t.Helper()
	image, offset, err := export.Place(p.g, w, graph.Panel)
	if err != nil {
		p.t.Fatal(err)
	}
	if !p.mod.Memory().Write(uint32(offset), image) {
		p.t.Fatal("the image lies outside the memory")
	}
	p.call("ready")
}

// throughFile writes the seeded weights to a safetensors file, and returns it and
// what is read from it.
func throughFile(t testing.TB, g *graph.Graph) (file []byte, back export.Weights) {
	t.Helper()
	var b bytes.Buffer
	if err := export.WriteSafetensors(&b, g.Arch, export.Seeded(g, seed)); err != nil {
		t.Fatal(err)
	}
	back, err := export.ReadSafetensors(bytes.NewReader(b.Bytes()), g.Arch)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), back
}

// logits runs the tokens in chunks, the first as a prompt and the rest one by
// one, and returns the logits after each chunk.
func (p program) logits(chunks [][]int) (all [][]float32) {
	p.t.Helper()
	pos := 0
	for i, chunk := range chunks {
		for j, token := range chunk {
			p.mod.Memory().WriteUint32Le(uint32(p.g.Tokens.Offset)+4*uint32(pos+j), uint32(token))
		}
		if i == 0 {
			p.call("prefill", uint64(len(chunk)))
		} else {
			for j := range chunk {
				p.call("decode", uint64(pos+j))
			}
		}
		pos += len(chunk)
		logits := make([]float32, p.g.Arch.Vocab)
		for j := range logits {
			logits[j], _ = p.mod.Memory().ReadFloat32Le(uint32(p.g.Logits.Offset) + 4*uint32(j))
		}
		all = append(all, logits)
	}
	return all
}

// chunks are a prompt, a few tokens at once after it, and single ones.
func chunks(r *rand.Rand, vocab int) [][]int {
	lengths := []int{1 + r.IntN(30), 1 + r.IntN(5), 1, 1}
	list := make([][]int, len(lengths))
	for i, n := range lengths {
		for range n {
			list[i] = append(list[i], r.IntN(vocab))
		}
	}
	return list
}

// compare reports logits that differ by more than a share of the largest.
func compare(t testing.TB, got, want [][]float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows of logits, want %d", len(got), len(want))
	}
	for i := range want {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("chunk %d: %d logits, want %d", i, len(got[i]), len(want[i]))
		}
		scale, worst := 0.0, 0.0
		for j, x := range want[i] {
			scale = max(scale, math.Abs(float64(x)))
			worst = max(worst, math.Abs(float64(got[i][j])-float64(x)))
		}
		if scale == 0 || !(worst <= tolerance*scale) {
			t.Errorf("chunk %d: logits differ by %.2g of a scale of %.2g", i, worst/scale, scale)
		}
	}
}

// TestRoundTrip takes weights through a file and into a module: they arrive as
// they were, bit for bit, and the module computes what its seed's would.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for i, a := range draw(t, 12) {
		t.Run(fmt.Sprintf("%02d %v", i, a), func(t *testing.T) {
			g := build(t, a)
			_, back := throughFile(t, g)
			sameWeights(t, back, export.Seeded(g, seed))
			seeded, placed := run(t, g), run(t, g)
			seeded.call("init", seed)
			placed.place(back)
			c := chunks(r, a.Vocab)
			compare(t, placed.logits(c), seeded.logits(c), 0)
		})
	}
}

func sameWeights(t testing.TB, got, want export.Weights) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d tensors, want %d", len(got), len(want))
	}
	for name, x := range want {
		if !slices.EqualFunc(got[name], x, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
			t.Errorf("%s changed", name)
		}
	}
}

// TestWrongWeights checks that whatever takes weights names the tensor that does
// not fit.
func TestWrongWeights(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 7, DModel: 6, MaxLen: 5, Layers: []arch.Layer{{Heads: 2, DInner: 9}}}
	g := build(t, a)
	for _, c := range []struct{ name, want string }{
		{"h.0.mlp.fc.weight", `"h.0.mlp.fc.weight" has 53 values, needed are 54`},
		{"h.0.attn.k.bias", `"h.0.attn.k.bias" has 5 values, needed are 6`},
		{"wpe", `"wpe" has 29 values, needed are 30`},
	} {
		w := export.Seeded(g, seed)
		w[c.name] = w[c.name][1:]
		_, _, placed := export.Place(g, w, graph.Panel)
		var discard bytes.Buffer
		for _, err := range []error{placed, export.WriteONNX(&discard, g, w), export.WriteSafetensors(&discard, a, w)} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want %s", c.name, err, c.want)
			}
		}
	}
}
