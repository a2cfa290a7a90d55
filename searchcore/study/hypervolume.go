package study

import (
	"slices"

	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
)

// observe fixes the scale of the hypervolume by the first measured trial of the
// search; see [Study.Progress].
func (s *Study) observe(values []float64) {
	if s.pivots == nil {
		s.pivots = values
	}
}

// Scaled returns values as a point of the cube that [Study.Progress] takes shares of,
// when pivots are the values of the search's first measured trial: a cost from 0 to 1
// for each objective. The whole cube is what lies below 1 in all of them.
func Scaled(objectives objective.Set, pivots, values []float64) []float64 {
	point := make([]float64, len(values))
	for k, v := range values {
		pivot := pivots[k]
		if pivot == 0 {
			pivot = 1 // any unit will do
		}
		point[k] = v / (v + pivot)
		if objectives[k].Direction == objective.Maximize {
			point[k] = pivot / (v + pivot)
		}
	}
	return point
}

// hypervolume is the share of the scaled cube that the frontier dominates.
func (s *Study) hypervolume() float64 {
	members := s.frontier.Members()
	if len(members) == 0 {
		return 0
	}
	points := make([][]float64, len(members))
	for i, m := range members {
		points[i] = Scaled(s.problem.objectives, s.pivots, s.trials[m.ID-1].Values)
	}
	return pareto.Hypervolume(points, slices.Repeat([]float64{1}, len(s.started.Objectives)))
}
