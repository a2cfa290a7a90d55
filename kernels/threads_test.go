package kernels_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"litefront/kernels"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// threaded is a program that several threads run.
type threaded struct {
	*program
	running *sync.WaitGroup // the threads beside the first
}

// compileThreads is compile for several threads.
func compileThreads(t testing.TB, a arch.Architecture, w trial.Workload) *threaded {
	t.Helper()
	g, err := graph.Build(a, w)
	if err != nil {
		t.Fatal(err)
	}
	m, err := kernels.Compile(g, kernels.Features{WidePanels: native.WidePanels, Threads: w.Threads})
	if err != nil {
		t.Fatal(err)
	}
	if m.Threads != w.Threads {
		t.Errorf("a module for %d threads says %d", w.Threads, m.Threads)
	}
	p := &threaded{program: &program{t: t, g: g, module: m}}
	p.mod, p.running = startThreads(t, m)
	p.call("init", seed)
	return p
}

// startThreads instantiates m for each of its threads, and has all but the first work.
func startThreads(t testing.TB, m *kernels.Module, before ...func(api.Memory)) (first api.Module, running *sync.WaitGroup) {
	t.Helper()
	validate(t, m.Bytes, "--enable-threads")
	provider := wasmasm.NewModule()
	provider.SharedMemory(uint32(m.Memory.TotalBytes / graph.PageBytes))
	memory, err := provider.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2|experimental.CoreFeaturesThreads))
	if _, err := r.InstantiateWithConfig(ctx, memory, wazero.NewModuleConfig().WithName(kernels.MemoryModule)); err != nil {
		t.Fatal(err)
	}
	compiled, err := r.CompileModule(ctx, m.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	var mods []api.Module
	for range m.Threads {
		mod, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatal(err)
		}
		mods = append(mods, mod)
	}
	first, running = mods[0], &sync.WaitGroup{}
	for _, change := range before {
		change(first.Memory())
	}
	for i, mod := range mods[1:] {
		running.Go(func() {
			if _, err := mod.ExportedFunction("work").Call(ctx, uint64(i+1)); err != nil {
				t.Errorf("thread %d: %v", i+1, err)
			}
		})
	}
	t.Cleanup(func() {
		if _, err := first.ExportedFunction("stop").Call(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		running.Wait()
		r.Close(ctx)
	})
	return first, running
}

// sameLogits fails unless both programs left the same bits.
func sameLogits(t *testing.T, what string, got, want *program) {
	t.Helper()
	x, y := got.logits(), want.logits()
	for i := range x {
		if math.Float32bits(x[i]) != math.Float32bits(y[i]) {
			t.Fatalf("%s: logit %d is %v with %d threads, %v with one", what, i, x[i], got.g.Workload.Threads, y[i])
		}
	}
}

// TestThreads compares what several threads compute with what one does: it is the
// same to the bit, for every prompt and for decoding after it.
func TestThreads(t *testing.T) {
	r := rand.New(rand.NewPCG(50, 50))
	n := 12
	if testing.Short() {
		n = 6
	}
	for i := range n {
		a := smallArch(r, 40)
		switch i % 3 {
		case 1:
			a = smallXL(r)
		case 2:
			clustered(r, &a)
		}
		t.Run(fmt.Sprintf("%02d %v", i, a), func(t *testing.T) {
			w := trial.Workload{PromptLen: 33, Context: 40, Precision: trial.Precisions()[i/3%2], Threads: 1}
			one := compile(t, a, w)
			tokens := randomTokens(r, 40, a.Vocab)
			one.setTokens(tokens)
			for threads := 2; threads <= 3; threads++ {
				w.Threads = threads
				many := compileThreads(t, a, w)
				many.setTokens(tokens)
				for _, n := range []int{1, 2, 3, 17, 33, 4} {
					one.call("prefill", uint64(n))
					many.call("prefill", uint64(n))
					sameLogits(t, fmt.Sprintf("prefill of %d", n), many.program, one)
					for pos := n; pos < n+3; pos++ {
						one.call("decode", uint64(pos))
						many.call("decode", uint64(pos))
						sameLogits(t, fmt.Sprintf("decode at %d after %d", pos, n), many.program, one)
					}
				}
				if size := int64(many.mod.Memory().Size()); size != many.g.Memory.TotalBytes {
					t.Errorf("memory.size is %d after the run, planned were %d", size, many.g.Memory.TotalBytes)
				}
			}
		})
	}
}

