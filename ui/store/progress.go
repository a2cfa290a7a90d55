package store

import "time"

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

// Progress returns the progress, a while after the worker last told it; the
// while counts only during a search.
func (s *Store) Progress(since time.Duration) Progress {
	if !s.searching {
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
	p.Share = min(p.Share, 1)
	return p
}

// elapsed is the time that the study took so far, in all its sessions.
func (s *Store) elapsed() time.Duration {
	return milliseconds(max(s.progress.ElapsedMs, s.spentMs))
}

// finished reports whether the budget is spent.
func (s *Store) finished() bool {
	switch {
	case s.budget.Time > 0:
		return s.elapsed() >= s.budget.Time
	case s.budget.Trials > 0:
		return s.ended >= s.budget.Trials
	}
	return false
}

// milliseconds is ms as a duration, or the longest one if that is shorter.
func milliseconds(ms float64) time.Duration {
	const longest = 1 << 62
	return time.Duration(min(ms*float64(time.Millisecond), longest))
}
