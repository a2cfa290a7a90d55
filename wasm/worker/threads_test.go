//go:build !wasm

package worker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"litefront/internal/browsertest"
	"litefront/internal/teamtest"
	"litefront/kernels"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

func searchThreads(t *testing.T, p *page) {
	if device, _ := p.open(); device.Cores < 2 {
		t.Skip("this machine has one core")
	}
	q := request("3")
	q.Setup.Workload.Threads = 2
	messages := p.search(q)
	if got, want := done(t, messages), (trial.Done{Reason: "budget", Measured: 3}); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for _, e := range kept(messages) {
		if e.Measured == nil {
			continue
		}
		if m := e.Measured.Measurement; m.Workload.Threads != 2 || m.Prefill.MedianMs <= 0 || m.Decode.MedianMs <= 0 {
			t.Errorf("measured %+v", m)
		}
	}
}

// Without isolation nothing is compiled, and nothing kept.
func threadsNotIsolated(t *testing.T, p *page) {
	p.open()
	q := request("3")
	q.Setup.Workload.Threads = 2
	messages := p.search(q)
	wantError(t, messages, "threads 2 need cross-origin isolation")
	if len(kept(messages)) != 0 {
		t.Errorf("refused, but it says %+v", messages)
	}
}

// bareCall is what bare.js is to do; see there.
type bareCall struct {
	Module  []byte  `json:"module"`
	Threads int     `json:"threads"`
	Pages   int64   `json:"pages"`
	Tokens  []int   `json:"tokens"`
	At      int64   `json:"at"`
	Calls   [][]any `json:"calls"`
	From    int64   `json:"from"`
	Length  int64   `json:"length"`
}

type bareAnswer struct {
	Ms    []float64 `json:"ms"`
	Bytes int64     `json:"bytes"`
	Part  []byte    `json:"part"`
	Error string    `json:"error"`
}

// bare sends a call to bare.js and returns its answer.
func (p *page) bare(c bareCall) (a bareAnswer) {
	p.t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		p.t.Fatal(err)
	}
	p.post(string(text))
	answer := browsertest.Eval[[]string](p.t, p.ctx, fmt.Sprintf("after(%d)", p.seen))[0]
	p.seen++
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		p.t.Fatalf("%s: %v", answer, err)
	}
	return a
}

