//go:build !wasm

package main

import (
	"encoding/json"
	"testing"

	"litefront/kernels/search"
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
