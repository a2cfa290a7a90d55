package kernels_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"litefront/internal/archtest"
	"litefront/kernels"
	"litefront/kernels/ref"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

const seed = 12345

// program is a compiled graph, running in wazero.
type program struct {
	t       testing.TB
	g       *graph.Graph
	module  *kernels.Module
	mod     api.Module
	weights map[string][]float32 // those that the reference has asked for
}

func compile(t testing.TB, a arch.Architecture, w trial.Workload) *program {
	t.Helper()
	return compileFor(t, a, w, native)
}

// native are the features that modules are compiled with for wazero.
var native = kernels.Features{WidePanels: true}

func compileFor(t testing.TB, a arch.Architecture, w trial.Workload, f kernels.Features) *program {
	t.Helper()
	g, err := graph.Build(a, w)
	if err != nil {
		t.Fatal(err)
	}
	m, err := kernels.Compile(g, f)
	if err != nil {
		t.Fatal(err)
	}
	validate(t, m.Bytes)
	return instantiate(t, g, m)
}

// instantiate runs init of m, a module of g, in wazero.
func instantiate(t testing.TB, g *graph.Graph, m *kernels.Module) *program {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryCapacityFromMax(true))
	t.Cleanup(func() { r.Close(ctx) })
	mod, err := r.Instantiate(ctx, m.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, g: g, module: m, mod: mod}
	p.call("init", seed)
	return p
}

// validate has wabt's validator judge a module: a second opinion, from code that
// shares nothing with ours or wazero's.
func validate(t testing.TB, wasm []byte, flags ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "module.wasm")
	if err := os.WriteFile(file, wasm, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("wasm-validate", append(flags, file)...).CombinedOutput(); err != nil {
		t.Fatalf("wasm-validate (Debian's wabt, installed by make test): %v\n%s", err, out)
	}
}

func (p *program) call(name string, args ...uint64) {
	p.t.Helper()
	if _, err := p.mod.ExportedFunction(name).Call(context.Background(), args...); err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
}

func (p *program) setTokens(tokens []int) {
	for i, tok := range tokens {
		p.mod.Memory().WriteUint32Le(uint32(p.g.Tokens.Offset)+4*uint32(i), uint32(tok))
	}
}

func (p *program) logits() []float32 {
	out := make([]float32, p.g.Arch.Vocab)
	for i := range out {
		out[i], _ = p.mod.Memory().ReadFloat32Le(uint32(p.g.Logits.Offset) + 4*uint32(i))
	}
	return out
}

