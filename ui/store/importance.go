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

// Importance returns how much of each of the study's objectives the architectures'
// dimensions explain over the measured candidates of the search. There are no rows
// while fewer than importance.MinPoints were measured.
func (s *Store) Importance() (rows []importance.Row, objectives objective.Set) {
	if s.explained.measured != s.measured {
		candidates := s.searched()
		list := make([]arch.Architecture, len(candidates))
		columns := make([][]float64, len(s.objectives))
		for i, t := range candidates {
			list[i] = t.Arch
			for k, v := range t.Values {
				columns[k] = append(columns[k], v)
			}
		}
		s.explained = explained{s.measured, importance.Explain(list, columns)}
	}
	return s.explained.rows, s.objectives
}