// sameLogits compares two and three threads in Chromium with one: in wazero, or with
// relaxed SIMD, which that lacks, in Chromium too.
func sameLogits(t *testing.T, p *page) {
	ctx := context.Background()
	rt := wazero.NewRuntime(ctx)
	defer rt.Close(ctx)
	tokens := make([]int, 40)
	for i := range tokens {
		tokens[i] = i * 7 % 300
	}
	for _, a := range []arch.Architecture{
		{Backbone: arch.GPT2, Vocab: 300, DModel: 60, MaxLen: 64, DEmbed: 40, DivVal: 1, Layers: []arch.Layer{{Heads: 3, DInner: 130}, {Heads: 2, DInner: 77}}},
		{Backbone: arch.TransformerXL, Vocab: 300, DModel: 50, MemLen: 7, DivVal: 2, Cutoffs: []int{100, 200},
			Layers: []arch.Layer{{Heads: 4, DInner: 90}, {Heads: 1, DInner: 150}}},
	} {
		for _, c := range []struct {
			precision trial.Precision
			features  kernels.Features
			lengths   []uint64
		}{
			{trial.F32, kernels.Features{}, []uint64{1, 2, 17, 33}},
			{trial.I8, kernels.Features{}, []uint64{1, 17}},
			{trial.F32, kernels.Features{RelaxedSIMD: true}, []uint64{1, 17}},
			{trial.I8, kernels.Features{RelaxedSIMD: true, RelaxedDot: true}, []uint64{1, 17}},
		} {
			compile := func(threads int) (*graph.Graph, *kernels.Module) {
				g, err := graph.Build(a, trial.Workload{PromptLen: 33, Context: 40, Precision: c.precision, Threads: threads})
				if err != nil {
					t.Fatal(err)
				}
				f := c.features
				f.Threads = threads
				m, err := kernels.Compile(g, f)
				if err != nil {
					t.Fatal(err)
				}
				return g, m
			}
			inBrowser := func(n uint64, threads int) []byte {
				g, m := compile(threads)
				got := p.bare(bareCall{Module: m.Bytes, Threads: threads, Pages: g.Memory.TotalBytes / graph.PageBytes,
					Tokens: tokens, At: g.Tokens.Offset, From: g.Logits.Offset, Length: g.Logits.Bytes(),
					Calls: [][]any{{"init", 5}, {"prefill_loop", n, 20}, {"decode_loop", n, 20}}})
				if got.Error != "" || got.Bytes != g.Memory.TotalBytes {
					t.Errorf("%v, %+v, %d tokens, %d threads: memory of %d bytes, error %q", a, c, n, threads, got.Bytes, got.Error)
				}
				return got.Part
			}
			native := func(n uint64) []byte {
				g, m := compile(1)
				one, err := rt.InstantiateWithConfig(ctx, m.Bytes, wazero.NewModuleConfig().WithName(""))
				if err != nil {
					t.Fatal(err)
				}
				memory, _ := one.Memory().Read(0, one.Memory().Size())
				for i, token := range tokens {
					binary.LittleEndian.PutUint32(memory[g.Tokens.Offset+4*int64(i):], uint32(token))
				}
				for _, call := range []struct {
					export string
					arg    uint64
				}{{"init", 5}, {"prefill", n}, {"decode", n}} {
					if _, err := one.ExportedFunction(call.export).Call(ctx, call.arg); err != nil {
						t.Fatal(err)
					}
				}
				return memory[g.Logits.Offset:][:g.Logits.Bytes()]
			}
			for _, n := range c.lengths {
				var want []byte
				if c.features.RelaxedSIMD {
					want = inBrowser(n, 1)
				} else {
					want = native(n)
				}
				for threads := 2; threads <= 3; threads++ {
					if !bytes.Equal(inBrowser(n, threads), want) {
						t.Errorf("%v, %+v, %d tokens, %d threads: other logits", a, c, n, threads)
					}
				}
			}
		}
	}
}

// A thread that traps ends the program, with an error and not with a wait for
// ever; so does one that cannot start.
func threadFails(t *testing.T, p *page) {
	zero := wasmasm.ConstI32(0)
	module := func(exports ...string) []byte {
		m := wasmasm.NewModule()
		m.ImportSharedMemory(kernels.MemoryModule, "memory", 1)
		for _, name := range exports {
			f := m.Func(name)
			switch name {
			case "stop":
				f.AtomicStoreI32(zero, 64, wasmasm.ConstI32(1))
				f.AtomicNotify(zero, 64)
			case "work":
				f.ParamI32()
				f.Unreachable()
			case "decode": // waits for the others
				f.ParamI32()
				f.While(zero.AtomicLoadI32(64).Eq(zero), func() { f.AtomicWait32(zero, 64, zero) })
				f.Unreachable()
			}
		}
		code, err := m.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	call := bareCall{Module: module("stop", "meet", "work", "decode"), Threads: 2, Pages: 1, Tokens: []int{}, Calls: [][]any{{"decode", 1}}}
	if got := p.bare(call); !strings.Contains(got.Error, "unreachable") {
		t.Errorf("a thread trapped: %+v", got)
	}
	call.Pages = 2 // not what the module imports
	if got := p.bare(call); !strings.Contains(got.Error, "LinkError") {
		t.Errorf("no thread starts: %+v", got)
	}
	call.Pages = 1
	call.Module = module("stop", "work")
	if got := p.bare(call); !strings.Contains(got.Error, `does not export "decode"`) {
		t.Errorf("no such export: %+v", got)
	}
}

// Threads are awake before what is timed, and at rest after a loop.
func threadsMeet(t *testing.T, p *page) {
	code, err := teamtest.Module()
	if err != nil {
		t.Fatal(err)
	}
	got := p.bare(bareCall{Module: code, Threads: 2, Pages: 1, Tokens: []int{}, Calls: [][]any{{"once", 1}, {"loop", 1, 1}, {"after", 1}}})
	if got.Error != "" || len(got.Ms) != 3 {
		t.Errorf("got %+v", got)
	}
}