// weight gives kernels/ref the weights that init gives the module.
func (p *program) weight(name string) []float32 {
	if w, ok := p.weights[name]; ok {
		return w
	}
	i := slices.IndexFunc(p.g.Tensors, func(t *graph.Tensor) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	w := kernels.Weights(p.g, p.g.Tensors[i], seed)
	if p.g.Workload.Precision == trial.I8 {
		w = rounded(p.g, p.g.Tensors[i], w)
	}
	if p.weights == nil {
		p.weights = map[string][]float32{}
	}
	p.weights[name] = w
	return w
}

// reference is what kernels/ref makes of the same weights: a row of logits after
// each of the tokens, for no token looks at a later one.
func (p *program) reference(tokens []int) [][]float64 {
	p.t.Helper()
	want, err := ref.Logits(p.g.Arch, p.weight, tokens)
	if err != nil {
		p.t.Fatal(err)
	}
	return want
}

// lastReference is the last row of reference, where all would take long.
func (p *program) lastReference(tokens []int) []float64 {
	p.t.Helper()
	want, err := ref.LastLogits(p.g.Arch, p.weight, tokens)
	if err != nil {
		p.t.Fatal(err)
	}
	return want
}

// tolerance is how far logits may be from the reference, by maxError: in an int8
// module activations are rounded too.
func (p *program) tolerance() float64 {
	if p.g.Workload.Precision == trial.I8 {
		return 1e-3
	}
	return 1e-4
}

func randomTokens(r *rand.Rand, n, vocab int) []int {
	tokens := make([]int, n)
	for i := range tokens {
		tokens[i] = r.IntN(vocab)
	}
	return tokens
}

// What is drawn has every awkward dimension.
var smallArch, smallXL, clustered, maxError = archtest.GPT2, archtest.TransformerXL, archtest.Cluster, archtest.MaxError

func TestSmallArchitectures(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	list := make([]arch.Architecture, 0, 90)
	for range 40 {
		list = append(list, smallArch(r, 40))
	}
	for range 40 {
		list = append(list, smallXL(r))
	}
	for range 10 {
		a := smallArch(r, 40)
		clustered(r, &a)
		list = append(list, a)
	}
	for i, a := range list {
		t.Run(fmt.Sprintf("%02d %v", i, a), func(t *testing.T) {
			p := compile(t, a, trial.Workload{PromptLen: 33, Context: 40, Precision: trial.F32, Threads: 1})
			tokens := randomTokens(r, 34, a.Vocab)
			p.setTokens(tokens)
			want := p.reference(tokens)
			for n := 1; n <= 33; n++ {
				p.call("prefill", uint64(n))
				if e := maxError(p.logits(), want[n-1]); e > 1e-4 {
					t.Fatalf("prefill of %d: error %.2g of scale", n, e)
				}
				// Decoding the next token gives what a longer prefill gives.
				p.call("decode", uint64(n))
				if e := maxError(p.logits(), want[n]); e > 1e-4 {
					t.Fatalf("decode at %d: error %.2g of scale", n, e)
				}
			}
			if size := int64(p.mod.Memory().Size()); size != p.g.Memory.TotalBytes {
				t.Errorf("memory.size is %d after the run, planned were %d", size, p.g.Memory.TotalBytes)
			}
		})
	}
}

// TestLengths runs prompts from one token to a thousand, in memory planned for just
// that and one token more, through shapes that fill neither panels nor vectors.
func TestLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	for _, a := range []arch.Architecture{
		{Backbone: arch.GPT2, Vocab: 50, DModel: 100, MaxLen: 1025, Layers: layers(1, 1, 37)},
		{Backbone: arch.GPT2, Vocab: 50, DModel: 52, MaxLen: 1025, Layers: layers(1, 2, 60)},  // heads of 26
		{Backbone: arch.GPT2, Vocab: 50, DModel: 100, MaxLen: 1025, Layers: layers(2, 4, 20)}, // heads of 25
		{Backbone: arch.TransformerXL, Vocab: 50, DModel: 100, Layers: layers(1, 1, 37)},
		{Backbone: arch.TransformerXL, Vocab: 50, DModel: 52, MemLen: 9, Layers: layers(1, 4, 60)}, // heads of 13
	} {
		for _, n := range []int{1, 2, 17, 192, 1024} {
			t.Run(fmt.Sprintf("%v, %d tokens", a, n), func(t *testing.T) {
				p := compile(t, a, trial.Workload{PromptLen: n, Context: n + 1, Precision: trial.F32, Threads: 1})
				tokens := randomTokens(r, n+1, a.Vocab)
				p.setTokens(tokens)
				want := p.reference(tokens)
				p.call("prefill", uint64(n))
				if e := maxError(p.logits(), want[n-1]); e > 1e-4 {
					t.Errorf("prefill: error %.2g of scale", e)
				}
				p.call("decode", uint64(n))
				if e := maxError(p.logits(), want[n]); e > 1e-4 {
					t.Errorf("decode: error %.2g of scale", e)
				}
			})
		}
	}
}

func TestFullSize(t *testing.T) {
	if testing.Short() {
		t.Skip("a float64 reference of full-size models takes seconds")
	}
	r := rand.New(rand.NewPCG(8, 8))
	for _, a := range []arch.Architecture{
		{Backbone: arch.GPT2, Vocab: 50257, DModel: 320, MaxLen: 1024, Layers: layers(4, 2, 576)},
		{Backbone: arch.GPT2, Vocab: 50264, DModel: 448, MaxLen: 1024, DivVal: 4,
			Layers: []arch.Layer{{Heads: 2, DInner: 2048}, {Heads: 8, DInner: 768}, {Heads: 4, DInner: 1344}}},
		{Backbone: arch.GPT2, Vocab: 10000, DModel: 512, MaxLen: 256, Layers: layers(6, 8, 2048)},
		{Backbone: arch.TransformerXL, Vocab: 267735, DModel: 192, MemLen: 192, DivVal: 4, Cutoffs: []int{19997, 39997, 199997},
			Layers: []arch.Layer{{Heads: 8, DInner: 768}, {Heads: 2, DInner: 384}, {Heads: 4, DInner: 512}}},
	} {
		t.Run(a.String(), func(t *testing.T) {
			p := compile(t, a, trial.DefaultWorkload())
			tokens := randomTokens(r, 192, a.Vocab)
			p.setTokens(tokens)
			want := p.lastReference(tokens)
			p.call("prefill", 192)
			if e := maxError(p.logits(), want); e > 1e-4 {
				t.Errorf("prefill: error %.2g of scale", e)
			}
			p.call("prefill", 191)
			p.call("decode", 191)
			if e := maxError(p.logits(), want); e > 1e-4 {
				t.Errorf("decode: error %.2g of scale", e)
			}
		})
	}
}

