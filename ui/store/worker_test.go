package store

import (
	"slices"
	"strings"
	"testing"
	"time"

	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// Until the worker has told all that is kept, nothing can be done to it.
func TestNothingBeginsBeforeAllIsTold(t *testing.T) {
	s := New("test")
	s.Open()
	for _, m := range []search.Message{
		{Device: &trial.Device{Name: "a device"}},
		{Error: "the kept study cannot be read: line 1: damaged line"},
	} {
		tell(t, s, m)
		phase(t, s, Loading)
		do(t, s.Start, "")
		do(t, func() (search.Command, bool) { return s.Import("lines") }, "")
	}
	tell(t, s, search.Message{State: search.StateIdle, Kept: true})
	phase(t, s, Idle)
}

// A study that cannot be read can be taken away and discarded, and is not
// replaced without a question.
func TestUnreadableStudy(t *testing.T) {
	s := New("test")
	do(t, s.Export, "")
	s.Open()
	tell(t, s, search.Message{Device: &trial.Device{Name: "a device"}})
	tell(t, s, search.Message{Error: "the kept study cannot be read: line 1: event version 2 is not supported"})
	tell(t, s, search.Message{State: search.StateIdle, Kept: true})
	phase(t, s, Idle)
	if !s.Kept() || s.Study != nil || len(s.Errors) != 1 {
		t.Errorf("kept %v, study %v, errors %q", s.Kept(), s.Study, s.Errors)
	}
	do(t, s.Export, search.DoExport)
	tell(t, s, search.Message{Journal: "lines"})
	do(t, func() (search.Command, bool) { return s.Import("lines") }, "")
	if !s.Confirm.Asks() {
		t.Error("the study is replaced without a question")
	}
	s.Decline()
	s.NewSearch()
	do(t, s.Accept, search.DoForget)
	tell(t, s, search.Message{Device: s.Device})
	tell(t, s, search.Message{State: search.StateIdle})
	if s.Kept() || len(s.Errors) != 0 {
		t.Errorf("discarded: kept %v, errors %q", s.Kept(), s.Errors)
	}
	do(t, s.Export, "")
	do(t, s.Start, search.DoStart)
}

// What a device cannot do does not bring a discarded study back.
func TestForgetOnAnUnfitDevice(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	w.end(search.DoneInterrupted)
	s.NewSearch()
	do(t, s.Accept, search.DoForget)
	tell(t, s, search.Message{Device: s.Device})
	tell(t, s, search.Message{Error: "the browser has no SIMD"})
	tell(t, s, search.Message{State: search.StateIdle})
	if s.Study != nil || s.Kept() || len(s.Points()) != 0 {
		t.Error("the discarded study is still shown")
	}
	phase(t, s, Idle)
}

// However often its end is heard of, a worker dies once.
func TestDiesOnce(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	s.Die("the search core stopped: out of memory")
	s.Die("the search core stopped: the program ended")
	tell(t, s, search.Message{Error: "too late"})
	phase(t, s, Dead)
	if len(s.Errors) != 1 || len(s.Points()) != 7 || !s.Kept() {
		t.Errorf("errors %q, %d points, kept %v", s.Errors, len(s.Points())/7, s.Kept())
	}

	s = New("test") // could not even begin
	s.Open()
	tell(t, s, search.Message{Error: "the browser cannot measure"})
	s.Die("the search core stopped: the program ended")
	if len(s.Errors) != 1 {
		t.Errorf("errors %q", s.Errors)
	}
}

// A worker that owes something and is silent is dead, once, after a time that
// starts again with all that it says.
func TestSilence(t *testing.T) {
	loading := func(t *testing.T) *Store { s := New("test"); s.Open(); return s }
	searching := func(t *testing.T) *Store { s := ready(t); start(t, s, 1); return s }
	resting := func(t *testing.T) *Store {
		s := searching(t)
		tell(t, s, search.Message{State: search.StateIdle})
		return s
	}
	told := func(before func(*testing.T) *Store, action func(*Store)) func(*testing.T) *Store {
		return func(t *testing.T) *Store { s := before(t); action(s); return s }
	}
	for _, tt := range []struct {
		name  string
		store func(*testing.T) *Store
		limit time.Duration // 0: none
	}{
		{"nothing owed", ready, 0},
		{"a study rests", resting, 0},
		{"loading", loading, 2 * time.Minute},
		{"searching", searching, 5 * time.Minute},
		{"starting", told(ready, func(s *Store) { s.Start() }), 2 * time.Minute},
		{"pausing", told(searching, func(s *Store) { s.Pause() }), 2 * time.Minute},
		{"discarding", told(resting, func(s *Store) { s.NewSearch(); s.Accept() }), 2 * time.Minute},
		{"importing", told(ready, func(s *Store) { s.Import("lines") }), 2 * time.Minute},
		{"exporting", told(resting, func(s *Store) { s.Export() }), 2 * time.Minute},
		{"exported", told(resting, func(s *Store) { s.Export(); s.Apply(search.Message{Journal: "lines"}) }), 0},
		{"refused to export", told(resting, func(s *Store) { s.Export(); s.Apply(search.Message{Error: "no"}) }), 0},
		{"dead", told(searching, func(s *Store) { s.Die("gone") }), 0},
	} {
		s := tt.store(t)
		before := slices.Clone(s.Errors)
		ticks := func(n time.Duration) (died int) {
			for range n / time.Second {
				if s.Tick() {
					died++
				}
			}
			return died
		}
		if tt.limit == 0 {
			if n := ticks(time.Hour); n != 0 || !slices.Equal(s.Errors, before) {
				t.Errorf("%s: died %d times, errors %q", tt.name, n, s.Errors)
			}
			continue
		}
		if n := ticks(tt.limit - time.Second); n != 0 {
			t.Errorf("%s: died before %v", tt.name, tt.limit)
		}
		s.Apply(search.Message{}) // a sign of life
		if n := ticks(tt.limit - time.Second); n != 0 {
			t.Errorf("%s: died in spite of a sign of life", tt.name)
		}
		if n := ticks(time.Hour); n != 1 || len(s.Errors) != len(before)+1 {
			t.Errorf("%s: died %d times, errors %q", tt.name, n, s.Errors)
		}
		phase(t, s, Dead)
	}
}

// After a reload only the time of measurements is known. What is left counts if
// another candidate would fit, and is more than the rest that goes unrecorded.
func TestBudgetSpentAfterReload(t *testing.T) {
	for _, tt := range []struct {
		budget  string
		measure int // candidates of 1.5 s each
		status  string
	}{
		{"15s", 9, "Paused: "},
		{"15s", 10, "Budget spent: "},
		{"16s", 10, "Budget spent: "}, // no room for another
		{"17s", 10, "Paused: "},
		{"63s", 40, "Budget spent: "}, // 60 s of 63
		{"64s", 40, "Paused: "},
	} {
		s := ready(t)
		s.SetField(FieldBudget, tt.budget)
		w := start(t, s, 1)
		for range tt.measure {
			w.measure()
		}
		p := w.study.Progress()
		p.ElapsedMs = 1500 * float64(tt.measure)
		replayed := event(trial.KindProgress, func(e *trial.Event) { e.Progress = &p })
		replayed.Replayed = true
		tell(t, s, replayed)
		tell(t, s, search.Message{State: search.StateIdle})
		spent := tt.status != "Paused: "
		if got := s.Status(); !strings.HasPrefix(got, tt.status) {
			t.Errorf("%d candidates of %s: %q", tt.measure, tt.budget, got)
		}
		if p := s.Progress(0); (p.Share == 1 && p.Left == 0) != spent {
			t.Errorf("%d candidates of %s: progress %+v", tt.measure, tt.budget, p)
		}
		if _, ok := s.Start(); ok == spent {
			t.Errorf("%d candidates of %s: can go on %v", tt.measure, tt.budget, ok)
		}
		if spent {
			s.SetField(FieldBudget, "65s") // any more will do
			do(t, s.Start, search.DoStart)
		}
	}
}

// A live session knows its time: it may pause at the very end, and what ended it
// is remembered.
func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		reason string
		phase  Phase
		status string
	}{
		{search.DoneInterrupted, Paused, "Paused: 1 measured, 0 failed."},
		{search.DoneFailed, Paused, "Paused: 1 measured, 0 failed."},
		{search.DoneBudget, Idle, "Budget spent: 1 measured, 0 failed."},
		{search.DoneExhausted, Idle, "Nothing left to propose: 1 measured, 0 failed."},
	} {
		s := ready(t)
		w := start(t, s, 1)
		w.measure()
		w.progress(59_900)
		w.end(tt.reason)
		phase(t, s, tt.phase)
		if got := s.Status(); got != tt.status {
			t.Errorf("%s: %q, want %q", tt.reason, got, tt.status)
		}
	}
}

