package main

import (
	"time"

	"litefront/bench/contest"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// session is one search, as it was seen from outside.
type session struct {
	Measured   int     `json:"measured"`
	Failed     int     `json:"failed"`
	StartupMs  float64 `json:"startup_ms"`  // from the call to the beginning of the budget
	CompileMs  float64 `json:"compile_ms"`  // of a candidate, in its time: the median
	OverheadMs float64 `json:"overhead_ms"` // of a candidate, beside its time: the mean; failed ones are all overhead
}

// stopwatch notes when what is announced happens.
type stopwatch struct {
	called time.Time
	began  time.Time // the budget
	last   time.Time // a measurement was announced
}

func (l *stopwatch) watch(e trial.Event, now time.Time) {
	switch e.Kind {
	case trial.KindProgress:
		if l.began.IsZero() {
			l.began = now
		}
	case trial.KindMeasured:
		l.last = now
	}
}

// session sums up the search that ended with these trials.
func (l *stopwatch) session(trials []study.Record, done trial.Done) session {
	s := session{Measured: done.Measured, Failed: done.Failed, StartupMs: toMs(l.began.Sub(l.called))}
	if s.Measured == 0 {
		return s
	}
	beside := toMs(l.last.Sub(l.began))
	var compile []float64
	for _, t := range trials {
		if m := t.Measurement; m != nil {
			beside -= m.SpentMs
			compile = append(compile, m.CompileMs)
		}
	}
	s.CompileMs = contest.Median(compile)
	s.OverheadMs = beside / float64(s.Measured)
	return s
}

func toMs(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
