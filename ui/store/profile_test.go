package store

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// looking is a store with a paused study of so many candidates, the first of which is
// selected.
func looking(t *testing.T, n int) *Store {
	t.Helper()
	s := ready(t)
	w := start(t, s, 1)
	for range n {
		w.measure()
	}
	w.end(search.DoneInterrupted)
	s.Select(1)
	return s
}

// profileOf is a profile with two groups of operations.
func profileOf(id string) trial.Profile {
	stat := func(ms float64) trial.Stat {
		return trial.Stat{SamplesMs: []float64{ms, ms}, MedianMs: ms, LowMs: ms / 2, HighMs: 2 * ms}
	}
	phase := trial.PhaseProfile{Whole: stat(4), SumMs: 4, Ops: []trial.OpProfile{
		{Name: "norm", Count: 2, Time: stat(1), Share: 0.25, GFLOPS: 2}, {Name: "mlp\nfc", Count: 1, Time: stat(3), Share: 0.75, GFLOPS: 30}}}
	decode := phase
	decode.Ops = slices.Clone(phase.Ops)
	return trial.Profile{ArchID: id, Prefill: phase, Decode: decode, Memory: []trial.MemoryPart{{Name: "all", Bytes: 1}}}
}

func profileTold(p trial.Profile) search.Message {
	return event(trial.KindProfile, func(e *trial.Event) { e.Profile = &p })
}

var (
	measuringNow = search.Message{State: search.StateMeasuring}
	idleNow      = search.Message{State: search.StateIdle}
)

func TestMeasureProfile(t *testing.T) {
	s := looking(t, 2)
	s.Select(0)
	do(t, s.MeasureProfile, "")
	s.Select(1)
	command, ok := s.MeasureProfile()
	q := command.Load
	if !ok || command.Do != search.DoProfile || len(q.Archs) != 1 || q.Archs[0].ID() != s.Selected().ArchID() || q.Workload != s.Study.Workload ||
		q.MemoryLimit != MemoryLimit || q.Code != "test" {
		t.Fatalf("sends %+v with %+v", command, q)
	}
	if s.Measuring() != search.DoProfile || !s.Waiting() || !s.Stopping() || s.CanMeasure() || s.CanTake() {
		t.Error("something else can be asked for while it begins")
	}
	tell(t, s, measuringNow)
	if s.Status() != "Measuring." || s.Stopping() || s.CanMeasure() || !s.Waiting() {
		t.Errorf("the status is %q, it is about to end %v", s.Status(), s.Stopping())
	}
	phase(t, s, Paused)
	for _, action := range []func() (search.Command, bool){s.Start, s.MeasureProfile, s.Sustain, s.Export, func() (search.Command, bool) { return s.Report(search.TrialsFile) }} {
		do(t, action, "")
	}
	s.NewSearch()
	if s.Confirm.Asks() {
		t.Error("the study can be discarded meanwhile")
	}
	tell(t, s, profileTold(profileOf(s.Selected().ArchID())))
	if s.Measuring() == "" {
		t.Error("it has ended before the worker is idle")
	}
	tell(t, s, idleNow)
	p := s.Profile()
	if s.Measuring() != "" || s.Waiting() || !s.CanMeasure() || p == nil || len(s.Errors) != 0 {
		t.Fatalf("measuring %q, profile %v, errors %q", s.Measuring(), p, s.Errors)
	}
	if got := s.Status(); got != "It is known where the time goes. Paused: 2 measured, 0 failed." {
		t.Errorf("the status is %q", got)
	}
	if p.Prefill.Ops[1].Name != "mlp fc" || p.Prefill.Ops[0].Time.SamplesMs != nil || p.Memory != nil {
		t.Errorf("held is %+v", p)
	}
	if by := p.Decode.ByTime(); by[0].Name != "mlp fc" || by[1].Name != "norm" {
		t.Errorf("by time the operations are %+v", by)
	}
	s.Select(2)
	if s.Profile() != nil {
		t.Error("another candidate has the profile")
	}
	s.Select(1)
	if s.Profile() != p {
		t.Error("the profile was not kept")
	}

	// Who hides the page while it is measured, or starts it hidden, is told.
	for _, begun := range []bool{false, true} {
		if p.Hidden {
			t.Error("the page was in front, the profile denies it")
		}
		s.SetHidden(begun)
		do(t, s.MeasureProfile, search.DoProfile)
		tell(t, s, measuringNow)
		s.SetHidden(!begun)
		tell(t, s, profileTold(profileOf(s.Selected().ArchID())))
		s.SetHidden(false)
		tell(t, s, idleNow)
		if !s.Profile().Hidden {
			t.Error("the page was in the background, the profile denies it")
		}
		do(t, s.MeasureProfile, search.DoProfile)
		tell(t, s, measuringNow)
		tell(t, s, profileTold(profileOf(s.Selected().ArchID())))
		tell(t, s, idleNow)
		p = s.Profile()
	}

	// Another one can be stopped, and the first stays.
	do(t, s.MeasureProfile, search.DoProfile)
	do(t, s.StopMeasuring, "") // before it has begun
	tell(t, s, measuringNow)
	do(t, s.StopMeasuring, search.DoStop)
	do(t, s.StopMeasuring, "")
	tell(t, s, idleNow)
	do(t, s.StopMeasuring, "")
	if s.Profile() != p || s.Measuring() != "" {
		t.Errorf("after it was stopped the profile is %v", s.Profile())
	}
}

