package store

import (
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
)

// Pace is how fast the device was while a candidate was measured, by the sentinels
// that ran between its samples.
type Pace struct {
	Number   int     // of the trial
	Slowdown float64 // over the best that the device had shown by then; 1 is as fast
	// Drifted says that the measurement is marked, and Background that it was made
	// while the page was in the background at times.
	Drifted, Background bool
}

// maxPaces is how many of the latest candidates are shown.
const maxPaces = 200

// SlowdownLimit is the slowdown up to which a device counts as steady.
func SlowdownLimit() float64 { return 1 + measure.DefaultOptions().DriftTolerance }

// Paces returns those of the latest measured trials, in the order of their results.
// Protocols without sentinels have none.
func (s *Store) Paces() []Pace { return s.paces }

// pace notes that of a trial that was just measured.
func (s *Store) pace(t *Trial) {
	m := t.Measurement
	if !(m.Slowdown > 0) || !usable(m.Slowdown) {
		return
	}
	if len(s.paces) == maxPaces {
		s.paces = s.paces[1:]
	}
	s.paces = append(s.paces, Pace{t.Number, m.Slowdown, m.Verdict == trial.Drifted, m.Background})
}
