package study

import (
	"slices"

	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
)

// observe fixes the scale of the hypervolume by the first measured trial of the
// search; see [Study.Progress].
func (s *Study) observe(values []float64) {
	if s.pivots != nil {
		return
	}
	for _, v := range values {
		if v == 0 {
			v = 1 // any unit will do
		}
		s.pivots = append(s.pivots, v)
	}
}

// hypervolume is the share of the scaled cube that the frontier dominates.
func (s *Study) hypervolume() float64 {
	members := s.frontier.Members()
	if len(members) == 0 {
		return 0
	}
	points := make([][]float64, len(members))
	for k := range s.started.Objectives {
		pivot := s.pivots[k]
		for i, m := range members {
			v := s.trials[m.ID-1].Values[k]
			cost := v / (v + pivot)
			if s.problem.objectives[k].Direction == objective.Maximize {
				cost = pivot / (v + pivot)
			}
			points[i] = append(points[i], cost)
		}
	}
	worst := slices.Repeat([]float64{1}, len(s.started.Objectives))
	return pareto.Hypervolume(points, worst)
}
