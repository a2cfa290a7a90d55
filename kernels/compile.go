// Package kernels compiles a graph into one WebAssembly module that computes
// it: weights, KV cache and activations in one linear memory, planned ahead, and
// loops inside the module so that timing never pays a host call per run.
//
// Op bodies (package ops) are shared functions; the layers are straight calls
// with constant addresses, so a module stays small whatever its depth.
package kernels

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"litefront/kernels/ops"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Features are the WebAssembly extensions a module may use beyond fixed-width
// SIMD, which every module needs.
type Features struct {
	RelaxedSIMD bool // fused multiply-add
	// WidePanels says that the engine keeps twelve sums and what they are made of in
	// registers, as all do with RelaxedSIMD.
	WidePanels bool `json:",omitempty"`
	RelaxedDot bool // products of int8, where the engine makes one instruction of them
	// Threads is how many threads the engine runs a module on; none is one.
	Threads int `json:",omitempty"`
	// GPU is set by engines that run GPU programs (package wgsl) in place of
	// WebAssembly.
	GPU *GPU `json:",omitempty"`
}

func (f Features) ops() ops.Features {
	return ops.Features{RelaxedSIMD: f.RelaxedSIMD, WidePanels: f.WidePanels, RelaxedDot: f.RelaxedDot}
}

// Panel is how many rows the panels of a module's matrices have where they are of
// floats.
func (f Features) Panel() int { return f.ops().Panel() }

// Module is an emitted WebAssembly module.
//
// It has no imports, but a memory with several threads. Its exports are "memory"
// and, all with i32 parameters and no result:
//
//	init(seed)                 fills the weights from a seed, and calls ready
//	ready()                    computes what depends on weights only
//	prefill(n)                 runs the first n tokens, leaves the last one's logits
//	decode(pos)                runs the token at pos over the KV cache
//	prefill_loop(n, reps)      prefill, reps times
//	decode_loop(pos, reps)     decode, reps times
//
// with 1 ≤ n ≤ Workload.PromptLen, 0 ≤ pos < Workload.Context, reps ≥ 1. Tokens
// are read from, logits left at the graph's offsets. Other weights may be written
// to theirs in place of init's; then ready must be called before anything runs.
//
// The logits are log-probabilities if the embedding has several clusters
// (graph.Graph). Transformer-XL's segment memory holds zero hidden states: prefill
// runs the first n tokens of a segment after it, each attending to the whole
// memory and to the segment up to itself, and decode one more of the same segment.
// A token outside the vocabulary has a zero embedding.
//
// With several threads (Workload.Threads) the memory is shared, and imported as
// "memory" of MemoryModule. The exports are called on one instance, which then is
// thread 0. On another instance over the same memory each further thread runs
//
//	work(thread)               shares the work of the others until stop
//
// before any of the others but init and ready is called. Threads that have nothing to
// do look for more a short time, and then sleep: meet() returns once all are awake, since
// waking one up takes as long as decoding a token may, and is no part of what a run takes
// among others; rest() has them sleep at once. stop() ends work, at any time and on any
// instance; from then on the exports that run tokens, and meet, trap. So when a thread
// fails, stop keeps the others from waiting for it.
//
// A sentinel module has only "memory", "init(seed)" and "loop(unused, reps)", and what
// several threads need.
type Module struct {
	Bytes  []byte
	SHA256 string // of Bytes, in hex
	Memory graph.Memory
	// Threads is how many threads run the module; none is one.
	Threads int
	// Fixed says that the module, of one thread, is the same in every run of the program,
	// so that its compiled code is worth keeping.
	Fixed bool
}

// MemoryModule is the name of the module that a module for several threads imports
// its memory from.
const MemoryModule = "env"

// Compile emits the module of g. It fails if the plan exceeds what a 32-bit
// memory holds, or g needs more threads than f has.
func Compile(g *graph.Graph, f Features) (*Module, error) {
	e, err := emit(g, f)
	if err != nil {
		return nil, err
	}
	module, err := finish(e.m, g.Memory)
	if err == nil && g.Workload.Threads > 1 {
		module.Threads = g.Workload.Threads
	}
	return module, err
}

// emit emits all but the encoding: what Module says.
func emit(g *graph.Graph, f Features) (*emitter, error) {
	if err := g.Memory.Fit(graph.MaxBytes); err != nil {
		return nil, err
	}
	if !slices.Contains(trial.Precisions(), g.Workload.Precision) {
		return nil, fmt.Errorf("workload: precision %q is for GPUs; WebAssembly modules have one of %q", g.Workload.Precision, trial.Precisions())
	}
	if most := max(f.Threads, 1); g.Workload.Threads > most {
		return nil, fmt.Errorf("workload: threads %d exceed the engine's %d", g.Workload.Threads, most)
	}
	pages := uint32(g.Memory.TotalBytes / graph.PageBytes)
	m := wasmasm.NewModule()
	e := &emitter{g: g, panel: f.Panel(), lib: ops.New(m, f.ops()), m: m}
	var forward *wasmasm.Func
	if g.Workload.Threads == 1 {
		m.Memory(pages, pages)
		e.init(e.ready())
		forward = e.forward()
	} else {
		m.ImportSharedMemory(MemoryModule, "memory", pages)
		e.init(e.ready())
		forward = e.shared()
	}

	prefill := m.Func("prefill")
	n := prefill.ParamI32()
	prefill.Call(forward, wasmasm.ConstI32(0), n)

	decode := m.Func("decode")
	pos := decode.ParamI32()
	decode.Call(forward, pos, wasmasm.ConstI32(1))

	loop(m, "prefill_loop", prefill)
	loop(m, "decode_loop", decode)
	return e, nil
}