// TestThreadsManyRuns looks for races: short runs of ever different lengths, each
// compared with one thread's.
func TestThreadsManyRuns(t *testing.T) {
	runs := 200
	if os.Getenv("LITEFRONT_LONG") != "" {
		runs = 5000
	}
	r := rand.New(rand.NewPCG(51, 51))
	for _, a := range []arch.Architecture{
		{Backbone: arch.GPT2, Vocab: 61, DModel: 48, MaxLen: 16, Layers: layers(2, 3, 60)},
		{Backbone: arch.TransformerXL, Vocab: 61, DModel: 40, MemLen: 3, DivVal: 2, Cutoffs: []int{20, 40}, Layers: layers(2, 2, 60)},
	} {
		w := trial.Workload{PromptLen: 12, Context: 16, Precision: trial.F32, Threads: 1}
		tokens := randomTokens(r, 16, a.Vocab)
		one := compile(t, a, w)
		one.setTokens(tokens)
		var want [17][]float32 // by the length of the prompt
		for n := 1; n <= 12; n++ {
			one.call("prefill", uint64(n))
			want[n] = one.logits()
		}
		for threads := 2; threads <= 3; threads++ {
			w.Threads = threads
			p := compileThreads(t, a, w)
			p.setTokens(tokens)
			for i := range runs {
				n := 1 + r.IntN(12)
				if n > 1 && i%2 == 0 {
					p.call("prefill", uint64(n-1))
					p.call("decode", uint64(n-1))
				} else {
					p.call("prefill", uint64(n))
				}
				if i%3 == 0 {
					p.call("meet") // leaves what was computed
				} else if i%3 == 1 {
					p.call("rest")
				}
				if !slices.Equal(p.logits(), want[n]) {
					t.Fatalf("%v, %d threads: run %d over %d tokens differs", a.Backbone, threads, i, n)
				}
				if i%100 == 99 {
					time.Sleep(time.Millisecond) // the others go to sleep
				}
			}
		}
	}
}

// TestThreadsRest has a thread sleep because it is told to, and not because it looked for
// more in vain, which would cost patience: it has some for many seconds.
func TestThreadsRest(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 61, DModel: 48, MaxLen: 16, Layers: layers(1, 2, 60)}
	g, err := graph.Build(a, trial.Workload{PromptLen: 8, Context: 16, Precision: trial.F32, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	m, err := kernels.Compile(g, kernels.Features{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	// Words of a line each, but for patience.
	patience, arrived, asleep := uint32(g.Sync.Offset)+8, uint32(g.Sync.Offset)+2*64, uint32(g.Sync.Offset)+3*64
	first, _ := startThreads(t, m, func(memory api.Memory) { memory.WriteUint32Le(patience, math.MaxUint32) })
	word := func(at uint32) uint32 {
		n, _ := first.Memory().ReadUint32Le(at)
		return n
	}
	for word(arrived) == 0 {
	}
	if _, err := first.ExportedFunction("rest").Call(context.Background()); err != nil {
		t.Fatal(err)
	}
	for word(asleep) == 0 {
	}
	if n := word(patience); n != math.MaxUint32 {
		t.Errorf("a thread slept after all its looks, of which it would do %d next", n)
	}
}

// TestThreadsStop stops the threads while nothing runs: those beside the first
// return, and from then on nothing runs tokens.
func TestThreadsStop(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 61, DModel: 48, MaxLen: 16, Layers: layers(1, 2, 60)}
	p := compileThreads(t, a, trial.Workload{PromptLen: 8, Context: 16, Precision: trial.F32, Threads: 3})
	p.call("prefill", 8)
	p.call("stop")
	p.running.Wait()
	for name, args := range map[string][]uint64{"prefill": {3}, "decode": {3}, "meet": nil} {
		if _, err := p.mod.ExportedFunction(name).Call(context.Background(), args...); err == nil || !strings.Contains(err.Error(), "unreachable") {
			t.Errorf("%s after stop: %v; want a trap", name, err)
		}
	}
}

// TestThreadsLeaveOneAlone checks that neither the module of one thread nor its
// memory knows of threads, and that more than are offered are refused.
func TestThreadsLeaveOneAlone(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 61, DModel: 48, MaxLen: 16, Layers: layers(1, 2, 60)}
	w := trial.Workload{PromptLen: 8, Context: 16, Precision: trial.F32, Threads: 1}
	g, err := graph.Build(a, w)
	if err != nil {
		t.Fatal(err)
	}
	want, err := kernels.Compile(g, kernels.Features{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := kernels.Compile(g, kernels.Features{Threads: 8})
	if err != nil || got.SHA256 != want.SHA256 || got.Threads != 0 || g.Sync != nil {
		t.Errorf("a target with threads changes the module of one thread: %v", err)
	}
	w.Threads = 3
	if g, err = graph.Build(a, w); err != nil {
		t.Fatal(err)
	}
	if _, err := kernels.Compile(g, kernels.Features{Threads: 2}); err == nil || !strings.Contains(err.Error(), "threads 3") {
		t.Errorf("three threads where two are offered: %v", err)
	}
}
