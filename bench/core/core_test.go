package main

import (
	"strings"
	"testing"
	"time"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

func TestSession(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	l := stopwatch{called: start}
	for _, e := range []struct {
		kind trial.Kind
		ms   int
	}{
		{trial.KindStarted, 90}, {trial.KindProgress, 100}, {trial.KindAsked, 110}, {trial.KindMeasured, 1120},
		{trial.KindProgress, 1130}, {trial.KindAsked, 1140}, {trial.KindMeasured, 3160}, {trial.KindProgress, 3170}, {trial.KindDone, 5000},
	} {
		l.watch(trial.Event{Kind: e.kind}, at(e.ms))
	}
	trials := []study.Record{
		{Measurement: &trial.Measurement{SpentMs: 1000, CompileMs: 10}},
		{Measurement: &trial.Measurement{SpentMs: 2000, CompileMs: 30}},
		{}, // under way when time ran out
	}
	got := l.session(trials, trial.Done{Measured: 2})
	if want := (session{Measured: 2, StartupMs: 100, CompileMs: 20, OverheadMs: 30}); got != want {
		t.Errorf("session %+v; want %+v", got, want)
	}
	if got, want := l.session(trials[2:], trial.Done{Failed: 1}), (session{Failed: 1, StartupMs: 100}); got != want {
		t.Errorf("without a measurement: %+v; want %+v", got, want)
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		native, guest int
		pass          bool
	}{{30, 27, true}, {30, 26, false}, {30, 31, true}} {
		r := results{Goal: goal, Rounds: []round{
			{Native: session{Measured: tt.native}, Guest: session{Measured: tt.guest}},
			{Native: session{Measured: 30}, Guest: session{Measured: 27}},
		}}
		if err := r.judge(); err != nil || r.Pass != tt.pass {
			t.Errorf("%d of %d: pass %v, %v; want %v", tt.guest, tt.native, r.Pass, err, tt.pass)
		}
	}
	r := results{Budget: "1ms", Rounds: []round{{}}}
	if err := r.judge(); err == nil || !strings.Contains(err.Error(), "1ms") {
		t.Errorf("no candidate at all: %v; want an error that names the budget", err)
	}
}
