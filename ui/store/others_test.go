package store

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// timed is a store whose study of two latencies has these results.
func timed(t *testing.T, results ...[2]float64) (*Store, *worker) {
	t.Helper()
	s := ready(t)
	s.SetField(FieldStrategy, "random")
	for _, o := range s.Form.Objectives {
		s.SetObjective(o, false)
	}
	s.SetObjective("prefill_ms", true)
	s.SetObjective("decode_ms", true)
	w := start(t, s, 1)
	for _, r := range results {
		asked := w.ask()
		m := trial.Measurement{ArchID: asked.Arch.ID(), Workload: w.study.Started().Workload, Protocol: trial.Litefront, MemoryBytes: 1 << 20, Verdict: trial.OK}
		m.Prefill, m.Decode = trial.Stat{MedianMs: r[0], LowMs: r[0], HighMs: r[0]}, trial.Stat{MedianMs: r[1], LowMs: r[1], HighMs: r[1]}
		if err := w.study.Tell(asked.Number, asked.Token, m); err != nil {
			t.Fatal(err)
		}
	}
	w.end(search.DoneInterrupted)
	return s, w
}

// otherOf is another study of these results, of which each is on its frontier.
func otherOf(started trial.Started, results ...[2]float64) *search.Other {
	o := &search.Other{Started: started, Objectives: []string{"prefill_ms", "decode_ms"}, Measured: len(results), Devices: 1, Device: &trial.Device{Name: "a phone"}}
	for i, r := range results {
		if i == 0 {
			o.Best, o.Worst = slices.Clone(r[:]), slices.Clone(r[:])
		}
		for k := range r {
			o.Best[k], o.Worst[k] = min(o.Best[k], r[k]), max(o.Worst[k], r[k])
		}
		o.Frontier = append(o.Frontier, search.OtherPoint{Number: i + 1, Values: map[string]float64{"prefill_ms": r[0], "decode_ms": r[1], "peak_mb": 3}})
	}
	return o
}

func overlay(t *testing.T, s *Store, o *search.Other) {
	t.Helper()
	do(t, func() (search.Command, bool) { return s.Overlay(`{"v":1}`) }, search.DoRead)
	tell(t, s, search.Message{Other: o})
	if s.Waiting() {
		t.Error("the answer is still awaited")
	}
}

// The numbers follow by hand, and are those of report's TestCompareByHand: all measured
// points span the box from (10, 1) to (20, 5).
func TestSides(t *testing.T) {
	s, _ := timed(t, [2]float64{10, 3}, [2]float64{15, 1}, [2]float64{20, 4})
	if sides, reference := s.Sides(); sides != nil || reference != "" {
		t.Errorf("one study has sides %v", sides)
	}
	overlay(t, s, otherOf(*s.Study, [2]float64{15, 3}))
	overlay(t, s, otherOf(*s.Study, [2]float64{20, 5}))
	sides, reference := s.Sides()
	if want := "prefill latency 20.0 ms, decode latency 5.00 ms"; reference != want {
		t.Errorf("reference %q, want %q", reference, want)
	}
	nan := math.NaN()
	for i, want := range []struct {
		measured, frontier int
		hypervolume        float64
		dominated          []float64
	}{
		{3, 2, 1, []float64{nan, 0, 0}},
		{1, 1, 1.0 / 3, []float64{1, nan, 0}},
		{1, 1, 0, []float64{1, 1, nan}},
	} {
		same := func(a, b float64) bool { return math.Abs(a-b) < 1e-12 || math.IsNaN(a) && math.IsNaN(b) }
		got := sides[i]
		if got.Number != i+1 || got.Measured != want.measured || got.Frontier != want.frontier || !same(got.Hypervolume, want.hypervolume) ||
			!slices.EqualFunc(got.Dominated, want.dominated, same) {
			t.Errorf("side %d is %+v, want %+v", i, got, want)
		}
	}
	if got := s.Warnings(s.Others()[0]); len(got) != 0 {
		t.Errorf("warnings %q", got)
	}

	// Of studies that do not compare it says so.
	strange := *s.Study
	strange.Workload.Context, strange.Space.Name, strange.Constraints, strange.Objectives = 99, "elsewhere", []string{"peak_mb<=3"}, []string{"peak_mb", "flops"}
	overlay(t, s, otherOf(strange, [2]float64{12, 2}))
	if got := strings.Join(s.Warnings(s.Others()[2]), " "); !strings.Contains(got, "workload differs: the numbers do not compare") ||
		!strings.Contains(got, "another search space") || !strings.Contains(got, "constraints differ") || !strings.Contains(got, "by other objectives") {
		t.Errorf("warnings %q", got)
	}
	mixed := otherOf(*s.Study, [2]float64{12, 2})
	mixed.Objectives = []string{"decode_ms", "peak_mb"}
	mixed.Best, mixed.Worst = []float64{2, 3}, []float64{2, 3}
	overlay(t, s, mixed)
	if sides, _ := s.Sides(); sides[4].Problem == "" || sides[3].Problem != "" {
		t.Errorf("sides %+v", sides)
	}
}

