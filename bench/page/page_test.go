//go:build !wasm

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"litefront/bench/contest"
	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// The worker is asked for what the page would ask, but for the time.
func TestRequest(t *testing.T) {
	text, err := request("lts-transformer-xl")
	if err != nil {
		t.Fatal(err)
	}
	var c search.Command
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if q := c.Request; c.Do != search.DoStart || q == nil || q.Setup.Space.Name != "lts-transformer-xl" || q.Setup.Strategy != "exact" || q.Budget != "20" || q.TrialTimeMs != trialTimeMs {
		t.Errorf("got %s", text)
	} else if err := q.Check(); err != nil {
		t.Error(err)
	}
	if _, err := request("no such space"); err == nil {
		t.Error("an unknown space is searched")
	}
}

func TestSearchPasses(t *testing.T) {
	for _, c := range []struct {
		name string
		s    searched
		want bool
	}{
		{"converged", searched{Ms: 90e3, Frontier: 40, Predicted: 100}, true},
		{"budget spent", searched{Ms: 180.6e3, Frontier: 40, Predicted: 100}, true},
		{"late", searched{Ms: 182e3, Frontier: 40, Predicted: 100}, false},
		{"nothing measured", searched{Ms: 90e3, Predicted: 100}, false},
		{"no interval", searched{Ms: 90e3, Frontier: 40, Bare: 1}, false},
	} {
		if got := c.s.pass(); got != c.want {
			t.Errorf("%s: passes: %t", c.name, got)
		}
	}
}

// The study that the page is watched with is one that it could have made.
func TestSynthetic(t *testing.T) {
	journal, err := synthetic(30)
	if err != nil {
		t.Fatal(err)
	}
	var events []trial.Event
	for line := range strings.Lines(journal) {
		e, err := study.Decode([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	s, err := study.Replay(events, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Progress(); p.Measured != 30 || len(s.Frontier()) < 3 {
		t.Errorf("%d are measured, %d on the frontier", p.Measured, len(s.Frontier()))
	}
}

func TestDisturbedPasses(t *testing.T) {
	for _, c := range []struct {
		resting, drawing, spread float64
		want                     bool
	}{{10, 10.5, 1, true}, {10, 9.5, 1, true}, {10, 11, 1, false}, {10, 8, 1, false}} {
		d := disturbed{Resting: contest.Result{MedianMs: c.resting, IQRMs: c.spread}, Drawing: contest.Result{MedianMs: c.drawing, IQRMs: 9}}
		if d.pass() != c.want {
			t.Errorf("%+v passes: %t", c, d.pass())
		}
	}
}
