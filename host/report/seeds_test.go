package report_test

import (
	"bytes"
	"strings"
	"testing"

	"litefront/host/report"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

func seeds(t *testing.T, studies ...*study.Study) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Seeds(&b, studies); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// cells are the words of the row that begins with name.
func cells(t *testing.T, text, name string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 && words[0] == name {
			return strings.Join(words[1:], " ")
		}
	}
	t.Fatalf("no row %q in\n%s", name, text)
	return ""
}

// timed is a study of two latencies with the given results.
func timed(t *testing.T, name string, seed uint64, results ...[2]float64) *study.Study {
	t.Helper()
	set := setup(t)
	set.Objectives, set.Seed = []string{"prefill_ms", "decode_ms"}, seed
	s := start(t, name, set)
	for _, r := range results {
		tr := ask(t, s)
		m := measure(t, tr)
		m.Prefill, m.Decode = stat(r[0]), stat(r[1])
		tell(t, s, tr, m)
	}
	return s
}

// The numbers follow by hand: all measured points span the box from (10, 1) to
// (20, 5). In the unit square a has (0, 0.5) and (0.5, 0) and dominates 3/4, b
// has (0.5, 0.5) and dominates 1/4, c dominates nothing. Together they dominate
// as much as a.
func TestSeedsByHand(t *testing.T) {
	a := timed(t, "a", 1, [2]float64{10, 3}, [2]float64{15, 1}, [2]float64{20, 4})
	b := timed(t, "b", 2, [2]float64{15, 3})
	c := timed(t, "c", 3, [2]float64{20, 5})
	text := seeds(t, a, b, c)
	for name, want := range map[string]string{
		"a":      "random 1 3 2 100.0 %",
		"b":      "random 2 1 1 33.3 %",
		"c":      "random 3 1 1 0.0 %",
		"median": "1 1 33.3 %",
		"range":  "1 to 3 1 to 2 0.0 % to 100.0 %",
	} {
		if got := cells(t, text, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if want := "frontier of all studies together: 2 points"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
	// Of two, the median lies between them.
	if got := cells(t, seeds(t, a, b), "median"); !strings.HasPrefix(got, "2 1.5 ") {
		t.Errorf("median of two: got %q", got)
	}
}

func TestSeedsDegenerate(t *testing.T) {
	// One objective without range: the other decides.
	a := timed(t, "a", 1, [2]float64{10, 2}, [2]float64{20, 2})
	b := timed(t, "b", 2, [2]float64{15, 2})
	if got, want := cells(t, seeds(t, a, b), "b"), "random 2 1 1 50.0 %"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// Corners alone dominate no volume.
	a = timed(t, "a", 1, [2]float64{10, 5}, [2]float64{20, 1})
	if got, want := cells(t, seeds(t, a), "a"), "random 1 2 2 -"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := cells(t, seeds(t, timed(t, "a", 1)), "a"), "random 1 0 0 -"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSeedsIgnoresOverlays(t *testing.T) {
	a := timed(t, "a", 1, [2]float64{10, 3}, [2]float64{15, 1}, [2]float64{20, 4})
	before := seeds(t, a)
	if err := a.Enqueue(reference); err != nil {
		t.Fatal(err)
	}
	run(t, a, 1)
	if after := seeds(t, a); after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
}

func TestSeedsGolden(t *testing.T) {
	var studies []*study.Study
	for seed, name := range []string{"first", "second", "third"} {
		set := setup(t)
		set.Seed = uint64(seed)
		s := start(t, name, set)
		run(t, s, 12)
		studies = append(studies, s)
	}
	golden(t, "testdata/seeds.txt", seeds(t, studies...))
}

func TestSeedsRefuses(t *testing.T) {
	other := func(change func(*trial.Setup)) *study.Study {
		set := setup(t)
		change(&set)
		return start(t, "b", set)
	}
	same := start(t, "a", setup(t))
	for _, test := range []struct {
		studies []*study.Study
		want    string
	}{
		{nil, "no study given"},
		{[]*study.Study{same, other(func(s *trial.Setup) { s.Objectives = []string{"decoder_params", "decode_ms"} })},
			`study "b" has [decoder_params decode_ms]`},
		{[]*study.Study{same, other(func(s *trial.Setup) { s.Constraints = []string{"peak_mb<=100"} })},
			`constraints`},
		{[]*study.Study{same, other(func(s *trial.Setup) { s.Protocol = "lts" })}, "protocol litefront"},
		{[]*study.Study{same, other(func(s *trial.Setup) { s.Workload.PromptLen = 100 })}, "workload"},
	} {
		var b bytes.Buffer
		err := report.Seeds(&b, test.studies)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") || b.Len() > 0 {
			t.Errorf("got %v and %q, want one line with %q", err, b.String(), test.want)
		}
	}
}
