package programs

import (
	"fmt"

	"litefront/kernels"
	"litefront/kernels/ops"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Gemm is the emitted C[m×n] += A[m×k]·B[n×k]ᵀ with B in the precision given; k is
// a multiple of 16. In int8, a run begins with making integers of A, as a model does
// once for all products with it.
func Gemm(s Shape, precision trial.Precision, f kernels.Features) (Program, error) {
	i32 := func(x int) wasmasm.I32 { return wasmasm.ConstI32(int32(x)) }
	end := 64
	place := func(bytes int) (at int) {
		at, end = end, (end+bytes+63)&^63
		return at
	}
	width, rows := 4, f.Panel()
	if precision == trial.I8 {
		width, rows = 1, graph.Panel
	}
	panels := (s.N + rows - 1) / rows
	a, b, c := place(4*s.M*s.K), place(width*panels*rows*s.K), place(4*s.M*s.N)
	integers, scales, scalesB := place(2*s.M*s.K), place(4*s.M), place(4*panels*rows)

	m := wasmasm.NewModule()
	pages := uint32(end)/graph.PageBytes + 1
	m.Memory(pages, pages)
	lib := ops.New(m, ops.Features{RelaxedSIMD: f.RelaxedSIMD, WidePanels: f.WidePanels, RelaxedDot: f.RelaxedDot})
	init := m.Func("init")
	seed := init.ParamI32()
	fill := func(at, end int, scale, offset float32) {
		init.Call(lib.Fill(), i32(at), i32((end-at)/16), seed, wasmasm.ConstF32(scale), wasmasm.ConstF32(offset))
	}
	var product func(loop *wasmasm.Func)
	if precision == trial.I8 {
		fill(a, b, 1, 0)
		init.Call(lib.FillI8(), i32(b), i32(panels), i32(s.K/graph.Lane), i32(s.K/(2*graph.Lane)), seed, wasmasm.ConstF32(1))
		fill(scalesB, end, 0, 1./127)
		product = func(loop *wasmasm.Func) {
			loop.Call(lib.Quantize(), i32(a), i32(integers), i32(scales), i32(s.M), i32(s.K/graph.Lane), wasmasm.ConstF32(float32(lib.Range(s.K))))
			loop.Call(lib.LinearI8(), i32(integers), i32(scales), i32(b), i32(scalesB), i32(c), i32(s.M), i32(s.N),
				i32(s.K/(2*graph.Lane)), i32(2*s.K), i32(4*s.N))
		}
	} else {
		fill(a, c, 1, 0)
		product = func(loop *wasmasm.Func) {
			loop.Call(lib.Linear(), i32(a), i32(b), i32(c), i32(s.M), i32(s.N), i32(s.K/graph.Lane), i32(4*s.K), i32(4*s.N))
		}
	}
	loop := m.Func("loop")
	loop.ParamI32()
	reps := loop.ParamI32()
	loop.While(reps.I32, func() {
		product(loop)
		reps.Set(reps.Sub(i32(1)))
	})
	bytes, err := m.Bytes()
	return Program{Name: s.String(), Module: &kernels.Module{Bytes: bytes}, Export: "loop", FLOPs: s.FLOPs()}, err
}

// Bandwidth is how fast weights are read: the stream sentinel, and for each of
// [MatrixBytes] a matrix of that size times one row, in f32, then in int8.
func Bandwidth(f kernels.Features) ([]Program, error) {
	list := []Program{{Name: "stream", Module: kernels.StreamSentinel(1), Export: "loop", Bytes: kernels.StreamSentinelBytes}}
	for _, precision := range []trial.Precision{trial.F32, trial.I8} {
		for _, bytes := range MatrixBytes() {
			const k = 1024
			n := bytes / k
			if precision == trial.F32 {
				n /= 4
			}
			p, err := Gemm(Shape{1, k, n}, precision, f)
			if err != nil {
				return nil, err
			}
			p.Name, p.FLOPs, p.Bytes = fmt.Sprintf("%s, %g MiB", precision, float64(bytes)/(1<<20)), 0, float64(bytes)
			list = append(list, p)
		}
	}
	return list, nil
}

// MatrixBytes are sizes of matrices that a second-level cache holds, that a
// last-level cache holds, and that none does.
func MatrixBytes() []int { return []int{1 << 19, 1 << 23, kernels.StreamSentinelBytes} }
