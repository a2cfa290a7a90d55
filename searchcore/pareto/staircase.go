package pareto

import (
	"slices"
	"sort"
)

// staircase is the lower boundary of a growing set of points in the plane: at
// x, the lowest y of the points at or left of x, or the corner's y where there
// is none. It never rises with x, so adding a point changes it over one stretch,
// and a segment tree over the x that occur makes that O(log n).
type staircase struct {
	xs    []float64 // distinct, ascending; step i reaches from xs[i] to xs[i+1]
	top   float64   // the corner's y
	nodes []step    // nodes[0] spans all; the children of i are 2i+1 and 2i+2
}

// step is a node of the tree. Where high equals low all steps below it are
// equal, and its children may be out of date.
type step struct {
	high, low float64 // y at its left and right end
	width     float64
	area      float64 // between it and the corner's y
}

// newStaircase returns a flat staircase below corner that takes points with the
// first costs of points.
func newStaircase(points [][3]float64, corner [3]float64) *staircase {
	xs := make([]float64, len(points))
	for i, p := range points {
		xs[i] = p[0]
	}
	slices.Sort(xs)
	s := &staircase{xs: slices.Compact(xs), top: corner[1], nodes: make([]step, 4*len(xs))}
	if len(s.xs) > 0 {
		s.build(0, 0, len(s.xs), corner[0])
	}
	return s
}

// build initialises node i, which spans the steps from..to-1 and ends at x.
func (s *staircase) build(i, from, to int, x float64) {
	s.nodes[i] = step{high: s.top, low: s.top, width: x - s.xs[from]}
	if to-from > 1 {
		mid := (from + to) / 2
		s.build(2*i+1, from, mid, s.xs[mid])
		s.build(2*i+2, mid, to, x)
	}
}

// area returns the area between the staircase and its corner.
func (s *staircase) area() float64 { return s.nodes[0].area }

// lower adds the point (x, y). x must be one of xs.
func (s *staircase) lower(x, y float64) {
	s.lowerNode(0, 0, len(s.xs), sort.SearchFloat64s(s.xs, x), y)
}

// lowerNode lowers the steps first, first+1, ... of node i, which spans the
// steps from..to-1, to at most y.
func (s *staircase) lowerNode(i, from, to, first int, y float64) {
	n := &s.nodes[i]
	switch {
	case to <= first || n.high <= y:
		return
	case first <= from && y <= n.low:
		s.level(i, y)
		return
	}
	left, right := 2*i+1, 2*i+2
	if n.high == n.low {
		s.level(left, n.low)
		s.level(right, n.low)
	}
	mid := (from + to) / 2
	s.lowerNode(left, from, mid, first, y)
	s.lowerNode(right, mid, to, first, y)
	n.high, n.low = s.nodes[left].high, s.nodes[right].low
	n.area = s.nodes[left].area + s.nodes[right].area
}

// level sets all steps of node i to y.
func (s *staircase) level(i int, y float64) {
	n := &s.nodes[i]
	n.high, n.low = y, y
	n.area = (s.top - y) * n.width
}