// TestLargeVocabulary runs tokens of every cluster, the first and last of each
// among them, through the vocabulary of lts-transformer-xl, in its own clusters and
// in three of other widths.
func TestLargeVocabulary(t *testing.T) {
	for _, c := range []struct {
		dModel, divVal int
		cutoffs        []int
	}{
		{64, 4, []int{19997, 39997, 199997}},
		{40, 4, []int{20000, 200000}},
		{24, 2, []int{20000, 200000}},
		{20, 1, []int{20000, 200000}},
	} {
		a := arch.Architecture{Backbone: arch.TransformerXL, Vocab: 267735, DModel: c.dModel, MemLen: 5, DivVal: c.divVal,
			Cutoffs: c.cutoffs, Layers: layers(2, 3, 100)}
		t.Run(fmt.Sprint(a), func(t *testing.T) {
			tokens := []int{0}
			for _, cut := range c.cutoffs {
				tokens = append(tokens, cut-1, cut)
			}
			tokens = append(tokens, a.Vocab-1)
			p := compile(t, a, trial.Workload{PromptLen: len(tokens), Context: 10, Precision: trial.F32, Threads: 1})
			p.setTokens(tokens)
			want := p.reference(tokens)
			for n := 1; n <= len(tokens); n++ {
				p.call("prefill", uint64(n))
				if e := maxError(p.logits(), want[n-1]); e > 1e-4 {
					t.Errorf("prefill of %d: error %.2g of scale", n, e)
				}
			}
			var sum float64
			for _, l := range p.logits() {
				sum += math.Exp(float64(l))
			}
			if math.Abs(sum-1) > 1e-3 {
				t.Errorf("the probabilities add up to %g", sum)
			}
		})
	}
}

// TestTooLarge compiles what 32-bit addresses do not reach: the error has the exact
// need, and nothing of that size was allocated to find out. One page less is fine.
func TestTooLarge(t *testing.T) {
	w := trial.Workload{PromptLen: 1, Context: 1, Precision: trial.F32, Threads: 1}
	wide := func(pairs int) *graph.Graph {
		g, err := graph.Build(arch.Architecture{Backbone: arch.GPT2, Vocab: 1, DModel: 8192, MaxLen: 2 * pairs, Layers: layers(1, 1, 8)}, w)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	// Two positions take a page, and everything else what a model of two takes.
	others := wide(1).Memory.TotalBytes - graph.PageBytes
	most := int((graph.MaxBytes - others) / graph.PageBytes)
	if _, err := kernels.Compile(wide(most), kernels.Features{}); err != nil {
		t.Errorf("%d positions: %v", 2*most, err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := kernels.Compile(wide(most+1), kernels.Features{})
	runtime.ReadMemStats(&after)
	need := others + int64(most+1)*graph.PageBytes
	if need != graph.MaxBytes+graph.PageBytes || err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("%d bytes", need)) ||
		!strings.Contains(err.Error(), fmt.Sprint(int64(graph.MaxBytes))) {
		t.Errorf("%d bytes are needed; error %v", need, err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 {
		t.Errorf("%d bytes were allocated to refuse", allocated)
	}
}

// TestReady writes weights from outside: with ready, a module gives what the one
// whose init made the same weights gives; without, what derives from them is old.
func TestReady(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 5 {
		a, w := smallXL(r), trial.Workload{PromptLen: 9, Context: 12, Precision: trial.F32, Threads: 1}
		a.MemLen, a.Vocab = 7, max(a.Vocab, 90)
		want, p := compile(t, a, w), compile(t, a, w)
		tokens := randomTokens(r, 9, a.Vocab)
		want.setTokens(tokens)
		p.setTokens(tokens)
		want.call("prefill", 9)

		p.call("init", seed+1)
		for _, x := range p.g.Tensors {
			if x.Kind != graph.Weight {
				continue
			}
			for i, v := range kernels.Weights(p.g, x, seed) {
				p.mod.Memory().WriteFloat32Le(uint32(x.Offset)+4*uint32(x.Index(i/x.Cols.Len, i%x.Cols.Len, native.Panel())), v)
			}
		}
		p.call("prefill", 9)
		if slices.Equal(p.logits(), want.logits()) {
			t.Errorf("%v: relative keys do not matter", a)
		}
		p.call("ready")
		p.call("prefill", 9)
		if !slices.Equal(p.logits(), want.logits()) {
			t.Errorf("%v: logits differ after ready", a)
		}
	}
}

// TestMemorySize runs an architecture of each search space and compares what
// memory.size reports then with the plan. With LITEFRONT_LONG it runs ten of each.
func TestMemorySize(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	presets := space.Presets()
	n := len(presets)
	if os.Getenv("LITEFRONT_LONG") != "" {
		n *= 10
	}
	for i := range n {
		sp, err := space.Preset(presets[i%len(presets)])
		if err != nil {
			t.Fatal(err)
		}
		a, err := sp.Sample(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(a.String(), func(t *testing.T) {
			p := compile(t, a, trial.DefaultWorkload())
			p.call("prefill", 2)
			p.call("decode", 255)
			if size := int64(p.mod.Memory().Size()); size != p.g.Memory.TotalBytes {
				t.Errorf("memory.size is %d after the run, planned were %d", size, p.g.Memory.TotalBytes)
			}
		})
	}
}

func layers(n, heads, inner int) []arch.Layer {
	ls := make([]arch.Layer, n)
	for i := range ls {
		ls[i] = arch.Layer{Heads: heads, DInner: inner}
	}
	return ls
}
