package main

import (
	"testing"
)

func seconds(s float64) *float64 { return &s }

func TestCompare(t *testing.T) {
	run := func(seconds float64, candidates int, nearly *float64) runResult {
		return runResult{Seconds: seconds, Candidates: candidates, Nearly: nearly}
	}
	for _, c := range []struct {
		name         string
		ours, theirs []runResult
		want         string
	}{
		{"all got there",
			[]runResult{run(20, 40, seconds(10)), run(20, 40, seconds(10)), run(20, 40, seconds(10))},
			[]runResult{run(900, 2500, seconds(300)), run(900, 2500, seconds(100)), run(900, 2500, seconds(200))}, "20.0×"},
		{"one did not",
			[]runResult{run(20, 40, seconds(10)), run(20, 40, seconds(10)), run(20, 40, seconds(10))},
			[]runResult{run(900, 2500, seconds(300)), run(900, 2400, nil), run(900, 2500, seconds(200))}, "30.0× so far (after 2400 candidates)"},
		{"two did not",
			[]runResult{run(20, 40, seconds(10)), run(20, 40, seconds(20))},
			[]runResult{run(100, 300, nil), run(400, 200, nil)}, "15.0× so far (after 200 candidates)"},
		{"ours did not",
			[]runResult{run(20, 40, nil)},
			[]runResult{run(100, 300, seconds(3))}, "unknown"},
	} {
		if got := compare(c.theirs, runResult.nearly, c.ours, runResult.nearly).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A search that was cut off is no whole one.
func TestWhole(t *testing.T) {
	if r := (runResult{Seconds: 3, Own: seconds(2)}); r.whole() != nil || r.own() != nil {
		t.Error("a search that was cut off has an end")
	}
	if r := (runResult{Seconds: 3, Own: seconds(2), Ended: true}); *r.whole() != 3 || *r.own() != 2 {
		t.Errorf("a search that ended took %v, and %v to its end", r.whole(), r.own())
	}
}

func TestContenders(t *testing.T) {
	groups, err := contenders(options{trials: 9, exact: 4, seeds: 2})
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for _, g := range groups {
		if want := g.seeds * len(g.strategies); len(g.contenders) != want || g.strategies[0] != exact || g.strategies[1] != lts {
			t.Errorf("protocol %s: %d searches by %v, want %d, exact and lts first", g.protocol, len(g.contenders), g.strategies, want)
		}
		for i, c := range g.contenders {
			paths[c.path] = true
			if s := c.request.Setup; s.Strategy != g.strategies[i/g.seeds] || s.Seed != uint64(i%g.seeds+1) || s.Protocol != g.protocol {
				t.Errorf("search %d has strategy %s and seed %d", i, s.Strategy, s.Seed)
			}
			if want := map[bool]string{true: "4", false: "9"}[g.strategies[i/g.seeds] == exact]; c.request.Budget != want {
				t.Errorf("search %d has the budget %s, want %s", i, c.request.Budget, want)
			}
			if err := c.request.Check(); err != nil {
				t.Error(err)
			}
		}
	}
	if len(paths) != 8 {
		t.Errorf("%d journals for 8 searches", len(paths))
	}
}
