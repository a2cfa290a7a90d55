package study

import (
	"slices"

	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
)

// pivotCount is how many measured trials fix the scale of the hypervolume.
const pivotCount = 10

// scale maps each objective to [0, 1]; see [Study.Progress].
type scale struct {
	first [][]float64 // values of the first measured trials, at most pivotCount
}

// observe notes the values of a measured trial of the search.
func (s *scale) observe(values []float64) {
	if len(s.first) < pivotCount {
		s.first = append(s.first, values)
	}
}

// pivot is the median of objective k over the first measured trials.
func (s *scale) pivot(k int) float64 {
	column := make([]float64, len(s.first))
	for i, values := range s.first {
		column[i] = values[k]
	}
	slices.Sort(column)
	if p := (column[(len(column)-1)/2] + column[len(column)/2]) / 2; p > 0 {
		return p
	}
	return 1 // all zero so far: any unit will do
}

// hypervolume is the share of the scaled cube that the frontier dominates.
func (s *Study) hypervolume() float64 {
	members := s.frontier.Members()
	if len(members) == 0 {
		return 0
	}
	points := make([][]float64, len(members))
	for k := range s.started.Objectives {
		pivot := s.scale.pivot(k)
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
