package kernels

import "litefront/searchcore/graph"

// split is how threads share an operation, or how they touch a tensor in it.
type split byte

const (
	whole     split = iota // every thread touches all of it
	alone                  // thread 0 does it
	byRows                 // consecutive pairs of rows each
	byColumns              // consecutive columns of the result each
	byHeads                // some heads each
)

// splitOf says how threads share o in a pass over several rows, or a single one.
func splitOf(o graph.Op, single bool) split {
	switch single = single || o.LastRow; {
	case o.Kind == graph.Attention || o.Kind == graph.RelativeAttention:
		return byHeads
	case o.Kind == graph.Linear && single:
		return byColumns
	case single: // a row is too little to share
		return alone
	}
	return byRows
}

// touch is what an operation does to the memory of a tensor.
type touch struct {
	tensor *graph.Tensor
	by     split
	writes bool
}

// touches lists what o does to the tensors that operations write.
func touches(o graph.Op, single bool) (list []touch) {
	by := splitOf(o, single)
	for _, t := range o.Tensors() {
		if t.Kind != graph.Activation && t.Kind != graph.Cache {
			continue
		}
		c := touch{t, by, t == o.Y || t == o.Scores}
		if by == byColumns && t == o.X {
			c.by = whole
		}
		list = append(list, c)
		if t.Scales != nil {
			list = append(list, touch{t.Scales, c.by, c.writes})
		}
	}
	return list
}

// apart reports whether a and b can go without a barrier between them: no thread
// writes what another one touches.
func (a touch) apart(b touch) bool {
	x, y := a.tensor, b.tensor
	switch {
	case !a.writes && !b.writes,
		x.Offset+x.Bytes() <= y.Offset || y.Offset+y.Bytes() <= x.Offset,
		a.by == alone && b.by == alone:
		return true
	}
	// The same rows, columns or heads of a tensor are the same thread's, and so are
	// the same rows of two tensors that lie in one place.
	same := x == y || a.by == byRows && x.Offset == y.Offset && x.Stride() == y.Stride() &&
		x.Format == y.Format && (x.Rows.Len == 1) == (y.Rows.Len == 1) // scales have one row, and of that an entry for each
	return same && a.by == b.by && a.by != whole
}

// barriers says which of ops must wait until all threads have done what is before
// them.
func barriers(ops []graph.Op, single bool) []bool {
	before := make([]bool, len(ops))
	var since []touch // the latest barrier
	for i, o := range ops {
		next := touches(o, single)
		for _, b := range next {
			for _, a := range since {
				before[i] = before[i] || !a.apart(b)
			}
		}
		if before[i] {
			since = nil
		}
		since = append(since, next...)
	}
	return before
}
