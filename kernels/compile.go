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

	"litefront/kernels/ops"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// Features are the WebAssembly extensions a module may use beyond fixed-width
// SIMD, which every module needs.
type Features struct {
	RelaxedSIMD bool
}

// Module is an emitted WebAssembly module.
//
// It has no imports. Its exports are "memory" and, all with i32 parameters and
// no result:
//
//	init(seed)                 fills the weights from a seed
//	prefill(n)                 runs the first n tokens, leaves the last one's logits
//	decode(pos)                runs the token at pos over the KV cache
//	prefill_loop(n, reps)      prefill, reps times
//	decode_loop(pos, reps)     decode, reps times
//
// with 1 ≤ n ≤ Workload.PromptLen, 0 ≤ pos < Workload.Context, reps ≥ 1. Tokens
// are read from, logits left at the graph's offsets. A sentinel module has only
// "memory", "init(seed)" and "loop(unused, reps)".
type Module struct {
	Bytes  []byte
	SHA256 string // of Bytes, in hex
	Memory graph.Memory
	// Fixed says that the module is the same in every run of the program, so that
	// its compiled code is worth keeping.
	Fixed bool
}

// Compile emits the module of g. It fails if the plan exceeds what a 32-bit
// memory holds.
func Compile(g *graph.Graph, f Features) (*Module, error) {
	pages := g.Memory.TotalBytes / graph.PageBytes
	if pages > wasmasm.MaxPages {
		return nil, fmt.Errorf("the model needs %d bytes of linear memory; WebAssembly addresses %d",
			g.Memory.TotalBytes, int64(wasmasm.MaxPages)*graph.PageBytes)
	}
	m := wasmasm.NewModule()
	m.Memory(uint32(pages), uint32(pages))
	e := emitter{g: g, lib: ops.New(m, f.RelaxedSIMD), m: m}
	e.init()
	forward := e.forward()

	prefill := m.Func("prefill")
	n := prefill.ParamI32()
	prefill.Call(forward, wasmasm.ConstI32(0), n)

	decode := m.Func("decode")
	pos := decode.ParamI32()
	decode.Call(forward, pos, wasmasm.ConstI32(1))

	loop(m, "prefill_loop", prefill)
	loop(m, "decode_loop", decode)
	return finish(m, g.Memory)
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
	g   *graph.Graph
	lib *ops.Lib
	m   *wasmasm.Module
}

func i32(x int) wasmasm.I32 { return wasmasm.ConstI32(int32(uint32(x))) }

// at is the address of t.
func at(t *graph.Tensor) wasmasm.I32 { return i32(int(t.Offset)) }

// forward emits forward(pos, m): rows at positions pos to pos+m.
func (e *emitter) forward() *wasmasm.Func {
	// Ops are emitted into the library before the function that calls them, so
	// that the module's functions stand in the order of their use.
	f := e.m.Func("")
	pos, m := f.ParamI32(), f.ParamI32()
	for _, o := range e.g.Ops {
		e.op(f, o, pos.I32, m.I32)
	}
	return f
}

// row is the address of row i of t.
func row(t *graph.Tensor, i wasmasm.I32) wasmasm.I32 { return at(t).Add(i.Mul(i32(4 * t.Stride()))) }

// k8 is the width of a matrix in groups of eight columns.
func k8(t *graph.Tensor) wasmasm.I32 { return i32(t.Stride() / graph.Lane) }

func (e *emitter) op(f *wasmasm.Func, o graph.Op, pos, m wasmasm.I32) {
	lib := e.lib
	x := func() wasmasm.I32 { return at(o.X) }
	if o.LastRow {
		// Only norms narrow many rows to the last one; what follows has one row.
		if o.X.Rows.Len > 1 {
			last := m.Sub(i32(1))
			x = func() wasmasm.I32 { return row(o.X, last) }
		}
		m = i32(1)
	}
	switch o.Kind {
	case graph.Embed:
		f.Call(lib.Gather(), at(o.X).Add(pos.Mul(i32(4))), at(o.W), at(o.Y), m, k8(o.W))
	case graph.Positions:
		f.Call(lib.Add(), at(o.Y), row(o.W, pos), m.Mul(i32(o.Y.Stride()/4)))
	case graph.Norm:
		f.Call(lib.LayerNorm(o.X.Cols.Len), x(), at(o.W), at(o.B), at(o.Y), m)
	case graph.Linear:
		e.linear(f, o, x(), pos, m)
	case graph.Transpose:
		f.Call(lib.Transpose(), x(), at(o.Y).Add(pos.Mul(i32(4))), m, i32(o.X.Stride()), i32(o.X.Stride()), i32(o.Y.Stride()))
	case graph.Unproject:
		f.MemoryFill(at(o.Y), i32(0), i32(int(o.Y.Bytes())))
		f.Call(lib.Unproject(), x(), at(o.W), at(o.Y), i32(o.W.Rows.Len), k8(o.W))
	case graph.Attention:
		f.Call(lib.Attention(o.Heads, o.Dim, e.g.Workload.Context),
			x(), at(o.Keys), at(o.Values), at(o.Y), at(o.Scores), m, pos)
	}
}

// linear emits Y (+)= X·Wᵀ + B, then GELU. Products always accumulate, so Y
// starts as the bias, or zero.
func (e *emitter) linear(f *wasmasm.Func, o graph.Op, x, pos, m wasmasm.I32) {
	lib, n, ld := e.lib, o.Y.Cols.Size(), o.Y.Stride()
	y := at(o.Y)
	if o.Y.Kind == graph.Cache {
		y = row(o.Y, pos)
	}
	switch {
	case o.B == nil:
		f.MemoryFill(y, i32(0), m.Mul(i32(4*ld)))
	case o.Residual:
		f.Call(lib.AddRows(), y, at(o.B), m, i32(n/4), i32(ld))
	default:
		f.Call(lib.SetRows(), y, at(o.B), m, i32(n/4), i32(ld))
	}
	f.Call(lib.Linear(), x, at(o.W), y, m, i32(n), k8(o.W), i32(4*o.X.Stride()), i32(4*ld))
	if o.GELU {
		f.Call(lib.GELU(), y, m.Mul(i32(ld/4)))
	}
}
