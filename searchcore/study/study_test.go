package study_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"litefront/searchcore/graph"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*trial.Setup)
		want   string
	}{
		{"empty space", func(s *trial.Setup) { s.Space.NLayer = nil }, "n_layer"},
		{"workload", func(s *trial.Setup) { s.Workload.PromptLen = 0 }, "prompt_len 0"},
		{"context beyond every candidate's positions", func(s *trial.Setup) { s.Workload.Context = 5000 }, "5000"},
		{"unknown objective", func(s *trial.Setup) { s.Objectives = []string{"decoder_params", "beauty"} }, `"beauty"`},
		{"one objective", func(s *trial.Setup) { s.Objectives = s.Objectives[:1] }, "objectives"},
		{"constraint", func(s *trial.Setup) { s.Constraints = []string{"decode_ms<20"} }, "decode_ms<20"},
		{"too many constraints", func(s *trial.Setup) { s.Constraints = make([]string, 65) }, "65"},
		{"strategy", func(s *trial.Setup) { s.Strategy = "luck" }, `"luck" is unknown; use one of exact, lts, lts-block, archai, random`},
		{"protocol", func(s *trial.Setup) { s.Protocol = "once" }, `protocol "once"`},
		{"memory limit", func(s *trial.Setup) { s.MemoryLimit = 0 }, "memory_limit 0"},
	} {
		s := setup(t, "lts")
		test.change(&s)
		j := new(memory)
		_, err := study.New("test", "v0", s, j, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %q", test.name, err, test.want)
		}
		if len(j.lines) != 0 {
			t.Errorf("%s: something was recorded", test.name)
		}
	}
	for _, name := range []string{"", "two\nlines", strings.Repeat("x", 2000), "\xff"} {
		if _, err := study.New(name, "v0", setup(t, "lts"), nil, nil); err == nil {
			t.Errorf("study name %.20q was accepted", name)
		}
		if _, err := study.New("test", name, setup(t, "lts"), nil, nil); err == nil {
			t.Errorf("code version %.20q was accepted", name)
		}
	}
}

// What is too large to be solved is refused before anything is measured, but not when
// a journal has it.
func TestNewRehearses(t *testing.T) {
	s := setup(t, "lts")
	s.Space, s.Objectives = preset(t, "lts-gpt2"), []string{"quality", "prefill_ms", "decode_ms", "peak_mb"}
	_, j := start(t, s, nil)
	s.Strategy = "exact"
	if _, err := study.New("test", "v0", s, nil, nil); err == nil || !strings.Contains(err.Error(), "fewer values of d_inner") ||
		!strings.Contains(err.Error(), `the strategy "lts"`) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v does not say in one line what to do", err)
	}
	events := j.events(t)
	events[0].Started.Setup.Strategy = "exact"
	if _, err := study.Replay(events, nil, nil); err != nil {
		t.Error(err)
	}
	s.Objectives = []string{"quality", "response_ms"}
	if _, err := study.New("test", "v0", s, nil, nil); err != nil {
		t.Error(err)
	}
}

// A space is refused by New exactly if its architectures cannot be built.
func TestNewProbesTheSpace(t *testing.T) {
	for _, test := range []struct {
		space   string
		context int
		want    string // in the error, if there is one
	}{
		{"lts-gpt2", 1024, ""},
		{"lts-gpt2", 1025, "max_sequence_length 1024"},
		{"archai-gpt2", 1024, ""},
		{"archai-gpt2", 1025, "max_sequence_length 1024"},
		{"lts-transformer-xl", 256, ""},
		{"lts-transformer-xl", 1025, ""}, // relative positions have no end
	} {
		s := setup(t, "random")
		s.Space, s.Workload.Context = preset(t, test.space), test.context
		st, err := study.New("test", "v0", s, nil, nil)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s with a context of %d: %v", test.space, test.context, err)
		case test.want == "":
			if tr, err := st.Ask(); err != nil || tr.Arch.Backbone != s.Space.Backbone {
				t.Errorf("%s: asked for %v, error %v", test.space, tr.Arch, err)
			}
		case err == nil || !strings.Contains(err.Error(), test.want):
			t.Errorf("%s with a context of %d: error %v does not mention %q", test.space, test.context, err, test.want)
		}
	}
}

