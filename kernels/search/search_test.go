package search_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

const (
	trialTime = 300 * time.Millisecond // of one candidate
	batchTime = 100 * time.Millisecond // between two looks at the context
)

// device is a measurer on a clock of its own, which only measuring moves.
type device struct {
	now   int64
	calls []trial.Trial
	// during, if not nil, is called in the middle of the n-th candidate, counted
	// from 1; an error is what measuring it gives.
	during func(n int) error
}

func newDevice() *device { return &device{now: 1 << 40} } // the clock has any origin

func (d *device) clock() int64 { return d.now }

func (d *device) Measure(ctx context.Context, t trial.Trial, w trial.Workload) (trial.Measurement, error) {
	d.calls = append(d.calls, t)
	m := trial.Measurement{ArchID: t.Arch.ID(), Workload: w, Protocol: "litefront", Verdict: trial.OK}
	for spent := time.Duration(0); spent < trialTime; spent += batchTime {
		if err := ctx.Err(); err != nil {
			m.Verdict = trial.Interrupted
			return m, fmt.Errorf("interrupted: %w", err)
		}
		if spent == batchTime && d.during != nil {
			if err := d.during(len(d.calls)); err != nil {
				return trial.Measurement{}, err
			}
		}
		d.now += int64(batchTime)
	}
	m.Prefill = trial.Stat{MedianMs: float64(t.Arch.DecoderParams())}
	m.SpentMs = ms(trialTime)
	return m, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// memory is a journal that fails at the append with the number fail.
type memory struct {
	events []trial.Event
	count  int
	fail   int
}

var errFull = errors.New("disk full")

func (m *memory) Append(e trial.Event) error {
	if m.count++; m.count == m.fail {
		return errFull
	}
	m.events = append(m.events, e)
	return nil
}

// setup is a study of a space with 1,332 architectures: 36 layers, one or two of
// them.
func setup() trial.Setup {
	return trial.Setup{
		Space: space.Space{
			Name: "tiny", Backbone: "gpt2", Vocab: 10, MaxLen: 16,
			NLayer: space.Choices{1, 2}, DModel: space.Choices{8}, NHead: space.Choices{1, 2, 4, 8},
			DInner: space.Choices{8, 16, 24, 32, 40, 48, 56, 64, 72},
		},
		Workload:    trial.Workload{PromptLen: 4, Context: 8, Precision: trial.F32, Threads: 1},
		Objectives:  []string{"decoder_params", "prefill_ms"},
		Strategy:    "lts",
		Protocol:    "litefront",
		Seed:        3,
		MemoryLimit: 1 << 20,
	}
}

func newStudy(t testing.TB, s trial.Setup, j study.Journal) *study.Study {
	t.Helper()
	st, err := study.New("test", "v0", s, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// resume is the study after its process died.
func resume(t testing.TB, j *memory) *study.Study {
	t.Helper()
	st, err := study.Replay(j.events, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// run runs to the end and checks the events: progress, and done as the last.
func run(t testing.TB, ctx context.Context, st *study.Study, d *device, b search.Budget) ([]trial.Progress, trial.Done, error) {
	t.Helper()
	var progress []trial.Progress
	var last trial.Event
	done, err := search.Run(ctx, st, d, b, d.clock, func(e trial.Event) {
		if e.V != trial.EventVersion || last.Done != nil {
			t.Errorf("event %+v of version %d after %q", e, e.V, last.Kind)
		}
		if e.Kind == trial.KindProgress {
			progress = append(progress, *e.Progress)
		}
		last = e
	})
	if last.Kind != trial.KindDone || *last.Done != done {
		t.Errorf("the last event is %+v, Run returned %+v", last, done)
	}
	return progress, done, err
}

// want is run where the end is known and no error is.
func want(t testing.TB, st *study.Study, d *device, b search.Budget, want trial.Done) []trial.Progress {
	t.Helper()
	progress, done, err := run(t, context.Background(), st, d, b)
	if done != want || err != nil {
		t.Errorf("got %+v, %v; want %+v", done, err, want)
	}
	return progress
}

// times are the elapsed and the left milliseconds of progress events.
func times(progress []trial.Progress) [][2]float64 {
	var list [][2]float64
	for _, p := range progress {
		list = append(list, [2]float64{p.ElapsedMs, p.LeftMs})
	}
	return list
}

func TestTimeBudget(t *testing.T) {
	j, d := new(memory), newDevice()
	progress := want(t, newStudy(t, setup(), j), d, search.Budget{Time: time.Second}, trial.Done{Reason: search.DoneBudget, Measured: 3})
	if got, want := times(progress), [][2]float64{{0, 1000}, {300, 700}, {600, 400}, {900, 100}, {1000, 0}}; !reflect.DeepEqual(got, want) {
		t.Errorf("elapsed and left are %v, want %v", got, want)
	}
	inFlight := d.calls[3]

	// The next session counts what the first one recorded, and begins with the
	// trial that it left.
	st, d := resume(t, j), newDevice()
	if got := search.Spent(st); got != 3*trialTime {
		t.Errorf("spent %v, want %v", got, 3*trialTime)
	}
	progress = want(t, st, d, search.Budget{Time: 2 * time.Second}, trial.Done{Reason: search.DoneBudget, Measured: 6})
	if got, want := times(progress), [][2]float64{{900, 1100}, {1200, 800}, {1500, 500}, {1800, 200}, {2000, 0}}; !reflect.DeepEqual(got, want) {
		t.Errorf("resumed: elapsed and left are %v, want %v", got, want)
	}
	first := d.calls[0]
	if first.Number != inFlight.Number || first.Arch.ID() != inFlight.Arch.ID() || first.Token == inFlight.Token {
		t.Errorf("the first trial is %+v; want another attempt at %+v", first, inFlight)
	}

	// A budget that is spent already asks nothing, so nothing new is outstanding.
	st, d = resume(t, j), newDevice()
	want(t, st, d, search.Budget{Time: 6 * trialTime}, trial.Done{Reason: search.DoneBudget, Measured: 6})
	if len(d.calls) != 0 || len(st.Trials()) != 7 {
		t.Errorf("%d candidates measured of %d asked", len(d.calls), len(st.Trials()))
	}
}

// A trial that ends exactly with the budget is told, and no other begins.
func TestTimeBudgetAtItsEdge(t *testing.T) {
	st := newStudy(t, setup(), nil)
	want(t, st, newDevice(), search.Budget{Time: 2 * trialTime}, trial.Done{Reason: search.DoneBudget, Measured: 2})
	if n := len(st.Trials()); n != 2 {
		t.Errorf("%d trials asked, want 2", n)
	}
}

func TestTrialBudget(t *testing.T) {
	j, d := new(memory), newDevice()
	d.during = func(n int) error { // the second candidate fails half-way
		if n == 2 {
			return errors.New("it does not load")
		}
		return nil
	}
	progress := want(t, newStudy(t, setup(), j), d, search.Budget{Trials: 3}, trial.Done{Reason: search.DoneBudget, Measured: 2, Failed: 1})
	// Nothing is known of what is left before the first has ended.
	if got, want := times(progress), [][2]float64{{0, 0}, {300, 600}, {400, 200}, {700, 0}}; !reflect.DeepEqual(got, want) {
		t.Errorf("elapsed and left are %v, want %v", got, want)
	}
	if p := progress[3]; p.Asked != 3 || p.Measured != 2 || p.Failed != 1 || p.Hypervolume <= 0 {
		t.Errorf("the last progress is %+v", p)
	}

	d = newDevice()
	progress = want(t, resume(t, j), d, search.Budget{Trials: 5}, trial.Done{Reason: search.DoneBudget, Measured: 4, Failed: 1})
	// A failure leaves no record of its time, so two measurements count.
	if got, want := times(progress), [][2]float64{{600, 0}, {900, 300}, {1200, 0}}; !reflect.DeepEqual(got, want) {
		t.Errorf("resumed: elapsed and left are %v, want %v", got, want)
	}
	if d.calls[0].Number != 4 {
		t.Errorf("the first trial has number %d, want 4", d.calls[0].Number)
	}

	d = newDevice()
	want(t, resume(t, j), d, search.Budget{Trials: 5}, trial.Done{Reason: search.DoneBudget, Measured: 4, Failed: 1})
	if len(d.calls) != 0 {
		t.Errorf("a spent budget measured %d candidates", len(d.calls))
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	j, d := new(memory), newDevice()
	d.during = func(n int) error {
		if n == 3 {
			cancel()
		}
		return nil
	}
	st := newStudy(t, setup(), j)
	for _, b := range []search.Budget{{Trials: 10}, {Time: time.Minute}} { // the second begins interrupted
		_, done, err := run(t, ctx, st, d, b)
		if want := (trial.Done{Reason: search.DoneInterrupted, Measured: 2}); done != want || err != nil {
			t.Errorf("%v: got %+v, %v; want %+v", b, done, err, want)
		}
		if n := len(st.Trials()); n != 3 || st.Trials()[2].Status != study.Outstanding {
			t.Errorf("%v: %d trials, the last %s", b, n, st.Trials()[n-1].Status)
		}
		st = resume(t, j)
	}

	d = newDevice()
	want(t, st, d, search.Budget{Trials: 3}, trial.Done{Reason: search.DoneBudget, Measured: 3})
	if first := d.calls[0]; first.Number != 3 || first.Token != "3.2" {
		t.Errorf("the first trial is %d with token %q, want the second attempt at 3", first.Number, first.Token)
	}
}

func TestExhausted(t *testing.T) {
	for _, strategy := range study.Strategies() {
		s := setup()
		s.Strategy = strategy
		s.Space.NHead, s.Space.DInner = space.Choices{1}, space.Choices{8, 16} // 2 + 2² architectures
		want(t, newStudy(t, s, nil), newDevice(), search.Budget{Trials: 100}, trial.Done{Reason: search.DoneExhausted, Measured: 6})
	}

	s := setup()
	s.Constraints = []string{"decoder_params>=1e9"}
	_, done, err := run(t, context.Background(), newStudy(t, s, nil), newDevice(), search.Budget{Trials: 100})
	if done != (trial.Done{Reason: search.DoneExhausted}) || err == nil || !strings.Contains(err.Error(), "decoder_params>=1e+09") {
		t.Errorf("nothing feasible: got %+v, %v; want the constraint as the reason", done, err)
	}
}

// A candidate during which the clock was set is measured again, once: it is not to
// blame, and a clock that is set all the time measures nothing.
func TestClockSet(t *testing.T) {
	set := fmt.Errorf("prefill_loop: %w", measure.ErrClock)
	j, d := new(memory), newDevice()
	d.during = func(n int) error {
		if n == 2 {
			return set
		}
		return nil
	}
	want(t, newStudy(t, setup(), j), d, search.Budget{Trials: 2}, trial.Done{Reason: search.DoneBudget, Measured: 2})
	if len(d.calls) != 3 || d.calls[1].Token != d.calls[2].Token {
		t.Errorf("measured were %+v; want the second twice", d.calls)
	}

	d = newDevice()
	d.during = func(int) error { return set }
	_, done, err := run(t, context.Background(), resume(t, j), d, search.Budget{Trials: 3})
	if want := (trial.Done{Reason: search.DoneFailed, Measured: 2}); done != want || !errors.Is(err, measure.ErrDevice) || len(d.calls) != 2 {
		t.Errorf("got %+v, %v after %d attempts; want %+v after two", done, err, len(d.calls), want)
	}
	if trials := resume(t, j).Trials(); trials[2].Status != study.Outstanding {
		t.Errorf("the candidate counts as %s", trials[2].Status)
	}
}

// The search ends exactly where ten candidates in a row have failed, however
// many did before.
func TestFailuresInARow(t *testing.T) {
	const limit, budget = 10, 60
	rapid.Check(t, func(rt *rapid.T) {
		var fails []bool
		for len(fails) < budget {
			good, bad := rapid.IntRange(1, 5).Draw(rt, "good"), rapid.IntRange(0, 11).Draw(rt, "bad")
			fails = append(fails, slices.Concat(make([]bool, good), slices.Repeat([]bool{true}, bad))...)
		}
		expect := trial.Done{Reason: search.DoneBudget}
		for i, row := 0, 0; i < budget && row < limit; i++ {
			if row++; fails[i] {
				expect.Failed++
			} else {
				expect.Measured, row = expect.Measured+1, 0
			}
			if row == limit {
				expect.Reason = search.DoneFailed
			}
		}
		broken := errors.New("the device is unwell")
		d := newDevice()
		d.during = func(n int) error {
			if fails[n-1] {
				return broken
			}
			return nil
		}
		_, done, err := run(t, context.Background(), newStudy(t, setup(), nil), d, search.Budget{Trials: budget})
		if failed := done.Reason == search.DoneFailed; done != expect || errors.Is(err, broken) != failed || failed != (err != nil) {
			rt.Errorf("got %+v, %v; want %+v", done, err, expect)
		}
	})
}

// What the journal cannot keep has not happened, and ends the search.
func TestJournalFails(t *testing.T) {
	for _, test := range []struct {
		name     string
		fail     int // number of the append; the first is the study's start
		measured int
		failed   int
	}{
		{"asking the first", 2, 0, 0},
		{"telling the first", 3, 0, 0},
		{"asking the second", 4, 1, 0},
		{"failing the second", 5, 1, 0},
		{"asking the third", 6, 1, 1},
	} {
		j, d := &memory{fail: test.fail}, newDevice()
		d.during = func(n int) error {
			if n == 2 {
				return errors.New("it does not load")
			}
			return nil
		}
		_, done, err := run(t, context.Background(), newStudy(t, setup(), j), d, search.Budget{Trials: 5})
		want := trial.Done{Reason: search.DoneFailed, Measured: test.measured, Failed: test.failed}
		if done != want || !errors.Is(err, errFull) {
			t.Errorf("%s: got %+v, %v; want %+v, %v", test.name, done, err, want, errFull)
		}
		if p := resume(t, j).Progress(); p.Measured != test.measured || p.Failed != test.failed {
			t.Errorf("%s: replayed %+v", test.name, p)
		}
	}
}

// A device that answers for another candidate is at fault, not the candidate.
type confused struct{ *device }

func (c confused) Measure(ctx context.Context, t trial.Trial, w trial.Workload) (trial.Measurement, error) {
	m, err := c.device.Measure(ctx, t, w)
	m.ArchID = "another"
	return m, err
}

func TestRefusedMeasurement(t *testing.T) {
	d, st := newDevice(), newStudy(t, setup(), nil)
	done, err := search.Run(context.Background(), st, confused{d}, search.Budget{Trials: 5}, d.clock, nil)
	if done != (trial.Done{Reason: search.DoneFailed}) || err == nil || !strings.Contains(err.Error(), `arch_id "another"`) {
		t.Errorf("got %+v, %v", done, err)
	}
}

// Run waits for nobody: a trial that somebody else holds ends it when the
// strategy cannot go on without.
func TestHeldTrial(t *testing.T) {
	s := setup()
	s.Strategy = "archai" // begins with ten random architectures
	st := newStudy(t, s, nil)
	if _, err := st.Ask(); err != nil {
		t.Fatal(err)
	}
	_, done, err := run(t, context.Background(), st, newDevice(), search.Budget{Trials: 50})
	if done != (trial.Done{Reason: search.DoneFailed, Measured: 9}) || !errors.Is(err, trial.ErrWait) {
		t.Errorf("got %+v, %v; want 9 measured and %v", done, err, trial.ErrWait)
	}
}

func TestParseBudget(t *testing.T) {
	for _, test := range []struct {
		text string
		want search.Budget
		back string
	}{
		{"60s", search.Budget{Time: time.Minute}, "1m0s"},
		{"1h30m", search.Budget{Time: 90 * time.Minute}, "1h30m0s"},
		{"0.5s", search.Budget{Time: 500 * time.Millisecond}, "500ms"},
		{"1ns", search.Budget{Time: 1}, "1ns"},
		{"1", search.Budget{Trials: 1}, "1"},
		{"60", search.Budget{Trials: 60}, "60"}, // a bare number counts candidates
	} {
		got, err := search.ParseBudget(test.text)
		if err != nil || got != test.want || got.String() != test.back {
			t.Errorf("%q: got %+v, written %q, %v; want %+v, %q", test.text, got, got, err, test.want, test.back)
		}
	}
	for _, text := range []string{"", "0", "0s", "-0", "-5", "-1m", "1e3", "1.5", "60 s", "s", "soon", "0x10", "99999999999999999999", "1000000000h", "NaN", "5m\n"} {
		b, err := search.ParseBudget(text)
		if err == nil || b != (search.Budget{}) || !strings.Contains(err.Error(), "must be a positive time such as 60s") {
			t.Errorf("%q: got %+v, %v", text, b, err)
		}
	}
}

func FuzzParseBudget(f *testing.F) {
	for _, text := range []string{"60s", "200", "1h2m3.5s", "+7", "-1", "0", "1e9", "9223372036854775807ns", "µs", "1\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := search.ParseBudget(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") || b != (search.Budget{}) {
				t.Errorf("%q: %+v with error %q", text, b, err)
			}
			return
		}
		if b.Time < 0 || b.Trials < 0 || (b.Time > 0) == (b.Trials > 0) {
			t.Errorf("%q: %+v is not one positive budget", text, b)
		}
		if back, err := search.ParseBudget(b.String()); err != nil || back != b {
			t.Errorf("%q: %+v is written %q, which reads as %+v, %v", text, b, b, back, err)
		}
	})
}

// engine is a target on a clock of its own, where every run takes 3 ms.
type engine struct{ now int64 }

func (e *engine) Device() trial.Device       { return trial.Device{Name: "virtual", TimerStepNs: 1} }
func (e *engine) Features() kernels.Features { return kernels.Features{} }
func (e *engine) Now() int64                 { return e.now }

func (e *engine) Prepare(m *kernels.Module) (measure.Program, error) {
	return &program{e, m.Memory.TotalBytes}, nil
}

type program struct {
	engine *engine
	bytes  int64
}

func (p *program) Run(c measure.Call) (int64, error) {
	ns := int64(max(c.Reps, 1)) * 3e6
	p.engine.now += ns
	return ns, nil
}

func (p *program) Footprint() (measure.Footprint, error) {
	return measure.Footprint{LinearBytes: p.bytes}, nil
}

func (p *program) Close() error { return nil }

func request() search.Request {
	return search.Request{Name: "test", Code: "v0", Setup: setup(), Budget: "4"}
}

var overlay = arch.Architecture{Backbone: arch.GPT2, Vocab: 10, DModel: 12, MaxLen: 16, Layers: []arch.Layer{{Heads: 3, DInner: 5}}}

func TestRequest(t *testing.T) {
	j, q := new(memory), request()
	q.Overlays = []arch.Architecture{overlay}
	for i, budget := range []string{"4", "4", "6"} { // a larger one continues the study
		q.Budget, q.Journal = budget, j.events
		st, done, err := q.Run(context.Background(), new(engine), j, nil)
		n := []int{4, 4, 6}[i] + 1 // the overlay is beside the budget
		if want := (trial.Done{Reason: search.DoneBudget, Measured: n}); err != nil || done != want {
			t.Fatalf("session %d: got %+v, %v; want %+v", i+1, done, err, want)
		}
		if got := st.Settings()["budget"]; got != budget {
			t.Errorf("session %d: the budget recorded is %q, want %q", i+1, got, budget)
		}
		for _, r := range st.Trials() {
			m := r.Measurement
			if r.Overlay() != (r.Number == 1) || m.Verdict != trial.OK || m.Prefill.MedianMs != 3 || m.Decode.MedianMs != 3 || m.Code != "v0" {
				t.Errorf("session %d: trial %d is %+v", i+1, r.Number, m)
			}
		}
	}
	settings := 0
	for _, e := range j.events {
		if e.Kind == trial.KindSetting {
			settings++
		}
	}
	if settings != 2 { // the first budget and the larger one
		t.Errorf("%d settings recorded, want 2", settings)
	}
}

func TestRequestRefused(t *testing.T) {
	for _, test := range []struct {
		change func(*search.Request)
		want   string
	}{
		{func(q *search.Request) { q.Budget = "soon" }, `budget "soon"`},
		{func(q *search.Request) { q.Name = "" }, "study name"},
		{func(q *search.Request) { q.Setup.Strategy = "luck" }, `strategy "luck"`},
		{func(q *search.Request) { q.Overlays = []arch.Architecture{{Backbone: "rnn"}} }, `arch_type "rnn"`},
		{func(q *search.Request) { q.Journal = []trial.Event{{V: trial.EventVersion, Seq: 1}} }, "event 1"},
	} {
		q := request()
		test.change(&q)
		st, done, err := q.Run(context.Background(), new(engine), nil, nil)
		if st != nil || done != (trial.Done{}) || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Run gives %v, %+v, %v; want %q", st, done, err, test.want)
		}
		if check := q.Check(); check == nil || check.Error() != err.Error() {
			t.Errorf("Check gives %v, Run %v", check, err)
		}
	}
	if err := request().Check(); err != nil {
		t.Error(err)
	}

	// What only the measurer refuses leaves a study, so that it can be reported.
	q := request()
	q.TrialTimeMs = -1
	st, _, err := q.Run(context.Background(), new(engine), nil, nil)
	if st == nil || err == nil || !strings.Contains(err.Error(), "budget -1ms") {
		t.Errorf("a negative time per trial: %v, %v", st, err)
	}
}
