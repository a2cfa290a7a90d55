package store

import (
	"litefront/searchcore/arch"
	"litefront/searchcore/importance"
	"litefront/searchcore/objective"
)

// explained is what importance.Explain said of so many measured candidates.
type explained struct {
	measured int
	rows     []importance.Row
}

// overdue is the part of the candidates, one in so many, that is new when a search looks
// again at what explains them: every look goes over all.
const overdue = 100

// Importance returns how much of each of the study's objectives the architectures'
// dimensions explain over the measured candidates of the search, but for the last few while it goes on.
// There are no rows
// while fewer than importance.MinPoints were measured.
func (s *Store) Importance() (rows []importance.Row, objectives objective.Set) {
	fresh := s.measured - s.explained.measured
	if fresh != 0 && (!s.searching || fresh*overdue >= s.measured) {
		list := make([]arch.Architecture, len(s.results))
		columns := make([][]float64, len(s.objectives))
		for i, t := range s.results {
			list[i] = t.Arch
			for k, v := range t.Values {
				columns[k] = append(columns[k], v)
			}
		}
		s.explained = explained{s.measured, importance.Explain(list, columns)}
	}
	return s.explained.rows, s.objectives
}
