// Package programs holds the modules that benchmarks run, in whatever engine.
package programs

import (
	"fmt"

	"litefront/kernels"
	"litefront/kernels/ops"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Program is a module, the loop export to time, and how many floating-point
// operations one run of it does.
type Program struct {
	Name   string
	Module *kernels.Module
	Export string
	Arg    uint32
	FLOPs  float64
}

// Shape is a product of an M×K and a K×N matrix.
type Shape struct{ M, K, N int }

func (s Shape) String() string { return fmt.Sprintf("%d×%d×%d", s.M, s.K, s.N) }

// FLOPs is what the product takes.
func (s Shape) FLOPs() float64 { return 2 * float64(s.M) * float64(s.K) * float64(s.N) }

// Shapes are twelve products of a Transformer's layers.
func Shapes() (shapes []Shape) {
	for _, m := range []int{16, 128, 512} {
		for _, kn := range [][2]int{{512, 512}, {512, 2048}, {2048, 512}, {768, 3072}} {
			shapes = append(shapes, Shape{m, kn[0], kn[1]})
		}
	}
	return shapes
}

// Peak is the compute sentinel: 128-bit arithmetic in registers.
func Peak() Program {
	return Program{"128-bit peak", kernels.ComputeSentinel(), "loop", 0, kernels.ComputeSentinelFLOPs}
}

// Gemm is the emitted C[m×n] += A[m×k]·B[n×k]ᵀ.
func Gemm(s Shape, f kernels.Features) (Program, error) {
	i32 := func(x int) wasmasm.I32 { return wasmasm.ConstI32(int32(x)) }
	const a = 64
	b := a + 4*s.M*s.K
	c := b + 4*(s.N+graph.Panel-1)/graph.Panel*graph.Panel*s.K
	pages := uint32(c+4*s.M*s.N)/graph.PageBytes + 1
	m := wasmasm.NewModule()
	m.Memory(pages, pages)
	lib := ops.New(m, ops.Features{RelaxedSIMD: f.RelaxedSIMD, RelaxedDot: f.RelaxedDot})
	linear, fill := lib.Linear(), lib.Fill()
	init := m.Func("init")
	init.Call(fill, i32(a), i32((c-a)/16), init.ParamI32(), wasmasm.ConstF32(1), wasmasm.ConstF32(0))
	loop := m.Func("loop")
	loop.ParamI32()
	reps := loop.ParamI32()
	loop.While(reps.I32, func() {
		loop.Call(linear, i32(a), i32(b), i32(c), i32(s.M), i32(s.N), i32(s.K/graph.Lane), i32(4*s.K), i32(4*s.N))
		reps.Set(reps.Sub(i32(1)))
	})
	bytes, err := m.Bytes()
	if err != nil {
		return Program{}, err
	}
	return Program{s.String(), &kernels.Module{Bytes: bytes}, "loop", 0, s.FLOPs()}, nil
}

// Reference is the model that engines are compared on: 6 layers, d_model 512,
// d_inner 2048, 8 heads; its vocabulary is so small that the head does not count.
func Reference() arch.Architecture {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 8, DModel: 512, MaxLen: 256}
	for range 6 {
		a.Layers = append(a.Layers, arch.Layer{Heads: 8, DInner: 2048})
	}
	return a
}

// Model is prefill and decoding of Reference at 128 tokens.
func Model(f kernels.Features) (prefill, decode Program, err error) {
	return Of(Reference(), 128, f)
}

// Graph is a for a prompt of so many tokens and as many after it, where it has
// the positions.
func Graph(a arch.Architecture, tokens int) (*graph.Graph, error) {
	return graph.Build(a, trial.Workload{PromptLen: tokens, Context: min(2*tokens, a.MaxLen), Precision: trial.F32, Threads: 1})
}

// Of is prefill of so many tokens by a, and decoding of the one after them.
func Of(a arch.Architecture, tokens int, f kernels.Features) (prefill, decode Program, err error) {
	g, err := Graph(a, tokens)
	if err != nil {
		return prefill, decode, err
	}
	m, err := kernels.Compile(g, f)
	if err != nil {
		return prefill, decode, err
	}
	var flops float64 // of the layers' matrices, for one token
	for _, l := range a.Layers {
		flops += 2 * float64(4*a.DModel*a.DModel+2*a.DModel*l.DInner)
	}
	n := uint32(tokens)
	return Program{fmt.Sprintf("prefill of %d tokens", n), m, "prefill_loop", n, float64(n) * flops},
		Program{"decoding of one token", m, "decode_loop", n, flops}, nil
}
