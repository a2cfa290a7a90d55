package store

import (
	"time"

	"litefront/kernels/search"
)

// Progress says how far the study is.
type Progress struct {
	Share       float64 // of the budget, 0 to 1
	Measured    int
	Failed      int
	LastFailure string // why a candidate failed last
	PerMinute   float64
	Hypervolume float64
	Elapsed     time.Duration
	Left        time.Duration
	LeftKnown   bool
}

// maxSince is the longest while after which the worker tells more, or is dead. A page's
// clock that says otherwise was set.
const maxSince = 5 * time.Minute

// Progress returns the progress, a while after the worker last told it; the
// while counts only during a search.
func (s *Store) Progress(since time.Duration) Progress {
	if since = min(max(since, 0), maxSince); !s.searching {
		since = 0
	}
	p := Progress{
		Measured:    s.measured,
		Failed:      s.failed,
		LastFailure: s.lastFailure,
		Hypervolume: s.progress.Hypervolume,
		Elapsed:     s.elapsed() + since,
	}
	if minutes := p.Elapsed.Minutes(); minutes > 0 {
		p.PerMinute = float64(p.Measured+p.Failed) / minutes
	}
	switch {
	case s.budget.Time > 0:
		p.Share = float64(p.Elapsed) / float64(s.budget.Time)
		p.Left, p.LeftKnown = max(s.budget.Time-p.Elapsed, 0), true
	case s.budget.Trials > 0:
		p.Share = float64(s.ended) / float64(s.budget.Trials)
		if s.progress.LeftMs > 0 {
			p.Left, p.LeftKnown = max(milliseconds(s.progress.LeftMs)-since, 0), true
		}
	}
	if p.Share = min(p.Share, 1); !s.searching && s.finished() {
		p.Share, p.Left, p.LeftKnown = 1, 0, true
	}
	return p
}

// elapsed is the time that the study took so far, in all its sessions.
func (s *Store) elapsed() time.Duration {
	return milliseconds(max(s.progress.ElapsedMs, s.spentMs))
}

// finished reports whether the study's budget is spent.
func (s *Store) finished() bool {
	return s.reason == search.DoneBudget || s.spent(s.budget)
}

// spent reports whether nothing is left of a budget. Of the time of earlier
// sessions only that of measurements is recorded, not what passed between them
// nor the candidate that the end interrupted. So what is left of the budget that
// they had counts as nothing if it is a twentieth, or too little for another
// candidate.
func (s *Store) spent(b search.Budget) bool {
	switch {
	case b.Trials > 0:
		return s.ended >= b.Trials
	case b.Time == 0:
		return false
	}
	left := b.Time - s.elapsed()
	if b != s.budget || s.timed || s.measured == 0 {
		return left <= 0
	}
	candidate := milliseconds(s.spentMs / float64(s.measured))
	return left <= b.Time/20 || left < candidate
}

// milliseconds is ms as a duration, or the longest one if that is shorter.
func milliseconds(ms float64) time.Duration {
	const longest = 1 << 62
	return time.Duration(min(ms*float64(time.Millisecond), longest))
}
