package store

import (
	"slices"

	"litefront/searchcore/pareto"
	"litefront/searchcore/study"
)

// Volume is the study's hypervolume from a number of candidates on.
type Volume struct {
	Candidates  int // of the search, measured or failed
	Hypervolume float64
}

// history follows the hypervolume from result to result. It is computed here, and not
// taken from the worker's progress, which a kept study tells once, at its end.
type history struct {
	pivots  []float64 // see study.Scaled
	archive pareto.Archive
	steps   []Volume
}

// Hypervolume returns the study's hypervolume wherever it grew, and how many
// candidates there are in all.
func (s *Store) Hypervolume() (steps []Volume, candidates int) { return s.history.steps, s.ended }

// remember takes a measured trial into the history.
func (s *Store) remember(t *Trial) {
	h := &s.history
	if t.Overlay() {
		return
	}
	if h.pivots == nil {
		h.pivots = t.Values
	}
	if t.Violates != "" {
		return
	}
	var members [][]float64
	for _, m := range h.archive.Members() {
		members = append(members, m.Costs)
	}
	point := study.Scaled(s.objectives, h.pivots, t.Values)
	if !h.archive.Add(t.Number, point) {
		return
	}
	step := Volume{Candidates: t.searched}
	if n := len(h.steps); n > 0 {
		step.Hypervolume = h.steps[n-1].Hypervolume
	}
	step.Hypervolume += pareto.Contribution(members, point, slices.Repeat([]float64{1}, len(point)))
	h.steps = append(h.steps, step)
}

// recall is the history under the constraints that hold now.
func (s *Store) recall() {
	s.history = history{pivots: s.history.pivots}
	for _, t := range s.results {
		s.remember(t)
	}
}
