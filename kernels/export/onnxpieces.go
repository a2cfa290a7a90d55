package export

import (
	"cmp"
	"slices"

	"litefront/searchcore/graph"
)

// onnxPiece is a value of one row: the entries of a tensor from start to end.
type onnxPiece struct {
	start, end int
	value      string
}

// cut is what of p lies between start and end, if anything.
func (b *onnxBuilder) cut(p onnxPiece, start, end int) (onnxPiece, bool) {
	q := onnxPiece{max(p.start, start), min(p.end, end), p.value}
	if q.start >= q.end {
		return q, false
	}
	if q.start != p.start || q.end != p.end {
		q.value = b.slice(p.value, 1, int64(q.start-p.start), int64(q.end-p.start))
	}
	return q, true
}

// get is the latest value of t: where t is part of another tensor, that of its
// entries, whichever operations wrote them.
func (b *onnxBuilder) get(t *graph.Tensor) string {
	if t.Base == nil {
		return b.values[t]
	}
	var values []string
	for _, p := range b.pieces[t.Base] {
		if p, ok := b.cut(p, t.Start, t.Start+t.Cols.Len); ok {
			values = append(values, p.value)
		}
	}
	if len(values) == 1 {
		return values[0]
	}
	return b.body.node("Concat", values, onnxInt("axis", 1))
}

// set gives t a new value.
func (b *onnxBuilder) set(t *graph.Tensor, value string) {
	if t.Base == nil {
		b.values[t] = value
		return
	}
	start, end := t.Start, t.Start+t.Cols.Len
	pieces := []onnxPiece{{start, end, value}}
	for _, p := range b.pieces[t.Base] {
		for _, rest := range [][2]int{{p.start, start}, {end, p.end}} {
			if q, ok := b.cut(p, rest[0], rest[1]); ok {
				pieces = append(pieces, q)
			}
		}
	}
	slices.SortFunc(pieces, func(p, q onnxPiece) int { return cmp.Compare(p.start, q.start) })
	b.pieces[t.Base] = pieces
}