// Nothing else is measured while a search runs, and one that is refused can be asked
// for again.
func TestMeasureRefused(t *testing.T) {
	s := ready(t)
	do(t, s.MeasureProfile, "")
	do(t, s.Sustain, "")
	w := start(t, s, 1)
	w.measure()
	s.Select(1)
	do(t, s.MeasureProfile, "")
	do(t, s.Sustain, "")
	if len(s.Errors) != 1 || !strings.HasPrefix(s.Errors[0], "a search is under way: pause it before measuring") {
		t.Errorf("while a search runs the errors are %q", s.Errors)
	}
	w.end(search.DoneInterrupted)
	s.Dismiss(s.Errors[0])
	for _, answers := range [][]search.Message{
		{{Error: "profile: this browser has no SIMD"}},
		{measuringNow, {Error: "profile: needs too much memory"}, idleNow},
	} {
		do(t, s.MeasureProfile, search.DoProfile)
		for _, m := range answers {
			tell(t, s, m)
		}
		if s.Measuring() != "" || !s.CanMeasure() || len(s.Errors) != 1 {
			t.Errorf("measuring %q after the errors %q", s.Measuring(), s.Errors)
		}
		s.Dismiss(s.Errors[0])
	}
}

func TestWrongProfiles(t *testing.T) {
	for name, change := range map[string]func(*trial.Profile){
		"of another":      func(p *trial.Profile) { p.ArchID = "00" },
		"of nothing":      func(p *trial.Profile) { p.Decode.Ops = nil },
		"of very much":    func(p *trial.Profile) { p.Prefill.Ops = slices.Repeat(p.Prefill.Ops, 600) },
		"negative time":   func(p *trial.Profile) { p.Prefill.Ops[0].Time.LowMs = -1 },
		"negative whole":  func(p *trial.Profile) { p.Decode.Whole.MedianMs = -1 },
		"negative share":  func(p *trial.Profile) { p.Decode.Ops[1].Share = -1 },
		"without its sum": func(p *trial.Profile) { p.Prefill.SumMs = 0 },
	} {
		s := looking(t, 1)
		p := profileOf(s.Selected().ArchID())
		tell(t, s, profileTold(p)) // unasked
		if len(s.Errors) != 1 || s.Profile() != nil {
			t.Fatalf("unasked: the errors are %q", s.Errors)
		}
		s.Dismiss(s.Errors[0])
		do(t, s.MeasureProfile, search.DoProfile)
		tell(t, s, measuringNow)
		change(&p)
		tell(t, s, profileTold(p))
		tell(t, s, idleNow)
		if len(s.Errors) != 1 || s.Profile() != nil {
			t.Errorf("%s: the errors are %q, the profile %v", name, s.Errors, s.Profile())
		}
	}
}

