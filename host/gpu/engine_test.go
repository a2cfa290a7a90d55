//go:build gpu

package gpu_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"litefront/host/gpu"
	"litefront/internal/archtest"
	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/wgsl"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

const seed = 12345

// open opens the adapter that LITEFRONT_GPU names, or any.
func open(t testing.TB) *gpu.Engine {
	t.Helper()
	e, err := gpu.OpenEngine(os.Getenv("LITEFRONT_GPU"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func load(t testing.TB, e *gpu.Engine, g *graph.Graph, as kernels.GPU) *gpu.Program {
	t.Helper()
	m, err := wgsl.Compile(g, as)
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Load(m)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := p.Footprint(); err != nil || f.LinearBytes != m.Memory.TotalBytes {
		t.Fatalf("buffers take %d bytes, error %v; planned were %d", f.LinearBytes, err, m.Memory.TotalBytes)
	}
	run(t, p, measure.Call{Export: "init", Arg: seed})
	return p
}

func run(t testing.TB, p *gpu.Program, c measure.Call) {
	t.Helper()
	if _, err := p.Run(c); err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
}

// tolerance is how far logits may be from the reference, as a share of the largest.
func tolerance(p trial.Precision) float64 {
	if p == trial.F16 {
		return 2e-2
	}
	return 1e-3
}

// Random architectures of both backbones, in both precisions, compute what the reference
// says: prompts of several lengths, and what is decoded after them.
func TestLogits(t *testing.T) {
	e := open(t)
	r := rand.New(rand.NewPCG(51, 51))
	for i := range 40 {
		const prompt, context = 33, 40
		a := archtest.GPT2(r, context)
		if i%2 == 1 {
			a = archtest.TransformerXL(r)
		} else if i%4 == 0 {
			archtest.Cluster(r, &a)
		}
		tokens := make([]int, context)
		written := make([]int32, context)
		for j := range tokens {
			tokens[j] = r.IntN(a.Vocab)
			written[j] = int32(tokens[j])
		}
		for _, precision := range trial.GPUPrecisions() {
			t.Run(fmt.Sprintf("%02d %s %v", i, precision, a), func(t *testing.T) {
				compare(t, e, *e.Features().GPU, a, trial.Workload{PromptLen: prompt, Context: context, Precision: precision, Threads: 1}, tokens, written)
			})
		}
	}
}

// What GPUs that are ones run is right here, too: each form of each kernel.
func TestWide(t *testing.T) {
	e := open(t)
	r := rand.New(rand.NewPCG(56, 56))
	hardware := *e.Features().GPU
	hardware.Software = false
	for i, a := range archtest.Wide(80) {
		for _, prompt := range []int{9, 70} {
			w := trial.Workload{PromptLen: prompt, Context: prompt + 4, Precision: trial.GPUPrecisions()[i%2], Threads: 1}
			tokens := make([]int, w.Context)
			written := make([]int32, w.Context)
			for j := range tokens {
				tokens[j] = r.IntN(a.Vocab)
				written[j] = int32(tokens[j])
			}
			t.Run(fmt.Sprintf("%v, %d tokens", a, prompt), func(t *testing.T) { compare(t, e, hardware, a, w, tokens, written) })
		}
	}
}

func compare(t *testing.T, e *gpu.Engine, as kernels.GPU, a arch.Architecture, w trial.Workload, tokens []int, written []int32) {
	g, err := graph.Build(a, w)
	if err != nil {
		t.Fatal(err)
	}
	want, err := archtest.Reference(g, seed, tokens)
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, e, g, as)
	defer p.Close()
	if err := p.SetTokens(0, written); err != nil {
		t.Fatal(err)
	}
	check := func(call string, arg, seen int) {
		t.Helper()
		run(t, p, measure.Call{Export: call, Arg: uint32(arg), Reps: 1})
		logits, err := p.Logits()
		if err != nil {
			t.Fatal(err)
		}
		if e := archtest.MaxError(logits, want[seen-1]); !(e <= tolerance(w.Precision)) {
			t.Fatalf("%s(%d): error %.2g of scale", call, arg, e)
		}
	}
	for _, n := range []int{w.PromptLen, 1, max(w.PromptLen/2, 1), max(w.PromptLen-1, 1)} {
		check("prefill_loop", n, n)
		for pos := n; pos < min(n+3, w.Context); pos++ {
			check("decode_loop", pos, pos+1)
		}
	}
}

// FuzzForward takes any small architecture of both backbones, under any workload and in
// both precisions, from graph to logits, which the reference judges. `make test-long`
// runs it for LONGFUZZTIME.
func FuzzForward(f *testing.F) {
	e := open(f)
	for seed := range uint64(4) {
		f.Add(seed, uint8(17*seed), uint8(3*seed), seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, choice uint64, prompt, more uint8, half bool) {
		r := rand.New(rand.NewPCG(choice, 55))
		w := trial.Workload{PromptLen: 1 + int(prompt)%70, Precision: trial.F32, Threads: 1}
		w.Context = w.PromptLen + int(more)%9
		if half {
			w.Precision = trial.F16
		}
		a := archtest.TransformerXL(r)
		if r.IntN(2) == 0 {
			a = archtest.GPT2(r, w.Context+r.IntN(3))
		}
		if r.IntN(2) == 0 {
			archtest.Cluster(r, &a)
		}
		if a.Validate() != nil {
			t.Skip("clusters that overlap")
		}
		tokens := make([]int, w.Context)
		written := make([]int32, w.Context)
		for i := range tokens {
			tokens[i] = r.IntN(a.Vocab)
			written[i] = int32(tokens[i])
		}
		as := *e.Features().GPU
		as.Software = r.IntN(2) == 0 // hardware's forms are right here, too
		compare(t, e, as, a, w, tokens, written)
	})
}
