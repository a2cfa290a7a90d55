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
	// ComputeSentinelFLOPs is how many floating-point operations a thread does in one run.
	// Its rate is the peak of 128-bit arithmetic without fused instructions.
	ComputeSentinelFLOPs = 4 * 2 * computeChains * computeUnroll * computeTurns
)

// What each thread of a sentinel leaves lies in a part of the first page of its own; what
// threads wait for, at the page's end.
const (
	partBytes     = graph.PageBytes / 2 / trial.MaxThreads
	sentinelLines = graph.PageBytes - syncBytes

	sentinelTurn    = 0   // in each part: which of the parts that it streams is next
	sentinelOnes    = 64  // in the first one
	sentinelResults = 128 // in each part
)

// sentinel emits a fixed program of so many pages, of whose runs each thread does its
// part: run is given its number, and the address of what it leaves.
func sentinel(pages, threads int, init func(m *wasmasm.Module, init *wasmasm.Func), run func(f *wasmasm.Func, number, mine wasmasm.I32)) *Module {
	m := wasmasm.NewModule()
	if threads == 1 {
		m.Memory(uint32(pages), uint32(pages))
	} else {
		m.ImportSharedMemory(MemoryModule, "memory", uint32(pages))
	}
	init(m, m.Func("init"))

	f := m.Func("")
	number, mine := f.ParamI32(), f.LocalI32()
	mine.Set(number.Mul(i32(partBytes)))
	run(f, number.I32, mine.I32)

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
	if module.Fixed = threads == 1; !module.Fixed {
		module.Threads = threads
	}
	return module
}

// ComputeSentinel is a fixed program bound by arithmetic in registers, of 1 to
// trial.MaxThreads threads that do the same. One run takes about a millisecond.
func ComputeSentinel(threads int) *Module {
	return sentinel(1, threads, func(_ *wasmasm.Module, init *wasmasm.Func) {
		init.ParamI32()
		init.StoreV128(i32(0), sentinelOnes, wasmasm.SplatF32(1))
	}, func(f *wasmasm.Func, _, mine wasmasm.I32) {
		turns, one := f.LocalI32(), f.LocalV128()
		var products, sums [computeChains]wasmasm.V128Var
		one.Set(i32(0).LoadV128(sentinelOnes)) // not a constant that a compiler could use
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
			f.StoreV128(mine, uint32(sentinelResults+32*i), products[i].V128)
			f.StoreV128(mine, uint32(sentinelResults+16+32*i), sums[i].V128)
		}
	})
}

// StreamSentinelBytes is how much memory one run of the stream sentinel reads.
const StreamSentinelBytes = 96 << 20

// StreamSentinel is a fixed program bound by memory: one run of it streams once over
// 96 MiB, several times the largest last-level cache it is meant for. Its 1 to
// trial.MaxThreads threads read a part each, another one at each run, so that none finds
// its own in a cache. Several threads get more of the memory's bandwidth than one does,
// and lose more of it when others need it too. A thread reads at several places of its
// part in turn: at a single one threads are slower, by an amount that depends on where
// the pages of an instance happen to lie.
func StreamSentinel(threads int) *Module {
	return sentinel(StreamSentinelBytes/graph.PageBytes+1, threads, func(m *wasmasm.Module, init *wasmasm.Func) {
		fill := ops.New(m, ops.Features{}).Fill()
		// Pages never written would all be the same zero page, and stay in cache.
		init.Call(fill, i32(graph.PageBytes), i32(StreamSentinelBytes/16), init.ParamI32(), wasmasm.ConstF32(1), wasmasm.ConstF32(0))
	}, func(f *wasmasm.Func, number, mine wasmasm.I32) {
		const line, lanes, places = 64, 4, 4
		left, turn := f.LocalI32(), f.LocalI32()
		var at [places]wasmasm.I32Var
		var sums [lanes]wasmasm.V128Var
		for i := range sums {
			sums[i] = f.LocalV128()
		}
		turn.Set(mine.LoadI32(sentinelTurn))
		t := &thread{number: f.LocalI32(), of: threads, first: f.LocalI32(), n: f.LocalI32()}
		t.number.Set(number.Add(turn.I32))
		f.If(t.number.GtU(i32(threads-1)), func() { t.number.Set(t.number.Sub(i32(threads))) })
		turn.Set(turn.Add(i32(1)))
		f.If(turn.Eq(i32(threads)), func() { turn.Set(i32(0)) })
		f.StoreI32(mine, sentinelTurn, turn.I32)

		first, n := t.share(StreamSentinelBytes/(2*line*places), 1)
		for i := range at {
			at[i] = f.LocalI32()
			if i == 0 {
				at[i].Set(i32(graph.PageBytes).Add(first.Mul(i32(2 * line * places))))
			} else {
				at[i].Set(at[i-1].Add(n.Mul(i32(2 * line))))
			}
		}
		left.Set(n)
		f.Loop(func(again wasmasm.Label) {
			for _, p := range at {
				f.Drop(p.LoadV128(2*line - 16)) // one bounds check for all that follow
				for i := range 2 * lanes {
					sum := sums[i%lanes]
					sum.Set(sum.F32x4Add(p.LoadV128(uint32(16 * i))))
				}
				p.Set(p.Add(i32(2 * line)))
			}
			left.Set(left.Sub(i32(1)))
			again.BrIf(left.I32)
		})
		for i := range sums {
			f.StoreV128(mine, uint32(sentinelResults+16*i), sums[i].V128)
		}
	})
}
