package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/proxy"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

func phase(t *testing.T, s *Store, want Phase) {
	t.Helper()
	if got := s.Phase(); got != want {
		t.Fatalf("phase %q, want %q (errors %q)", got, want, s.Errors)
	}
}

func do(t *testing.T, action func() (search.Command, bool), want string) {
	t.Helper()
	c, ok := action()
	if got := c.Do; ok != (want != "") || got != want {
		t.Fatalf("sends %q (%v), want %q", got, ok, want)
	}
}

func TestOneTapStarts(t *testing.T) {
	s := ready(t)
	phase(t, s, Idle)
	c, ok := s.Start()
	if !ok {
		t.Fatalf("the form's defaults are refused: %v", s.Invalid)
	}
	if err := c.Request.Check(); err != nil {
		t.Errorf("the request cannot be started: %v", err)
	}
	if _, again := s.Start(); again {
		t.Error("Start sends twice before the worker answered")
	}
}

func TestLifeOfASearch(t *testing.T) {
	s := New("test")
	phase(t, s, Loading)
	s = ready(t)
	w := start(t, s, 1)
	phase(t, s, Searching)
	for range 3 {
		w.measure()
	}
	w.fail("RangeError: could not allocate memory")

	do(t, s.Pause, search.DoStop)
	if !s.Waiting() {
		t.Error("nothing says that the search is about to end")
	}
	do(t, s.Pause, "") // it was told already
	w.end(search.DoneInterrupted)
	phase(t, s, Paused)

	do(t, s.Start, search.DoStart)
	tell(t, s, search.Message{State: search.StateSearching})
	phase(t, s, Searching)

	do(t, s.Stop, search.DoStop)
	w.end(search.DoneInterrupted)
	phase(t, s, Idle)
	if p := s.Progress(0); p.Measured != 3 || p.Failed != 1 || p.LastFailure != "RangeError: could not allocate memory" {
		t.Errorf("after Stop the study shows %+v", p)
	}

	s.NewSearch()
	if !s.Confirm.Asks() || s.Study == nil {
		t.Fatal("New search does not ask first")
	}
	s.Decline()
	do(t, s.Accept, "")
	s.NewSearch()
	do(t, s.Accept, search.DoForget)
	if s.Study == nil {
		t.Error("the study vanishes before the worker has discarded it")
	}
	tell(t, s, search.Message{Device: s.Device, State: search.StateIdle})
	if s.Study != nil || len(s.Points()) != 0 || s.Progress(0).Measured != 0 {
		t.Error("the discarded study is still shown")
	}
	phase(t, s, Idle)
}

func TestStopWhilePausedNeedsNoWorker(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	do(t, s.Pause, search.DoStop)
	w.end(search.DoneInterrupted)
	do(t, s.Stop, "")
	phase(t, s, Idle)
}

func TestForgetThatFails(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	w.end(search.DoneInterrupted)
	s.NewSearch()
	do(t, s.Accept, search.DoForget)
	tell(t, s, search.Message{Error: "the kept study could not be discarded: QuotaExceededError"})
	tell(t, s, search.Message{State: search.StateIdle})
	if s.Study == nil || s.Waiting() || len(s.Errors) != 1 {
		t.Errorf("study %v, waiting %v, errors %q", s.Study, s.Waiting(), s.Errors)
	}
}

func TestBudgetSpent(t *testing.T) {
	s := ready(t)
	s.SetField(FieldBudget, "2")
	w := start(t, s, 1)
	w.measure()
	w.measure()
	w.end(search.DoneBudget)
	phase(t, s, Idle)
	do(t, s.Start, "")
	if got := s.Invalid[FieldBudget]; !strings.Contains(got, "raise it") {
		t.Errorf("beside the budget: %q", got)
	}
	if len(s.Errors) != 1 || !strings.HasPrefix(s.Errors[0], "the search cannot start: budget 2 is spent") {
		t.Errorf("in view: %q", s.Errors)
	}
	// Other constraints have no need of a budget.
	s.SetField(FieldConstraints, "peak_mb<=100")
	s.SetField(FieldBudget, "2")
	if s.Invalid[FieldBudget] != "" {
		t.Errorf("with other constraints: %q", s.Invalid[FieldBudget])
	}
	s.SetField(FieldConstraints, "")
	s.SetField(FieldBudget, "3")
	if s.Invalid[FieldBudget] != "" {
		t.Errorf("a raised budget is refused: %q", s.Invalid[FieldBudget])
	}
	do(t, s.Start, search.DoStart)
}

