package kernels

import (
	"litefront/kernels/ops"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
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

// What each thread of a sentinel leaves lies in a part of the first page of its own; what
// threads wait for, at the page's end.
const (
	partBytes     = graph.PageBytes / 2 / trial.MaxThreads
	sentinelLines = graph.PageBytes - syncBytes
)

// share is a thread's share of a run while it is emitted.
type share struct {
	*wasmasm.Func
	*thread
	part wasmasm.I32Var // address of what the thread leaves
}

// sentinel emits a fixed program of so many pages whose runs are shared by threads.
func sentinel(pages, threads int, init func(m *wasmasm.Module, init *wasmasm.Func), run func(s share)) *Module {
	m := wasmasm.NewModule()
	if threads == 1 {
		m.Memory(uint32(pages), uint32(pages))
	} else {
		m.ImportSharedMemory(MemoryModule, "memory", uint32(pages))
	}
	init(m, m.Func("init"))

	f := m.Func("")
	s := share{f, &thread{number: f.ParamI32(), of: threads, first: f.LocalI32(), n: f.LocalI32()}, f.LocalI32()}
	s.part.Set(s.number.Mul(i32(partBytes)))
	run(s)

	once := m.Func("")
	unused := once.ParamI32()
	if threads == 1 {
		once.Call(f, i32(0))
	} else {
		forward := newTeam(m, i32(sentinelLines), threads).together(func(g *wasmasm.Func, _, _, number wasmasm.I32) { g.Call(f, number) })
		once.Call(forward, unused.I32, i32(1))
	}
	loop(m, "loop", once)
	module, err := finish(m, graph.Memory{TotalBytes: int64(pages) * graph.PageBytes})
	if err != nil { // that it assembles depends on no input, and a test shows it
		panic(err)
	}
	module.Fixed = true
	if threads > 1 {
		module.Threads = threads
	}
	return module
}

// ComputeSentinel is a fixed program bound by arithmetic in registers, which so many
// threads share. One run by one of them takes about a millisecond.
func ComputeSentinel(threads int) *Module {
	return sentinel(1, threads, func(_ *wasmasm.Module, init *wasmasm.Func) {
		init.ParamI32()
		init.StoreV128(i32(0), 64, wasmasm.SplatF32(1))
	}, func(s share) {
		turns, one := s.LocalI32(), s.LocalV128()
		var products, sums [computeChains]wasmasm.V128Var
		one.Set(i32(0).LoadV128(64)) // not a constant that a compiler could use
		for i := range computeChains {
			products[i], sums[i] = s.LocalV128(), s.LocalV128()
			products[i].Set(one.V128)
		}
		_, n := s.share(computeTurns, 1)
		turns.Set(n)
		s.Loop(func(again wasmasm.Label) {
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
			s.StoreV128(s.part.I32, uint32(128+32*i), products[i].V128)
			s.StoreV128(s.part.I32, uint32(144+32*i), sums[i].V128)
		}
	})
}

// StreamSentinelBytes is how much memory one run of the stream sentinel reads.
const StreamSentinelBytes = 96 << 20

// StreamSentinel is a fixed program bound by memory, which so many threads share: one
// run streams once over 96 MiB, several times the largest last-level cache it is meant
// for. Several threads get more of the memory's bandwidth than one does, and lose more
// of it when others need it too.
func StreamSentinel(threads int) *Module {
	return sentinel(StreamSentinelBytes/graph.PageBytes+1, threads, func(m *wasmasm.Module, init *wasmasm.Func) {
		fill := ops.New(m, ops.Features{}).Fill()
		// Pages never written would all be the same zero page, and stay in cache.
		init.Call(fill, i32(graph.PageBytes), i32(StreamSentinelBytes/16), init.ParamI32(), wasmasm.ConstF32(1), wasmasm.ConstF32(0))
	}, func(s share) {
		const line, lanes = 64, 4
		p, left := s.LocalI32(), s.LocalI32()
		var sums [lanes]wasmasm.V128Var
		for i := range sums {
			sums[i] = s.LocalV128()
		}
		first, n := s.share(StreamSentinelBytes/(2*line), 1)
		p.Set(i32(graph.PageBytes).Add(first.Mul(i32(2 * line))))
		left.Set(n)
		s.Loop(func(again wasmasm.Label) {
			s.Drop(p.LoadV128(2*line - 16)) // one bounds check for all that follow
			for i := range 2 * lanes {
				sum := sums[i%lanes]
				sum.Set(sum.F32x4Add(p.LoadV128(uint32(16 * i))))
			}
			p.Set(p.Add(i32(2 * line)))
			left.Set(left.Sub(i32(1)))
			again.BrIf(left.I32)
		})
		for i := range sums {
			s.StoreV128(s.part.I32, uint32(64+16*i), sums[i].V128)
		}
	})
}
