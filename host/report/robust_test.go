package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"litefront/host/report"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// on runs n trials on a device that takes so long for a layer and for a million
// parameters.
func on(t *testing.T, device string, change func(*trial.Setup), perLayer, perMillion float64, n int) *study.Study {
	t.Helper()
	set := setup(t)
	set.Objectives = []string{"decoder_params", "prefill_ms"}
	if change != nil {
		change(&set)
	}
	s := start(t, device, set)
	for range n {
		tr := ask(t, s)
		m := measure(t, tr)
		ms := perLayer*float64(len(tr.Arch.Layers)) + perMillion*float64(tr.Arch.DecoderParams())/1e6
		m.Workload, m.Prefill, m.Decode = set.Workload, stat(ms), stat(ms/40)
		m.Device.Name = device
		tell(t, s, tr, m)
	}
	return s
}

func seeded(seed uint64) func(*trial.Setup) { return func(s *trial.Setup) { s.Seed = seed } }

// robust is a Robust as its JSON tells it.
type robust struct {
	Objectives                      []string
	Score                           string
	Devices                         []struct{ Measured, Fitted int }
	Candidates, Infeasible, Unknown int
	Members                         []struct {
		ArchID string `json:"arch_id"`
		Score  float64
		On     []struct {
			Status   string
			Values   []float64
			Low      []float64
			Slowdown float64
			Best     string
		}
	}
	Notes []string
}

func together(t *testing.T, o report.RobustOptions, studies ...*study.Study) (*report.Robust, robust) {
	t.Helper()
	r, err := report.NewRobust(entries(studies), o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	var told robust
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &told); err != nil {
		t.Fatal(err)
	}
	return r, told
}