// loop exports name(arg, reps): f(arg), reps times.
func loop(m *wasmasm.Module, name string, f *wasmasm.Func) {
	l := m.Func(name)
	arg, reps := l.ParamI32(), l.ParamI32()
	l.While(reps.I32, func() {
		l.Call(f, arg)
		reps.Set(reps.Sub(wasmasm.ConstI32(1)))
	})
}

func finish(m *wasmasm.Module, mem graph.Memory) (*Module, error) {
	bytes, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(bytes)
	return &Module{Bytes: bytes, SHA256: hex.EncodeToString(sum[:]), Memory: mem}, nil
}

// emitter walks the graph.
type emitter struct {
	g     *graph.Graph
	panel int // Features.Panel
	lib   *ops.Lib
	m     *wasmasm.Module
	// elsewhere is where a profile reads weights and caches that it does not read
	// in their place.
	elsewhere map[*graph.Tensor]wasmasm.I32
}

func i32(x int) wasmasm.I32 { return wasmasm.ConstI32(int32(uint32(x))) }

// at is the address of t.
func at(t *graph.Tensor) wasmasm.I32 { return i32(int(t.Offset)) }

// source is the address that t is read at.
func (e *emitter) source(t *graph.Tensor) wasmasm.I32 {
	if p, ok := e.elsewhere[t]; ok {
		return p
	}
	return at(t)
}

// forward emits forward(pos, m): rows at positions pos to pos+m. Each layer is a
// function of its own: wazero's compiler takes more than in proportion for a long
// one.
func (e *emitter) forward() *wasmasm.Func {
	f := e.m.Func("")
	pos, m := f.ParamI32(), f.ParamI32()
	for ops := e.g.Ops; len(ops) > 0; {
		n := slices.IndexFunc(ops, func(o graph.Op) bool { return o.Layer != ops[0].Layer })
		if n < 0 {
			n = len(ops)
		}
		f.Call(e.sequence(ops[:n]), pos, m)
		ops = ops[n:]
	}
	return f
}

// sequence emits a function of pos and m that runs ops.
func (e *emitter) sequence(ops []graph.Op) *wasmasm.Func {
	f := e.m.Func("")
	pos, m := f.ParamI32(), f.ParamI32()
	for _, o := range ops {
		e.op(f, o, part{pos: pos.I32, m: m.I32})
	}
	return f
}

// ready emits ready(): all rows of what derives from the weights.
func (e *emitter) ready() *wasmasm.Func {
	f := e.m.Func("ready")
	for _, o := range e.g.Ready {
		e.op(f, o, part{pos: i32(0), m: i32(o.Y.Rows.Len)})
	}
	return f
}

// cached is where the key-value cache holds position pos: behind the memory.
func (e *emitter) cached(pos wasmasm.I32) wasmasm.I32 {
	if e.g.Arch.MemLen == 0 {
		return pos
	}
	return pos.Add(i32(e.g.Arch.MemLen))
}

// row is the address of row i of t.
func row(t *graph.Tensor, i wasmasm.I32) wasmasm.I32 { return at(t).Add(i.Mul(rowBytes(t))) }

// rowBytes is the distance between the rows of t.
func rowBytes(t *graph.Tensor) wasmasm.I32 { return i32(t.Format.Bytes() * t.Stride()) }

// k8 is the width of a matrix in groups of eight columns.
func k8(t *graph.Tensor) wasmasm.I32 { return i32(t.Cols.Size() / graph.Lane) }

// k16 is the width of a matrix of integers in groups of sixteen columns.
func k16(t *graph.Tensor) wasmasm.I32 { return i32(t.Stride() / (2 * graph.Lane)) }

