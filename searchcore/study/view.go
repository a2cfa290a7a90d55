package study

import (
	"cmp"
	"maps"
	"slices"

	"litefront/searchcore/pareto"
	"litefront/searchcore/trial"
)

// Status says how far a trial is.
type Status string

// The states of a trial.
const (
	Outstanding Status = "outstanding" // asked and not ended
	Measured    Status = "measured"
	Failed      Status = "failed"
)

// Record is a trial and what became of it. What its fields point to belongs to
// the study and is not to be modified.
type Record struct {
	trial.Trial
	Status Status
	// Values are the study's objectives, in the order and the units of
	// Setup.Objectives. They and the measurement are set once it is Measured.
	Values      []float64
	Measurement *trial.Measurement
	// Violates is the first constraint that the measurement breaks, such as
	// "decode_ms<=20"; empty for a feasible point. A point that breaks one stays
	// in the study, but is not on the frontier, and to the strategy it is as if it
	// had failed: the search breeds only from points that can be used.
	Violates string
	Reason   string // why it Failed
	// Ended counts the trials that have ended, this one included, when it did: the
	// order of results. It is 0 for one that is Outstanding.
	Ended int

	attempt int
}

// Overlay reports whether the trial was enqueued beside the search.
func (r Record) Overlay() bool { return r.Origin.Op == OpOverlay }

// Started returns what opened the study: its name, the version of the program
// that started it, and its setup, with the constraints that hold now.
func (s *Study) Started() trial.Started { return s.started }

// Settings returns the last value of each setting, by name.
func (s *Study) Settings() map[string]string { return maps.Clone(s.settings) }

// Trials returns all trials in the order of their numbers.
func (s *Study) Trials() []Record {
	records := make([]Record, len(s.trials))
	for i, r := range s.trials {
		records[i] = *r
	}
	return records
}

// Trial returns the trial of a number, if one was asked.
func (s *Study) Trial(number int) (r Record, asked bool) {
	if number < 1 || number > len(s.trials) {
		return Record{}, false
	}
	return *s.trials[number-1], true
}

// Frontier returns the measured trials that no other dominates, overlays and
// violated constraints left aside, sorted by the first objective from worst to
// best.
func (s *Study) Frontier() []Record {
	members := s.frontier.Members()
	slices.SortFunc(members, func(a, b pareto.Member) int {
		return cmp.Or(cmp.Compare(b.Costs[0], a.Costs[0]), cmp.Compare(a.ID, b.ID))
	})
	records := make([]Record, len(members))
	for i, m := range members {
		records[i] = *s.trials[m.ID-1]
	}
	return records
}

// Predicted returns the frontier that the strategy computes from what was
// measured; nil if it does not, or not yet.
func (s *Study) Predicted() *trial.Predicted {
	if p, ok := s.strategy.(Predictor); ok {
		return p.Predicted()
	}
	return nil
}

// Progress counts the trials, overlays included, and gives the hypervolume of
// the frontier. Times are left to the caller, who has a clock.
//
// The hypervolume is a share between 0 and 1. Each objective is scaled by its
// value p in the search's first measured trial: a minimised value v becomes
// v/(v+p), a maximised one p/(v+p), both 0 at best, 1 at worst and 1/2 at p. The
// share is the part of the unit cube that the frontier dominates. A reference
// point in the objectives' own units would have to be guessed before the extremes
// are known, and would ignore frontier points beyond it; in this scale every
// point counts, and the share never falls.
func (s *Study) Progress() trial.Progress {
	p := s.Counts()
	p.Hypervolume = s.hypervolume()
	return p
}

// Counts is Progress without the hypervolume, which takes time where the frontier is
// large.
func (s *Study) Counts() trial.Progress {
	return trial.Progress{Asked: len(s.trials), Measured: s.measured, Failed: s.failed}
}

// frontierEvent is the frontier as it is announced.
func (s *Study) frontierEvent() *trial.Frontier {
	var f trial.Frontier
	for _, r := range s.Frontier() {
		f.Points = append(f.Points, trial.FrontierPoint{Number: r.Number, ArchID: r.Arch.ID(), Values: r.Values})
	}
	return &f
}
