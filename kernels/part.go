package kernels

import (
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// part is what a call of an operation does of it: m rows at positions from pos
// on, and of these all columns or the share of a thread.
type part struct {
	pos, m wasmasm.I32
	first  *wasmasm.I32Var // the first row; nil: the row 0
	thread *thread         // nil: all columns
}

// row is the address of the first row of t.
func (p part) row(t *graph.Tensor) wasmasm.I32 {
	if p.first == nil {
		return at(t)
	}
	return row(t, p.first.I32)
}

// scales is the address of the scale of the first row of t.
func (p part) scales(t *graph.Tensor) wasmasm.I32 {
	if p.first == nil {
		return at(t.Scales)
	}
	return at(t.Scales).Add(p.first.Shl(i32(2)))
}

// columns are consecutive columns of the result of a linear: the same rows of W,
// entries of B and columns of Y. Of Y they are one row unless they are all.
type columns struct {
	w, b, y wasmasm.I32
	scales  wasmasm.I32 // of the rows of W, if they have any
	n, n4   wasmasm.I32 // columns, and whole vectors in a row of them
	vectors wasmasm.I32 // in all rows
	bytes   wasmasm.I32 // of all rows
}

// columns are those of p, with Y at y.
func (e *emitter) columns(o graph.Op, p part, y wasmasm.I32) columns {
	n, ld := o.Y.Cols.Size(), o.Y.Stride()
	c := columns{w: e.source(o.W), y: y, n: i32(n), n4: i32(n / 4), vectors: p.m.Mul(i32(ld / 4)), bytes: p.m.Mul(i32(4 * ld))}
	if o.B != nil {
		c.b = at(o.B)
	}
	if o.W.Scales != nil {
		c.scales = at(o.W.Scales)
	}
	if p.thread == nil {
		return c
	}
	// Whole panels of W, and whole vectors of B and Y.
	unit := 4 * graph.Panel
	if o.W.Format == graph.F32 {
		unit = 4 * e.panel
	}
	first, n1 := p.thread.share(n, unit)
	along := first.Shl(i32(2))
	c.w, c.y = c.w.Add(first.Mul(rowBytes(o.W))), c.y.Add(along)
	if o.B != nil {
		c.b = c.b.Add(along)
	}
	if o.W.Scales != nil {
		c.scales = c.scales.Add(along)
	}
	c.n, c.n4, c.bytes = n1, n1.ShrU(i32(2)), n1.Shl(i32(2))
	c.vectors = c.n4
	return c
}

// someHeads emits attention of a thread's share of the heads.
func (e *emitter) someHeads(f *wasmasm.Func, o graph.Op, p part) {
	relative := o.Kind == graph.RelativeAttention
	first, n := p.thread.share(o.Heads, 1)
	along := first.Mul(i32(4 * graph.Pad(o.Dim)))
	// Each thread has a scratch of its own, with the spare row before it.
	spare := 0
	if relative {
		spare = 1
	}
	scores := row(o.Scores, p.thread.number.Mul(i32(spare+graph.AttentionRows)).Add(i32(spare)))
	args := []wasmasm.Expr{at(o.X).Add(along), at(o.Keys).Add(along), at(o.Values).Add(along.Mul(i32(o.Values.Stride()))),
		at(o.Y).Add(along), scores, p.m, e.cached(p.pos)}
	if relative {
		args = append(args, at(o.RelQueries).Add(along), at(o.RelKeys).Add(along))
	}
	f.Call(e.lib.SomeHeads(o.Heads, o.Dim, e.g.Span(), relative), append(args, n)...)
}