// What was measured in the background is told to be so.
func TestBackground(t *testing.T) {
	s := ready(t)
	status := func(want string) {
		t.Helper()
		if got := s.Status(); got != want {
			t.Errorf("status %q, want %q", got, want)
		}
	}
	s.SetHidden(true)
	s.SetHidden(false)
	status("Ready.")
	s.SetHidden(true)
	w := start(t, s, 1)
	s.SetHidden(false)
	status("Searching. This tab was in the background: what was under way was measured again, or is marked.")
	tell(t, s, search.Message{State: search.StateIdle})
	do(t, s.Start, search.DoStart)
	tell(t, s, search.Message{State: search.StateSearching})
	status("Searching.")
	s.SetHidden(true)
	status("Searching. This tab is in the background: what is measured meanwhile is marked, or measured again.")
	s.SetHidden(false)
	const was = " This tab was in the background: what was under way was measured again, or is marked."
	status("Searching." + was)
	w.measure()
	w.end(search.DoneInterrupted)
	status("Paused: 1 measured, 0 failed." + was)

	do(t, s.Start, search.DoStart)
	s.SetHidden(true) // before the worker answers
	tell(t, s, search.Message{State: search.StateSearching})
	status("Searching. This tab is in the background: what is measured meanwhile is marked, or measured again.")
	w.end(search.DoneInterrupted)
	status("Paused: 1 measured, 0 failed." + was)
	s.SetHidden(false)
	do(t, s.Start, search.DoStart)
	tell(t, s, search.Message{State: search.StateSearching})
	status("Searching.")
}
