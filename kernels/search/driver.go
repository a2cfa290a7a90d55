package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Driver takes a study to the end of its budget with any number of measurers: it
// says what to measure next, and is told what came of it, in any order. It is not
// safe for concurrent use.
type Driver struct {
	study    *study.Study
	budget   Budget
	clock    func() int64
	watch    func(trial.Event)
	start    int64         // clock at the start of this session
	before   time.Duration // spent in earlier sessions
	endedNow int           // trials that ended in this session
	failures int           // in a row
	asked    map[int]bool  // trials that this session handed out and that did not end, by number; whether in the search
}

// NewDriver returns a driver of s. The arguments are those of [Run].
func NewDriver(s *study.Study, b Budget, clock func() int64, watch func(trial.Event)) *Driver {
	return &Driver{study: s, budget: b, clock: clock, watch: watch, start: clock(), before: Spent(s), asked: map[int]bool{}}
}

// Next hands out a trial; or says, with one of the reasons of a Done event, that the
// search has ended, and with an error why it cannot go on. The error is
// trial.ErrWait, with no reason, when a trial that was handed out must end first.
//
// A budget of candidates counts those that are handed out, so that no more are
// measured. When one of time is spent, what is handed out stays outstanding.
func (d *Driver) Next(ctx context.Context) (t trial.Trial, reason string, err error) {
	d.progress()
	switch {
	case d.spent():
		return trial.Trial{}, DoneBudget, nil
	case ctx.Err() != nil:
		return trial.Trial{}, DoneInterrupted, nil
	case d.budget.Trials > 0 && d.Ended()+d.handedOut() >= d.budget.Trials && !d.Left():
		return trial.Trial{}, "", trial.ErrWait
	}
	t, err = d.study.Ask()
	switch {
	case err == nil:
		d.asked[t.Number] = t.Origin.Op != study.OpOverlay
		return t, "", nil
	case errors.Is(err, trial.ErrWait), len(d.asked) > 0 && (errors.Is(err, trial.ErrConverged) || errors.Is(err, trial.ErrExhausted)):
		if len(d.asked) == 0 {
			return trial.Trial{}, DoneFailed, err
		}
		return trial.Trial{}, "", trial.ErrWait // what is handed out may change that
	case errors.Is(err, trial.ErrConverged):
		return trial.Trial{}, DoneConverged, nil
	case errors.Is(err, trial.ErrExhausted):
		if !slices.ContainsFunc(d.study.Trials(), func(t study.Record) bool { return !t.Overlay() }) {
			return trial.Trial{}, DoneExhausted, err // a search that could not even begin
		}
		return trial.Trial{}, DoneExhausted, nil
	}
	return trial.Trial{}, DoneFailed, err
}

// Beside hands out what is queued beside the search, whatever became of the budget. The
// error is trial.ErrExhausted when nothing is.
func (d *Driver) Beside() (trial.Trial, error) {
	if !d.Left() {
		return trial.Trial{}, trial.ErrExhausted
	}
	t, err := d.study.Ask()
	if err == nil {
		d.asked[t.Number] = t.Origin.Op != study.OpOverlay
	}
	return t, err
}

// Again hands out once more, with a new token, a trial that was handed out.
func (d *Driver) Again(number int) (trial.Trial, error) {
	t, err := d.study.Again(number)
	if err == nil {
		d.asked[number] = t.Origin.Op != study.OpOverlay
	}
	return t, err
}

// Takes reports why Tell would refuse a measurement, as Study.Takes does.
func (d *Driver) Takes(number int, token string, m trial.Measurement) error {
	return d.study.Takes(number, token, m)
}

// Tell ends a trial with its measurement, as Study.Tell does.
func (d *Driver) Tell(number int, token string, m trial.Measurement) error {
	if err := d.study.Tell(number, token, m); err != nil {
		return err
	}
	d.failures = 0
	d.end(number)
	return nil
}

// Fail ends a trial for the reason why there is no measurement. An error says that the
// study could not take it, or that too many in a row failed for the candidates to be at
// fault.
func (d *Driver) Fail(number int, token string, reason error) error {
	if err := d.study.Fail(number, token, reason.Error()); err != nil {
		return err
	}
	d.end(number)
	if d.failures++; d.failures == maxFailures {
		return fmt.Errorf("%d candidates failed in a row, the last with: %w", maxFailures, reason)
	}
	return nil
}

func (d *Driver) end(number int) {
	d.endedNow++
	delete(d.asked, number)
}

// End announces the end of the session, for one of the reasons of a Done event.
func (d *Driver) End(reason string) trial.Done {
	p := d.study.Progress()
	done := trial.Done{Reason: reason, Measured: p.Measured, Failed: p.Failed}
	d.tell(trial.Event{Kind: trial.KindDone, Done: &done})
	return done
}

// elapsed is the time spent over all sessions.
func (d *Driver) elapsed() time.Duration {
	return d.before + time.Duration(d.clock()-d.start)
}

// TimeIsUp reports whether a budget of time is spent.
func (d *Driver) TimeIsUp() bool { return d.budget.Time > 0 && d.elapsed() >= d.budget.Time }

// spent reports whether the budget is.
func (d *Driver) spent() bool {
	return d.TimeIsUp() || d.budget.Trials > 0 && d.Ended() >= d.budget.Trials
}

// Ended is how many trials of the search have ended. Overlays are beside it.
func (d *Driver) Ended() (n int) {
	for _, t := range d.study.Trials() {
		if t.Status != study.Outstanding && !t.Overlay() {
			n++
		}
	}
	return n
}

// handedOut is how many trials of the search this session handed out that did not end.
func (d *Driver) handedOut() (n int) {
	for _, search := range d.asked {
		if search {
			n++
		}
	}
	return n
}

// Left reports whether the study has trials to hand out whatever the strategy proposes:
// the budget counted them when they were asked first, or does not count them.
func (d *Driver) Left() bool { return d.study.Queued() > 0 }

// progress announces how far the study is.
func (d *Driver) progress() {
	p := d.study.Progress()
	elapsed := d.elapsed()
	p.ElapsedMs = toMs(elapsed)
	switch {
	case d.budget.Time > 0:
		p.LeftMs = toMs(max(d.budget.Time-elapsed, 0))
	case d.endedNow > 0:
		perTrial := toMs(time.Duration(d.clock()-d.start)) / float64(d.endedNow)
		p.LeftMs = perTrial * float64(max(d.budget.Trials-d.Ended(), 0))
	}
	d.tell(trial.Event{Kind: trial.KindProgress, Progress: &p})
}

func (d *Driver) tell(e trial.Event) {
	if d.watch != nil {
		e.V = trial.EventVersion
		d.watch(e)
	}
}

func toMs(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
