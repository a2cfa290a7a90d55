package study

import (
	"strings"

	"litefront/searchcore/pareto"
	"litefront/searchcore/trial"
)

// SettingConstraints is the setting that replaces a study's constraints: all that
// hold from then on, as [ConstraintsValue] writes them. What was measured is judged
// anew, and nothing is measured twice.
const SettingConstraints = "constraints"

// noConstraints is the value of the setting for an empty list.
const noConstraints = "none"

// ConstraintsValue writes a list of constraints as a setting's value.
func ConstraintsValue(list []string) string {
	if len(list) == 0 {
		return noConstraints
	}
	return strings.Join(list, ", ")
}

// ParseConstraintsValue reads what [ConstraintsValue] wrote; whether the list's
// members are constraints is not checked.
func ParseConstraintsValue(value string) (list []string) {
	if value == noConstraints {
		return nil
	}
	for _, text := range strings.Split(value, ",") {
		list = append(list, strings.TrimSpace(text))
	}
	return list
}

// move is a call of the strategy: a trial of the search was asked, or ended.
type move struct {
	number int
	ended  bool
}

// constrained is the study's setup with the constraints of a setting's value.
func (s *Study) constrained(value string) trial.Setup {
	setup := s.started.Setup
	setup.Constraints = ParseConstraintsValue(value)
	return setup
}

// try reports why a strategy cannot go on under constraints that are not kept yet.
func (s *Study) try(value string) error {
	setup := s.constrained(value)
	p, err := newProblem(setup)
	if err != nil {
		return err
	}
	strategy, err := newStrategy(setup, p.feasible)
	if err != nil {
		return err
	}
	if p, ok := strategy.(Prober); ok {
		return p.Probe()
	}
	return nil
}

// maxConstrained bounds how often a study's constraints change: all that was measured
// is judged each time.
const maxConstrained = 1000

// constrain replaces the constraints by those of a setting's value, which check let
// pass. The frontier is that of all measured trials under them, and the strategy,
// begun anew, is told the same story with their outcomes.
func (s *Study) constrain(value string) {
	s.reconstrained++
	s.started.Setup = s.constrained(value)
	s.problem, _ = newProblem(s.started.Setup)
	s.strategy, _ = newStrategy(s.started.Setup, s.problem.feasible)
	s.frontier, s.generation = pareto.Archive{}, 0
	for _, r := range s.trials {
		if r.Status == Measured {
			var err error
			if r.Violates, err = s.problem.violated(r.Arch, r.Values, r.Measurement); err != nil {
				r.Violates = firstLine(err.Error()) // whether it breaks one cannot be told
			}
		}
	}
	for _, m := range s.moves {
		if r := s.trials[m.number-1]; m.ended {
			s.told(r)
		} else {
			s.strategy.Asked(r.Proposal)
		}
	}
}
