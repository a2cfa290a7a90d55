package pareto

import (
	"cmp"
	"slices"
)

// Front returns the indices of the points that no other point dominates,
// ascending. Of equal points it keeps the first; ill-formed points are left
// out.
//
// The time is O(n log n) for up to three costs and O(n·(log n + f)) beyond, f
// being the size of the front.
func Front(points [][]float64) []int {
	order := sorted(points)
	if len(order) == 0 {
		return nil
	}
	var front []int
	switch n := len(points[0]); {
	case n <= 2:
		front = stairs(points, order)
	case n == 3:
		front = sweepFront(points, order)
	default:
		front = scanFront(points, order)
	}
	slices.Sort(front)
	return front
}

// stairs goes through points of one or two costs in lexicographic order, so that the
// first needs no comparing any more: a point is on the front if its last is lower than
// that of all before it.
func stairs(points [][]float64, order []int) []int {
	front := order[:1:1]
	for _, i := range order[1:] {
		lowest := points[front[len(front)-1]]
		if len(lowest) > 1 && points[i][1] < lowest[1] {
			front = append(front, i)
		}
	}
	return front
}

// sweepFront does so with points of three costs: one is on the front unless an earlier
// one is at most as high in the second and the third (Kung, Luccio and Preparata 1975).
func sweepFront(points [][]float64, order []int) []int {
	y, z := denseRanks(points, order, 1), denseRanks(points, order, 2)
	top := len(order) + 1
	depth := newPrefixMax(len(order)) // by y: how far below top the lowest z lies
	var front []int
	for i, index := range order {
		if d := top - z[i]; depth.upTo(y[i]) < d {
			depth.raise(y[i], d)
			front = append(front, index)
		}
	}
	return front
}

// scanFront compares each point with the front so far.
func scanFront(points [][]float64, order []int) []int {
	var front []int
	for _, i := range order {
		if !covered(points, front, i) {
			front = append(front, i)
		}
	}
	return front
}

// covered reports whether a point of front is at most points[i] in every cost.
func covered(points [][]float64, front []int, i int) bool {
	return slices.ContainsFunc(front, func(j int) bool { return covers(points[j], points[i]) })
}

// denseRanks returns, in the order of order, the rank of each point's k-th cost
// among the distinct values of that cost, counting from 1. Points that have no
// k-th cost all get 1.
func denseRanks(points [][]float64, order []int, k int) []int {
	ranks := make([]int, len(order))
	if k >= len(points[order[0]]) {
		for i := range ranks {
			ranks[i] = 1
		}
		return ranks
	}
	type entry struct {
		cost float64
		pos  int
	}
	entries := make([]entry, len(order))
	for i, index := range order {
		entries[i] = entry{points[index][k], i}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.cost, b.cost) })
	rank := 1
	for i, e := range entries {
		if i > 0 && e.cost != entries[i-1].cost {
			rank++
		}
		ranks[e.pos] = rank
	}
	return ranks
}