func TestMemoryParts(t *testing.T) {
	s := ready(t)
	if s.MemoryParts() != nil {
		t.Error("nothing has parts")
	}
	w := start(t, s, 1)
	w.measure()
	s.Select(1)
	g, err := graph.Build(s.Selected().Arch, s.Study.Workload)
	if err != nil {
		t.Fatal(err)
	}
	parts := s.MemoryParts() // also while a search runs
	var bytes int64
	tensors := 0
	for i, p := range parts {
		bytes += p.Bytes
		tensors += p.Tensors
		if i > 0 && i < len(parts)-1 && p.Bytes > parts[i-1].Bytes || p.Name == "others" && p.Kind != "" {
			t.Errorf("part %d is %+v", i, p)
		}
	}
	if bytes != g.Memory.TotalBytes || tensors != len(g.Tensors) || len(parts) < 5 || parts[len(parts)-1].Name != "others" {
		t.Errorf("%d parts with %d bytes and %d tensors; planned are %d and %d", len(parts), bytes, tensors, g.Memory.TotalBytes, len(g.Tensors))
	}
	if &parts[0] != &s.MemoryParts()[0] {
		t.Error("the same candidate is planned again")
	}
}

// rounds are of two architectures, one each 100 ms from a time on, at a share of the
// first speed.
func rounds(n int, fromMs, share float64) (list []trial.Round) {
	for i := range n {
		list = append(list, trial.Round{AtMs: fromMs + 100*float64(i), ComputeMs: 1, StreamMs: 8 / share,
			PrefillMs: []float64{10 / share, 20}, DecodeMs: []float64{1 / share, 2}})
	}
	return list
}

func roundsTold(list []trial.Round) search.Message {
	return event(trial.KindRounds, func(e *trial.Event) { e.Rounds = list })
}

// sustaining is a store that has just begun to run two candidates for 10 s.
func sustaining(t *testing.T) *Store {
	t.Helper()
	s := looking(t, 3)
	s.Compare(3, true)
	s.Compare(2, true)
	s.SetSustainedFor(" 10s ")
	do(t, s.Sustain, search.DoSustain)
	tell(t, s, measuringNow)
	return s
}

