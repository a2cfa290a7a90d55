// Package search drives a study with whoever measures for it: ask, measure, tell,
// until the budget ends. The command line, the browser's worker and the edge
// guest run [Run], with one measurer at hand; where several measure at once, a
// [Driver] says what is next.
//
// Like the protocol it starts no goroutine and reads no clock of its own.
package search

import (
	"context"
	"errors"
	"fmt"
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
	d := NewDriver(s, b, clock, watch)
	reason, err := d.run(ctx, m)
	return d.End(reason), err
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

// run measures on m until the search ends, and returns why it did.
func (d *Driver) run(ctx context.Context, m measure.Measurer) (reason string, err error) {
	ctx = deadline{ctx, d}
	for {
		t, reason, err := d.Next(ctx)
		switch {
		case errors.Is(err, trial.ErrWait): // one measurer tells each trial before it asks the next
			return DoneFailed, err
		case reason != "":
			return reason, err
		}
		switch err := d.measure(ctx, m, t); {
		case errors.Is(err, context.DeadlineExceeded):
			d.progress() // the budget is spent: say so
			return DoneBudget, nil
		case errors.Is(err, context.Canceled):
			return DoneInterrupted, nil
		case err != nil:
			return DoneFailed, err
		}
	}
}

// measure takes one trial to its end.
func (d *Driver) measure(ctx context.Context, by measure.Measurer, t trial.Trial) error {
	m, err := by.Measure(ctx, t, d.study.Started().Workload)
	if errors.Is(err, measure.ErrClock) { // once: a clock that is set all the time measures nothing
		m, err = by.Measure(ctx, t, d.study.Started().Workload)
	}
	switch {
	case err == nil:
		return d.Tell(t.Number, t.Token, m)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, measure.ErrDevice):
		return err // the trial stays outstanding
	}
	return d.Fail(t.Number, t.Token, err)
}

// deadline is a context that ends with a driver's budget of time. It looks at the
// driver's clock when it is asked, since there may be neither timers nor goroutines
// to wake it.
type deadline struct {
	context.Context
	driver *Driver
}

func (d deadline) Err() error {
	if err := d.Context.Err(); err != nil {
		return err
	}
	if d.driver.TimeIsUp() {
		return context.DeadlineExceeded
	}
	return nil
}
