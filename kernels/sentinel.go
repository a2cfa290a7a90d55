package kernels

import (
	"litefront/kernels/ops"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// The compute sentinel multiplies and adds in registers: independent chains, as
// many of each as hide the latency of their units, on 128-bit vectors.
const (
	computeChains = 6
	computeUnroll = 4
	computeTurns  = 1 << 18
	// ComputeSentinelFLOPs is how many floating-point operations one run does.
	// Its rate is the peak of 128-bit arithmetic without fused instructions.
	ComputeSentinelFLOPs = 4 * 2 * computeChains * computeUnroll * computeTurns
)

// ComputeSentinel is a fixed program bound by arithmetic in registers. One run
// takes about a millisecond.
func ComputeSentinel() *Module {
	m := wasmasm.NewModule()
	m.Memory(1, 1)
	init := m.Func("init")
	init.ParamI32()
	init.StoreV128(i32(0), 64, wasmasm.SplatF32(1))

	f := m.Func("")
	f.ParamI32()
	turns, one := f.LocalI32(), f.LocalV128()
	var products, sums [computeChains]wasmasm.V128Var
	one.Set(i32(0).LoadV128(64)) // not a constant that a compiler could use
	for i := range computeChains {
		products[i], sums[i] = f.LocalV128(), f.LocalV128()
		products[i].Set(one.V128)
	}
	turns.Set(i32(computeTurns))
	f.Loop(func(again wasmasm.Label) {
		for range computeUnroll {
			for i := range computeChains {
				products[i].Set(products[i].F32x4Mul(one.V128))
				sums[i].Set(sums[i].F32x4Add(one.V128))
			}
		}
		turns.Set(turns.Sub(i32(1)))
		again.BrIf(turns.I32)
	})
	for i := range computeChains {
		f.StoreV128(i32(0), uint32(128+32*i), products[i].V128)
		f.StoreV128(i32(0), uint32(144+32*i), sums[i].V128)
	}
	loop(m, "loop", f)
	return fixed(finish(m, graph.Memory{TotalBytes: graph.PageBytes}))
}

// StreamSentinelBytes is how much memory one run of the stream sentinel reads.
const StreamSentinelBytes = 96 << 20

// StreamSentinel is a fixed program bound by memory: one run streams once over
// 96 MiB, several times the largest last-level cache it is meant for.
func StreamSentinel() *Module {
	const pages = StreamSentinelBytes/graph.PageBytes + 1
	m := wasmasm.NewModule()
	m.Memory(pages, pages)
	fill := ops.New(m, ops.Features{}).Fill()
	init := m.Func("init")
	// Pages never written would all be the same zero page, and stay in cache.
	init.Call(fill, i32(graph.PageBytes), i32(StreamSentinelBytes/16), init.ParamI32(), wasmasm.ConstF32(1), wasmasm.ConstF32(0))

	f := m.Func("")
	f.ParamI32()
	const line, lanes = 64, 4
	p, left := f.LocalI32(), f.LocalI32()
	var sums [lanes]wasmasm.V128Var
	for i := range sums {
		sums[i] = f.LocalV128()
	}
	p.Set(i32(graph.PageBytes))
	left.Set(i32(StreamSentinelBytes / (2 * line)))
	f.Loop(func(again wasmasm.Label) {
		f.Drop(p.LoadV128(2*line - 16)) // one bounds check for all that follow
		for i := range 2 * lanes {
			s := sums[i%lanes]
			s.Set(s.F32x4Add(p.LoadV128(uint32(16 * i))))
		}
		p.Set(p.Add(i32(2 * line)))
		left.Set(left.Sub(i32(1)))
		again.BrIf(left.I32)
	})
	for i := range sums {
		f.StoreV128(i32(0), uint32(64+16*i), sums[i].V128)
	}
	loop(m, "loop", f)
	return fixed(finish(m, graph.Memory{TotalBytes: pages * graph.PageBytes}))
}

// fixed unwraps the module of a fixed program: that it assembles depends on no
// input, and a test shows it.
func fixed(m *Module, err error) *Module {
	if err != nil {
		panic(err)
	}
	m.Fixed = true
	return m
}