// A study laid over nothing is compared by its own objectives.
func TestSidesWithoutStudy(t *testing.T) {
	s := ready(t)
	overlay(t, s, otherOf(trial.Started{Study: "a"}, [2]float64{10, 3}, [2]float64{15, 1}))
	overlay(t, s, otherOf(trial.Started{Study: "b"}, [2]float64{20, 4}))
	sides, _ := s.Sides()
	if len(sides) != 2 || sides[0].Number != 2 || sides[0].Hypervolume != 1 || sides[1].Hypervolume != 0 || sides[1].Dominated[0] != 1 {
		t.Errorf("sides %+v", sides)
	}
}

// There are four slots, which stay with their studies.
func TestOverlay(t *testing.T) {
	s, w := timed(t, [2]float64{10, 3}, [2]float64{15, 1})
	read := func(text string) func() (search.Command, bool) {
		return func() (search.Command, bool) { return s.Overlay(text) }
	}
	refused := func(text, want string) {
		t.Helper()
		s.Errors = nil
		do(t, read(text), "")
		if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], want) {
			t.Errorf("errors %q, want %q", s.Errors, want)
		}
	}
	refused("", "the file is empty")
	refused(` {"n_layer": 2}`, "a model's configuration")
	c, ok := s.Overlay(`{"v":1} lines`)
	if !ok || c.Journal != `{"v":1} lines` || !slices.Equal(c.Objectives, []string{"prefill_ms", "decode_ms"}) {
		t.Fatalf("the command is %+v", c)
	}
	refused(`{"v":1}`, "something to do yet")
	if s.CanOverlay() {
		t.Error("another can be read meanwhile")
	}
	tell(t, s, search.Message{Error: "overlay: line 1: damaged"})
	if s.Waiting() || len(s.Others()) != 0 {
		t.Error("what was refused is laid over the study")
	}

	before := s.Version
	for i := range 4 {
		overlay(t, s, otherOf(trial.Started{Study: fmt.Sprintf("study\n%d", i)}, [2]float64{15 + float64(i), 3}))
	}
	if s.Version == before || s.Others()[2].Study.Study != "study 2" || s.Others()[3].Number() != 5 {
		t.Errorf("the others are %+v", s.Others())
	}
	refused(`{"v":1}`, "remove one first")
	tell(t, s, search.Message{Other: otherOf(*s.Study)})
	if len(s.Others()) != 4 {
		t.Error("a fifth is laid over them")
	}
	s.RemoveOther(1)
	overlay(t, s, otherOf(trial.Started{Study: "late"}))
	var slots []int
	for _, o := range s.Others() {
		slots = append(slots, o.Slot)
	}
	if !slices.Equal(slots, []int{0, 1, 2, 3}) || s.Others()[1].Study.Study != "late" {
		t.Errorf("slots %v, in the second %q", slots, s.Others()[1].Study.Study)
	}

	// They outlast the study, and do not disturb a search.
	do(t, s.Start, search.DoStart)
	tell(t, s, search.Message{State: search.StateSearching})
	s.RemoveOther(3)
	refused(`{"v":1}`, "a search is under way")
	w.end(search.DoneInterrupted)
	s.NewSearch()
	do(t, s.Accept, search.DoForget)
	tell(t, s, search.Message{Device: s.Device})
	tell(t, s, search.Message{State: search.StateIdle})
	if s.Study != nil || len(s.Others()) != 3 {
		t.Errorf("after a new search there are %d others", len(s.Others()))
	}
}

// A journal that is brought while a study is kept may be laid over it instead.
func TestImportOrOverlay(t *testing.T) {
	s, _ := timed(t, [2]float64{10, 3})
	do(t, func() (search.Command, bool) { return s.Import(`{"v":1}`) }, "")
	if s.Confirm.Instead != "Overlay" {
		t.Fatalf("the question is %+v", s.Confirm)
	}
	do(t, s.AcceptInstead, search.DoRead)
	if s.Confirm.Asks() {
		t.Error("the question stays")
	}
	tell(t, s, search.Message{Other: otherOf(*s.Study, [2]float64{15, 3})})
	if len(s.Others()) != 1 || s.Study == nil {
		t.Error("it is not laid over the study")
	}
	s.NewSearch()
	do(t, s.AcceptInstead, "")
	for range 3 {
		overlay(t, s, otherOf(*s.Study, [2]float64{15, 3}))
	}
	do(t, func() (search.Command, bool) { return s.Import(`{"v":1}`) }, "")
	if !s.Confirm.Asks() || s.Confirm.Instead != "" {
		t.Errorf("with four others the question is %+v", s.Confirm)
	}
}