func TestSustain(t *testing.T) {
	s := looking(t, 3)
	if list := s.ToSustain(); len(list) != 1 || list[0].Number != 1 || s.SustainedFor != "60s" {
		t.Errorf("%d candidates would run for %s", len(list), s.SustainedFor)
	}
	s.Compare(3, true)
	s.Compare(2, true)
	for text, wrong := range map[string]bool{"5s": true, "": true, "an hour": true, "600s": false} {
		s.SetSustainedFor(text)
		if (s.SustainedInvalid != "") != wrong {
			t.Errorf("of %q is said %q", text, s.SustainedInvalid)
		}
	}
	s.SetSustainedFor("9s")
	do(t, s.Sustain, "")
	s.SetSustainedFor("10s")
	command, ok := s.Sustain()
	if q := command.Load; !ok || len(q.Archs) != 2 || q.Archs[0].ID() != s.Trial(3).ArchID() || q.Sustained != "10s" || q.MemoryLimit != MemoryLimit {
		t.Fatalf("sends %+v", command.Load)
	}
	tell(t, s, measuringNow)
	s.Compare(2, false) // which changes nothing about the run
	first, second := rounds(60, 0, 1), rounds(40, 6000, 0.8)
	tell(t, s, roundsTold(first))
	run := s.Sustained()
	if len(run.Rounds) != 60 || run.Ended || run.Verdict(0) != "" || run.AtMs() != 5900 || len(run.Curves) != 2 || len(run.Names) != 2 {
		t.Errorf("after 6 s the run is %+v", run)
	}
	tell(t, s, roundsTold(second))
	all := slices.Concat(first, second)
	result := trial.Sustained{Workload: s.Study.Workload, AskedMs: 10e3, TookMs: 10e3, Rounds: all,
		Archs: []trial.SustainedArch{{ArchID: s.Trial(3).ArchID()}, {ArchID: s.Trial(2).ArchID()}}}
	measure.Judge(&result)
	tell(t, s, event(trial.KindSustained, func(e *trial.Event) { e.Sustained = &result }))
	tell(t, s, idleNow)
	if run = s.Sustained(); !run.Ended || s.Measuring() != "" || len(s.Errors) != 0 || !reflect.DeepEqual(run.Rounds, all) {
		t.Fatalf("measuring %q, errors %q", s.Measuring(), s.Errors)
	}
	for i, want := range []string{
		"After 10 s it runs at 0.80 of its first speed [0.80, 0.80]; the machine itself at 0.80 [0.80, 0.80].",
		"After 10 s it runs at 1.00 of its first speed [1.00, 1.00]; the machine itself at 0.80 [0.80, 0.80].",
	} {
		if got := run.Verdict(i); got != want {
			t.Errorf("verdict %d is %q, want %q", i, got, want)
		}
	}
	ends := func(curve []measure.Speed) [2]float64 { return [2]float64{curve[0].Share, curve[len(curve)-1].Share} }
	for i, want := range [][2]float64{{1, 0.8}, {1, 1}} {
		if got := ends(run.Curves[i]); math.Abs(got[0]-want[0])+math.Abs(got[1]-want[1]) > 1e-9 || len(run.Curves[i]) < 50 {
			t.Errorf("curve %d goes from %v to %v in %d points", i, got[0], got[1], len(run.Curves[i]))
		}
	}
	if got := ends(run.Machine); math.Abs(got[1]-0.8) > 1e-9 {
		t.Errorf("the machine's curve ends at %v, which is the compute sentinel's", got[1])
	}
}

// Whatever ends a run, what was told of it is shown and judged.
func TestSustainEndsEarly(t *testing.T) {
	for name, end := range map[string]func(s *Store){
		"panic": func(s *Store) { tell(t, s, search.Message{Error: "the worker failed"}); tell(t, s, idleNow) },
		"died":  func(s *Store) { s.Die("gone") },
		"restart": func(s *Store) {
			started := *s.Study
			s.Die("gone")
			s.Open()
			tell(t, s, event(trial.KindStarted, func(e *trial.Event) { e.Started = &started }))
		},
	} {
		s := sustaining(t)
		tell(t, s, roundsTold(slices.Concat(rounds(30, 0, 1), rounds(30, 3000, 0.5))))
		end(s)
		run := s.Sustained()
		if !run.Ended || run.AtMs() != 5900 || !strings.HasPrefix(run.Verdict(0), "After 6 s it runs at 0.50 of") || s.Measuring() != "" {
			t.Errorf("%s: the verdict is %q", name, run.Verdict(0))
		}
	}
	s := sustaining(t)
	tell(t, s, roundsTold(rounds(9, 0, 1)))
	do(t, s.StopMeasuring, search.DoStop)
	tell(t, s, idleNow)
	if got := s.Status(); !strings.HasPrefix(got, "The run of 2 candidates has ended. Paused: ") {
		t.Errorf("the status is %q", got)
	}
	run := s.Sustained()
	if got := run.Verdict(0); !strings.Contains(got, "9 rounds it is too early to tell") {
		t.Errorf("the verdict is %q", got)
	}
	// A run that does not even begin leaves the one before.
	do(t, s.Sustain, search.DoSustain)
	tell(t, s, search.Message{Error: "another tab is searching"})
	if s.Sustained() != run || s.Measuring() != "" {
		t.Errorf("a refused run leaves %+v", s.Sustained())
	}
	if got := s.Status(); !strings.HasPrefix(got, "Paused: ") {
		t.Errorf("the status is %q", got)
	}
}

