package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"litefront/host/report"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// journal keeps events in memory.
type journal struct{ events []trial.Event }

func (j *journal) Append(e trial.Event) error {
	j.events = append(j.events, e)
	return nil
}

// forecast is a study whose strategy predicts a frontier: that of a device which takes
// so long for an operation, and up to 4 % longer than it should.
func forecast(t testing.TB) (*study.Study, *journal) {
	t.Helper()
	set, kept := setup(t), &journal{}
	set.Strategy, set.Objectives = "exact", []string{"decoder_params", "response_ms", "peak_mb"}
	s, err := study.New("forecast", "v0", set, kept, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Enqueue(reference); err != nil {
		t.Fatal(err)
	}
	for range 1 + 17 {
		tr := ask(t, s)
		m := measure(t, tr)
		g, err := graph.Build(tr.Arch, set.Workload)
		if err != nil {
			t.Fatal(err)
		}
		late := 1 + 0.02*math.Mod(m.Prefill.MedianMs, 1)
		prefill, decode := 0.1, 0.01
		for _, o := range g.Ops {
			prefill += 2.5e-8 * float64(g.Work(o, 0, set.Workload.PromptLen).MACs)
			decode += 4e-8 * float64(g.Work(o, set.Workload.DecodePos(), 1).Bytes)
		}
		m.Prefill, m.Decode = stat(prefill*late), stat(decode*late*late)
		tell(t, s, tr, m)
	}
	if p := s.Predicted(); p == nil || len(p.Points) < 20 {
		t.Fatalf("the strategy predicts %+v", p)
	}
	return s, kept
}

// foretold is a predicted point by other objectives, computed apart from the reports.
type foretold struct {
	number     int
	prediction trial.Prediction
	candidate  objective.Candidate
	costs      []float64
	broken     bool
}

// foresee computes the values of what s predicts, and which of them nothing that was
// measured or predicted surpasses under the cut.
func foresee(t *testing.T, s *study.Study, objectives objective.Set, keeps func(objective.Candidate) bool) (all []foretold, members map[int]bool) {
	t.Helper()
	var costs [][]float64
	var numbers []int
	add := func(number int, c objective.Candidate) []float64 {
		values, err := objectives.Values(c)
		if err != nil {
			t.Fatal(err)
		}
		if keeps(c) {
			costs, numbers = append(costs, objectives.Costs(values)), append(numbers, number)
		}
		return objectives.Costs(values)
	}
	candidate := func(r trial.Proposal, m *trial.Measurement) objective.Candidate {
		g, err := graph.Build(r.Arch, s.Started().Workload)
		if err != nil {
			t.Fatal(err)
		}
		return objective.NewCandidate(g, m)
	}
	for _, r := range s.Trials() {
		if r.Status == study.Measured && !r.Overlay() {
			add(r.Number, candidate(r.Proposal, r.Measurement))
		}
	}
	for i, p := range s.Predicted().Points {
		m := p.Measurement(s.Started().Workload)
		c := candidate(trial.Proposal{Arch: p.Arch}, &m)
		all = append(all, foretold{-1 - i, p, c, add(-1-i, c), !keeps(c)})
	}
	members = map[int]bool{}
	for _, i := range pareto.Front(costs) {
		members[numbers[i]] = true
	}
	return all, members
}

func TestPredictedTable(t *testing.T) {
	s, _ := forecast(t)
	text := table(t, s)
	golden(t, "testdata/predicted.txt", text)

	all, members := foresee(t, s, parseSet(t, s.Started().Objectives), func(objective.Candidate) bool { return true })
	all = slices.DeleteFunc(all, func(f foretold) bool { return !members[f.number] })
	for _, want := range []string{
		fmt.Sprintf("predicted, not measured: %d\n", len(all)),
		fmt.Sprintf("the frontier that it computes has %d members; of the last 10 latencies", s.Predicted().Total),
		fmt.Sprintf("\n%d more are predicted; litefront front --predicted lists them\n", len(all)-10),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	response, _ := objective.Parse("response_ms")
	for i, f := range all {
		name := fmt.Sprintf("\np%d ", -f.number)
		if listed := strings.Contains(text, name); listed != (i < 10) {
			t.Errorf("%q is listed: %v; it is number %d of the farthest", name, listed, i+1)
		} else if !listed {
			continue
		}
		number := func(ms float64) string { return strings.TrimSuffix(response.Format(ms), " ms") }
		p, d := f.prediction.Prefill, f.prediction.Decode
		want := fmt.Sprintf("%s [%s, %s]", response.Format(p.Ms+64*d.Ms), number(p.LowMs+64*d.LowMs), number(p.HighMs+64*d.HighMs))
		if got := cells(t, text, strings.TrimSpace(name)); !strings.Contains(got, f.prediction.Arch.String()) || !strings.Contains(got, want) || !strings.HasSuffix(got, "predicted") {
			t.Errorf("row %q, want %v with %s", got, f.prediction.Arch, want)
		}
	}
}

func parseSet(t *testing.T, names []string) objective.Set {
	t.Helper()
	set, err := objective.ParseSet(names)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestPredictedFront compares the lists under several cuts with what package pareto
// says of values that are computed here.
func TestPredictedFront(t *testing.T) {
	s, _ := forecast(t)
	own := s.Started().Objectives
	for _, test := range []struct {
		name       string
		options    report.FrontOptions
		objectives []string
		keeps      func(objective.Candidate) bool
	}{
		{"as it is", report.FrontOptions{}, own, nil},
		{"other objectives", report.FrontOptions{Cut: report.Cut{Objectives: []string{"quality", "decode_ms"}}}, []string{"quality", "decode_ms"}, nil},
		{"constraints", report.FrontOptions{Cut: report.Cut{Constraints: []string{"decode_ms<=6", "decoder_params>=6e6"}}}, own,
			func(c objective.Candidate) bool {
				return c.Measurement.Decode.MedianMs <= 6 && c.Arch.DecoderParams() >= 6e6
			}},
	} {
		for _, withAll := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, all %v", test.name, withAll), func(t *testing.T) {
				if test.keeps == nil {
					test.keeps = func(objective.Candidate) bool { return true }
				}
				objectives := parseSet(t, test.objectives)
				foretold, members := foresee(t, s, objectives, test.keeps)
				o := test.options
				o.All, o.Predicted = withAll, true
				f := front(t, s, o)
				var b bytes.Buffer
				if err := f.JSON(&b); err != nil {
					t.Fatal(err)
				}
				var document struct {
					Trials []struct {
						Trial       int
						ArchID      string `json:"arch_id"`
						Standing    string
						Violates    string
						Values      []float64
						Measurement *trial.Measurement
						Prediction  *struct{ Prefill, Decode trial.Estimate }
					}
				}
				if err := json.Unmarshal(b.Bytes(), &document); err != nil {
					t.Fatal(err)
				}
				got, dropped, last := 0, 0, math.Inf(1)
				for _, r := range document.Trials {
					cost := objectives.Costs(r.Values)[0]
					if cost > last {
						t.Errorf("trial %d is not in order", r.Trial)
					}
					last = cost
					if r.Trial > 0 {
						if r.Measurement == nil || r.Prediction != nil {
							t.Errorf("trial %d: measurement %v, prediction %v", r.Trial, r.Measurement, r.Prediction)
						}
						continue
					}
					got++
					want := foretold[-1-r.Trial]
					standing := "dominated"
					switch {
					case want.broken:
						standing = "infeasible"
					case members[r.Trial]:
						standing = "predicted"
					}
					if r.Standing != standing || r.ArchID != want.prediction.Arch.ID() || r.Measurement != nil || r.Prediction == nil ||
						r.Prediction.Prefill != want.prediction.Prefill || r.Prediction.Decode != want.prediction.Decode ||
						!slices.Equal(objectives.Costs(r.Values), want.costs) || (r.Violates != "") != want.broken {
						t.Errorf("%+v, want %s and %+v", r, standing, want)
					}
					if standing != "predicted" {
						dropped++
					}
				}
				wanted := 0
				for _, p := range foretold {
					if withAll || members[p.number] {
						wanted++
					}
				}
				if got != wanted || wanted == 0 {
					t.Errorf("%d predicted points are listed, want %d", got, wanted)
				}
				if withAll && dropped == 0 && test.name != "as it is" {
					t.Error("the cut leaves nothing out, and tests nothing")
				}
				for _, r := range f.Members() {
					if !members[r.Number] && r.Number < 0 {
						t.Errorf("%d is among the members", r.Number)
					}
				}

				b.Reset()
				if err := f.CSV(&b); err != nil {
					t.Fatal(err)
				}
				list := rows(t, b.Bytes())
				if len(list) != len(document.Trials) {
					t.Fatalf("CSV lists %d rows, JSON %d", len(list), len(document.Trials))
				}
				for i, row := range list {
					r := document.Trials[i]
					if row["trial"] != strconv.Itoa(r.Trial) || (row["status"] == "predicted") != (r.Trial < 0) ||
						row["on_frontier"] != strconv.FormatBool(r.Standing == "predicted" || r.Standing == "frontier") {
						t.Errorf("CSV %s %s %s, JSON %d %s", row["trial"], row["status"], row["on_frontier"], r.Trial, r.Standing)
					}
				}

				// The table lists each once, and no section repeats them.
				b.Reset()
				if err := f.Table(&b); err != nil {
					t.Fatal(err)
				}
				if n := strings.Count(b.String(), "\np"); n != got+1 { // and the line on the model
					t.Errorf("%d lines of the table tell of predictions, want %d", n, got+1)
				}
			})
		}
	}

	f := front(t, s, report.FrontOptions{Predicted: true, Sort: "response_ms", Limit: 3})
	want := front(t, s, report.FrontOptions{Predicted: true, Sort: "response_ms"}).Members()[:3]
	if got := f.Members(); !reflect.DeepEqual(got, want) {
		t.Errorf("limited: %v, want %v", numbers(got), numbers(want))
	}
	for _, r := range front(t, s, report.FrontOptions{}).Members() {
		if r.Number < 0 {
			t.Errorf("%d is listed, but was not asked for", r.Number)
		}
	}
}