// Where both devices measured all, the members are those that a brute force finds, and
// the slowdowns are over each device's own best.
func TestRobustAgainstBruteForce(t *testing.T) {
	a, b := on(t, "a", seeded(3), 3, 1, 60), on(t, "b", seeded(3), 0.5, 4, 60)
	for _, shares := range [][]float64{nil, {1, 3}} {
		_, told := together(t, report.RobustOptions{Shares: shares}, a, b)
		type candidate struct {
			params float64
			ms     [2]float64
		}
		all := map[string]candidate{}
		for d, s := range []*study.Study{a, b} {
			for _, r := range s.Trials() {
				c := all[r.Arch.ID()]
				c.params, c.ms[d] = r.Values[0], r.Values[1]
				all[r.Arch.ID()] = c
			}
		}
		slow := func(c, level candidate) (slow [2]float64) {
			best := [2]float64{math.Inf(1), math.Inf(1)}
			for _, other := range all {
				if other.params >= level.params {
					best[0], best[1] = min(best[0], other.ms[0]), min(best[1], other.ms[1])
				}
			}
			return [2]float64{c.ms[0] / best[0], c.ms[1] / best[1]}
		}
		score := func(x [2]float64) float64 {
			if shares != nil {
				return (x[0] + 3*x[1]) / 4
			}
			return max(x[0], x[1])
		}
		var want []string
		for id, c := range all {
			beaten := false
			for _, other := range all {
				beaten = beaten || other.params >= c.params && score(slow(other, c)) < score(slow(c, c))
			}
			if !beaten {
				want = append(want, id)
			}
		}
		var got []string
		for _, m := range told.Members {
			got = append(got, m.ArchID)
			c := all[m.ArchID]
			if x := slow(c, c); math.Abs(m.On[0].Slowdown-x[0]) > 1e-12 || math.Abs(m.On[1].Slowdown-x[1]) > 1e-12 || math.Abs(m.Score-score(x)) > 1e-12 {
				t.Errorf("%+v, want %v", m, x)
			}
			for d := range m.On {
				if m.On[d].Status != "measured" || m.On[d].Values[1] != c.ms[d] {
					t.Errorf("%+v, want %v", m.On[d], c)
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || len(got) < 3 || told.Candidates != len(all) {
			t.Errorf("shares %v: members %v of %d, want %v of %d", shares, got, told.Candidates, want, len(all))
		}
	}
}

// What one device measured, the other's model predicts, and it is marked.
func TestRobustPredicts(t *testing.T) {
	a, b := on(t, "a", seeded(3), 3, 1, 20), on(t, "b", func(s *trial.Setup) { s.Seed, s.Workload.Threads = 4, 2 }, 0.5, 4, 25)
	r, told := together(t, report.RobustOptions{}, a, b)
	if told.Candidates != 45 || told.Unknown != 0 || told.Devices[0].Measured != 20 || told.Devices[1].Fitted != 25 {
		t.Errorf("%+v", told)
	}
	predicted := 0
	for _, m := range told.Members {
		for d, o := range m.On {
			if o.Status == "predicted" {
				predicted++
				if !(o.Low[1] < o.Values[1]) {
					t.Errorf("device %d predicts %v without an interval", d+1, o.Values)
				}
			}
		}
		if m.On[0].Status == m.On[1].Status {
			t.Errorf("no architecture was measured on both, but %+v", m)
		}
	}
	if predicted == 0 {
		t.Error("nothing is predicted")
	}
	var table, rows bytes.Buffer
	if err := r.Table(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"devices: 2", "candidates: 45", "prefill on 2", "ms p", "worst", "what sharing costs device 2", "predicted by the device's model"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
	if err := r.CSV(&rows); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&rows).ReadAll()
	if err != nil || len(records) != 1+2*len(told.Members) || !slices.Contains(records[0], "prefill_ms_low") {
		t.Errorf("%d records (%v)", len(records), err)
	}
}

// Too little to fit: only what all devices measured counts, and it is said.
func TestRobustMissing(t *testing.T) {
	a, b := on(t, "a", seeded(3), 3, 1, 20), on(t, "b", seeded(3), 0.5, 4, 5)
	_, told := together(t, report.RobustOptions{}, a, b)
	if told.Candidates != 5 || told.Unknown != 15 || told.Devices[1].Fitted != 0 || !strings.Contains(strings.Join(told.Notes, "\n"), "device 2 has no model") {
		t.Errorf("%+v", told)
	}
}

// A constraint that one device breaks keeps a candidate from all.
func TestRobustConstraints(t *testing.T) {
	bound := func(s *trial.Setup) { s.Seed, s.Constraints = 3, []string{"prefill_ms<=100"} }
	a, b := on(t, "a", seeded(3), 3, 1, 20), on(t, "b", bound, 0.5, 4, 20)
	over := 0
	for _, r := range b.Trials() {
		if r.Values[1] > 100 {
			over++
		}
	}
	_, told := together(t, report.RobustOptions{}, a, b)
	if over == 0 || over == 20 || told.Infeasible != over || told.Candidates != 20-over {
		t.Errorf("%d break the constraint; %d are infeasible, %d candidates", over, told.Infeasible, told.Candidates)
	}
	_, told = together(t, report.RobustOptions{Cut: report.Cut{Constraints: []string{"prefill_ms<=0.1"}}}, a, b)
	if told.Infeasible != 20 || len(told.Members) != 0 {
		t.Errorf("%+v", told)
	}
}

func TestRobustRefuses(t *testing.T) {
	a := on(t, "a", seeded(3), 3, 1, 3)
	for _, c := range []struct {
		studies []*study.Study
		options report.RobustOptions
		want    string
	}{
		{nil, report.RobustOptions{}, "no study given"},
		{[]*study.Study{a, on(t, "b", func(s *trial.Setup) { s.Workload.PromptLen = 100 }, 1, 1, 1)}, report.RobustOptions{}, "study 2 has workload"},
		{[]*study.Study{a, on(t, "b", func(s *trial.Setup) { s.Objectives = []string{"decoder_params", "decode_ms"} }, 1, 1, 1)}, report.RobustOptions{}, "objectives"},
		{[]*study.Study{a, on(t, "b", nil, 1, 1, 0)}, report.RobustOptions{}, "measured nothing"},
		{[]*study.Study{a, a}, report.RobustOptions{Shares: []float64{1}}, "1 given for 2 devices"},
		{[]*study.Study{a, a}, report.RobustOptions{Shares: []float64{1, -1}}, "-1 must be"},
		{[]*study.Study{a}, report.RobustOptions{Cut: report.Cut{Objectives: []string{"flops", "peak_mb"}}}, "none of the objectives is measured"},
	} {
		_, err := report.NewRobust(entries(c.studies), c.options)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line with %q", err, c.want)
		}
	}
}

func TestRobustIsDeterministic(t *testing.T) {
	a, b := on(t, "a", seeded(3), 3, 1, 20), on(t, "b", seeded(4), 0.5, 4, 20)
	_, first := together(t, report.RobustOptions{}, a, b)
	_, second := together(t, report.RobustOptions{}, a, b)
	if fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("%v, then %v", first, second)
	}
}
