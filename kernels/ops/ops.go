// Package ops emits the operations of a Transformer as WebAssembly functions.
// Each op body exists once in a module and is called for every layer; what
// differs between calls (addresses, row counts) is a parameter, what the inner
// loops need at fixed distances (row strides) is baked into the instructions.
//
// Conventions, where an op says nothing else: matrices are row-major float32; a
// stride ld is in floats and a multiple of graph.Lane; addresses are byte offsets in
// linear memory; rows are padded to their stride with zeros, so inner loops have no
// remainders, and no op touches what lies beyond a tensor. The loop
// in each op's comment is its definition, and its test.
package ops

import (
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// Lib emits functions into a module on demand, each once.
type Lib struct {
	m        *wasmasm.Module
	features Features
	funcs    map[key]*wasmasm.Func
}

// key identifies an emitted function by its op and its baked dimensions.
type key struct {
	op   string
	dims [3]int
}

// Features are the WebAssembly extensions a module may use beyond fixed-width
// SIMD, which every module needs.
type Features struct {
	// RelaxedSIMD adds products of floats by the fused instruction of relaxed SIMD:
	// faster, and rounded as the engine likes.
	RelaxedSIMD bool
	// WidePanels has matrices of floats in panels of graph.WidePanel rows: faster where
	// twelve sums and a product stay in registers. RelaxedSIMD implies it, since fused
	// products need no register.
	WidePanels bool
	// RelaxedDot multiplies integers by relaxed SIMD's dot instruction, with
	// activations of 14 bits: the same results everywhere, faster on some processors
	// and slower on others.
	RelaxedDot bool
}

// New returns a library that emits into m, using f.
func New(m *wasmasm.Module, f Features) *Lib {
	return &Lib{m: m, features: f, funcs: map[key]*wasmasm.Func{}}
}

// Panel is how many rows of floats a panel has.
func (f Features) Panel() int {
	if f.WidePanels || f.RelaxedSIMD {
		return graph.WidePanel
	}
	return graph.Panel
}

// panels is how many rows a panel of floats has, and how far apart in bytes two groups
// of four k are in it.
func (l *Lib) panels() (rows, panelK int) { return l.features.Panel(), 16 * l.features.Panel() }

// once returns the function of k, emitting it at the first call.
func (l *Lib) once(k key, emit func() *wasmasm.Func) *wasmasm.Func {
	f, ok := l.funcs[k]
	if !ok {
		f = emit()
		l.funcs[k] = f
	}
	return f
}

func i32(x int) wasmasm.I32 { return wasmasm.ConstI32(int32(x)) }

// rows emits a loop that runs body count times and advances each pointer by its
// step in bytes; count is used up.
func rows(f *wasmasm.Func, count wasmasm.I32Var, body func(), steps ...step) {
	f.While(count.I32, func() {
		body()
		for _, s := range steps {
			s.p.Set(s.p.Add(s.by))
		}
		count.Set(count.Sub(i32(1)))
	})
}

type step struct {
	p  wasmasm.I32Var
	by wasmasm.I32
}
