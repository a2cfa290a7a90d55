package pareto

import (
	"math"
	"slices"
)

// Box spans the costs in which the hypervolumes of several fronts compare: from the
// best of each cost to one reference point.
type Box struct{ Best, Reference []float64 }

// BoxOf returns the box from the best to the worst of points with dim costs each. Its
// own corners make the same box again, so that boxes are joined by their corners.
// Without points it spans nothing, from +Inf to -Inf.
func BoxOf(points [][]float64, dim int) Box {
	b := Box{slices.Repeat([]float64{math.Inf(1)}, dim), slices.Repeat([]float64{math.Inf(-1)}, dim)}
	for _, p := range points {
		for k, cost := range p {
			b.Best[k], b.Reference[k] = min(b.Best[k], cost), max(b.Reference[k], cost)
		}
	}
	return b
}

// Scaled returns points with the best costs at 0 and the reference at 1. A cost
// that is the same everywhere is 0, so that the others decide.
func (b Box) Scaled(points [][]float64) [][]float64 {
	scaled := make([][]float64, len(points))
	for i, p := range points {
		scaled[i] = make([]float64, len(p))
		for k, cost := range p {
			if size := b.Reference[k] - b.Best[k]; size > 0 {
				scaled[i][k] = (cost - b.Best[k]) / size
			}
		}
	}
	return scaled
}

// Volume is the hypervolume of scaled points as a share of the box.
func (b Box) Volume(scaled [][]float64) float64 {
	return Hypervolume(scaled, slices.Repeat([]float64{1}, len(b.Best)))
}

// NotDominated returns the share of points that none of others dominates; 0 if there
// are no points.
func NotDominated(points, others [][]float64) float64 {
	if len(points) == 0 {
		return 0
	}
	kept := 0
	for _, p := range points {
		if !slices.ContainsFunc(others, func(q []float64) bool { return Dominates(q, p) }) {
			kept++
		}
	}
	return float64(kept) / float64(len(points))
}
