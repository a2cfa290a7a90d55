//go:build !wasm

package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/cost"
	"litefront/searchcore/trial"
)

// made is data of a device whose times are parameters, a multiple of them in the
// second pass of all but the first architecture.
func made(t *testing.T, train, test int, second float64) *data {
	t.Helper()
	list, err := candidates(train, test)
	if err != nil {
		t.Fatal(err)
	}
	d := &data{Code: "v0", Train: train, Archs: list, Engines: []measured{{Name: "made up"}}}
	for pass := range d.Engines[0].Passes {
		for i, a := range list {
			ms := float64(a.DecoderParams()) / 1e5
			if pass == 1 && i > 0 {
				ms *= second
			}
			d.Engines[0].Passes[pass] = append(d.Engines[0].Passes[pass], trial.Measurement{
				ArchID: a.ID(), Workload: trial.DefaultWorkload(), Device: trial.Device{Engine: "none"},
				Prefill: trial.Stat{MinMs: ms}, Decode: trial.Stat{MinMs: ms / 100},
			})
		}
	}
	return d
}

func scoreOf(t *testing.T, r results, time, predictor string) score {
	t.Helper()
	for _, x := range r.Engines[0].Times {
		for _, s := range x.Predictors {
			if x.Name == time && s.Name == predictor {
				return s
			}
		}
	}
	t.Fatalf("no score of %q for %q", predictor, time)
	return score{}
}

func TestJudge(t *testing.T) {
	r, err := judge(made(t, 20, 10, 1.25))
	if err != nil {
		t.Fatal(err)
	}
	for _, time := range []string{"prefill", "decode", "response"} {
		if s := scoreOf(t, r, time, paramsOnly); s.MAPE > 1e-9 || s.Within10 < 1-1e-9 || *s.Spearman < 1-1e-9 {
			t.Errorf("%s: parameters decide, but they score %+v", time, s)
		}
		if s := scoreOf(t, r, time, repetition); math.Abs(s.MAPE-0.25) > 1e-9 || s.Within10 != 0 {
			t.Errorf("%s: the passes differ by a quarter, not by %+v", time, s)
		}
		if s := scoreOf(t, r, time, constant); s.Spearman != nil || s.MAPE < 0.1 {
			t.Errorf("%s: a constant scores %+v", time, s)
		}
		if s := scoreOf(t, r, time, fitted); s.MAPE > 0.05 || *s.Spearman < 0.99 {
			t.Errorf("%s: the model scores %+v", time, s)
		}
	}
	if len(r.Goals) != 6 {
		t.Errorf("%d goals, want 3 each of prefill and decode", len(r.Goals))
	}
}

func TestGoals(t *testing.T) {
	rho := 0.995
	e := engineResult{Name: "x", Times: []timeResult{{"prefill", []score{{Name: fitted, MAPE: 0.03, Within10: 0.98, Spearman: &rho}}}}}
	var pass []bool
	for _, g := range goals[0].judge(e) {
		pass = append(pass, g.Pass)
	}
	if want := []bool{false, true, true}; !slices.Equal(pass, want) {
		t.Errorf("goals reached: %v, want %v", pass, want)
	}
}

// The fresh candidates must span the deciles of depth and of parameters evenly, and
// be none of the designed.
func TestCandidatesSpanTheDeciles(t *testing.T) {
	const train, test = 20, 60
	list, err := candidates(train, test)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != train+test {
		t.Fatalf("%d candidates, want %d", len(list), train+test)
	}
	ids := map[string]bool{}
	depths := map[int]int{}
	for i, a := range list {
		ids[a.ID()] = true
		if i >= train {
			depths[len(a.Layers)]++
		}
	}
	if len(ids) != len(list) {
		t.Errorf("%d of %d candidates differ", len(ids), len(list))
	}
	if len(depths) < 10 {
		t.Errorf("depths %v, want about all", depths)
	}
	again, err := candidates(train, test)
	if err != nil || !slices.EqualFunc(list, again, func(a, b arch.Architecture) bool { return a.ID() == b.ID() }) {
		t.Errorf("other candidates the second time: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*data)
		want string
	}{
		{"nothing wrong", func(*data) {}, ""},
		{"too few", func(d *data) { d.Train = cost.MinObservations - 1 }, "train 7 must be between 8"},
		{"nothing to test on", func(d *data) { d.Train = len(d.Archs) }, "2 below the"},
		{"a hole", func(d *data) { d.Engines[0].Passes[1] = d.Engines[0].Passes[1][1:] }, "has 11 measurements of 12 architectures"},
	} {
		d := made(t, 8, 4, 1)
		c.edit(d)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "raw.json")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = read(path)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}
