package report_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"litefront/host/report"
	"litefront/searchcore/pareto"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// entries names studies by what they call themselves.
func entries(studies []*study.Study) (list []report.Entry) {
	for _, s := range studies {
		list = append(list, report.Entry{Name: s.Started().Study, Study: s})
	}
	return list
}

func compare(t *testing.T, o report.CompareOptions, studies ...*study.Study) *report.Comparison {
	t.Helper()
	c, err := report.Compare(entries(studies), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// comparison is a Comparison as its JSON tells it.
type comparison struct {
	Objectives []string
	Reference  []*float64
	Union      int
	Studies    []struct {
		Name               string
		Measured, Frontier int
		Seconds            float64
		Hypervolume        *float64
		Reached            []*float64
		Curve              []struct {
			Seconds     float64
			Hypervolume *float64
		}
	}
	Overlaps []struct {
		Of, Against  int
		NotDominated float64 `json:"not_dominated"`
		Common       int
	}
	Attainment []struct {
		Strategy string
		Studies  []int
		Grid     []struct {
			Seconds       float64
			Median        float64
			LowerQuartile float64 `json:"lower_quartile"`
			UpperQuartile float64 `json:"upper_quartile"`
		}
	}
	Notes []string
}

func told(t *testing.T, c *report.Comparison) (d comparison) {
	t.Helper()
	var b bytes.Buffer
	if err := c.JSON(&b); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(&b)
	if err := dec.Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

func compared(t *testing.T, studies ...*study.Study) string {
	t.Helper()
	var b bytes.Buffer
	if err := compare(t, report.CompareOptions{}, studies...).Table(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// summary are the words of the row of the study called name, after its name.
func summary(t *testing.T, text, name string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		for i, word := range words[:min(2, len(words))] {
			if word == name {
				return strings.Join(words[i+1:], " ")
			}
		}
	}
	t.Fatalf("no row %q in\n%s", name, text)
	return ""
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

// timed is a study of two latencies with the given results, each after a second
// of device time.
func timed(t *testing.T, name string, seed uint64, results ...[2]float64) *study.Study {
	t.Helper()
	set := setup(t)
	set.Objectives, set.Seed = []string{"prefill_ms", "decode_ms"}, seed
	s := start(t, name, set)
	for _, r := range results {
		tr := ask(t, s)
		m := measure(t, tr)
		m.Prefill, m.Decode, m.SpentMs = stat(r[0]), stat(r[1]), 1000
		tell(t, s, tr, m)
	}
	return s
}

// The numbers follow by hand: all measured points span the box from (10, 1) to
// (20, 5). In the unit square a has (0, 0.5) and (0.5, 0) and dominates 3/4, b
// has (0.5, 0.5) and dominates 1/4, c dominates nothing. Together they dominate
// as much as a: its first point 1/2 of the square, 2/3 of the whole.
func TestCompareByHand(t *testing.T) {
	a := timed(t, "a", 1, [2]float64{10, 3}, [2]float64{15, 1}, [2]float64{20, 4})
	b := timed(t, "b", 2, [2]float64{15, 3})
	c := timed(t, "c", 3, [2]float64{20, 5})
	text := compared(t, a, b, c)
	for name, want := range map[string]string{
		"a":      "random 1 3 2 100.0 % 3.0 s 2.0 s 2.0 s 2.0 s",
		"b":      "random 2 1 1 33.3 % 1.0 s - - -",
		"c":      "random 3 1 1 0.0 % 1.0 s - - -",
		"median": "1 1 33.3 % 1.0 s",
		"range":  "1 to 3 1 to 2 0.0 % to 100.0 % 1.0 s to 3.0 s",
	} {
		if got := summary(t, text, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{
		"reference point of the hypervolume: prefill_ms 20.0 ms, decode_ms 5.00 ms\n",
		"frontier of all studies together: 2 points",
		// a's two points dominate b's, all dominate c's, and nothing dominates a.
		"1  -        100.0 % (0)  100.0 % (0)\n2  0.0 % (0)  -            100.0 % (0)\n3  0.0 % (0)  0.0 % (0)    -\n",
	} {
		if !strings.Contains(squeezed(text), squeezed(want)) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}

	comparison := compare(t, report.CompareOptions{}, a, b, c)
	for i, want := range [][]float64{{3, 1, 1, 2}, {1, 1.0 / 3, math.NaN(), math.NaN()}, {1, 0, math.NaN(), math.NaN()}} {
		seconds, share := comparison.End(i)
		got := []float64{seconds, share, comparison.Reached(i, 0.5), comparison.Reached(i, 0.99)}
		for k := range want {
			if !(math.Abs(got[k]-want[k]) < 1e-12 || math.IsNaN(got[k]) && math.IsNaN(want[k])) {
				t.Errorf("study %d: end and times to 50 and 99 %% are %v, want %v", i, got, want)
				break
			}
		}
	}
	d := told(t, comparison)
	var curve []float64
	for _, p := range d.Studies[0].Curve {
		curve = append(curve, p.Seconds, *p.Hypervolume)
	}
	if want := []float64{0, 0, 1, 2.0 / 3, 2, 1}; !near(curve, want) {
		t.Errorf("a's curve is %v, want %v", curve, want)
	}
	// After a second a has 2/3, b 1/3, c nothing; the quartiles lie half-way.
	if len(d.Attainment) != 1 || len(d.Attainment[0].Studies) != 3 {
		t.Fatalf("attainment %+v, want one of 3 studies", d.Attainment)
	}
	grid := d.Attainment[0].Grid
	if first, last := grid[0], grid[len(grid)-1]; first.Seconds != 0 || first.UpperQuartile != 0 ||
		!near([]float64{last.Seconds, last.LowerQuartile, last.Median, last.UpperQuartile}, []float64{1, 1.0 / 6, 1.0 / 3, 0.5}) {
		t.Errorf("attainment from %+v to %+v", first, last)
	}
}

// squeezed makes runs of blanks single ones.
func squeezed(text string) string {
	return regexp.MustCompile(" +").ReplaceAllString(text, " ")
}

func near(got, want []float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })
}

// From the reference (30, 7), a dominates the boxes 20×4 and 15×6, which share
// 15×4: 110; b 15×4 = 60, in a's. From (16, 4) only a's first two count: 6×1 and
// 1×3, which share 1×1: 8, and b 1×1.
func TestCompareReference(t *testing.T) {
	a := timed(t, "a", 1, [2]float64{10, 3}, [2]float64{15, 1}, [2]float64{20, 4})
	b := timed(t, "b", 2, [2]float64{15, 3})
	for _, test := range []struct {
		reference []float64
		want      float64 // of b
	}{
		{[]float64{30, 7}, 60.0 / 110}, {[]float64{16, 4}, 1.0 / 8},
	} {
		d := told(t, compare(t, report.CompareOptions{Reference: test.reference}, a, b))
		if got := []float64{*d.Studies[0].Hypervolume, *d.Studies[1].Hypervolume, *d.Reference[0], *d.Reference[1]}; !near(got, append([]float64{1, test.want}, test.reference...)) {
			t.Errorf("reference %v: hypervolumes and reference %v, want 1, %v", test.reference, got, test.want)
		}
	}
	// A maximised objective is at its worst below, and 0 is a bound for any.
	set := setup(t)
	s := start(t, "s", set)
	run(t, s, 4)
	d := told(t, compare(t, report.CompareOptions{Reference: []float64{0, 1e4, 1e4}}, s))
	if *d.Reference[0] != 0 || *d.Studies[0].Hypervolume != 1 {
		t.Errorf("reference %v, hypervolume %v", *d.Reference[0], *d.Studies[0].Hypervolume)
	}
}

// Shares do not depend on the scale: in the objectives' own units, from the
// reference that is told, each study's frontier has the same share.
func TestCompareAgainstVolumesInUnits(t *testing.T) {
	var studies []*study.Study
	for seed := range 3 {
		set := setup(t)
		set.Seed = uint64(seed)
		s := start(t, "s", set)
		run(t, s, 10)
		studies = append(studies, s)
	}
	d := told(t, compare(t, report.CompareOptions{}, studies...))
	costs := func(values []float64) []float64 { return []float64{-values[0], values[1], values[2]} }
	reference := costs([]float64{*d.Reference[0], *d.Reference[1], *d.Reference[2]})
	var all [][]float64
	volumes := make([]float64, len(studies))
	for i, s := range studies {
		var points [][]float64
		for _, r := range s.Trials() {
			points = append(points, costs(r.Values))
		}
		volumes[i] = pareto.Hypervolume(points, reference)
		all = append(all, points...)
	}
	total := pareto.Hypervolume(all, reference)
	for i, v := range volumes {
		if got, want := *d.Studies[i].Hypervolume, v/total; math.Abs(got-want) > 1e-9 {
			t.Errorf("study %d: hypervolume %v, want %v", i, got, want)
		}
	}
}

func TestCompareByOtherObjectives(t *testing.T) {
	a := timed(t, "a", 1, [2]float64{10, 3}, [2]float64{15, 1})
	set := setup(t)
	b := start(t, "b", set)
	run(t, b, 5)
	d := told(t, compare(t, report.CompareOptions{Objectives: []string{"response_ms", "flops", "peak_mb"}}, a, b))
	if len(d.Objectives) != 3 || d.Studies[1].Measured != 5 {
		t.Errorf("%+v", d)
	}
}

// Common architectures are told by their IDs: the same seed proposes the same.
func TestCompareCommonArchitectures(t *testing.T) {
	a := timed(t, "a", 1, [2]float64{10, 3}, [2]float64{15, 1})
	b := timed(t, "b", 1, [2]float64{11, 3}, [2]float64{14, 1})
	d := told(t, compare(t, report.CompareOptions{}, a, b))
	if len(d.Overlaps) != 2 {
		t.Fatalf("%d overlaps, want 2", len(d.Overlaps))
	}
	for _, o := range d.Overlaps { // each has one point that the other dominates
		if o.Common != 2 || o.NotDominated != 0.5 {
			t.Errorf("overlap %+v, want 2 common and a half not dominated", o)
		}
	}
	if len(d.Attainment) != 0 {
		t.Errorf("one seed twice has attainment %+v", d.Attainment)
	}
}

func TestCompareNotes(t *testing.T) {
	elsewhere := start(t, "b", setup(t))
	tr := ask(t, elsewhere)
	m := measure(t, tr)
	m.Device.Name = "phone"
	tell(t, elsewhere, tr, m)
	here := start(t, "a", setup(t))
	run(t, here, 1)
	d := told(t, compare(t, report.CompareOptions{}, here, elsewhere))
	if len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "different devices do not compare") || !strings.Contains(d.Notes[0], "phone") {
		t.Errorf("notes %q", d.Notes)
	}
	if len(d.Attainment) != 0 {
		t.Error("studies of two devices are taken for two seeds")
	}
	// Counts and memory are the same everywhere.
	if d := told(t, compare(t, report.CompareOptions{Objectives: []string{"decoder_params", "peak_mb"}}, here, elsewhere)); len(d.Notes) != 0 {
		t.Errorf("notes %q", d.Notes)
	}
	many := slices.Repeat([]*study.Study{here}, 13)
	if d := told(t, compare(t, report.CompareOptions{}, many...)); len(d.Overlaps) != 0 || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "up to 12 studies") {
		t.Errorf("%d overlaps of 13 studies, notes %q", len(d.Overlaps), d.Notes)
	}
}

func TestCompareDegenerate(t *testing.T) {
	// One objective without range: the other decides.
	a := timed(t, "a", 1, [2]float64{10, 2}, [2]float64{20, 2})
	b := timed(t, "b", 2, [2]float64{15, 2})
	if got, want := summary(t, compared(t, a, b), "b"), "random 2 1 1 50.0 % 1.0 s - - -"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// Corners alone dominate no volume.
	a = timed(t, "a", 1, [2]float64{10, 5}, [2]float64{20, 1})
	if got, want := summary(t, compared(t, a), "a"), "random 1 2 2 - 2.0 s - - -"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := summary(t, compared(t, timed(t, "a", 1)), "a"), "random 1 0 0 - 0.0 s - - -"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	written := t.TempDir()
	if err := compare(t, report.CompareOptions{}, a, timed(t, "b", 2)).WriteDir(written); err != nil {
		t.Error(err)
	}
}

// What breaks a constraint neither counts nor stretches the reference point.
func TestCompareIgnoresInfeasible(t *testing.T) {
	set := setup(t)
	set.Objectives, set.Constraints = []string{"prefill_ms", "decode_ms"}, []string{"decode_ms<=5"}
	s := start(t, "a", set)
	for _, r := range [][2]float64{{10, 3}, {15, 1}, {1, 100}} {
		tr := ask(t, s)
		m := measure(t, tr)
		m.Prefill, m.Decode = stat(r[0]), stat(r[1])
		tell(t, s, tr, m)
	}
	d := told(t, compare(t, report.CompareOptions{}, s))
	if s := d.Studies[0]; s.Measured != 3 || s.Frontier != 2 || *d.Reference[0] != 15 || *d.Reference[1] != 3 {
		t.Errorf("%+v from %v, %v", s, *d.Reference[0], *d.Reference[1])
	}
}

func TestCompareIgnoresOverlays(t *testing.T) {
	a := timed(t, "a", 1, [2]float64{10, 3}, [2]float64{15, 1}, [2]float64{20, 4})
	before := compared(t, a)
	if err := a.Enqueue(reference); err != nil {
		t.Fatal(err)
	}
	run(t, a, 1)
	if after := compared(t, a); after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
}

// Device time adds up in the order of results, not of trials.
func TestCompareTimesByResults(t *testing.T) {
	set := setup(t)
	set.Objectives = []string{"prefill_ms", "decode_ms"}
	s := start(t, "a", set)
	first, second := ask(t, s), ask(t, s)
	for i, tr := range []trial.Trial{second, first} {
		m := measure(t, tr)
		m.Prefill, m.Decode, m.SpentMs = stat([]float64{20, 10}[i]), stat([]float64{5, 3}[i]), []float64{500, 2000}[i]
		tell(t, s, tr, m)
	}
	d := told(t, compare(t, report.CompareOptions{Reference: []float64{30, 7}}, s))
	var curve []float64
	for _, p := range d.Studies[0].Curve {
		curve = append(curve, p.Seconds, *p.Hypervolume)
	}
	if want := []float64{0, 0, 0.5, 20.0 / 80, 2.5, 1}; !near(curve, want) {
		t.Errorf("curve %v, want %v", curve, want)
	}
}

func TestCompareFiles(t *testing.T) {
	a := timed(t, "a", 1, [2]float64{10, 3}, [2]float64{15, 1}, [2]float64{20, 4})
	b := timed(t, "b", 2, [2]float64{15, 3})
	set := setup(t)
	set.Objectives, set.Strategy = []string{"prefill_ms", "decode_ms"}, "lts"
	c := start(t, "c", set)
	run(t, c, 2)
	dir := filepath.Join(t.TempDir(), "new")
	if err := compare(t, report.CompareOptions{}, a, b, c).WriteDir(dir); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if got := rows(t, read("curves.csv")); len(got) < 3+2+2 || got[0]["study"] != "a" || got[0]["hypervolume"] != "0" || got[1]["seconds"] != "1" {
		t.Errorf("curves %v", got)
	}
	if got := rows(t, read("attainment.csv")); len(got) != 51 || got[50]["seconds"] != "1" || got[50]["seeds"] != "2" {
		t.Errorf("%d rows of attainment", len(got))
	}
	d := parse(t, read("hypervolume.svg"))
	for _, text := range []string{"hypervolume of the frontier", "device time (s)", "random, 2 seeds", "c"} {
		if !d.has(text) {
			t.Errorf("no text %q in %q", text, d.texts)
		}
	}
}

func TestCompareGolden(t *testing.T) {
	var studies []*study.Study
	for seed, name := range []string{"first", "second", "third"} {
		set := setup(t)
		set.Seed = uint64(seed)
		s := start(t, name, set)
		run(t, s, 12)
		studies = append(studies, s)
	}
	golden(t, "testdata/compare.txt", compared(t, studies...))
}

func TestCompareRefuses(t *testing.T) {
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
			"b has [decoder_params decode_ms]"},
		{[]*study.Study{same, other(func(s *trial.Setup) { s.Constraints = []string{"peak_mb<=100"} })},
			`constraints`},
		{[]*study.Study{same, other(func(s *trial.Setup) { s.Protocol = "lts" })}, "protocol litefront"},
		{[]*study.Study{same, other(func(s *trial.Setup) { s.Workload.PromptLen = 100 })}, "has --prompt 100 --context "},
	} {
		_, err := report.Compare(entries(test.studies), report.CompareOptions{})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line with %q", err, test.want)
		}
	}
	a := timed(t, "a", 1, [2]float64{10, 3}, [2]float64{15, 1})
	for _, test := range []struct {
		options report.CompareOptions
		want    string
	}{
		{report.CompareOptions{Reference: []float64{1}}, "reference: 1 values for 2 objectives"},
		{report.CompareOptions{Reference: []float64{20, 1}}, "reference: decode_ms 1 must be a number worse than the best value 1"},
		{report.CompareOptions{Reference: []float64{math.NaN(), 9}}, "reference: prefill_ms NaN"},
		{report.CompareOptions{Reference: []float64{math.Inf(1), 9}}, "reference: prefill_ms +Inf"},
		{report.CompareOptions{Objectives: []string{"flops"}}, "at least 2"},
	} {
		_, err := report.Compare(entries([]*study.Study{a}), test.options)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: got %v, want one line with %q", test.options, err, test.want)
		}
	}
}
