package kernels

import "litefront/kernels/wasmasm"

// All threads run the same operations one after the other, each a share of every
// one, and wait for each other where one needs what another does. Of several rows
// a thread has consecutive pairs, of a single one consecutive columns, of attention
// heads: what an element is computed from, and in which order, does not depend on
// how many threads there are.

// The cache lines of graph.Graph.Sync. What threads wait for and what they write
// meanwhile lie apart.
const (
	jobLine     = 64 * iota // position and number of the rows to run, and [patience]
	turnLine                // how many times all threads have met, and [resting]
	arrivedLine             // how many of them are at the next meeting already
	asleepLine              // how many of these have stopped spinning
	endedLine               // not 0 after stop
	syncBytes               // of all lines
)

// patience is how often a thread looks whether the others have come before it sleeps.
// A pass begins with mostSpins, some 400 µs in wazero, which is longer than waking up
// takes: else one thread that slept once has all of them sleep at every meeting of the
// pass, each while the other wakes up. Every look in vain halves it, down to leastSpins,
// since where threads have no core each the others wait for the one that looks. While
// threads sleep the engine can do what it stops them for, such as collect garbage. Those
// at rest sleep at once, and leave their cores to other programs.
const (
	patience   = jobLine + 8
	resting    = turnLine + 4
	mostSpins  = 1 << 18
	leastSpins = 1 << 14
)

// thread is a number of a thread while a function that it shares is emitted.
type thread struct {
	number   wasmasm.I32Var
	of       int            // threads
	first, n wasmasm.I32Var // of the latest share
}

// share is the thread's share of n things, in whole units but for the last: the
// first one, and how many. It is valid until the next share.
func (t *thread) share(n, unit int) (first, count wasmasm.I32) {
	units := (n + unit - 1) / unit
	t.divide(i32(n), i32((units+t.of-1)/t.of*unit))
	return t.first.I32, t.n.I32
}

// divide gives every thread so many of n, the last ones what is left.
func (t *thread) divide(n, each wasmasm.I32) {
	t.first.Set(t.number.Mul(each).Min(n))
	t.n.Set(each.Min(n.Sub(t.first.I32)))
}

// team emits what the threads of a module need to run it together.
type team struct {
	m       *wasmasm.Module
	sync    wasmasm.I32 // address of the lines that they share
	threads int
	barrier *wasmasm.Func // barrier() returns when all threads have called it, and after stop without sleeping
}

func newTeam(m *wasmasm.Module, sync wasmasm.I32, threads int) team {
	t := team{m: m, sync: sync, threads: threads}
	t.barrier = t.meeting()
	return t
}

// together emits forward(pos, m), by which thread 0 has all threads run their shares of
// m ≥ 1 rows, and exports what else these need: work(thread), meet(), rest(), stop().
func (t team) together(run func(f *wasmasm.Func, pos, m, number wasmasm.I32)) *wasmasm.Func {
	ended := t.sync.AtomicLoadI32(endedLine)
	share := func(f *wasmasm.Func, pos, m, number wasmasm.I32) {
		f.If(m, func() { run(f, pos, m, number) })
		f.Call(t.barrier) // the results are there
	}

	work := t.m.Func("work")
	number := work.ParamI32()
	work.Loop(func(again wasmasm.Label) {
		work.Call(t.barrier)
		work.If(ended.Eq(i32(0)), func() {
			share(work, t.sync.LoadI32(jobLine), t.sync.LoadI32(jobLine+4), number.I32)
			again.BrIf(i32(1))
		})
	})

	stop := t.m.Func("stop")
	stop.AtomicStoreI32(t.sync, endedLine, i32(1))
	stop.AtomicAddI32(stop.LocalI32(), t.sync, turnLine, i32(1))
	stop.AtomicNotify(t.sync, turnLine)

	forward := t.m.Func("")
	pos, m := forward.ParamI32(), forward.ParamI32()
	forward.StoreI32(t.sync, jobLine, pos.I32)
	forward.StoreI32(t.sync, jobLine+4, m.I32)
	forward.AtomicStoreI32(t.sync, patience, i32(mostSpins))
	forward.AtomicStoreI32(t.sync, resting, i32(0))
	forward.Call(t.barrier)
	share(forward, pos.I32, m.I32, i32(0))
	forward.If(ended, forward.Unreachable) // nobody knows what the others did

	// Whom the first meeting woke may have come late, and slept again, before the second.
	meet := t.m.Func("meet")
	meet.Call(forward, i32(0), i32(0))
	meet.Call(forward, i32(0), i32(0))

	rest := t.m.Func("rest")
	rest.AtomicStoreI32(t.sync, resting, i32(1))
	return forward
}

