// Package search drives a study with a measurer at hand: ask, measure, tell,
// until the budget ends. The command line, the browser's worker and the edge
// guest all run this loop.
//
// Like the protocol it starts no goroutine and reads no clock of its own.
package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"litefront/kernels/measure"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Budget bounds a study over all its sessions: by time spent, or by candidates
// that ended, overlays not counted. One of the two is set.
type Budget struct {
	Time   time.Duration
	Trials int
}

// DefaultBudget is the budget that a search has unless told otherwise: enough for the
// strategy exact on the spaces of the presets, and over in three minutes, with what is
// still running when it is spent.
const DefaultBudget = "170s"

// ParseBudget reads "60s" (any duration of package time) or "200" (candidates).
func ParseBudget(text string) (Budget, error) {
	var b Budget
	var err error
	if b.Trials, err = strconv.Atoi(text); err != nil {
		b.Time, err = time.ParseDuration(text)
	}
	if err != nil || b.Trials < 0 || b.Time < 0 || b == (Budget{}) {
		return Budget{}, fmt.Errorf("budget %q must be a positive time such as 60s or 5m, or a positive number of candidates such as 200", text)
	}
	return b, nil
}

// String is what ParseBudget reads.
func (b Budget) String() string {
	if b.Trials > 0 {
		return strconv.Itoa(b.Trials)
	}
	return b.Time.String()
}

// The reasons in a Done event.
const (
	DoneBudget      = "budget"      // the budget is spent
	DoneExhausted   = "exhausted"   // nothing is left to propose
	DoneConverged   = "converged"   // measuring more would tell nothing new
	DoneInterrupted = "interrupted" // stopped from outside
	DoneFailed      = "failed"      // the device or the journal failed
)

// maxFailures is how many candidates may fail in a row before the device is held
// to be at fault, not they.
const maxFailures = 10

// Run measures what s asks for on m until the budget is spent, the strategy has
// nothing left or ctx is done, and tells watch how it goes. The clock is that of a
// measure.Target: the budget relies on it to go forward alone. The trial under way
// when time runs out is left outstanding: the next session measures it first. An
// error says why the search could not go on; what was measured before it is in the
// study.
func Run(ctx context.Context, s *study.Study, m measure.Measurer, b Budget, clock func() int64, watch func(trial.Event)) (trial.Done, error) {
	r := &run{study: s, measurer: m, budget: b, clock: clock, watch: watch, start: clock(), before: Spent(s)}
	reason, err := r.loop(ctx)
	p := s.Progress()
	done := trial.Done{Reason: reason, Measured: p.Measured, Failed: p.Failed}
	r.tell(trial.Event{Kind: trial.KindDone, Done: &done})
	return done, err
}

// Spent is the time that the recorded measurements of s took.
func Spent(s *study.Study) time.Duration {
	var ms float64
	for _, t := range s.Trials() {
		if t.Measurement != nil {
			ms += t.Measurement.SpentMs
		}
	}
	return time.Duration(ms * float64(time.Millisecond))
}

type run struct {
	study    *study.Study
	measurer measure.Measurer
	budget   Budget
	clock    func() int64
	watch    func(trial.Event)
	start    int64         // clock at the start of this session
	before   time.Duration // spent in earlier sessions
	ended    int           // trials that ended in this session
	failures int           // in a row
}

func (r *run) loop(ctx context.Context) (reason string, err error) {
	ctx = deadline{ctx, r}
	for {
		r.progress()
		if r.spent() {
			return DoneBudget, nil
		}
		if ctx.Err() != nil {
			return DoneInterrupted, nil
		}
		t, err := r.study.Ask()
		switch {
		case errors.Is(err, trial.ErrConverged):
			return DoneConverged, nil
		case errors.Is(err, trial.ErrExhausted):
			if !slices.ContainsFunc(r.study.Trials(), func(t study.Record) bool { return !t.Overlay() }) {
				return DoneExhausted, err // a search that could not even begin
			}
			return DoneExhausted, nil
		case err != nil: // one measurer tells each trial before it asks the next: ErrWait is a fault too
			return DoneFailed, err
		}
		switch err := r.trial(ctx, t); {
		case errors.Is(err, context.DeadlineExceeded):
			r.progress() // the budget is spent: say so
			return DoneBudget, nil
		case errors.Is(err, context.Canceled):
			return DoneInterrupted, nil
		case err != nil:
			return DoneFailed, err
		}
		r.ended++
	}
}

// trial takes one trial to its end.
func (r *run) trial(ctx context.Context, t trial.Trial) error {
	m, err := r.measurer.Measure(ctx, t, r.study.Started().Workload)
	if errors.Is(err, measure.ErrClock) { // once: a clock that is set all the time measures nothing
		m, err = r.measurer.Measure(ctx, t, r.study.Started().Workload)
	}
	switch {
	case err == nil:
		r.failures = 0
		return r.study.Tell(t.Number, t.Token, m)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, measure.ErrDevice):
		return err // the trial stays outstanding
	}
	if failErr := r.study.Fail(t.Number, t.Token, err.Error()); failErr != nil {
		return failErr
	}
	if r.failures++; r.failures == maxFailures {
		return fmt.Errorf("%d candidates failed in a row, the last with: %w", maxFailures, err)
	}
	return nil
}

// elapsed is the time spent over all sessions.
func (r *run) elapsed() time.Duration {
	return r.before + time.Duration(r.clock()-r.start)
}

// spent reports whether the budget is.
func (r *run) spent() bool {
	if r.budget.Trials > 0 {
		return r.done() >= r.budget.Trials
	}
	return r.elapsed() >= r.budget.Time
}

// done is how many trials of the search have ended. Overlays are beside it.
func (r *run) done() (n int) {
	for _, t := range r.study.Trials() {
		if t.Status != study.Outstanding && !t.Overlay() {
			n++
		}
	}
	return n
}

// progress announces how far the study is.
func (r *run) progress() {
	p := r.study.Progress()
	elapsed := r.elapsed()
	p.ElapsedMs = toMs(elapsed)
	switch {
	case r.budget.Time > 0:
		p.LeftMs = toMs(max(r.budget.Time-elapsed, 0))
	case r.ended > 0:
		perTrial := toMs(time.Duration(r.clock()-r.start)) / float64(r.ended)
		p.LeftMs = perTrial * float64(max(r.budget.Trials-r.done(), 0))
	}
	r.tell(trial.Event{Kind: trial.KindProgress, Progress: &p})
}

func (r *run) tell(e trial.Event) {
	if r.watch != nil {
		e.V = trial.EventVersion
		r.watch(e)
	}
}

func toMs(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// deadline is a context that ends with the run's budget of time. It looks at the
// run's clock when it is asked, since there may be neither timers nor goroutines
// to wake it.
type deadline struct {
	context.Context
	run *run
}

func (d deadline) Err() error {
	if err := d.Context.Err(); err != nil {
		return err
	}
	if d.run.budget.Time > 0 && d.run.spent() {
		return context.DeadlineExceeded
	}
	return nil
}
