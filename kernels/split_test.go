package kernels

import (
	"math/rand/v2"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// access is which threads, as bits, touched a float since the latest barrier, and
// which wrote it.
type access struct{ touched, wrote uint8 }

// TestBarriers follows every float that every thread touches, operation by
// operation: between two barriers none is written by one thread and touched by
// another.
func TestBarriers(t *testing.T) {
	r := rand.New(rand.NewPCG(60, 60))
	for i := range 60 {
		a := arch.Architecture{Backbone: arch.GPT2, Vocab: 1 + r.IntN(90), DModel: 24, MaxLen: 40, DEmbed: 8 + r.IntN(30)}
		if r.IntN(2) == 0 {
			a = arch.Architecture{Backbone: arch.TransformerXL, Vocab: 90, DModel: 24, MemLen: r.IntN(9), DivVal: 2, Cutoffs: []int{30, 50}}
		}
		for range 1 + r.IntN(4) {
			a.Layers = append(a.Layers, arch.Layer{Heads: []int{1, 2, 4}[r.IntN(3)], DInner: 1 + r.IntN(150)})
		}
		threads := 2 + r.IntN(3)
		g, err := graph.Build(a, trial.Workload{PromptLen: 2 + r.IntN(20), Context: 30, Precision: trial.Precisions()[i%2], Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		for _, single := range []bool{false, true} {
			before := barriers(g.Ops, single)
			if op := race(g, before, single); op >= 0 {
				t.Errorf("%v, single %v: threads race at operation %d, %+v", a, single, op, g.Ops[op])
			}
		}
	}
}

// TestBarriersAreNeeded takes away one barrier after the other, from an
// architecture that gives every thread something to do: the test above notices
// each.
func TestBarriersAreNeeded(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 90, DModel: 64, MaxLen: 40,
		Layers: []arch.Layer{{Heads: 4, DInner: 128}, {Heads: 2, DInner: 64}}}
	g, err := graph.Build(a, trial.Workload{PromptLen: 20, Context: 30, Precision: trial.F32, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	if g.Sync.Bytes() != syncBytes {
		t.Errorf("threads agree by %d bytes, %d are planned", syncBytes, g.Sync.Bytes())
	}
	for _, single := range []bool{false, true} {
		before, n := barriers(g.Ops, single), 0
		for i := range before {
			if !before[i] {
				continue
			}
			n++
			before[i] = false
			if race(g, before, single) < 0 {
				t.Errorf("single %v: without the barrier before operation %d nothing is wrong", single, i)
			}
			before[i] = true
		}
		t.Logf("single %v: %d barriers for %d operations", single, n, len(g.Ops))
	}
}

// race is the first operation in which a thread touches what another one wrote
// since the latest barrier, or writes what it touched; -1 if there is none.
func race(g *graph.Graph, before []bool, single bool) int {
	m, threads := g.Workload.PromptLen, g.Workload.Threads
	if single {
		m = 1
	}
	memory := map[int64]access{} // by every second byte
	for i, o := range g.Ops {
		if before[i] {
			clear(memory)
		}
		raced := false
		for thread := range threads {
			bit := uint8(1) << thread
			var do func(t *graph.Tensor, writes bool, row, rowEnd, col, colEnd int)
			do = func(t *graph.Tensor, writes bool, row, rowEnd, col, colEnd int) {
				if t == nil || t.Kind != graph.Activation && t.Kind != graph.Cache {
					return
				}
				if t.Scales != nil {
					do(t.Scales, writes, 0, 1, row, rowEnd)
				}
				size := int64(t.Format.Bytes())
				for r := row; r < rowEnd; r++ {
					from, to := t.Offset+size*int64(r*t.Stride()+col), t.Offset+size*int64(r*t.Stride()+colEnd)
					for at := from; at < to; at += 2 {
						f := memory[at]
						raced = raced || f.wrote&^bit != 0 || writes && f.touched&^bit != 0
						f.touched |= bit
						if writes {
							f.wrote |= bit
						}
						memory[at] = f
					}
				}
			}
			follow(g, o, m, thread, do)
		}
		if raced {
			return i
		}
	}
	return -1
}

// follow tells what a thread does in o, with m rows at position 0.
func follow(g *graph.Graph, o graph.Op, m, thread int, do func(t *graph.Tensor, writes bool, row, rowEnd, col, colEnd int)) {
	threads, mem := g.Workload.Threads, g.Arch.MemLen
	chunk := func(n, unit int) (first, end int) {
		each := (n + unit*threads - 1) / (unit * threads) * unit
		return min(thread*each, n), min((thread+1)*each, n)
	}
	switch o.Kind {
	case graph.Attention, graph.RelativeAttention:
		h0, h1 := chunk(o.Heads, 1)
		c0, c1 := h0*graph.Pad(o.Dim), h1*graph.Pad(o.Dim)
		if c0 == c1 {
			return
		}
		do(o.X, false, 0, m, c0, c1)
		do(o.RelQueries, false, 0, m, c0, c1)
		do(o.Keys, false, 0, mem+m, c0, c1)
		do(o.Values, false, c0, c1, 0, mem+m)
		each := o.Scores.Rows.Len / threads
		do(o.Scores, true, thread*each, (thread+1)*each, 0, o.Scores.Stride())
		do(o.Y, true, 0, m, c0, c1)
		return
	}
	row0, row1 := chunk(m, 2)
	out0, out1 := row0, row1
	if o.LastRow {
		row0, row1, out0, out1 = m-1, m, 0, 1
		if o.X != nil && o.X.Rows.Len == 1 {
			row0, row1 = 0, 1
		}
	}
	if o.LastRow || m == 1 {
		if o.Kind == graph.Linear {
			c0, c1 := chunk(o.Y.Cols.Size(), 20)
			if o.Y.Kind == graph.Cache {
				out0, out1 = mem, mem+1
			} else {
				out0, out1 = 0, 1
			}
			if m == 1 {
				row0, row1 = 0, 1
			}
			if c0 < c1 {
				do(o.X, false, row0, row1, 0, o.X.Stride())
				do(o.Y, true, out0, out1, c0, c1)
			}
			return
		}
		if thread > 0 {
			return
		}
	}
	if o.X != nil {
		do(o.X, false, row0, row1, 0, o.X.Stride())
	}
	switch {
	case o.Kind == graph.Transpose:
		do(o.Y, true, 0, o.X.Stride(), mem+out0, mem+out1)
	case o.Y.Kind == graph.Cache:
		do(o.Y, true, mem+out0, mem+out1, 0, o.Y.Stride())
	default:
		do(o.Y, true, out0, out1, 0, o.Y.Stride())
	}
}
