// Package pareto compares candidates by several costs at once: dominance, the
// frontier, non-dominated sorting, the hypervolume, and a frontier that is kept
// while points come in.
//
// A point is a slice of costs and every cost is minimised; whoever maximises a
// value negates it first (package objective does). Infinite costs are compared
// like any other. A point is ill-formed if it has no costs, if one of them is NaN,
// or if it has not as many as the points it comes with: it is compared with
// nothing, so it belongs to no front and takes nothing away from one.
package pareto

import (
	"cmp"
	"slices"
)

// Dominates reports whether a is at most b in every cost and below b in at
// least one. Equal points do not dominate each other, and an ill-formed point
// neither dominates nor is dominated.
func Dominates(a, b []float64) bool {
	return covers(a, b) && !covers(b, a)
}

// covers reports whether a is at most b in every cost.
func covers(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !(a[i] <= b[i]) { // so that NaN compares with nothing
			return false
		}
	}
	return true
}

// wellFormed reports whether p has dim costs, at least one, and none is NaN.
func wellFormed(p []float64, dim int) bool {
	return len(p) == dim && dim > 0 && covers(p, p)
}

// sorted returns the indices of the well-formed points in lexicographic order
// of their costs, equal points in the order given. No point in this order is
// dominated by a later one. The first point says how many costs there are.
func sorted(points [][]float64) []int {
	type entry struct {
		first float64 // which tells most apart
		index int
	}
	var entries []entry
	for i, p := range points {
		if wellFormed(p, len(points[0])) {
			entries = append(entries, entry{p[0], i})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.first != b.first {
			return cmp.Compare(a.first, b.first)
		}
		return cmp.Or(slices.Compare(points[a.index], points[b.index]), a.index-b.index)
	})
	order := make([]int, len(entries))
	for i, e := range entries {
		order[i] = e.index
	}
	return order
}