func TestAskTell(t *testing.T) {
	var kinds []trial.Kind
	st, j := start(t, setup(t, "random"), func(e trial.Event) { kinds = append(kinds, e.Kind) })
	tr, err := st.Ask()
	if err != nil {
		t.Fatal(err)
	}
	if tr.Number != 1 || tr.Token != "1.1" {
		t.Errorf("got trial %d with token %q, want 1 with 1.1", tr.Number, tr.Token)
	}
	m := measure(tr)
	if err := st.Tell(1, "1.1", m); err != nil {
		t.Fatal(err)
	}
	g, err := graph.Build(tr.Arch, trial.DefaultWorkload())
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{float64(tr.Arch.DecoderParams()), m.Decode.MedianMs, float64(g.Memory.TotalBytes) / (1 << 20)}
	if got := st.Trials()[0]; got.Status != study.Measured || !slices.Equal(got.Values, want) {
		t.Errorf("got %s with values %v, want %v", got.Status, got.Values, want)
	}
	if f := st.Frontier(); len(f) != 1 || f[0].Number != 1 {
		t.Errorf("the only point is not the frontier: %v", f)
	}
	wantKinds := []trial.Kind{trial.KindStarted, trial.KindAsked, trial.KindMeasured, trial.KindFrontier}
	if !slices.Equal(kinds, wantKinds) {
		t.Errorf("announced %v, want %v", kinds, wantKinds)
	}
	if n := len(j.events(t)); n != 3 {
		t.Errorf("%d events were recorded, want 3", n)
	}
}

func TestTellRefuses(t *testing.T) {
	st, j := start(t, setup(t, "random"), nil)
	done := step(t, st)
	tr, err := st.Ask()
	if err != nil {
		t.Fatal(err)
	}
	before, recorded := state(t, st), len(j.lines)
	for _, test := range []struct {
		name   string
		number int
		token  string
		change func(*trial.Measurement)
	}{
		{"unknown trial", 9, "9.1", func(*trial.Measurement) {}},
		{"trial zero", 0, "0.1", func(*trial.Measurement) {}},
		{"negative trial", -1, "-1.1", func(*trial.Measurement) {}},
		{"finished trial", done.Number, done.Token, func(m *trial.Measurement) { *m = measure(done) }},
		{"stale token", tr.Number, "2.0", func(*trial.Measurement) {}},
		{"other architecture", tr.Number, tr.Token, func(m *trial.Measurement) { *m = measure(done) }},
		{"other workload", tr.Number, tr.Token, func(m *trial.Measurement) { m.Workload.PromptLen++ }},
		{"other protocol", tr.Number, tr.Token, func(m *trial.Measurement) { m.Protocol = "lts" }},
		{"interrupted", tr.Number, tr.Token, func(m *trial.Measurement) { m.Verdict = trial.Interrupted }},
		{"no verdict", tr.Number, tr.Token, func(m *trial.Measurement) { m.Verdict = "" }},
		{"infinite", tr.Number, tr.Token, func(m *trial.Measurement) { m.Decode.MedianMs = math.Inf(1) }},
		{"not a number", tr.Number, tr.Token, func(m *trial.Measurement) { m.Decode.MedianMs = math.NaN() }},
		{"negative", tr.Number, tr.Token, func(m *trial.Measurement) { m.Decode.MedianMs = -1 }},
		{"cannot be kept", tr.Number, tr.Token, func(m *trial.Measurement) { m.Slowdown = math.NaN() }},
	} {
		m := measure(tr)
		test.change(&m)
		if err := st.Tell(test.number, test.token, m); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want a one-line error", test.name, err)
		}
		if state(t, st) != before || len(j.lines) != recorded {
			t.Fatalf("%s: the study changed", test.name)
		}
	}
	for _, test := range []struct {
		number int
		token  string
	}{{9, "9.1"}, {done.Number, done.Token}, {tr.Number, "2.2"}} {
		if err := st.Fail(test.number, test.token, "reason"); err == nil {
			t.Errorf("Fail(%d, %q) was accepted", test.number, test.token)
		}
	}
	if state(t, st) != before || len(j.lines) != recorded {
		t.Fatal("the study changed")
	}
}

func TestFailKeepsOneLine(t *testing.T) {
	for _, test := range []struct{ reason, want string }{
		{"child died", "child died"},
		{"\npanic: boom\n\ngoroutine 1", "panic: boom"},
		{"tab\there \xff", "tab here ?"},
		{"", "no reason given"},
		{strings.Repeat("ü", 1000), strings.Repeat("ü", 500)},
	} {
		st, j := start(t, setup(t, "random"), nil)
		tr, err := st.Ask()
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Fail(tr.Number, tr.Token, test.reason); err != nil {
			t.Fatal(err)
		}
		if got := st.Trials()[0]; got.Status != study.Failed || got.Reason != test.want {
			t.Errorf("%q: got %s with %q, want %q", test.reason, got.Status, got.Reason, test.want)
		}
		if p := st.Progress(); p.Asked != 1 || p.Failed != 1 || p.Measured != 0 {
			t.Errorf("%q: got %+v, want one trial that failed", test.reason, p)
		}
		if again, _ := replay(t, j.events(t)); state(t, again) != state(t, st) {
			t.Errorf("%q: replay differs", test.reason)
		}
	}
}

