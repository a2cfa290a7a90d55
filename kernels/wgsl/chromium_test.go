//go:build !js && !wasip1

package wgsl_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"litefront/internal/archtest"
	"litefront/internal/browsertest"
	"litefront/kernels"
	"litefront/kernels/wgsl"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

const seed = 12345

// gpuTab is a tab that has gpu.js, in a Chromium with a GPU that computes on the CPU if
// the machine has no other. It returns what the GPU is.
func gpuTab(t *testing.T) (context.Context, kernels.GPU) {
	t.Helper()
	tab := browsertest.NewWith(t, map[string]string{"enable-unsafe-webgpu": "true"})
	mux := http.NewServeMux()
	mux.HandleFunc("/gpu.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join("..", "..", "ui", "static", "gpu.js"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><script src="gpu.js"></script>`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	if err := chromedp.Do(tab, chromedp.Navigate(server.URL)); err != nil {
		t.Fatal(err)
	}
	told := browsertest.Eval[string](t, tab, `litefrontGPU.open()`)
	var opened struct {
		Name string
		GPU  kernels.GPU
	}
	if err := json.Unmarshal([]byte(told), &opened); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", opened)
	return tab, opened.GPU
}

// prepared loads a program and returns its number.
func prepared(t *testing.T, tab context.Context, m *kernels.Module) int {
	t.Helper()
	p, err := wgsl.Decode(m.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	params := make([]byte, 0, p.ParamsBytes())
	for _, w := range p.ParamsBuffer() {
		params = binary.LittleEndian.AppendUint32(params, w)
	}
	number := browsertest.Eval[int](t, tab, fmt.Sprintf(`litefrontGPU.prepare(%q, Uint8Array.from(atob(%q), (c) => c.charCodeAt(0)))`,
		string(m.Bytes), base64.StdEncoding.EncodeToString(params)))
	if bytes := browsertest.Eval[int64](t, tab, fmt.Sprintf("litefrontGPU.bytes(%d)", number)); bytes != m.Memory.TotalBytes {
		t.Errorf("buffers take %d bytes; planned were %d", bytes, m.Memory.TotalBytes)
	}
	browsertest.Eval[[]float64](t, tab, fmt.Sprintf(`litefrontGPU.run(%d, 'init', 0, 1, %d, 1)`, number, seed))
	if len(p.Lists["ready"]) > 0 {
		browsertest.Eval[[]float64](t, tab, fmt.Sprintf(`litefrontGPU.run(%d, 'ready', 0, %d, 0, 1)`, number, p.ReadyRows))
	}
	return number
}

const logitsText = `litefrontGPU.logits(%d).then((bytes) => {
	let text = '';
	for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
	return btoa(text);
})`

// TestChromium has the browser compile every shader of random architectures of both
// backbones, in both precisions, and run them, for short prompts, whose tiles are others,
// and longer ones, with and without subgroups, and also as a GPU that is one would have
// them: its validation has nothing to say, and logits are those of the reference. What
// larger subgroups would run is compiled.
func TestChromium(t *testing.T) {
	tab, gpu := gpuTab(t)
	r := rand.New(rand.NewPCG(54, 54))
	if offered := browsertest.Eval[bool](t, tab, `navigator.gpu.wgslLanguageFeatures.has("subgroup_id")`); offered && gpu.Software && gpu.Subgroup == 0 {
		t.Errorf("the browser's GPU has subgroups of %d", gpu.Subgroup)
	}
	hardware := gpu
	hardware.Software = false
	alone, hardwareAlone := gpu, hardware
	alone.Subgroup, hardwareAlone.Subgroup = 0, 0
	pairs := gpu // fewer than there are
	pairs.Subgroup = 2
	type one struct {
		arch   arch.Architecture
		as     kernels.GPU
		prompt int
	}
	var all []one
	for i := range 40 {
		all = append(all, one{draw(r, i), []kernels.GPU{gpu, hardware, alone, hardwareAlone, pairs}[i/2%5], []int{33, 33, 9}[i%3]})
	}
	for _, a := range archtest.Wide(80) {
		all = append(all, one{a, hardware, 9}, one{a, hardware, 70})
	}
	for i, c := range all {
		a, as := c.arch, c.as
		tokens := make([]int, c.prompt+7)
		for j := range tokens {
			tokens[j] = r.IntN(a.Vocab)
		}
		for _, precision := range trial.GPUPrecisions() {
			t.Run(fmt.Sprintf("%02d %s %v", i, precision, a), func(t *testing.T) {
				g := buildFor(t, a, precision, c.prompt)
				want, err := archtest.Reference(g, seed, tokens)
				if err != nil {
					t.Fatal(err)
				}
				larger := hardware
				larger.Subgroup = []uint32{8, 16, 32, 64}[i%4]
				m, err := wgsl.Compile(g, larger)
				if err != nil {
					t.Fatal(err)
				}
				browsertest.Eval[any](t, tab, fmt.Sprintf("litefrontGPU.close(%d)", prepared(t, tab, m)))
				if m, err = wgsl.Compile(g, as); err != nil {
					t.Fatal(err)
				}
				number := prepared(t, tab, m)
				defer browsertest.Eval[any](t, tab, fmt.Sprintf("litefrontGPU.close(%d)", number))
				browsertest.Eval[any](t, tab, fmt.Sprintf("litefrontGPU.setTokens(%d, 0, %s)", number, strings.ReplaceAll(fmt.Sprint(tokens), " ", ",")))
				check := func(list string, pos, rows, seen int) {
					t.Helper()
					browsertest.Eval[[]float64](t, tab, fmt.Sprintf(`litefrontGPU.run(%d, %q, %d, %d, 0, 1)`, number, list, pos, rows))
					text := browsertest.Eval[string](t, tab, fmt.Sprintf(logitsText, number))
					bytes, err := base64.StdEncoding.DecodeString(text)
					if err != nil || len(bytes) != 4*a.Vocab {
						t.Fatalf("%d bytes of logits, error %v", len(bytes), err)
					}
					logits := make([]float32, a.Vocab)
					for j := range logits {
						logits[j] = math.Float32frombits(binary.LittleEndian.Uint32(bytes[4*j:]))
					}
					tolerance := 1e-3
					if precision == trial.F16 {
						tolerance = 2e-2
					}
					if e := archtest.MaxError(logits, want[seen-1]); !(e <= tolerance) {
						t.Fatalf("%s at %d, %d rows: error %.2g of scale", list, pos, rows, e)
					}
				}
				for _, n := range []int{c.prompt, (c.prompt + 1) / 2} {
					check("prefill", 0, n, n)
					check("decode", n, 1, n+1)
				}
			})
		}
	}
}

// A GPU that is lost under a run says so, its programs stay lost, and it is opened anew as
// the same.
func TestChromiumLost(t *testing.T) {
	tab, gpu := gpuTab(t)
	g := build(t, arch.Architecture{Backbone: arch.GPT2, Vocab: 50, DModel: 16, MaxLen: 40, Layers: []arch.Layer{{Heads: 1, DInner: 16}}}, trial.F32)
	m, err := wgsl.Compile(g, gpu)
	if err != nil {
		t.Fatal(err)
	}
	// The devices that are opened from here on can be lost on purpose.
	browsertest.Eval[bool](t, tab, `(() => {
		const request = GPUAdapter.prototype.requestDevice;
		GPUAdapter.prototype.requestDevice = async function (d) { return globalThis.device = await request.call(this, d); };
		const push = GPUDevice.prototype.pushErrorScope;
		GPUDevice.prototype.pushErrorScope = function (f) { globalThis.device = this; return push.call(this, f); };
		return true;
	})()`)
	number := prepared(t, tab, m)
	said := func(js string) string {
		return browsertest.Eval[string](t, tab, "("+js+").then(() => 'nothing', (e) => e.message)")
	}
	run := fmt.Sprintf(`litefrontGPU.run(%d, 'prefill', 0, 33, 0, 1)`, number)
	if text := said(run); text != "nothing" {
		t.Fatal(text)
	}
	if text := said(`(() => { const going = ` + run + `; device.destroy(); return going; })()`); !strings.HasPrefix(text, "GPU device lost: ") {
		t.Errorf("lost under a run: %q", text)
	}
	if text := said(run); !strings.HasPrefix(text, "GPU device lost") {
		t.Errorf("after that: %q", text)
	}
	before := fmt.Sprintf("%+v", gpu)
	told := browsertest.Eval[string](t, tab, `litefrontGPU.open()`)
	var again struct{ GPU kernels.GPU }
	if err := json.Unmarshal([]byte(told), &again); err != nil || fmt.Sprintf("%+v", again.GPU) != before {
		t.Errorf("opened anew it is %s (%v); it was %s", told, err, before)
	}
	if text := said(run); !strings.HasPrefix(text, "GPU device lost") {
		t.Errorf("a program of the lost device: %q", text)
	}
	number = prepared(t, tab, m)
	if text := said(fmt.Sprintf(`litefrontGPU.run(%d, 'prefill', 0, 33, 0, 1)`, number)); text != "nothing" {
		t.Errorf("after it was opened anew: %q", text)
	}
}