// What makes no sense is refused.
func TestOtherRefused(t *testing.T) {
	for name, spoil := range map[string]func(*search.Other){
		"no objectives":    func(o *search.Other) { o.Objectives = nil },
		"one objective":    func(o *search.Other) { o.Objectives = o.Objectives[:1] },
		"unknown":          func(o *search.Other) { o.Objectives[0] = "luck" },
		"no extremes":      func(o *search.Other) { o.Best = nil },
		"too few extremes": func(o *search.Other) { o.Worst = o.Worst[:1] },
		"negative extreme": func(o *search.Other) { o.Best[1] = -1 },
		"no value":         func(o *search.Other) { delete(o.Frontier[0].Values, "decode_ms") },
		"negative value":   func(o *search.Other) { o.Frontier[0].Values["peak_mb"] = -1 },
		"too long":         func(o *search.Other) { o.Frontier = slices.Repeat(o.Frontier, maxTrials+1) },
	} {
		s, _ := timed(t, [2]float64{10, 3})
		o := otherOf(*s.Study, [2]float64{15, 3})
		spoil(o)
		tell(t, s, search.Message{Other: o})
		if len(s.Others()) != 0 || len(s.Errors) != 1 {
			t.Errorf("%s: %d others, errors %q", name, len(s.Others()), s.Errors)
		}
	}
}

// The chart gets each frontier in its axes, and the line through what none beats there.
func TestDrawnOthers(t *testing.T) {
	s, _ := timed(t, [2]float64{10, 3})
	overlay(t, s, otherOf(*s.Study, [2]float64{10, 3}, [2]float64{15, 1}, [2]float64{12, 4}))
	drawn := func() (list []drawnOther) {
		t.Helper()
		var options struct{ Others []drawnOther }
		if err := json.Unmarshal([]byte(s.ChartOptions()), &options); err != nil {
			t.Fatal(err)
		}
		return options.Others
	}
	s.ShowX("prefill_ms")
	s.ShowY("decode_ms")
	got := drawn()
	if len(got) != 1 || got[0].Name != "study 2" || !slices.Equal(got[0].Points, [][3]float64{{1, 10, 3}, {2, 15, 1}, {3, 12, 4}}) || !slices.Equal(got[0].Line, []int{0, 1}) {
		t.Errorf("drawn is %+v", got)
	}
	s.ShowY("peak_mb")
	if got := drawn(); !slices.Equal(got[0].Line, []int{0}) || got[0].Points[1] != [3]float64{2, 15, 3} {
		t.Errorf("against memory drawn is %+v", got)
	}
	s.ShowY("flops") // not known of it
	if got := drawn(); len(got[0].Points) != 0 || len(got[0].Line) != 0 {
		t.Errorf("against operations drawn is %+v", got)
	}
	s.RemoveOther(0)
	if got := drawn(); len(got) != 0 {
		t.Errorf("removed, drawn is %+v", got)
	}
}

// Marks may show a third objective.
func TestThird(t *testing.T) {
	s, w := timed(t, [2]float64{10, 3}, [2]float64{15, 1})
	third := func() (values []float32) {
		for points := s.Points(); len(points) > 0; points = points[7:] {
			values = append(values, points[6])
		}
		return values
	}
	options := func() string { return s.ChartOptions() }
	s.ShowThird("decode_ms")
	if got := third(); !slices.Equal(got, []float32{-1, -1}) || strings.Contains(options(), "zBy") {
		t.Errorf("unasked the third is %v in %s", got, options())
	}
	before := s.Version
	s.ShowThirdBy(ThirdColour)
	s.ShowThirdBy("smell")
	if got := third(); !slices.Equal(got, []float32{3, 1}) || s.Version != before+1 {
		t.Errorf("the third is %v", got)
	}
	if text := options(); !strings.Contains(text, `"zName":"decode latency (ms)","zBy":"colour"`) {
		t.Errorf("the options are %s", text)
	}
	s.Select(1)
	if got := s.Point(); !strings.Contains(got, "decode latency 3.00 ms") {
		t.Errorf("the point is told as %q", got)
	}
	s.ShowThirdBy(ThirdSize)
	s.ShowThird("decoder_params")
	if got := third(); got[0] != float32(w.study.Trials()[0].Arch.DecoderParams()) || s.Third.By != ThirdSize {
		t.Errorf("the third is %v", got)
	}
}

// The pace is that of the latest measured trials.
func TestPaces(t *testing.T) {
	s, w := timed(t, [2]float64{10, 3}) // whose protocol told none
	if got := s.Paces(); len(got) != 0 {
		t.Errorf("paces %v", got)
	}
	for i := range maxPaces + 5 {
		asked := w.ask()
		m := trial.Measurement{ArchID: asked.Arch.ID(), Workload: w.study.Started().Workload, Protocol: trial.Litefront, Slowdown: 1 + float64(i)/1000, Verdict: trial.OK}
		if i%2 == 1 {
			m.Verdict, m.Background = trial.Drifted, true
		}
		if err := w.study.Tell(asked.Number, asked.Token, m); err != nil {
			t.Fatal(err)
		}
	}
	paces := s.Paces()
	if first, last := paces[0], paces[len(paces)-1]; len(paces) != maxPaces || first != (Pace{7, 1.005, true, true}) || last != (Pace{maxPaces + 6, 1 + float64(maxPaces+4)/1000, false, false}) {
		t.Errorf("%d paces from %+v to %+v", len(paces), first, last)
	}
	if got := SlowdownLimit(); got <= 1 || got >= 2 {
		t.Errorf("steady is up to %v", got)
	}
}