// meeting emits the barrier.
func (t team) meeting() *wasmasm.Func {
	f := t.m.Func("")
	turn, old, looks, left := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
	waiting := func() wasmasm.I32 { return t.sync.AtomicLoadI32(turnLine).Eq(turn.I32) }
	rests := func() wasmasm.I32 { return t.sync.AtomicLoadI32(resting) }
	turn.Set(t.sync.AtomicLoadI32(turnLine))
	f.AtomicAddI32(old, t.sync, arrivedLine, i32(1))
	f.IfElse(old.Eq(i32(t.threads-1)), func() {
		f.AtomicStoreI32(t.sync, arrivedLine, i32(0))
		f.AtomicAddI32(old, t.sync, turnLine, i32(1))
		f.If(t.sync.AtomicLoadI32(asleepLine), func() { f.AtomicNotify(t.sync, turnLine) })
	}, func() {
		looks.Set(t.sync.AtomicLoadI32(patience))
		left.Set(looks.I32)
		f.While(waiting().And(left.GtU(i32(0))).And(rests().Eq(i32(0))), func() { left.Set(left.Sub(i32(1))) })
		f.If(waiting(), func() {
			// Threads that wait at the same meeting halve what all of them had: once.
			f.If(looks.GtU(i32(leastSpins)).And(left.Eq(i32(0))), func() { f.AtomicStoreI32(t.sync, patience, looks.ShrU(i32(1))) })
			f.AtomicAddI32(old, t.sync, asleepLine, i32(1))
			f.While(waiting().And(t.sync.AtomicLoadI32(endedLine).Eq(i32(0))), func() {
				f.AtomicWait32(t.sync, turnLine, turn.I32)
			})
			f.AtomicAddI32(old, t.sync, asleepLine, i32(-1))
		})
	})
	return f
}

// shared emits forward(pos, m) for several threads, and exports what these run.
func (e *emitter) shared() *wasmasm.Func {
	t := newTeam(e.m, at(e.g.Sync), e.g.Workload.Threads)
	rows, row := e.shares(t.barrier, false), e.shares(t.barrier, true)
	return t.together(func(f *wasmasm.Func, pos, m, number wasmasm.I32) {
		f.IfElse(m.GtU(i32(1)), func() { f.Call(rows, pos, m, number) }, func() { f.Call(row, pos, m, number) })
	})
}

// shares emits shares(pos, m, thread), the thread's share of a forward pass over m
// rows, or over a single one.
func (e *emitter) shares(barrier *wasmasm.Func, single bool) *wasmasm.Func {
	f := e.m.Func("")
	pos, m, number := f.ParamI32(), f.ParamI32(), f.ParamI32()
	t := &thread{number: number, of: e.g.Workload.Threads, first: f.LocalI32(), n: f.LocalI32()}
	all := part{pos: pos.I32, m: m.I32}
	mine := all
	if single {
		all.m = i32(1)
	} else {
		// Pairs of rows, as many as one thread would make.
		t.divide(m.I32, m.Add(i32(2*t.of-1)).DivU(i32(2*t.of)).Shl(i32(1)))
		first, n := f.LocalI32(), f.LocalI32()
		first.Set(t.first.I32)
		n.Set(t.n.I32)
		mine = part{pos: pos.Add(first.I32), m: n.I32, first: &first}
	}
	before := barriers(e.g.Ops, single)
	for i, o := range e.g.Ops {
		if before[i] {
			f.Call(barrier)
		}
		switch splitOf(o, single) {
		case alone:
			f.If(number.Eq(i32(0)), func() { e.op(f, o, all) })
		case byRows:
			e.op(f, o, mine)
		default:
			e.op(f, o, part{pos: all.pos, m: all.m, thread: t})
		}
	}
	return f
}