// op emits the call of o for a part of it.
func (e *emitter) op(f *wasmasm.Func, o graph.Op, p part) {
	lib, pos, m := e.lib, p.pos, p.m
	x := func() wasmasm.I32 { return p.row(o.X) }
	if o.LastRow {
		// What follows on an operation for the last row has one row.
		if o.X != nil && o.X.Rows.Len > 1 {
			last := m.Sub(i32(1))
			x = func() wasmasm.I32 { return row(o.X, last) }
		}
		m = i32(1)
	}
	switch o.Kind {
	case graph.Embed:
		ids, n := at(o.X).Add(pos.Mul(i32(4))), i32(o.W.Rows.Len)
		if o.W.Format == graph.I8 {
			f.Call(lib.GatherI8(float32(o.Scale)), ids, at(o.W), at(o.W.Scales), p.row(o.Y), m, k8(o.W), i32(o.Start), n)
		} else {
			f.Call(lib.Gather(float32(o.Scale)), ids, at(o.W), p.row(o.Y), m, k8(o.W), i32(o.Start), n)
		}
	case graph.Positions:
		f.Call(lib.Add(), p.row(o.Y), row(o.W, pos), m.Mul(i32(o.Y.Stride()/4)))
	case graph.Norm:
		f.Call(lib.LayerNorm(o.X.Cols.Len), x(), at(o.W), at(o.B), p.row(o.Y), m)
	case graph.Linear:
		p.m = m
		e.linear(f, o, x(), p)
	case graph.Shift:
		e.shift(f, o, p)
	case graph.Transpose:
		f.Call(lib.Transpose(), x(), at(o.Y).Add(e.cached(pos).Mul(i32(4))), m, i32(o.X.Stride()), i32(o.X.Stride()), i32(o.Y.Stride()))
	case graph.Unproject:
		f.MemoryFill(at(o.Y), i32(0), i32(int(o.Y.Bytes())))
		if o.W.Format == graph.I8 {
			f.Call(lib.UnprojectI8(), x(), e.source(o.W), at(o.W.Scales), at(o.Y), i32(o.W.Rows.Len), k8(o.W))
		} else {
			f.Call(lib.Unproject(), x(), e.source(o.W), at(o.Y), i32(o.W.Rows.Len), k8(o.W))
		}
	case graph.Attention, graph.RelativeAttention:
		if p.thread != nil {
			e.someHeads(f, o, p)
			return
		}
		if o.Kind == graph.Attention {
			f.Call(lib.Attention(o.Heads, o.Dim, e.g.Span()),
				x(), e.source(o.Keys), e.source(o.Values), at(o.Y), at(o.Scores), m, e.cached(pos))
			return
		}
		f.Call(lib.RelativeAttention(o.Heads, o.Dim, e.g.Span()),
			x(), e.source(o.Keys), e.source(o.Values), at(o.Y), row(o.Scores, i32(1)), m, e.cached(pos), at(o.RelQueries), e.source(o.RelKeys))
	case graph.LogSoftmax:
		shift := wasmasm.ConstF32(0)
		if o.X != nil {
			shift = at(o.X).LoadF32(0)
		}
		f.Call(lib.LogSoftmax(), at(o.Y), i32(o.Y.Cols.Len), shift)
	case graph.Sinusoid:
		f.Call(lib.Sinusoid(o.Y.Cols.Len), at(o.Y), at(o.X), m)
	case graph.Quantize:
		f.Call(lib.Quantize(), x(), p.row(o.Y), p.scales(o.Y), m, k8(o.X), wasmasm.ConstF32(float32(lib.Range(o.X.Cols.Len))))
	}
}

// shift emits Y = X + B.
func (e *emitter) shift(f *wasmasm.Func, o graph.Op, p part) {
	ld := o.Y.Stride()
	if o.X == o.Y {
		f.Call(e.lib.AddRows(), p.row(o.Y), at(o.B), p.m, i32(ld/4), i32(ld))
		return
	}
	f.Call(e.lib.SetRows(), p.row(o.Y), at(o.B), p.m, i32(ld/4), i32(ld))
	f.Call(e.lib.Add(), p.row(o.Y), p.row(o.X), p.m.Mul(i32(ld/4)))
}

// linear emits Y (+)= X·Wᵀ + B, then GELU or ReLU. Products always accumulate, so
// Y starts as the bias, or zero.
func (e *emitter) linear(f *wasmasm.Func, o graph.Op, x wasmasm.I32, p part) {
	lib, m, ld := e.lib, p.m, o.Y.Stride()
	y := p.row(o.Y)
	if o.Y.Kind == graph.Cache {
		y = row(o.Y, e.cached(p.pos))
	}
	c := e.columns(o, p, y)
	switch {
	case o.Residual && o.B == nil:
	case o.Residual:
		f.Call(lib.AddRows(), c.y, c.b, m, c.n4, i32(ld))
	case o.B == nil:
		f.MemoryFill(c.y, i32(0), c.bytes)
	case o.LastRow: // logits have no padding
		f.Call(lib.Copy(), c.y, c.b, c.n)
	default:
		f.Call(lib.SetRows(), c.y, c.b, m, c.n4, i32(ld))
	}
	if o.W.Format == graph.I8 {
		f.Call(lib.LinearI8(), x, p.scales(o.X), c.w, c.scales, c.y, m, c.n, k16(o.W), rowBytes(o.X), i32(4*ld))
	} else {
		f.Call(lib.Linear(), x, c.w, c.y, m, c.n, k8(o.W), rowBytes(o.X), i32(4*ld))
	}
	if o.GELU {
		f.Call(lib.GELU(), c.y, c.vectors)
	}
	if o.ReLU {
		f.Call(lib.ReLU(), c.y, c.vectors)
	}
}
