package pareto

import (
	"slices"
	"sort"
)

// Sort returns the rank of each point in a non-dominated sort: 0 for those that
// nothing dominates, 1 for those that only points of rank 0 dominate, and so on
// (Deb et al. 2002). Equal points have equal ranks. Ill-formed points get
// len(points), which is worse than any rank.
//
// The time is O(n log² n) for up to three costs, in the worst case too. Beyond,
// it is quadratic at worst.
func Sort(points [][]float64) []int {
	ranks := make([]int, len(points))
	for i := range ranks {
		ranks[i] = len(points)
	}
	order := sorted(points)
	if len(order) == 0 {
		return ranks
	}
	equal := func(i, j int) bool { return slices.Equal(points[i], points[j]) }
	distinct := slices.CompactFunc(slices.Clone(order), equal)

	var levels []int
	if len(points[0]) <= 3 {
		levels = sweepSort(points, distinct)
	} else {
		levels = scanSort(points, distinct)
	}

	next := -1 // position in distinct
	for i, index := range order {
		if i == 0 || !equal(index, order[i-1]) {
			next++
		}
		ranks[index] = levels[next]
	}
	return ranks
}

// sweepSort returns the ranks of the distinct points in order, which is
// lexicographic. A point's rank is one more than the highest rank among the
// points that dominate it: earlier ones, lower or equal in the second and the
// third cost. Halving the sequence turns that into one-dimensional queries
// (divide and conquer after Jensen 2003).
func sweepSort(points [][]float64, order []int) []int {
	y := denseRanks(points, order, 1)
	s := sweeper{
		z:      denseRanks(points, order, 2),
		ranks:  make([]int, len(order)),
		levels: newPrefixMax(len(order)),
	}
	byY := make([]int, len(order))
	for i := range byY {
		byY[i] = i
	}
	slices.SortStableFunc(byY, func(i, j int) int { return y[i] - y[j] })
	s.sort(byY, 0, len(order))
	return s.ranks
}

// sweeper ranks points that are known by their position in lexicographic order.
type sweeper struct {
	z      []int     // dense rank of the third cost
	ranks  []int     // the result; lower bounds while it is computed
	levels prefixMax // by z: rank+1 of the points swept
}

// sort completes the ranks of the positions lo..hi-1, which already account for
// all positions before lo. byY lists the same positions by their second cost,
// equal ones ascending.
func (s *sweeper) sort(byY []int, lo, hi int) {
	if hi-lo < 2 {
		return
	}
	mid := lo + (hi-lo)/2
	left, right := make([]int, 0, mid-lo), make([]int, 0, hi-mid)
	for _, i := range byY {
		if i < mid {
			left = append(left, i)
		} else {
			right = append(right, i)
		}
	}
	s.sort(left, lo, mid)
	for _, i := range byY {
		if i < mid {
			s.levels.raise(s.z[i], s.ranks[i]+1)
		} else {
			s.ranks[i] = max(s.ranks[i], s.levels.upTo(s.z[i]))
		}
	}
	for _, i := range left {
		s.levels.clear(s.z[i])
	}
	s.sort(right, mid, hi)
}

// scanSort returns the ranks of the distinct points in order, which is
// lexicographic, for any number of costs. A point that some front dominates is
// dominated by every front before it, so its own is found by bisection (ENS-BS,
// Zhang et al. 2015).
func scanSort(points [][]float64, order []int) []int {
	ranks := make([]int, len(order))
	var fronts [][]int
	for i, index := range order {
		rank := sort.Search(len(fronts), func(k int) bool { return !covered(points, fronts[k], index) })
		if rank == len(fronts) {
			fronts = append(fronts, nil)
		}
		fronts[rank] = append(fronts[rank], index)
		ranks[i] = rank
	}
	return ranks
}
