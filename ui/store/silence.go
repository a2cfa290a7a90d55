package store

import (
	"time"

	"litefront/kernels/jobs"
)

// Tick says that a second has passed in which the page ran, and reports whether
// the worker is now taken for dead: it owes an answer and was silent for too
// long. Counting seconds of the page leaves out those in which the device slept.
func (s *Store) Tick() (died bool) {
	limit := s.patience()
	if limit == 0 {
		s.silence = 0
		return false
	}
	if s.silence += time.Second; s.silence < limit {
		return false
	}
	s.Die("the worker does not answer")
	return true
}

// patience is how long the worker may be silent now; 0 for ever, since it owes
// nothing. During a search it is silent for a candidate's time, and between a
// command and its answer for the time of a single run, of making or reading a file, or of
// solving for the frontier of a study that it has just opened. All are minutes where a
// slow phone runs, or writes, the largest models that fit. Of a profile it tells nothing
// before all operations were timed.
func (s *Store) patience() time.Duration {
	switch {
	case s.dead:
		return 0
	case !s.answered: // the search core is loaded and compiled first
		return 2 * time.Minute
	case s.due != "", s.survey.waiting:
		return 2 * time.Minute
	case s.measuring, s.Join.Active && s.Join.Status.State == jobs.Measuring:
		return 10 * time.Minute
	case s.searching:
		return 5 * time.Minute
	case s.exporting:
		return 2 * time.Minute
	}
	return 0
}
