package pareto

import (
	"cmp"
	"math"
	"slices"
)

// Hypervolume returns the volume of the region that the points dominate and
// that lies below the reference point ref in every cost (the S-metric of Zitzler
// and Thiele 1998). It is exact up to rounding, in the product of the costs'
// units. Points that are not below ref in every cost add nothing, nor do
// dominated, equal and ill-formed ones; ref says how many costs there are.
//
// The volume is NaN if ref is empty or not finite, and +Inf if a point that
// counts has a cost of -Inf.
//
// The time is O(n log n) for up to three costs. Each further cost multiplies it
// by up to n, in practice by much less.
func Hypervolume(points [][]float64, ref []float64) float64 {
	if len(ref) == 0 || !finite(ref) {
		return math.NaN()
	}
	var inside [][]float64
	for _, p := range points {
		if len(p) != len(ref) || !below(p, ref) {
			continue
		}
		if !finite(p) {
			return math.Inf(1)
		}
		inside = append(inside, p)
	}
	return volume(inside, ref)
}

// Contribution returns how much p adds to the hypervolume of points: what Hypervolume
// gives with p less what it gives without, but in the time of those of the points that
// limit what is p's own. It is 0 if points cover p, p is ill-formed, or p is not below
// ref in every cost, and NaN and +Inf are as for Hypervolume.
func Contribution(points [][]float64, p, ref []float64) float64 {
	own := Hypervolume([][]float64{p}, ref)
	if !(own > 0) || math.IsInf(own, 1) {
		return own
	}
	var inside [][]float64
	for _, q := range points {
		if len(q) != len(ref) || !below(q, ref) {
			continue
		}
		if covers(q, p) {
			return 0
		}
		inside = append(inside, q)
	}
	return max(0, own-volume(limit(inside, p), ref))
}

// finite reports whether no cost is NaN or infinite.
func finite(p []float64) bool {
	return !slices.ContainsFunc(p, func(c float64) bool { return math.IsNaN(c) || math.IsInf(c, 0) })
}

// below reports whether p is lower than ref in every cost.
func below(p, ref []float64) bool {
	for k := range p {
		if !(p[k] < ref[k]) {
			return false
		}
	}
	return true
}

// volume is Hypervolume of finite points that all lie below ref.
//
// Beyond three costs it adds up what each point dominates and no later point
// does (WFG, While, Bradstreet and Barone 2012). Points come in descending order
// of the last cost, so that what a point shares with later ones has its own
// height in that cost, and only the other costs need looking at.
func volume(points [][]float64, ref []float64) float64 {
	last := len(ref) - 1
	if last < 3 {
		return sweepVolume(points, ref)
	}
	points = slices.Clone(points)
	slices.SortFunc(points, func(a, b []float64) int { return cmp.Compare(b[last], a[last]) })
	sum := 0.0
	for i, p := range points {
		own := 1.0
		for k := range last {
			own *= ref[k] - p[k]
		}
		shared := volume(limit(points[i+1:], p[:last]), ref[:last])
		sum += (ref[last] - p[last]) * (own - shared)
	}
	return sum
}

// limit returns the front of what points dominate within the region that p
// dominates, in the first len(p) costs.
func limit(points [][]float64, p []float64) [][]float64 {
	limited := make([][]float64, len(points))
	for i, q := range points {
		limited[i] = make([]float64, len(p))
		for k := range p {
			limited[i][k] = max(p[k], q[k])
		}
	}
	front := Front(limited)
	for i, j := range front {
		limited[i] = limited[j] // j >= i: the front is ascending
	}
	return limited[:len(front)]
}

// sweepVolume is volume for up to three costs; those that the points do not
// have span 1. It moves a plane upwards through the third cost and adds up the
// area below the staircase of the points passed (Beume et al. 2009).
func sweepVolume(points [][]float64, ref []float64) float64 {
	corner := solid(ref, 1)
	solids := make([][3]float64, len(points))
	for i, p := range points {
		solids[i] = solid(p, 0)
	}
	slices.SortFunc(solids, func(a, b [3]float64) int { return cmp.Compare(a[2], b[2]) })
	stairs := newStaircase(solids, corner)
	sum := 0.0
	for i, p := range solids {
		stairs.lower(p[0], p[1])
		next := corner[2]
		if i+1 < len(solids) {
			next = solids[i+1][2]
		}
		sum += (next - p[2]) * stairs.area()
	}
	return sum
}

// solid returns p with rest for the costs it lacks.
func solid(p []float64, rest float64) [3]float64 {
	s := [3]float64{rest, rest, rest}
	copy(s[:], p)
	return s
}