// References are measured beside the search and cost it nothing.
func TestBudgetLeavesOverlaysOut(t *testing.T) {
	s := ready(t)
	s.SetField(FieldBudget, "2")
	w := start(t, s, 1)
	a, err := w.study.Started().Space.Sample(random(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.study.Enqueue(a); err != nil {
		t.Fatal(err)
	}
	w.measure() // the overlay
	w.measure()
	if p := s.Progress(0); p.Share != 0.5 || p.Measured != 2 {
		t.Errorf("progress %+v", p)
	}
	if flags := s.Points()[5]; flags != 4 {
		t.Errorf("flags %v of an overlay", flags)
	}
	tell(t, s, search.Message{State: search.StateIdle})
	phase(t, s, Paused)
}

func TestReload(t *testing.T) {
	s := ready(t)
	s.SetField(FieldBudget, "5m")
	s.SetField(FieldSeed, "7")
	w := start(t, s, 1)
	for range 5 {
		w.measure()
	}
	events := []search.Message{event(trial.KindStarted, func(e *trial.Event) { started := w.study.Started(); e.Started = &started })}
	events = append(events, event(trial.KindSetting, func(e *trial.Event) { e.Setting = &trial.Setting{Name: "budget", Value: "5m0s"} }))
	for _, r := range w.study.Trials() {
		events = append(events,
			event(trial.KindAsked, func(e *trial.Event) { e.Asked = &r.Trial }),
			event(trial.KindMeasured, func(e *trial.Event) {
				e.Measured = &trial.Measured{Number: r.Number, Token: r.Token, Values: r.Values, Measurement: *r.Measurement}
			}))
	}
	var members trial.Frontier
	for _, r := range w.study.Frontier() {
		members.Points = append(members.Points, trial.FrontierPoint{Number: r.Number})
	}
	events = append(events, event(trial.KindFrontier, func(e *trial.Event) { e.Frontier = &members }))

	// A new page, and the old one after its worker died and was replaced.
	again := ready(t)
	s.Die("the worker does not answer")
	phase(t, s, Dead)
	if len(s.Points()) != len(again.Points())+5*7 {
		t.Error("what was measured went away with the worker")
	}
	s.Open()
	tell(t, s, search.Message{State: search.StateIdle})
	for _, page := range []*Store{again, s} {
		for _, m := range events {
			m.Replayed = true
			tell(t, page, m)
		}
		phase(t, page, Paused)
		if page.Progress(0).Measured != 5 || len(page.Frontier()) != len(members.Points) {
			t.Errorf("after a reload: %+v, frontier of %d", page.Progress(0), len(page.Frontier()))
		}
		if page.Form.Budget != "5m" || page.Form.Seed != "7" {
			t.Errorf("the form shows %+v", page.Form)
		}
		do(t, page.Start, search.DoStart)
	}
}

// The frontier, its place in the chart and the counts agree with the study, which
// works them out on its own.
func TestAgreesWithTheStudy(t *testing.T) {
	for seed := range uint64(5) {
		s := ready(t)
		w := start(t, s, seed)
		for i := range 40 {
			if i%7 == 3 {
				w.fail("no reason")
			} else {
				w.measure()
			}
		}
		var want, got []int
		for _, r := range w.study.Frontier() {
			want = append(want, r.Number)
		}
		for _, m := range s.Frontier() {
			got = append(got, m.Number)
		}
		if !slices.Equal(got, want) {
			t.Errorf("frontier %v, want %v", got, want)
		}
		checkTies(t, s, w)
		progress := w.study.Progress()
		if p := s.Progress(0); p.Measured != progress.Measured || p.Failed != progress.Failed || p.Hypervolume != progress.Hypervolume {
			t.Errorf("progress %+v, want %+v", p, progress)
		}
		for _, x := range []string{"response_ms", "prefill_ms", "decode_ms", "peak_mb"} {
			s.ShowX(x)
			checkPoints(t, s, w)
			checkStaircase(t, s, w)
		}
	}
}

func checkPoints(t *testing.T, s *Store, w *worker) {
	t.Helper()
	shown, _ := s.Predicted()
	points := s.Points()[7*len(shown):] // those come first
	onFrontier := map[int]bool{}
	for _, r := range w.study.Frontier() {
		onFrontier[r.Number] = true
	}
	i := 0
	for _, r := range w.study.Trials() {
		if r.Measurement == nil {
			continue
		}
		x, low, high := r.Measurement.Prefill.MedianMs, r.Measurement.Prefill.LowMs, r.Measurement.Prefill.HighMs
		switch s.Axes.X.Name {
		case "response_ms":
			m := r.Measurement
			x, low, high = r.Values[1], m.Prefill.LowMs+64*m.Decode.LowMs, m.Prefill.HighMs+64*m.Decode.HighMs
		case "decode_ms":
			x, low, high = r.Measurement.Decode.MedianMs, r.Measurement.Decode.LowMs, r.Measurement.Decode.HighMs
		case "peak_mb":
			x = r.Values[2]
			low, high = x, x
		}
		flags := float32(0)
		if onFrontier[r.Number] {
			flags = 1
		}
		want := []float32{float32(r.Number), float32(x), float32(r.Arch.DecoderParams()), float32(low), float32(high), flags, -1}
		if got := points[7*i : 7*i+7]; !slices.Equal(got, want) {
			t.Fatalf("%s: point %v, want %v", s.Axes.X.Name, got, want)
		}
		i++
	}
	if len(points) != 7*i {
		t.Errorf("%d numbers for %d points", len(points), i)
	}
}

// Only members of the frontier tie, those that their study says, and they are counted.
func checkTies(t *testing.T, s *Store, w *worker) {
	t.Helper()
	var members []arch.Architecture
	for _, r := range w.study.Frontier() {
		members = append(members, r.Arch)
	}
	ties := proxy.CompareNeighbours(members)
	want := map[int]bool{}
	for i, r := range w.study.Frontier() {
		want[r.Number] = ties.Tied[i]
	}
	for n, trial := range s.trials {
		if trial.Tied != want[n] {
			t.Errorf("trial %d: tied %v, want %v", n, trial.Tied, want[n])
		}
	}
	if s.Ties() != ties.String() {
		t.Errorf("ties %q, want %q", s.Ties(), ties)
	}
}

// The line joins exactly the members that no member beats in both of the view's
// axes, from left to right.
func checkStaircase(t *testing.T, s *Store, w *worker) {
	t.Helper()
	var options struct {
		XName, YName string
		Frontier     []int
	}
	if err := json.Unmarshal([]byte(s.ChartOptions()), &options); err != nil {
		t.Fatal(err)
	}
	if options.XName == "" || options.YName != "decoder parameters (proxy)" {
		t.Errorf("axes %q and %q", options.XName, options.YName)
	}
	coordinates := map[int][2]float64{}
	for points := s.Points(); len(points) > 0; points = points[7:] {
		coordinates[int(points[0])] = [2]float64{float64(points[1]), float64(points[2])}
	}
	var want []int
	for _, a := range s.Frontier() {
		beaten := slices.ContainsFunc(s.Frontier(), func(b *Trial) bool {
			p, q := coordinates[a.Number], coordinates[b.Number]
			return a != b && q[0] <= p[0] && q[1] >= p[1] && (q != p || b.Number < a.Number)
		})
		if !beaten {
			want = append(want, a.Number)
		}
	}
	slices.SortFunc(want, func(a, b int) int { return int(math.Copysign(1, coordinates[a][0]-coordinates[b][0])) })
	if !slices.Equal(options.Frontier, want) {
		t.Errorf("%s: line %v, want %v", s.Axes.X.Name, options.Frontier, want)
	}
}

func TestReadings(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	m := w.measure()
	trial := s.Trial(1)
	if trial.PrefillSamples != 3 || trial.Measurement.Prefill.SamplesMs != nil {
		t.Errorf("%d samples counted, %d held", trial.PrefillSamples, len(trial.Measurement.Prefill.SamplesMs))
	}
	for name, want := range map[string]Reading{
		"decoder_params": {float64(trial.Arch.DecoderParams()), float64(trial.Arch.DecoderParams()), float64(trial.Arch.DecoderParams())},
		"prefill_ms":     {m.Prefill.MedianMs, m.Prefill.LowMs, m.Prefill.HighMs},
		"decode_ms":      {m.Decode.MedianMs, m.Decode.LowMs, m.Decode.HighMs},
		"response_ms":    {m.Prefill.MedianMs + 64*m.Decode.MedianMs, m.Prefill.LowMs + 64*m.Decode.LowMs, m.Prefill.HighMs + 64*m.Decode.HighMs},
	} {
		o, err := objective.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, known := s.Read(trial, o); !known || got != want {
			t.Errorf("%s: %v (%v), want %v", name, got, known, want)
		}
	}
	g, err := graph.Build(trial.Arch, s.Study.Workload)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"weight_mb", "kv_mb", "flops"} { // neither measured nor an objective here
		o, err := objective.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := o.Value(objective.NewCandidate(g, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got, known := s.Read(trial, o); !known || got != (Reading{want, want, want}) {
			t.Errorf("%s: %v (%v), want %v as planned", name, got, known, want)
		}
	}
	var names []string
	for _, o := range s.Objectives() {
		names = append(names, o.Name)
	}
	if want := objective.Defaults(); !slices.Equal(names, want) {
		t.Errorf("columns %v, want %v", names, want)
	}
}

func TestSelection(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	w.fail("no reason")
	s.Select(2)
	if text := s.Point(); !strings.Contains(text, "Not measured: no reason.") {
		t.Errorf("of a failed trial is heard %q", text)
	}
	for _, number := range []int{3, -1} {
		if s.Select(number); s.Selected() != nil {
			t.Errorf("trial %d has no details, but is selected", number)
		}
	}
	before := s.Version
	if s.Select(1); s.Selected() != s.Trial(1) || s.Version == before {
		t.Errorf("selected %v, version %d after %d", s.Selected(), s.Version, before)
	}
	if flags := s.Points()[5]; flags != 1+8 {
		t.Errorf("flags %v of a selected member of the frontier", flags)
	}
}

func TestConstraints(t *testing.T) {
	s := ready(t)
	c, _ := s.Start()
	started := trial.Started{Study: "constrained", Code: "test", Setup: c.Request.Setup}
	started.Constraints = []string{"prefill_ms<=5"}
	tell(t, s, event(trial.KindStarted, func(e *trial.Event) { e.Started = &started }))
	a, err := started.Space.Sample(random(1))
	if err != nil {
		t.Fatal(err)
	}
	for number, ms := range map[int]float64{1: 4, 2: 6} {
		prefill := trial.Stat{MedianMs: ms, LowMs: ms, HighMs: ms}
		tell(t, s, event(trial.KindAsked, func(e *trial.Event) {
			e.Asked = &trial.Trial{Number: number, Proposal: trial.Proposal{Arch: a}}
		}))
		tell(t, s, event(trial.KindMeasured, func(e *trial.Event) {
			e.Measured = &trial.Measured{Number: number, Values: []float64{1, 100, 1}, Measurement: trial.Measurement{Prefill: prefill}}
		}))
	}
	if got := s.Trial(1).Violates; got != "" {
		t.Errorf("4 ms violates %q", got)
	}
	if got := s.Trial(2).Violates; got != "prefill_ms<=5" {
		t.Errorf("6 ms violates %q", got)
	}
	if got := s.Infeasible(); got != 1 {
		t.Errorf("%d infeasible, want 1", got)
	}
	tell(t, s, event(trial.KindSetting, func(e *trial.Event) {
		e.Setting = &trial.Setting{Name: study.SettingConstraints, Value: "prefill_ms>=5"}
	}))
	if first, second := s.Trial(1).Violates, s.Trial(2).Violates; first != "prefill_ms>=5" || second != "" {
		t.Errorf("under the new constraint 4 ms violates %q, 6 ms %q", first, second)
	}
}

// Predicted members of the frontier are points without a measurement.
func TestPredicted(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	a, err := s.Study.Space.Sample(random(5))
	if err != nil {
		t.Fatal(err)
	}
	prediction := trial.Prediction{Arch: a, Prefill: trial.Estimate{Ms: 30, LowMs: 28, HighMs: 32}, Decode: trial.Estimate{Ms: 2, LowMs: 1, HighMs: 3}}
	predict := func(total int, points ...trial.Prediction) search.Message {
		return event(trial.KindPredicted, func(e *trial.Event) {
			e.Predicted = &trial.Predicted{Points: points, Total: total, Fitted: 1}
		})
	}
	measured, before := len(s.Points()), s.Version
	tell(t, s, predict(900, prediction))
	if shown, total := s.Predicted(); len(shown) != 1 || total != 900 || s.Version == before {
		t.Errorf("%d predicted points of %d shown, version %d after %d", len(shown), total, s.Version, before)
	}
	if flops, err := objective.Parse("flops"); err != nil {
		t.Fatal(err)
	} else if r, known := s.Read(s.Trial(-1), flops); known && r.Value == 0 {
		t.Error("a predicted point takes no operations")
	}
	s.ShowX("decode_ms")
	if got, want := s.Points()[:7], []float32{-1, 2, float32(a.DecoderParams()), 1, 3, 16, -1}; !slices.Equal(got, want) || len(s.Points()) != measured+7 {
		t.Errorf("%d numbers for points, first %v, want %v", len(s.Points()), got, want)
	}
	if s.Select(-1); s.Selected() == nil || !s.Selected().Predicted || s.Selected().Arch.ID() != a.ID() {
		t.Errorf("selected %+v, want the predicted point", s.Selected())
	}
	if s.Select(-2); s.Selected() != nil {
		t.Errorf("selected %+v, which nobody predicted", s.Selected())
	}
	// What is looked at stays so under the numbers of the next model.
	other := prediction
	if other.Arch, err = s.Study.Space.Sample(random(6)); err != nil {
		t.Fatal(err)
	}
	s.Select(-1)
	s.Compare(-1, true)
	tell(t, s, predict(2, other, prediction))
	if s.Selected() == nil || s.Selected().Arch.ID() != a.ID() || len(s.Compared()) != 1 || s.Compared()[0].Arch.ID() != a.ID() {
		t.Errorf("of the next model, %+v is selected and %v compared", s.Selected(), s.Compared())
	}
	// Also once it is measured, and predicted no more.
	known := s.results[0]
	predicted := prediction
	predicted.Arch = known.Arch
	tell(t, s, predict(2, predicted, prediction))
	s.Select(-1)
	s.Compare(-1, true)
	tell(t, s, predict(1, prediction))
	if s.Selected() != known || !slices.Equal(s.compared, []int{-1, known.Number}) {
		t.Errorf("what was measured meanwhile is not shown: %+v, %v", s.Selected(), s.compared)
	}
	s.Compare(known.Number, false)
	s.Select(-1)
	tell(t, s, predict(0))
	if len(s.Compared()) != 0 {
		t.Error("a point that is no longer predicted is compared")
	}
	if s.Selected() != nil || len(s.Points()) != measured {
		t.Error("a point that is no longer predicted is still there")
	}

	negative, invalid := prediction, prediction
	negative.Decode.LowMs = -1
	invalid.Arch.DModel = 0
	for name, m := range map[string]search.Message{
		"a negative time": predict(1, negative),
		"no architecture": predict(1, invalid),
		"too many":        predict(1, slices.Repeat([]trial.Prediction{prediction}, trial.MaxPredicted+1)...),
	} {
		failures := len(s.Errors)
		if s.Apply(m); len(s.Errors) == failures {
			t.Errorf("%s was believed", name)
		}
	}
}

// Nothing that a worker says is believed blindly.
func TestNonsense(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	asked := w.ask()
	points := s.Points()
	measured := func(number int, values ...float64) search.Message {
		return event(trial.KindMeasured, func(e *trial.Event) { e.Measured = &trial.Measured{Number: number, Values: values} })
	}
	for name, m := range map[string]search.Message{
		"version":        {Event: &trial.Event{V: 2, Kind: trial.KindProgress, Progress: &trial.Progress{}}},
		"kind":           {Event: &trial.Event{V: 1, Kind: "party"}},
		"no payload":     {Event: &trial.Event{V: 1, Kind: trial.KindMeasured}},
		"unknown trial":  measured(99, 1, 2, 3),
		"ended trial":    measured(1, 1, 2, 3),
		"too few values": measured(asked.Number, 1, 2),
		"negative value": measured(asked.Number, 1, -2, 3),
		"state":          {State: "dancing"},
		"progress":       event(trial.KindProgress, func(e *trial.Event) { e.Progress = &trial.Progress{ElapsedMs: -1} }),
		"objectives": event(trial.KindStarted, func(e *trial.Event) {
			e.Started = &trial.Started{Setup: trial.Setup{Objectives: []string{"speed"}}}
		}),
		"constraints": event(trial.KindStarted, func(e *trial.Event) {
			e.Started = &trial.Started{Setup: trial.Setup{Objectives: []string{"decode_ms", "peak_mb"}, Constraints: []string{"x"}}}
		}),
		"budget": event(trial.KindSetting, func(e *trial.Event) { e.Setting = &trial.Setting{Name: "budget", Value: "soon"} }),
	} {
		s.Errors = nil
		s.Apply(m)
		if len(s.Errors) != 1 || strings.Contains(s.Errors[0], "\n") {
			t.Errorf("%s: errors %q, want one line", name, s.Errors)
		}
		if !slices.Equal(s.Points(), points) || s.Phase() != Searching {
			t.Errorf("%s: changes more than the errors", name)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1)} { // which no JSON can bring
		s.Errors = nil
		s.Apply(measured(asked.Number, 1, v, 3))
		if len(s.Errors) != 1 {
			t.Errorf("%v: errors %q", v, s.Errors)
		}
	}
	s.Apply(measured(asked.Number, 1, math.MaxFloat64, 3))
	if got := s.Points(); !slices.Equal(got, points) {
		t.Error("a value beyond float32 reaches the chart")
	}
}

func TestErrors(t *testing.T) {
	s := ready(t)
	for i := range 2 * maxErrors {
		s.Fail(fmt.Sprintf("message %d\nwith\x00more", i))
		s.Fail(fmt.Sprintf("message %d with more", i)) // the same in print
	}
	s.Fail("  ")
	if len(s.Errors) != maxErrors || s.Errors[0] != "message 5 with more" {
		t.Errorf("errors %q", s.Errors)
	}
	s.Dismiss(s.Errors[0])
	s.Dismiss("unknown")
	s.Dismiss("")
	if len(s.Errors) != maxErrors-1 || s.Errors[0] != "message 6 with more" {
		t.Errorf("errors %q", s.Errors)
	}
	s.Fail(strings.Repeat("x", 10*maxText))
	if n := len([]rune(s.Errors[len(s.Errors)-1])); n != maxText {
		t.Errorf("a long message keeps %d characters", n)
	}
}

func TestWorkerThatNeverStarts(t *testing.T) {
	s := New("test")
	s.Open()
	tell(t, s, search.Message{Error: "the browser cannot measure"})
	phase(t, s, Dead)
	do(t, s.Start, "")
	tell(t, s, search.Message{State: search.StateIdle}) // too late
	phase(t, s, Dead)
	s.Open()
	tell(t, s, search.Message{State: search.StateIdle})
	phase(t, s, Idle)
}

func TestImport(t *testing.T) {
	s := ready(t)
	do(t, func() (search.Command, bool) { return s.Import("") }, "")
	if len(s.Errors) != 1 {
		t.Errorf("an empty file: errors %q", s.Errors)
	}
	do(t, func() (search.Command, bool) { return s.Import("lines") }, search.DoImport)
	tell(t, s, search.Message{Error: "import: line 1: not a journal"})
	w := start(t, s, 1)
	do(t, func() (search.Command, bool) { return s.Import("lines") }, "") // a search is under way
	w.end(search.DoneInterrupted)
	do(t, func() (search.Command, bool) { return s.Import("lines") }, "")
	if !s.Confirm.Asks() {
		t.Fatal("a study is replaced without a question")
	}
	if c, ok := s.Accept(); !ok || c.Do != search.DoImport || c.Journal != "lines" {
		t.Errorf("sends %+v", c)
	}
}

func TestProgress(t *testing.T) {
	s := ready(t)
	s.SetField(FieldBudget, "10s")
	w := start(t, s, 1)
	w.measure()
	w.progress(4000)
	if p := s.Progress(time.Second); p.Elapsed != 5*time.Second || p.Left != 5*time.Second || !p.LeftKnown || p.Share != 0.5 || p.PerMinute != 12 {
		t.Errorf("progress %+v", p)
	}
	if p := s.Progress(time.Hour); p.Share != 1 || p.Left != 0 {
		t.Errorf("progress %+v", p)
	}
	do(t, s.Pause, search.DoStop)
	w.end(search.DoneInterrupted)
	if p := s.Progress(time.Hour); p.Elapsed != 4*time.Second {
		t.Errorf("time passes while paused: %+v", p)
	}

	s = ready(t)
	s.SetField(FieldBudget, "4")
	w = start(t, s, 1)
	w.measure()
	if p := s.Progress(0); p.Share != 0.25 || p.Left != time.Second || !p.LeftKnown {
		t.Errorf("progress %+v", p)
	}
}

func TestTrialsAreBounded(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	w.measure()
	a := s.Trial(1).Arch
	s.Select(1)
	s.trials[2].OnFrontier, s.reported = false, []int{1}
	for n := 3; n <= maxTrials+10; n++ {
		if err := s.asked(trial.Trial{Number: n, Proposal: trial.Proposal{Arch: a}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.trials) != maxTrials || len(s.order) != maxTrials {
		t.Errorf("%d trials in %d places, want %d", len(s.trials), len(s.order), maxTrials)
	}
	if s.Selected() == nil || s.Trial(2) != nil || s.Trial(maxTrials+10) == nil {
		t.Error("the wrong trials gave way")
	}
	for _, n := range s.order { // where all matter, the oldest goes
		s.trials[n].OnFrontier = true
		s.frontier = append(s.frontier, n)
	}
	if err := s.asked(trial.Trial{Number: maxTrials + 11, Proposal: trial.Proposal{Arch: a}}); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Frontier() {
		if m == nil {
			t.Fatal("the frontier has a member that is gone")
		}
	}
}

func FuzzApply(f *testing.F) {
	s := New("test")
	for _, text := range []string{
		`{"state":"idle","device":{"name":"a","features":["simd128"]}}`,
		`{"event":{"v":1,"kind":"progress","progress":{"elapsed_ms":1e308,"left_ms":1e308}}}`,
		`{"event":{"v":1,"kind":"started","started":{"space":{"name":"a","arch_type":"gpt2","vocab_size":9,"max_sequence_length":9,"n_layer":[1],"d_model":[8],"d_inner":[8],"n_head":[1]},"objectives":["decode_ms","peak_mb"],"constraints":["decode_ms<=1"]}}}`,
		`{"event":{"v":1,"kind":"asked","asked":{"trial":1,"arch":{"arch_type":"gpt2","n_layer":1,"d_model":8,"d_inner":8,"n_head":1,"vocab_size":9,"max_sequence_length":9}}}}`,
		`{"event":{"v":1,"kind":"measured","measured":{"trial":1,"values":[1,1e300],"measurement":{"prefill":{"median_ms":1}}}}}`,
		`{"event":{"v":1,"kind":"frontier","frontier":{"points":[{"trial":1},{"trial":1},{"trial":-5}]}}}`,
		`{"event":{"v":1,"kind":"setting","setting":{"name":"budget","value":"1h"}}}`,
		`{"error":"x\ny","state":"searching","journal":"{}"}`,
		`{"other":{"started":{"study":"a"},"objectives":["decode_ms","peak_mb"],"best":[1,2],"worst":[3,1e300],"frontier":[{"trial":1,"values":{"decode_ms":1,"peak_mb":2}}]}}`,
	} {
		f.Add([]byte(text))
		var m search.Message
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			f.Fatal(err)
		}
		s.Apply(m)
	}
	if len(s.Errors) > 1 || len(s.trials) != 1 { // the seeds reach what they are meant for
		f.Fatalf("errors %q, %d trials", s.Errors, len(s.trials))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var m search.Message
		if json.Unmarshal(text, &m) != nil {
			return
		}
		s := New("test")
		s.Apply(search.Message{State: search.StateIdle})
		s.Apply(m)
		s.Apply(m)
		for i, v := range s.Points() {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Errorf("point %d has %v", i/7, v)
			}
		}
		if !json.Valid([]byte(s.ChartOptions())) {
			t.Error("the chart's options are no JSON")
		}
		_ = s.Progress(time.Second)
		_ = s.Status()
		_, _ = s.Sides()
		for _, o := range s.Others() {
			_ = s.Warnings(o)
		}
		for _, b := range s.Bounds() {
			for position := range b.Last + 1 {
				s.SetBound(b.Objective.Name, position)
			}
		}
		for _, o := range objective.All() {
			s.ShowGroup(GroupAll)
			s.SortBy(o.Name)
			_, _ = s.Rows()
		}
		for _, step := range s.history.steps {
			if !(step.Hypervolume >= 0 && step.Hypervolume <= 1+1e-9) {
				t.Errorf("hypervolume %v", step.Hypervolume)
			}
		}
	})
}

// The axes turn logarithmic together, and the chart hears of it.
func TestLog(t *testing.T) {
	s := ready(t)
	version := s.Version
	s.SetLog(true)
	if s.Version == version || !strings.Contains(s.ChartOptions(), `"xLog":true,"yLog":true`) {
		t.Errorf("version %d after %d, options %s", s.Version, version, s.ChartOptions())
	}
	version = s.Version
	s.SetLog(true)
	if s.Version != version {
		t.Error("what changes nothing has the chart drawn")
	}
}

// A kept study takes other constraints along, and nothing else.
func TestConstraintsOfAStudy(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	w.end(search.DoneInterrupted)
	s.SetField(FieldConstraints, "decode_ms<=1e3,peak_mb<=500")
	command, ok := s.Start()
	if !ok {
		t.Fatal(s.Invalid)
	}
	q := command.Request
	if want := []string{"decode_ms<=1e3", "peak_mb<=500"}; !q.Reconstrain || !slices.Equal(q.Setup.Constraints, want) {
		t.Errorf("constraints %q (%v), want %q", q.Setup.Constraints, q.Reconstrain, want)
	}
	if len(s.Study.Constraints) > 0 {
		t.Error("the study has the constraints before the worker says so")
	}
}

// Any objective may be on either axis; the line joins what is best by their directions.
func TestAxes(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	for range 12 {
		w.measure()
	}
	for _, x := range objective.All() {
		for _, y := range objective.All() {
			s.ShowX(x.Name)
			s.ShowY(y.Name)
			points := s.Points()
			if _, known := s.Read(s.Trial(1), x); known {
				if _, known := s.Read(s.Trial(1), y); known && len(points) != 7*12 {
					t.Errorf("%s, %s: %d numbers for 12 points", x.Name, y.Name, len(points))
				}
			}
		}
	}
	s.ShowX("decoder_params") // rising
	s.ShowY("peak_mb")        // falling
	s.ShowY("luck")
	var options struct {
		XName, YName string
		Frontier     []int
	}
	if err := json.Unmarshal([]byte(s.ChartOptions()), &options); err != nil {
		t.Fatal(err)
	}
	if options.XName != "decoder parameters (proxy)" || options.YName != "peak memory (MiB)" {
		t.Errorf("axes %q and %q", options.XName, options.YName)
	}
	most := slices.MaxFunc(s.Frontier(), func(a, b *Trial) int { return cmp.Compare(a.DecoderParams, b.DecoderParams) })
	if len(options.Frontier) == 0 || options.Frontier[0] != most.Number {
		t.Errorf("the line joins %v; first should come %d with the most parameters", options.Frontier, most.Number)
	}
	for i := 1; i < len(options.Frontier); i++ {
		a, b := s.Trial(options.Frontier[i-1]), s.Trial(options.Frontier[i])
		if a.DecoderParams < b.DecoderParams || a.Values[2] <= b.Values[2] {
			t.Errorf("%d comes before %d, which has fewer parameters and takes less memory", a.Number, b.Number)
		}
	}
}