func TestWaitAndExhaustedComeThrough(t *testing.T) {
	st, _ := start(t, setup(t, "archai"), nil)
	var open []trial.Trial
	var err error
	for err == nil {
		var tr trial.Trial
		if tr, err = st.Ask(); err == nil {
			open = append(open, tr)
		}
	}
	if !errors.Is(err, trial.ErrWait) || len(open) != 10 {
		t.Fatalf("got %v after %d trials, want ErrWait after the initial 10", err, len(open))
	}
	s := setup(t, "random")
	s.Space.NLayer, s.Space.DModel, s.Space.DInner, s.Space.NHead = []int{6}, []int{512}, []int{512, 576}, []int{4}
	st, _ = start(t, s, nil)
	step(t, st)
	step(t, st)
	if _, err := st.Ask(); !errors.Is(err, trial.ErrExhausted) {
		t.Errorf("got %v from a space of two after two, want ErrExhausted", err)
	}
}

// Constraints that can be told before measuring keep candidates from being
// proposed; the others keep them off the frontier.
func TestConstraints(t *testing.T) {
	s := setup(t, "archai")
	s.Constraints = []string{"decoder_params>=5e6", "peak_mb<=350", "prefill_ms<=300", "decode_ms <= 1e9"}
	s.MemoryLimit = 300 << 20
	st, j := start(t, s, nil)
	for range 40 {
		step(t, st)
	}
	violating := 0
	for _, r := range st.Trials() {
		if r.Values[0] < 5e6 || r.Values[2] > 300 {
			t.Errorf("trial %d breaks a static constraint: %v", r.Number, r.Values)
		}
		if broken := r.Measurement.Prefill.MedianMs > 300; broken != (r.Violates == "prefill_ms<=300") {
			t.Errorf("trial %d with %g ms violates %q", r.Number, r.Measurement.Prefill.MedianMs, r.Violates)
		} else if broken {
			violating++
		}
	}
	if violating == 0 || violating == 40 {
		t.Fatalf("%d of 40 trials are infeasible; the test shows nothing", violating)
	}
	for _, r := range st.Frontier() {
		if r.Violates != "" {
			t.Errorf("trial %d on the frontier violates %s", r.Number, r.Violates)
		}
	}
	if again, _ := replay(t, j.events(t)); state(t, again) != state(t, st) {
		t.Error("replay differs")
	}
}

func TestFrontier(t *testing.T) {
	var last trial.Event
	st, _ := start(t, setup(t, "random"), func(e trial.Event) {
		if e.Kind == trial.KindFrontier {
			last = e
		}
	})
	for range 60 {
		step(t, st)
	}
	// By comparing all pairs: more parameters, less time, less memory.
	var want []int
	trials := st.Trials()
	for i, a := range trials {
		if !slices.ContainsFunc(trials, func(b study.Record) bool {
			covers := b.Values[0] >= a.Values[0] && b.Values[1] <= a.Values[1] && b.Values[2] <= a.Values[2]
			return covers && (!slices.Equal(a.Values, b.Values) || b.Number < a.Number)
		}) {
			want = append(want, i+1)
		}
	}
	slices.SortStableFunc(want, func(a, b int) int {
		return int(trials[a-1].Values[0] - trials[b-1].Values[0])
	})
	var got, announced []int
	for _, r := range st.Frontier() {
		got = append(got, r.Number)
	}
	for _, p := range last.Frontier.Points {
		announced = append(announced, p.Number)
	}
	if !slices.Equal(got, want) || !slices.Equal(announced, want) {
		t.Errorf("got %v, announced %v, want %v", got, announced, want)
	}
}

func TestOverlaysStayBesideTheSearch(t *testing.T) {
	plain, _ := start(t, setup(t, "archai"), nil)
	st, j := start(t, setup(t, "archai"), nil)
	for range 3 {
		step(t, plain)
		step(t, st)
	}
	for range 2 { // the second time changes nothing
		if err := st.Enqueue(reference); err != nil {
			t.Fatal(err)
		}
	}
	overlay := step(t, st)
	if overlay.Arch.ID() != reference.ID() || overlay.Origin.Op != study.OpOverlay {
		t.Fatalf("got %v by %q, want the enqueued architecture", overlay.Arch, overlay.Origin.Op)
	}
	if err := st.Enqueue(reference); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if a, b := step(t, plain), step(t, st); a.Arch.ID() != b.Arch.ID() {
			t.Fatalf("trial %d differs from the search without overlays", b.Number)
		}
	}
	for _, r := range st.Frontier() {
		if r.Overlay() {
			t.Error("an overlay is on the frontier")
		}
	}
	if a, b := plain.Progress(), st.Progress(); a.Hypervolume != b.Hypervolume || b.Measured != a.Measured+1 {
		t.Errorf("got %+v, without overlay %+v", b, a)
	}
	again, _ := replay(t, j.events(t))
	if err := again.Enqueue(reference); err != nil {
		t.Fatal(err)
	}
	if tr := step(t, again); tr.Origin.Op == study.OpOverlay {
		t.Error("an overlay was measured again after a replay")
	}
	huge := reference
	huge.Vocab = 1 << 22
	if err := st.Enqueue(huge); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("got %v for an overlay beyond the memory limit", err)
	}
	unlimited := setup(t, "archai")
	unlimited.MemoryLimit = 1 << 40
	other, _ := start(t, unlimited, nil)
	huge.Vocab = 1 << 24 // 6 GiB, more than WebAssembly can address
	if err := other.Enqueue(huge); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("got %v for an overlay beyond WebAssembly's memory", err)
	}
	huge.Vocab = 0
	if err := st.Enqueue(huge); err == nil {
		t.Error("an invalid overlay was accepted")
	}
}