func TestPredictedFiles(t *testing.T) {
	s, kept := forecast(t)
	files := written(t, s)
	p := s.Predicted()
	list := rows(t, files["predicted.csv"])
	if len(list) != len(p.Points) {
		t.Fatalf("%d rows, want %d", len(list), len(p.Points))
	}
	float := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	for i, row := range list {
		e := p.Points[i]
		for name, want := range map[string]string{
			"trial": strconv.Itoa(-1 - i), "status": "predicted", "op": "", "arch_id": e.Arch.ID(),
			"decoder_params": strconv.FormatInt(e.Arch.DecoderParams(), 10),
			"prefill_ms":     float(e.Prefill.Ms), "prefill_ms_low": float(e.Prefill.LowMs), "prefill_ms_high": float(e.Prefill.HighMs),
			"decode_ms": float(e.Decode.Ms), "decode_ms_low": float(e.Decode.LowMs), "decode_ms_high": float(e.Decode.HighMs),
			"prefill_min_ms": "", "memory_bytes": "", "verdict": "", "overlay": "false", "reason": "",
		} {
			if row[name] != want {
				t.Errorf("row %d: %s is %q, want %q", i, name, row[name], want)
			}
		}
	}
	var document struct{ Predicted *trial.Predicted }
	if err := json.Unmarshal(files["study.json"], &document); err != nil {
		t.Fatal(err)
	}
	if got := document.Predicted; got == nil || got.Total != p.Total || got.Fitted != 17 || got.Checked != 10 || len(got.Points) != len(p.Points) ||
		got.Points[0].Arch.ID() != p.Points[0].Arch.ID() || got.Points[0].Decode != p.Points[0].Decode {
		t.Errorf("study.json predicts %+v", got)
	}

	// The same journal gives the same bytes.
	again, err := study.Replay(kept.events, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range written(t, again) {
		if !bytes.Equal(data, files[name]) {
			t.Errorf("%s differs after a replay", name)
		}
	}
	if table(t, again) != table(t, s) {
		t.Error("the table differs after a replay")
	}
}

func TestPredictedPlot(t *testing.T) {
	s, _ := forecast(t)
	_, members := foresee(t, s, parseSet(t, s.Started().Objectives), func(objective.Candidate) bool { return true })
	predicted := 0
	for number := range members {
		if number < 0 {
			predicted++
		}
	}
	d := plotOf(t, s)
	for _, test := range []struct {
		what, style string
		want        int
	}{
		{"frontier", "fill:#0072B2", len(s.Frontier()) + 1},
		{"whiskers of the frontier", "fill:none;stroke:#0072B2;stroke-width:0.75", 3 * len(s.Frontier())},
		{"whiskers of what is predicted", "fill:none;stroke:#0071B1;stroke-opacity", 3 * predicted},
		{"what is predicted, and the legend", "fill:none;stroke:#0072B2;stroke-width:0.5", predicted + 1},
	} {
		if got := d.count(test.style); got != test.want {
			t.Errorf("%s: got %d paths, want %d", test.what, got, test.want)
		}
	}
	if !d.has("predicted, 95 % interval") {
		t.Errorf("the legend is %q", d.texts)
	}
}

// A comparison is of what was measured: its hypervolume is not that of predictions.
func TestPredictionsAreNotCompared(t *testing.T) {
	s, _ := forecast(t)
	if got := summary(t, compared(t, s), "forecast"); !strings.Contains(got, fmt.Sprintf("exact 7 17 %d 100.0 %%", len(s.Frontier()))) {
		t.Errorf("compared: %s", got)
	}
}
