package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"litefront/internal/teamtest"
	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// shared is the module of testArch for so many threads.
func shared(t testing.TB, threads int) (*graph.Graph, *kernels.Module) {
	t.Helper()
	w := trial.DefaultWorkload()
	w.Threads = threads
	g, err := graph.Build(testArch(), w)
	if err != nil {
		t.Fatal(err)
	}
	m, err := kernels.Compile(g, kernels.Features{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	return g, m
}

func needTwoCores(t *testing.T) {
	t.Helper()
	if runtime.NumCPU() < 2 {
		t.Skip("this machine has one core")
	}
}

// TestTeam compares logits of two threads with one's, run after run, and leaves no
// goroutine behind.
func TestTeam(t *testing.T) {
	needTwoCores(t)
	e, err := NewEngine("")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	before := runtime.NumGoroutine()
	var want []byte
	for threads := 1; threads <= 2; threads++ {
		g, m := shared(t, threads)
		for range 3 {
			i, err := e.Instantiate(m)
			if err != nil {
				t.Fatal(err)
			}
			if size := int64(len(i.Memory())); size != m.Memory.TotalBytes {
				t.Errorf("the memory has %d bytes, planned were %d", size, m.Memory.TotalBytes)
			}
			for _, c := range []struct {
				export string
				args   []uint32
			}{{"init", []uint32{1}}, {"prefill", []uint32{17}}, {"decode_loop", []uint32{17, 50}}, {"prefill_loop", []uint32{5, 50}}, {"decode", []uint32{5}}} {
				if _, err := i.Call(c.export, c.args...); err != nil {
					t.Fatalf("%s: %v", c.export, err)
				}
			}
			logits := bytes.Clone(i.Memory()[g.Logits.Offset:][:g.Logits.Bytes()])
			if want == nil {
				want = logits
			}
			if !bytes.Equal(logits, want) {
				t.Errorf("%d threads give other logits", threads)
			}
			if err := i.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	ended(t, before)
}

// ended waits for there to be no more goroutines than before. One that has told its
// end may take a moment longer to be gone.
func ended(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, before there were %d", runtime.NumGoroutine(), before)
}

// TestTeamEngineCloses closes the engine under the threads of a program that is
// still open: none is left behind, nor runs code that is gone.
func TestTeamEngineCloses(t *testing.T) {
	needTwoCores(t)
	_, m := shared(t, 2)
	before := runtime.NumGoroutine()
	for range 3 {
		e, err := NewEngine("")
		if err != nil {
			t.Fatal(err)
		}
		i, err := e.Instantiate(m)
		if err == nil {
			_, err = i.Call("decode", 3)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(e.Close(), i.Close()); err != nil {
			t.Error(err)
		}
	}
	ended(t, before)
}

// TestTeamTarget runs two threads here and in the child, while the garbage
// collector of this process stops all threads again and again.
func TestTeamTarget(t *testing.T) {
	needTwoCores(t)
	_, m := shared(t, 2)
	for name, target := range targets(t) {
		p, err := target.Prepare(m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		run(t, p, measure.Call{Export: "init", Arg: 1})
		stop, stopped := make(chan bool), make(chan bool)
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					runtime.GC()
				}
			}
		}()
		for range 50 {
			run(t, p, measure.Call{Export: "decode_loop", Arg: 200, Reps: 4})
		}
		close(stop)
		<-stopped
		f, err := p.Footprint()
		if err != nil || f.LinearBytes != m.Memory.TotalBytes {
			t.Errorf("%s: footprint %+v, %v; planned were %d bytes", name, f, err, m.Memory.TotalBytes)
		}
		if err := p.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := target.Features().Threads; got != runtime.NumCPU() {
			t.Errorf("%s offers %d threads", name, got)
		}
		m.Threads = math.MaxInt32
		cores := fmt.Sprintf("exceed the %d cores", runtime.NumCPU())
		if _, err := target.Prepare(m); err == nil || !strings.Contains(err.Error(), cores) {
			t.Errorf("%s: with too many threads: %v, want %q", name, err, cores)
		}
		m.Threads = 2
	}
}

// broken is a module for two threads that does what body says: it stands for
// emitted ones that fail.
func broken(t *testing.T, emit func(m *wasmasm.Module)) *kernels.Module {
	t.Helper()
	m := wasmasm.NewModule()
	m.ImportSharedMemory(kernels.MemoryModule, "memory", 1)
	emit(m)
	code, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return &kernels.Module{Bytes: code, Memory: graph.Memory{TotalBytes: graph.PageBytes}, Threads: 2}
}

// TestTeamFails has the second thread trap while the first one waits for it: the
// call fails with the reason, in one line's first words.
func TestTeamFails(t *testing.T) {
	needTwoCores(t)
	e, err := NewEngine("")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const started, ended = 64, 128
	zero := wasmasm.ConstI32(0)
	stop := func(m *wasmasm.Module) {
		f := m.Func("stop")
		f.AtomicStoreI32(zero, ended, wasmasm.ConstI32(1))
		f.AtomicNotify(zero, ended)
		f.AtomicStoreI32(zero, started, wasmasm.ConstI32(1))
		f.AtomicNotify(zero, started)
	}
	m := broken(t, func(m *wasmasm.Module) {
		stop(m)
		m.Func("meet")
		m.Func("rest")
		work := m.Func("work")
		work.ParamI32()
		work.AtomicWait32(zero, started, zero)
		work.If(zero.AtomicLoadI32(ended).Eq(zero), work.Unreachable)
		decode := m.Func("decode")
		decode.ParamI32()
		decode.AtomicStoreI32(zero, started, wasmasm.ConstI32(1))
		decode.AtomicNotify(zero, started)
		decode.While(zero.AtomicLoadI32(ended).Eq(zero), func() { decode.AtomicWait32(zero, ended, zero) })
		decode.Unreachable()
	})
	i, err := e.Instantiate(m)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := i.Call("decode", 1); err == nil || !strings.HasPrefix(err.Error(), "thread 1: ") || !strings.Contains(err.Error(), "unreachable") {
			t.Errorf("the other thread trapped: %v", err)
		}
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}

	_, err = e.Instantiate(broken(t, stop))
	if err == nil || !strings.Contains(err.Error(), `does not export "work"`) {
		t.Errorf("no work: %v", err)
	}
}

// TestTeamMeets has threads awake before what is timed, and at rest after a loop.
func TestTeamMeets(t *testing.T) {
	needTwoCores(t)
	e, err := NewEngine("")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	code, err := teamtest.Module()
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Prepare(&kernels.Module{Bytes: code, Memory: graph.Memory{TotalBytes: graph.PageBytes}, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []measure.Call{{Export: "once"}, {Export: "loop", Reps: 1}, {Export: "after"}} {
		if _, err := p.Run(c); err != nil {
			t.Errorf("%s: %v", c.Export, err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestTeamKilled kills a child whose two threads compute.
func TestTeamKilled(t *testing.T) {
	needTwoCores(t)
	_, m := shared(t, 2)
	r, err := process(t, time.Minute).Prepare(m)
	if err != nil {
		t.Fatal(err)
	}
	run(t, r, measure.Call{Export: "init", Arg: 1})
	r.(*remote).limit = 500 * time.Millisecond // from here on, for the busy may take their time to prepare
	if _, err := r.Run(measure.Call{Export: "prefill_loop", Arg: 192, Reps: 1 << 20}); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("a call that takes too long: %v", err)
	}
}

// BenchmarkTeam is a prefill of a large model, by one thread and by two.
func BenchmarkTeam(b *testing.B) {
	e, err := NewEngine("")
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 10000, DModel: 960, MaxLen: 256}
	for range 12 {
		a.Layers = append(a.Layers, arch.Layer{Heads: 8, DInner: 2400})
	}
	for threads := 1; threads <= min(2, runtime.NumCPU()); threads++ {
		w := trial.DefaultWorkload()
		w.Threads = threads
		g, err := graph.Build(a, w)
		if err != nil {
			b.Fatal(err)
		}
		m, err := kernels.Compile(g, e.Features())
		if err != nil {
			b.Fatal(err)
		}
		i, err := e.Instantiate(m)
		if err == nil {
			_, err = i.Call("init", 1)
		}
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			for b.Loop() {
				if _, err := i.Call("prefill", 192); err != nil {
					b.Fatal(err)
				}
			}
		})
		if err := i.Close(); err != nil {
			b.Error(err)
		}
	}
}
