package report_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"litefront/host/report"
	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/study"
)

func front(t *testing.T, s *study.Study, o report.FrontOptions) *report.Front {
	t.Helper()
	f, err := report.NewFront(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func numbers(records []study.Record) (list []int) {
	for _, r := range records {
		list = append(list, r.Number)
	}
	return list
}

// By prefill and decode, trials 1 and 2 are on the frontier, 3 is dominated by
// both, and 4 by 2 alone. A response decodes 64 tokens: it takes 10 + 64·3 = 202,
// 15 + 64 = 79, 276 and 83 ms.
func TestFrontByHand(t *testing.T) {
	s := timed(t, "a", 1, [2]float64{10, 3}, [2]float64{15, 1}, [2]float64{20, 4}, [2]float64{19, 1})
	for _, test := range []struct {
		name    string
		options report.FrontOptions
		members []int
		rows    string // trial:standing
	}{
		{"as it is", report.FrontOptions{}, []int{2, 1}, "2:frontier 1:frontier"},
		{"sorted", report.FrontOptions{Sort: "response_ms"}, []int{2, 1}, "2:frontier 1:frontier"},
		{"limited", report.FrontOptions{Sort: "decode_ms", Limit: 1}, []int{2}, "2:frontier"},
		{"limited as it is", report.FrontOptions{Limit: 1}, []int{1}, "1:frontier"},
		{"all", report.FrontOptions{All: true}, []int{2, 1}, "3:dominated 4:dominated 2:frontier 1:frontier"},
		{"all, limited", report.FrontOptions{All: true, Sort: "decode_ms", Limit: 3}, []int{2, 1}, "2:frontier 4:dominated 1:frontier"},
		{"other objectives", report.FrontOptions{Cut: report.Cut{Objectives: []string{"response_ms", "decode_ms"}}},
			[]int{2}, "2:frontier"},
		{"constraint", report.FrontOptions{All: true, Cut: report.Cut{Constraints: []string{"decode_ms>=2"}}},
			[]int{1}, "3:dominated 4:infeasible 2:infeasible 1:frontier"},
		{"constraint on what is no objective", report.FrontOptions{All: true, Sort: "response_ms", Cut: report.Cut{Constraints: []string{"response_ms>=80", "prefill_ms>=15"}}},
			[]int{4}, "2:infeasible 4:frontier 1:infeasible 3:dominated"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := front(t, s, test.options)
			if got := numbers(f.Members()); !slices.Equal(got, test.members) {
				t.Errorf("members %v, want %v", got, test.members)
			}
			var b bytes.Buffer
			if err := f.JSON(&b); err != nil {
				t.Fatal(err)
			}
			var document struct {
				Objectives []string
				Trials     []struct {
					Trial              int
					Standing, Violates string
					Values             []float64
				}
			}
			if err := json.Unmarshal(b.Bytes(), &document); err != nil {
				t.Fatal(err)
			}
			var rows, broken []string
			for _, r := range document.Trials {
				rows = append(rows, strconv.Itoa(r.Trial)+":"+r.Standing)
				if len(r.Values) != len(document.Objectives) || (r.Standing == "infeasible") != (r.Violates != "") {
					t.Errorf("JSON: %+v by %v", r, document.Objectives)
				}
				if r.Violates != "" {
					broken = append(broken, r.Violates)
				}
			}
			if got := strings.Join(rows, " "); got != test.rows {
				t.Errorf("JSON lists %s, want %s", got, test.rows)
			}
			for _, text := range broken {
				if !slices.Contains(test.options.Constraints, text) {
					t.Errorf("%q was not asked for", text)
				}
			}

			b.Reset()
			if err := f.CSV(&b); err != nil {
				t.Fatal(err)
			}
			if got := csvTrials(t, b.Bytes()); !slices.Equal(got, trialsOf(rows)) {
				t.Errorf("CSV lists %v, want %v", got, rows)
			}
		})
	}
	// The table marks what is not on the frontier.
	var b bytes.Buffer
	if err := front(t, s, report.FrontOptions{All: true, Cut: report.Cut{Constraints: []string{"decode_ms>=2"}}}).Table(&b); err != nil {
		t.Fatal(err)
	}
	for number, want := range map[string]string{"2": "breaks decode_ms>=2", "3": "dominated"} {
		if got := cells(t, b.String(), number); !strings.Contains(got, want) {
			t.Errorf("row %s is %q, want %q in it", number, got, want)
		}
	}
}

func csvTrials(t *testing.T, data []byte) (list []string) {
	for _, row := range rows(t, data) {
		list = append(list, row["trial"])
	}
	return list
}

func trialsOf(rows []string) (list []string) {
	for _, row := range rows {
		number, _, _ := strings.Cut(row, ":")
		list = append(list, number)
	}
	return list
}

// Under its own objectives a study's frontier is the study's, whatever the order
// of results; under others it is what pareto selects from computed values.
func TestFrontAgainstStudy(t *testing.T) {
	s := sample(t)
	if got, want := numbers(front(t, s, report.FrontOptions{}).Members()), numbers(s.Frontier()); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("members %v, want %v", got, want)
	}
	params, err := objective.Parse("total_params")
	if err != nil {
		t.Fatal(err)
	}
	var costs [][]float64
	var trials []int
	for _, r := range s.Trials() {
		if r.Status == study.Measured && r.Violates == "" && !r.Overlay() {
			total, err := params.Value(objective.Candidate{Arch: r.Arch})
			if err != nil {
				t.Fatal(err)
			}
			costs = append(costs, []float64{-float64(r.Arch.DecoderParams()), total})
			trials = append(trials, r.Number)
		}
	}
	var want []int
	for _, i := range pareto.Front(costs) {
		want = append(want, trials[i])
	}
	got := numbers(front(t, s, report.FrontOptions{Cut: report.Cut{Objectives: []string{"decoder_params", "total_params"}}}).Members())
	if !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("members %v, want %v", got, want)
	}
}

func TestFrontRefuses(t *testing.T) {
	s := timed(t, "a", 1, [2]float64{10, 3})
	for _, test := range []struct {
		options report.FrontOptions
		want    string
	}{
		{report.FrontOptions{Cut: report.Cut{Objectives: []string{"decode_ms"}}}, "at least 2"},
		{report.FrontOptions{Cut: report.Cut{Objectives: []string{"decode_ms", "beauty"}}}, `"beauty"`},
		{report.FrontOptions{Cut: report.Cut{Constraints: []string{"decode_ms"}}}, `constraint "decode_ms"`},
		{report.FrontOptions{Sort: "beauty"}, `sort: objective "beauty"`},
		{report.FrontOptions{Limit: -1}, "limit -1"},
	} {
		if _, err := report.NewFront(s, test.options); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v, want one line with %q", test.options, err, test.want)
		}
	}
}

func TestFrontOfAnEmptyStudy(t *testing.T) {
	var b bytes.Buffer
	f := front(t, start(t, "new", setup(t)), report.FrontOptions{All: true})
	if err := f.Table(&b); err != nil || !strings.Contains(b.String(), "nothing measured yet") {
		t.Errorf("%q (%v)", b.String(), err)
	}
	b.Reset()
	if err := f.JSON(&b); err != nil || !strings.Contains(b.String(), `"trials": []`) {
		t.Errorf("%s (%v)", b.String(), err)
	}
}
