package runtime

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

func TestMain(m *testing.M) {
	ServeChild()
	os.Exit(m.Run())
}

func testArch() arch.Architecture {
	return arch.Architecture{Backbone: arch.GPT2, Vocab: 5000, DModel: 256, MaxLen: 256,
		Layers: []arch.Layer{{Heads: 4, DInner: 1024}, {Heads: 2, DInner: 512}}}
}

func module(t *testing.T) *kernels.Module {
	t.Helper()
	g, err := graph.Build(testArch(), trial.DefaultWorkload())
	if err != nil {
		t.Fatal(err)
	}
	m, err := kernels.Compile(g, features())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// hanging is a module whose loop export never returns.
func hanging(t *testing.T) *kernels.Module {
	t.Helper()
	m := wasmasm.NewModule()
	m.Memory(1, 1)
	f := m.Func("loop")
	f.ParamI32()
	f.ParamI32()
	f.Loop(func(again wasmasm.Label) { again.BrIf(wasmasm.ConstI32(1)) })
	bytes, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return &kernels.Module{Bytes: bytes}
}

// targets are an engine here and one in a child: everything that can be is
// tested on both.
func targets(t *testing.T) map[string]measure.Target {
	t.Helper()
	e, err := NewEngine(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return map[string]measure.Target{"engine": e, "process": process(t, time.Minute)}
}

func process(t *testing.T, limit time.Duration) *Process {
	t.Helper()
	p, err := NewProcess(t.TempDir(), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func run(t *testing.T, p measure.Program, c measure.Call) int64 {
	t.Helper()
	ns, err := p.Run(c)
	if err != nil {
		t.Fatalf("%s: %v", c.Export, err)
	}
	return ns
}

func TestTarget(t *testing.T) {
	m := module(t)
	for name, target := range targets(t) {
		t.Run(name, func(t *testing.T) {
			d := target.Device()
			if d.Cores < 1 || d.Name == "" || !strings.HasPrefix(d.Engine, "wazero ") || d.TimerStepNs < 1 ||
				!slices.Contains(d.Features, "simd128") {
				t.Errorf("device is %+v", d)
			}
			p, err := target.Prepare(m)
			if err != nil {
				t.Fatal(err)
			}
			run(t, p, measure.Call{Export: "init", Arg: 1})
			one := run(t, p, measure.Call{Export: "prefill_loop", Arg: 192, Reps: 1})
			for range 4 { // the shortest, which nothing else disturbed
				one = min(one, run(t, p, measure.Call{Export: "prefill_loop", Arg: 192, Reps: 1}))
			}
			many := run(t, p, measure.Call{Export: "prefill_loop", Arg: 192, Reps: 20})
			if one <= 0 || many < 4*one {
				t.Errorf("one run took %d ns, twenty took %d", one, many)
			}
			run(t, p, measure.Call{Export: "decode_loop", Arg: 200, Reps: 1})
			f, err := p.Footprint()
			if err != nil {
				t.Fatal(err)
			}
			if f.LinearBytes != m.Memory.TotalBytes {
				t.Errorf("linear memory is %d bytes, planned were %d", f.LinearBytes, m.Memory.TotalBytes)
			}
			// In the child nothing else grows; in a test binary much else does.
			if name == "process" && d.OS == "linux" && (f.RSSBytes < m.Memory.WeightBytes || f.RSSBytes > m.Memory.TotalBytes+16<<20) {
				t.Errorf("resident set grew by %d bytes for a module of %d", f.RSSBytes, m.Memory.TotalBytes)
			}
			for _, c := range []measure.Call{{Export: "absent"}, {Export: "init", Arg: 1, Reps: 1}, {Export: "prefill_loop", Arg: 1}} {
				if _, err := p.Run(c); err == nil || errors.Is(err, measure.ErrLost) {
					t.Errorf("%+v: error %v, want one that is the call's", c, err)
				}
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if _, err := target.Prepare(&kernels.Module{Bytes: []byte("not a module")}); err == nil || errors.Is(err, measure.ErrLost) {
				t.Errorf("a module that is none: error %v, want one that is the module's", err)
			}
		})
	}
}

// TestInstance writes weights and tokens into a module's memory and finds logits
// there that depend on both.
func TestInstance(t *testing.T) {
	e, err := NewEngine("")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	g, err := graph.Build(testArch(), trial.DefaultWorkload())
	if err != nil {
		t.Fatal(err)
	}
	logits := func(token byte, gain float32) []byte {
		i, err := e.Instantiate(module(t))
		if err != nil {
			t.Fatal(err)
		}
		defer i.Close()
		memory := i.Memory()
		if int64(len(memory)) != g.Memory.TotalBytes {
			t.Fatalf("%d bytes of memory, planned were %d", len(memory), g.Memory.TotalBytes)
		}
		if ns, err := i.Call("init", 1); err != nil || ns <= 0 {
			t.Fatalf("init took %d ns: %v", ns, err)
		}
		memory[g.Tokens.Offset] = token
		for _, x := range g.Tensors {
			if x.Name == "ln_f.weight" {
				binary.LittleEndian.PutUint32(memory[x.Offset:], math.Float32bits(gain))
			}
		}
		if _, err := i.Call("prefill", 1); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]uint32{nil, {1, 2}} {
			if _, err := i.Call("prefill", args...); err == nil {
				t.Errorf("prefill took %d arguments", len(args))
			}
		}
		if _, err := i.Call("absent"); err == nil {
			t.Error("an export that is absent was called")
		}
		return bytes.Clone(memory[g.Logits.Offset : g.Logits.Offset+g.Logits.Bytes()])
	}
	one := logits(1, 1)
	if !bytes.Equal(one, logits(1, 1)) || bytes.Equal(one, logits(2, 1)) || bytes.Equal(one, logits(1, 2)) {
		t.Error("the logits do not follow the memory")
	}
}

func TestHangIsKilled(t *testing.T) {
	p := process(t, time.Minute)
	hung, err := p.Prepare(hanging(t))
	if err != nil {
		t.Fatal(err)
	}
	hung.(*remote).limit = 300 * time.Millisecond // from here on, for the busy may take their time to prepare
	if _, err = hung.Run(measure.Call{Export: "loop", Reps: 1}); !errors.Is(err, measure.ErrLost) {
		t.Fatalf("error %v, want ErrLost", err)
	}
	if _, err = hung.Run(measure.Call{Export: "loop", Reps: 1}); !errors.Is(err, measure.ErrLost) {
		t.Errorf("second run: error %v, want ErrLost", err)
	}
	works, err := p.Prepare(module(t)) // in a new child
	if err != nil {
		t.Fatal(err)
	}
	run(t, works, measure.Call{Export: "init", Arg: 1})
	if _, err = hung.Run(measure.Call{Export: "loop", Reps: 1}); !errors.Is(err, measure.ErrLost) {
		t.Errorf("the lost program, beside a new child: error %v, want ErrLost", err)
	}
}

func TestDeathIsSurvived(t *testing.T) {
	p := process(t, time.Minute)
	lost, err := p.Prepare(module(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.child.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, err = lost.Run(measure.Call{Export: "init", Arg: 1})
	if !errors.Is(err, measure.ErrLost) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line that wraps ErrLost", err)
	}
	if err := lost.Close(); err != nil {
		t.Errorf("closing a lost program: %v", err)
	}
	works, err := p.Prepare(module(t))
	if err != nil {
		t.Fatal(err)
	}
	run(t, works, measure.Call{Export: "init", Arg: 1})
}

func TestMeasure(t *testing.T) {
	o := measure.DefaultOptions()
	o.Code, o.Budget = "test", 200*time.Millisecond
	local, err := measure.Local(process(t, time.Minute), o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := local.Measure(context.Background(), trial.Trial{Number: 1, Proposal: trial.Proposal{Arch: testArch()}}, trial.DefaultWorkload())
	if err != nil {
		t.Fatal(err)
	}
	if got.MemoryBytes != module(t).Memory.TotalBytes || got.ModuleSHA256 != module(t).SHA256 || got.Prefill.MedianMs <= got.Decode.MedianMs {
		t.Errorf("measurement is %+v", got)
	}
}
