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
	lib := ops.New(m, f.RelaxedSIMD)
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

// Model is prefill and decoding of a whole decoder: 6 layers, d_model 512,
// d_inner 2048, 8 heads, 128 tokens; its vocabulary is so small that the head
// does not count.
func Model(f kernels.Features) (prefill, decode Program, err error) {
	const tokens, depth, d, inner = 128, 6, 512, 2048
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 8, DModel: d, MaxLen: 256}
	for range depth {
		a.Layers = append(a.Layers, arch.Layer{Heads: 8, DInner: inner})
	}
	g, err := graph.Build(a, trial.Workload{PromptLen: tokens, Context: 256, Precision: trial.F32, Threads: 1})
	if err != nil {
		return prefill, decode, err
	}
	m, err := kernels.Compile(g, f)
	if err != nil {
		return prefill, decode, err
	}
	const flops = 2 * depth * (4*d*d + 2*d*inner)
	return Program{"prefill of 128 tokens", m, "prefill_loop", tokens, tokens * flops},
		Program{"decoding of one token", m, "decode_loop", tokens, flops}, nil
}