// When the journal cannot keep an event, it is as if it had not been tried.
func TestJournalFailureChangesNothing(t *testing.T) {
	plain, _ := start(t, setup(t, "archai"), nil)
	st, j := start(t, setup(t, "archai"), nil)
	refused := func(what string, try func() error) {
		t.Helper()
		before := state(t, st)
		j.fail = true
		if err := try(); !errors.Is(err, errFull) {
			t.Fatalf("%s: got %v, want the journal's error", what, err)
		}
		if state(t, st) != before {
			t.Fatalf("%s: the study changed", what)
		}
	}
	for range 25 {
		refused("Ask", func() error { _, err := st.Ask(); return err })
		tr, err := st.Ask()
		if err != nil {
			t.Fatal(err)
		}
		refused("Tell", func() error { return st.Tell(tr.Number, tr.Token, measure(tr)) })
		refused("Fail", func() error { return st.Fail(tr.Number, tr.Token, "x") })
		refused("Set", func() error { return st.Set("budget", "1s") })
		if err := st.Tell(tr.Number, tr.Token, measure(tr)); err != nil {
			t.Fatal(err)
		}
		step(t, plain)
	}
	if state(t, st) != state(t, plain) {
		t.Error("the study differs from one whose journal never failed")
	}
	if _, err := study.New("test", "v0", setup(t, "lts"), &memory{fail: true}, nil); !errors.Is(err, errFull) {
		t.Errorf("New: got %v, want the journal's error", err)
	}
}

func TestSet(t *testing.T) {
	st, _ := start(t, setup(t, "lts"), nil)
	for _, v := range []string{"60s", "120s"} {
		if err := st.Set("budget", v); err != nil {
			t.Fatal(err)
		}
	}
	if got := st.Settings(); len(got) != 1 || got["budget"] != "120s" {
		t.Errorf("got %v, want the last budget", got)
	}
	for _, s := range []trial.Setting{{Name: "", Value: "x"}, {Name: "budget", Value: ""}, {Name: "budget", Value: "a\nb"}} {
		if err := st.Set(s.Name, s.Value); err == nil {
			t.Errorf("setting %q to %q was accepted", s.Name, s.Value)
		}
	}
}

func TestHypervolume(t *testing.T) {
	st, _ := start(t, setup(t, "random"), nil)
	if hv := st.Progress().Hypervolume; hv != 0 {
		t.Errorf("got %g before any measurement, want 0", hv)
	}
	step(t, st)
	// The first point is its own scale: half of each of the three axes.
	if hv := st.Progress().Hypervolume; math.Abs(hv-1.0/8) > 1e-15 {
		t.Errorf("got %g for one point, want 1/8", hv)
	}
	last := st.Progress().Hypervolume
	for range 60 {
		step(t, st)
		hv := st.Progress().Hypervolume
		if hv < last || hv >= 1 {
			t.Fatalf("hypervolume went from %g to %g", last, hv)
		}
		last = hv
	}
	if want := hypervolume(st); math.Abs(last-want) > 0.01 {
		t.Errorf("got %g, counting cells gives %g", last, want)
	}
}

// hypervolume counts the cells of a grid that the measured points dominate.
func hypervolume(st *study.Study) float64 {
	trials := st.Trials()
	params, decode, peak := trials[0].Values[0], trials[0].Values[1], trials[0].Values[2]
	const n = 60
	hit := 0
	for cell := range n * n * n {
		x, y, z := cellMid(cell%n, n), cellMid(cell/n%n, n), cellMid(cell/n/n, n)
		if slices.ContainsFunc(trials, func(r study.Record) bool {
			return params/(r.Values[0]+params) <= x && r.Values[1]/(r.Values[1]+decode) <= y &&
				r.Values[2]/(r.Values[2]+peak) <= z
		}) {
			hit++
		}
	}
	return float64(hit) / (n * n * n)
}

func cellMid(i, n int) float64 { return (float64(i) + 0.5) / float64(n) }