func TestWrongSustained(t *testing.T) {
	good := func(s *Store) trial.Sustained {
		run := s.Sustained()
		return trial.Sustained{Workload: run.Workload, AskedMs: run.AskedMs, TookMs: 9e3, Archs: slices.Clone(run.Archs), Rounds: rounds(90, 0, 1)}
	}
	for name, change := range map[string]func(*trial.Sustained){
		"of others":         func(e *trial.Sustained) { e.Archs[0].ArchID = "00" },
		"of more":           func(e *trial.Sustained) { e.Archs = slices.Repeat(e.Archs, 2) },
		"another workload":  func(e *trial.Sustained) { e.Workload.PromptLen++ },
		"another time":      func(e *trial.Sustained) { e.AskedMs++ },
		"negative time":     func(e *trial.Sustained) { e.TookMs = -1 },
		"negative speed":    func(e *trial.Sustained) { e.Archs[1].Kept = &trial.Kept{Share: 1, Low: -1, High: 1} },
		"negative sentinel": func(e *trial.Sustained) { e.Stream = &trial.Kept{Share: -1} },
		"too many rounds":   func(e *trial.Sustained) { e.Rounds = rounds(measure.MaxRounds+1, 0, 1) },
		"rounds of one":     func(e *trial.Sustained) { e.Rounds[7].DecodeMs = e.Rounds[7].DecodeMs[:1] },
		"backwards":         func(e *trial.Sustained) { e.Rounds[7].AtMs = 0 },
		"in no time":        func(e *trial.Sustained) { e.Rounds[7].ComputeMs = 0 },
	} {
		s := sustaining(t)
		e := good(s)
		change(&e)
		tell(t, s, event(trial.KindSustained, func(to *trial.Event) { to.Sustained = &e }))
		if len(s.Errors) != 1 || s.Sustained().Ended || len(s.Sustained().Rounds) != 0 {
			t.Errorf("%s: the errors are %q", name, s.Errors)
		}
	}
	s := sustaining(t)
	tell(t, s, roundsTold(rounds(10, 500, 1)))
	tell(t, s, roundsTold(rounds(10, 0, 1))) // which go back
	if len(s.Errors) != 1 || len(s.Sustained().Rounds) != 10 {
		t.Errorf("the errors are %q, there are %d rounds", s.Errors, len(s.Sustained().Rounds))
	}
	s = looking(t, 1)
	tell(t, s, roundsTold(rounds(10, 0, 1))) // unasked
	if len(s.Errors) != 1 || s.Sustained() != nil {
		t.Errorf("the errors are %q", s.Errors)
	}
	// A study that begins meanwhile ends it all.
	s = sustaining(t)
	study := *s.Study
	tell(t, s, event(trial.KindStarted, func(e *trial.Event) { e.Started = &study }))
	tell(t, s, roundsTold(rounds(10, 0, 1)))
	tell(t, s, idleNow)
	if s.Sustained() != nil || s.Measuring() != "" {
		t.Error("the run goes on in another study")
	}
}

func TestSustainInTheBackground(t *testing.T) {
	s := sustaining(t)
	if s.Sustained().Hidden {
		t.Error("the page was not hidden")
	}
	s.SetHidden(true)
	s.SetHidden(false)
	if !s.Sustained().Hidden {
		t.Error("the page was hidden")
	}
	tell(t, s, idleNow)
	do(t, s.Sustain, search.DoSustain)
	if s.Sustained().Hidden {
		t.Error("the page was hidden before")
	}
}

// Of a profile nothing is heard for long.
func TestSilenceWhileMeasuring(t *testing.T) {
	s := looking(t, 1)
	do(t, s.MeasureProfile, search.DoProfile)
	tell(t, s, measuringNow)
	for range 10*time.Minute/time.Second - 1 {
		if s.Tick() {
			t.Fatal("died within ten minutes")
		}
	}
	if !s.Tick() || s.Measuring() != "" {
		t.Error("lives after ten minutes")
	}
}
