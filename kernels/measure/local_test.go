package measure

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

var candidate = trial.Trial{Number: 1, Token: "t", Proposal: trial.Proposal{Arch: arch.Architecture{
	Backbone: arch.GPT2, Vocab: 100, DModel: 64, MaxLen: 256,
	Layers: []arch.Layer{{Heads: 2, DInner: 128}},
}}}

func mustLocal(t *testing.T, f *fakeTarget, change func(*Options)) *LocalMeasurer {
	t.Helper()
	o := DefaultOptions()
	o.Code = "test"
	if change != nil {
		change(&o)
	}
	l, err := f.local(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustMeasure(t *testing.T, l *LocalMeasurer) trial.Measurement {
	t.Helper()
	m, err := l.Measure(context.Background(), candidate, trial.DefaultWorkload())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// candidateCalls are the candidate's calls of an export.
func (f *fakeTarget) candidateCalls(export string) []fakeCall {
	var cs []fakeCall
	for _, c := range f.calls {
		if c.module == candidateModule && c.Export == export {
			cs = append(cs, c)
		}
	}
	return cs
}

func TestSteadyDeviceIsOK(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	mustMeasure(t, l) // learns the device
	f.calls = nil
	before := f.now
	m := mustMeasure(t, l)

	if m.Verdict != trial.OK || m.Slowdown != 1 || m.Repeats != 0 {
		t.Errorf("verdict %v, slowdown %v, repeats %d", m.Verdict, m.Slowdown, m.Repeats)
	}
	if m.Prefill.MedianMs != 30 || m.Prefill.Batch != 1 || len(m.Prefill.SamplesMs) != leastSamples {
		t.Errorf("prefill %+v", m.Prefill)
	}
	if math.Abs(m.Decode.MedianMs-0.75) > 1e-9 || len(m.Decode.SamplesMs) != leastSamples {
		t.Errorf("decode %+v", m.Decode)
	}
	if m.Compute.MedianMs != 1 || m.Stream.MedianMs != 8 {
		t.Errorf("sentinels %+v, %+v", m.Compute, m.Stream)
	}
	if m.MemoryBytes != planBytes || m.RSSBytes != 7<<20 || m.ModuleSHA256 != "abc" || m.Code != "test" ||
		m.Protocol != trial.Litefront || m.ArchID != candidate.Arch.ID() || m.Device.Name != "fake" ||
		m.Workload != trial.DefaultWorkload() {
		t.Errorf("identity: %+v", m)
	}
	if m.CompileMs != 14 || m.InitMs != 5 {
		t.Errorf("compile %v ms, init %v ms, want 14 and 5", m.CompileMs, m.InitMs)
	}
	var warmUp int64
	for _, export := range []string{"prefill_loop", "decode_loop"} {
		calls := f.candidateCalls(export)
		for _, c := range calls[:len(calls)-leastSamples] {
			warmUp += c.exactNs
		}
	}
	if m.WarmupMs != toMs(warmUp) {
		t.Errorf("warm-up %v ms, want %v", m.WarmupMs, toMs(warmUp))
	}
	if want := toMs(f.now - before); m.SpentMs != want {
		t.Errorf("spent %v ms, the clock says %v", m.SpentMs, want)
	}
	if f.calls[0].Call != (Call{"init", 1, 0}) {
		t.Errorf("first call %+v", f.calls[0])
	}
	if c := f.candidateCalls("prefill_loop")[0]; c.Arg != 192 || c.Reps != 1 {
		t.Errorf("prefill call %+v", c)
	}
	if c := f.candidateCalls("decode_loop")[0]; c.Arg != 224 {
		t.Errorf("decode call %+v", c)
	}
	if f.open != 2 {
		t.Errorf("%d programs open, want the two sentinels", f.open)
	}
	l.Close()
	if f.open != 0 {
		t.Errorf("%d programs open after Close", f.open)
	}
}

func TestRoundsAreInterleaved(t *testing.T) {
	letters := map[string]string{
		"compute loop":                    "c",
		"stream loop":                     "s",
		candidateModule + " prefill_loop": "P",
		candidateModule + " decode_loop":  "d",
	}
	// Six samples of a steady device are enough.
	for _, tt := range []struct {
		name                string
		prefillMs, decodeMs int64
		want                string // the rounds in order
	}{
		{"a long prompt", 200, 3, "cPds cPdsdsdsds cPdsdsdsds cPdsdsdsds cPdsdsdsds cPds"},
		{"until the budget is spent", 300, 3, "cPds cPdsdsdsds cPdsdsdsds cPdsdsdsds cPds cPds"},
		{"sentinels keep to their share", 100, 3, "cPds cPdsdsds cPdsdsds cPdsdsds cPdsdsds cPdsdsds"},
		{"tokens take half as long as the prompt", 120, 20, "cPds cPdsds cPdsds cPdsds cPdsds cPdsds"},
		{"rounds without sentinels", 25, 3, "cPds cPds cPds Pd Pd cPds"},
		{"a short prompt", 2, 3, "cPds cPds cPds Pd Pd Pd"},
	} {
		f := newFake()
		f.runNs = func(module, export string, before, now int64) int64 {
			switch export {
			case "prefill_loop":
				return tt.prefillMs * ms
			case "decode_loop":
				return tt.decodeMs * ms
			}
			return steadyRuns(module, export, before, now)
		}
		mustMeasure(t, mustLocal(t, f, nil))
		var calls string
		for _, c := range f.calls {
			calls += letters[c.module+" "+c.Export]
		}
		if want := strings.ReplaceAll(tt.want, " ", ""); !strings.HasSuffix(calls, want) {
			t.Errorf("%s: the last of the calls %s are not %s", tt.name, calls, want)
		}
	}
}

func TestVerdictNoisy(t *testing.T) {
	f := newFake()
	rng := rand.New(rand.NewPCG(3, 3))
	f.runNs = func(module, export string, before, now int64) int64 {
		ns := steadyRuns(module, export, before, now)
		if export == "prefill_loop" {
			ns += int64(rng.Float64() * float64(ns))
		}
		return ns
	}
	m := mustMeasure(t, mustLocal(t, f, nil))
	if m.Verdict != trial.Noisy {
		t.Errorf("verdict %v", m.Verdict)
	}
	if n := len(m.Prefill.SamplesMs); n <= 5 || len(m.Decode.SamplesMs) < n-1 {
		t.Errorf("%d and %d samples", n, len(m.Decode.SamplesMs))
	}
}

// slowBlock slows everything down from one time to another.
func slowBlock(f *fakeTarget, from, to int64, factor float64) {
	f.runNs = func(module, export string, before, now int64) int64 {
		ns := steadyRuns(module, export, before, now)
		if now >= from && now < to {
			ns = int64(float64(ns) * factor)
		}
		return ns
	}
}

func TestDriftIsRepeatedThenOK(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	mustMeasure(t, l)
	slowBlock(f, f.now, f.now+500*ms, 1.3)
	m := mustMeasure(t, l)
	if m.Verdict != trial.OK || m.Repeats < 1 || m.Slowdown != 1 || m.Prefill.MedianMs != 30 {
		t.Errorf("verdict %v after %d repeats, slowdown %v, prefill %v", m.Verdict, m.Repeats, m.Slowdown, m.Prefill.MedianMs)
	}
}

func TestDriftThatLasts(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	mustMeasure(t, l)
	slowBlock(f, f.now, math.MaxInt64, 1.4)
	for range 20 { // the slow level never becomes the usual one
		m := mustMeasure(t, l)
		if m.Verdict != trial.Drifted || m.Repeats != 2 || math.Abs(m.Slowdown-1.4) > 1e-9 {
			t.Fatalf("verdict %v after %d repeats, slowdown %v", m.Verdict, m.Repeats, m.Slowdown)
		}
	}
	f.runNs = steadyRuns
	if m := mustMeasure(t, l); m.Verdict != trial.OK {
		t.Errorf("verdict %v after the drift", m.Verdict)
	}
}

func TestDriftKeepsTheLeastSlowdown(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	mustMeasure(t, l)
	f.calls = nil
	// The second attempt, which begins with the eleventh prefill, is the least
	// disturbed one, and only the stream sentinel shows it.
	prefills := 0
	f.runNs = func(module, export string, before, now int64) int64 {
		ns := steadyRuns(module, export, before, now)
		if export == "prefill_loop" {
			prefills++
		}
		if module == streamModule {
			// Three runs warm up, five are an attempt.
			factor := []float64{2, 1.5, 3}[min(max(prefills-3, 0)/5, 2)]
			ns = int64(float64(ns) * factor)
		}
		return ns
	}
	m := mustMeasure(t, l)
	if m.Verdict != trial.Drifted || m.Repeats != 2 || m.Slowdown != 1.5 {
		t.Errorf("verdict %v after %d repeats, slowdown %v; want drifted, 2, 1.5", m.Verdict, m.Repeats, m.Slowdown)
	}
}

// What was sampled while the program was in the background is sampled again; if it stays
// there, the measurement says so.
func TestBackground(t *testing.T) {
	for _, protocol := range []string{trial.Litefront, trial.LTS} {
		f := newFake()
		l := mustLocal(t, f, func(o *Options) { o.Protocol = protocol })
		mustMeasure(t, l)
		switches, prefills := 0, 0
		f.runNs = func(module, export string, before, now int64) int64 {
			if export == "prefill_loop" {
				if prefills++; prefills == 5 { // of the first attempt, after the warm-up
					switches++
				}
			}
			return steadyRuns(module, export, before, now)
		}
		measure := func(count func() int) trial.Measurement {
			t.Helper()
			m, err := l.Measure(WithSwitches(t.Context(), count), candidate, trial.DefaultWorkload())
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		m := measure(func() int { return switches })
		if litefront := protocol == trial.Litefront; litefront && (m.Verdict != trial.OK || m.Repeats != 1) || m.Background == litefront {
			t.Errorf("%s, for a moment: verdict %v after %d repeats, background %v", protocol, m.Verdict, m.Repeats, m.Background)
		}
		m = measure(func() int { switches++; return switches })
		if m.Verdict != trial.Drifted || protocol == trial.Litefront && m.Repeats != 2 || !m.Background {
			t.Errorf("%s, throughout: verdict %v after %d repeats, background %v", protocol, m.Verdict, m.Repeats, m.Background)
		}
		if m = measure(func() int { return switches }); m.Verdict == trial.Drifted || m.Repeats != 0 || m.Background {
			t.Errorf("%s, in front: verdict %v after %d repeats, background %v", protocol, m.Verdict, m.Repeats, m.Background)
		}
	}
}

func TestBatchesSuitTheTimer(t *testing.T) {
	for _, step := range []int64{1, 5_000, 100_000} {
		f := newFake()
		f.step = step
		f.runNs = func(module, export string, before, now int64) int64 {
			if export == "decode_loop" {
				return 3_000
			}
			return steadyRuns(module, export, before, now)
		}
		m := mustMeasure(t, mustLocal(t, f, nil))
		least := max(100*step, 2*ms)
		for _, s := range []trial.Stat{m.Prefill, m.Decode, m.Compute, m.Stream} {
			if sample := s.MinMs * float64(s.Batch) * 1e6; sample < float64(least)-1 {
				t.Errorf("step %d: a sample of %d runs takes %v ns, want at least %d", step, s.Batch, sample, least)
			}
		}
		if sample := m.Decode.MedianMs * float64(m.Decode.Batch) * 1e6; sample > 2*float64(least) {
			t.Errorf("step %d: a decode sample takes %v ns, needlessly more than %d", step, sample, least)
		}
		if got := m.Decode.MedianMs * 1e6; math.Abs(got-3_000) > 30 {
			t.Errorf("step %d: decode takes %v ns, want 3000 within 1 %%", step, got)
		}
		if m.Verdict != trial.OK {
			t.Errorf("step %d: verdict %v", step, m.Verdict)
		}
	}
}

func TestWarmUpWaitsForTierUp(t *testing.T) {
	f := newFake()
	f.runNs = func(module, export string, before, now int64) int64 {
		ns := steadyRuns(module, export, before, now)
		if module == candidateModule && export != "init" {
			// Seven times slower at first, then better with each run.
			ns = int64(float64(ns) * (1 + 6*math.Exp(-float64(before)/2)))
		}
		return ns
	}
	m := mustMeasure(t, mustLocal(t, f, func(o *Options) { o.Budget = 20 * time.Second }))
	if m.Verdict != trial.OK || m.Prefill.MedianMs > 30*1.02 || m.Decode.MedianMs > 0.75*1.02 {
		t.Errorf("verdict %v, prefill %v, decode %v", m.Verdict, m.Prefill.MedianMs, m.Decode.MedianMs)
	}
}

func TestBudget(t *testing.T) {
	tests := []struct {
		name      string
		prefillMs int64
		budget    time.Duration
	}{
		{"small", 2, 500 * time.Millisecond},
		{"usual", 60, 2 * time.Second},
		{"large: the minimum of samples", 900, 2 * time.Second},
	}
	for _, tt := range tests {
		f := newFake()
		rng := rand.New(rand.NewPCG(5, 5))
		f.runNs = func(module, export string, before, now int64) int64 {
			ns := steadyRuns(module, export, before, now)
			if export == "prefill_loop" {
				ns = tt.prefillMs * ms
			}
			if module == candidateModule && export != "init" {
				ns = int64(float64(ns) * (1 + rng.Float64()))
			}
			return ns
		}
		l := mustLocal(t, f, func(o *Options) { o.Budget = tt.budget; o.MaxSamples = 5000 })
		mustMeasure(t, l)
		f.calls = nil
		m := mustMeasure(t, l)

		var longest int64
		for i, c := range f.calls[1:] {
			longest = max(longest, f.calls[i].exactNs+c.exactNs) // a part of a round
		}
		over := m.SpentMs - toMs(tt.budget.Nanoseconds())
		minimal := min(len(m.Prefill.SamplesMs), len(m.Decode.SamplesMs)) == leastSamples
		if over > toMs(longest) && !minimal {
			t.Errorf("%s: %v ms over budget with %d samples", tt.name, over, len(m.Prefill.SamplesMs))
		}
		if over < 0 {
			t.Errorf("%s: a noisy candidate left %v ms of its budget", tt.name, -over)
		}
		if tt.prefillMs == 900 && (!minimal || len(f.candidateCalls("prefill_loop")) != 1+leastSamples) {
			t.Errorf("%s: %d samples, %d prefills", tt.name, len(m.Prefill.SamplesMs), len(f.candidateCalls("prefill_loop")))
		}
		if len(m.Compute.SamplesMs) < 3 || len(m.Stream.SamplesMs) < 3 {
			t.Errorf("%s: %d and %d readings", tt.name, len(m.Compute.SamplesMs), len(m.Stream.SamplesMs))
		}
		if tt.prefillMs == 2 {
			var sentinels int64
			for _, c := range f.calls {
				if c.module != candidateModule {
					sentinels += c.exactNs
				}
			}
			if share := toMs(sentinels) / m.SpentMs; share > 0.22 || share < 0.1 {
				t.Errorf("sentinels took %.2f of the time", share)
			}
		}
	}
}

func TestMaxSamples(t *testing.T) {
	f := newFake()
	rng := rand.New(rand.NewPCG(6, 6))
	f.runNs = func(module, export string, before, now int64) int64 {
		ns := steadyRuns(module, export, before, now)
		if module == candidateModule {
			ns = int64(float64(ns) * (0.2 + rng.Float64()))
		}
		return ns
	}
	m := mustMeasure(t, mustLocal(t, f, func(o *Options) { o.MaxSamples = 12 }))
	if len(m.Prefill.SamplesMs) != 12 || len(m.Decode.SamplesMs) != 12 {
		t.Errorf("%d and %d samples, want 12", len(m.Prefill.SamplesMs), len(m.Decode.SamplesMs))
	}
}

func TestCancellation(t *testing.T) {
	whole := newFake()
	mustMeasure(t, mustLocal(t, whole, nil))
	for k := range whole.calls {
		f := newFake()
		l := mustLocal(t, f, nil)
		ctx, cancel := context.WithCancel(context.Background())
		f.before = func(call int) error {
			if call == k {
				cancel()
			}
			return nil
		}
		m, err := l.Measure(ctx, candidate, trial.DefaultWorkload())
		if k == len(whole.calls)-1 {
			// Everything was measured when it came.
			if err != nil {
				t.Errorf("cancelled in the last call: %v", err)
			}
			continue
		}
		if !errors.Is(err, context.Canceled) || m.Verdict != trial.Interrupted {
			t.Fatalf("cancelled in call %d: verdict %q, error %v", k, m.Verdict, err)
		}
		if len(f.calls) != k+1 {
			t.Fatalf("cancelled in call %d: %d calls were made", k, len(f.calls))
		}
		if m.SpentMs != toMs(f.now) {
			t.Errorf("cancelled in call %d: spent %v ms of %v", k, m.SpentMs, toMs(f.now))
		}
		// The partial measurement has exactly the samples that were taken.
		if c := f.candidateCalls("decode_loop"); len(m.Decode.SamplesMs) > 0 &&
			c[len(c)-1].exactNs != int64(math.Round(m.Decode.SamplesMs[len(m.Decode.SamplesMs)-1]*float64(m.Decode.Batch)*1e6)) {
			t.Errorf("cancelled in call %d: last decode %v", k, m.Decode)
		}
		// The measurer is none the worse.
		f.before = nil
		if m := mustMeasure(t, l); m.Verdict != trial.OK || f.open != 2 {
			t.Errorf("after cancelling in call %d: verdict %v, %d open", k, m.Verdict, f.open)
		}
		cancel()
	}
}

// A hiccup while the batch is chosen must not leave a batch of one for a program
// that takes next to no time.
func TestBatchIsChosenAgain(t *testing.T) {
	f := newFake()
	f.runNs = func(module, export string, before, now int64) int64 {
		switch {
		case export == "decode_loop" && before == 0:
			return 500 * ms
		case export == "decode_loop":
			return ms / 1000
		}
		return steadyRuns(module, export, before, now)
	}
	m := mustMeasure(t, mustLocal(t, f, nil))
	if m.Decode.Batch < 1000 || math.Abs(m.Decode.MedianMs-0.001) > 1e-6 {
		t.Errorf("decode %+v", m.Decode)
	}
}

func TestCancelledBeforeItBegins(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m, err := mustLocal(t, f, nil).Measure(ctx, candidate, trial.DefaultWorkload())
	if !errors.Is(err, context.Canceled) || m.Verdict != trial.Interrupted || f.now != 0 {
		t.Errorf("verdict %q, error %v, %d ns spent", m.Verdict, err, f.now)
	}
}

func TestCancelledInARepeatKeepsTheFirstAttempt(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	mustMeasure(t, l)
	slowBlock(f, 0, math.MaxInt64, 1.4)
	f.calls = nil
	ctx, cancel := context.WithCancel(context.Background())
	f.before = func(int) error {
		if len(f.candidateCalls("prefill_loop")) == 3+leastSamples+2 {
			cancel()
		}
		return nil
	}
	m, err := l.Measure(ctx, candidate, trial.DefaultWorkload())
	if !errors.Is(err, context.Canceled) || m.Verdict != trial.Interrupted || m.Repeats != 1 || len(m.Prefill.SamplesMs) != leastSamples {
		t.Errorf("error %v, verdict %v, %d repeats, %d samples", err, m.Verdict, m.Repeats, len(m.Prefill.SamplesMs))
	}
}

func TestDeathInAnyCall(t *testing.T) {
	whole := newFake()
	mustMeasure(t, mustLocal(t, whole, nil))
	failed := 0
	for k, c := range whole.calls {
		f := newFake()
		f.die = map[int]bool{k: true}
		l := mustLocal(t, f, nil)
		_, err := l.Measure(context.Background(), candidate, trial.DefaultWorkload())
		switch {
		case err != nil:
			failed++
			if !errors.Is(err, ErrLost) || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("died in call %d: %q", k, err)
			}
			if c.module == candidateModule && !strings.HasPrefix(err.Error(), c.Export) {
				t.Errorf("died in call %d, %s: %q", k, c.Export, err)
			}
		case c.module == candidateModule:
			t.Errorf("died in call %d of the candidate, and was measured", k)
		}
		// The next trial finds a new engine and new sentinels.
		if m := mustMeasure(t, l); m.Verdict != trial.OK || f.open != 2 {
			t.Errorf("after dying in call %d: verdict %v, %d open", k, m.Verdict, f.open)
		}
	}
	if failed == 0 {
		t.Error("no death was noticed")
	}
}

// A GPU that is lost interrupts a measurement, which is repeated on the next one; lost
// twice, it is the candidate's doing.
func TestLostGPU(t *testing.T) {
	whole := newFake()
	mustMeasure(t, mustLocal(t, whole, nil))
	repeated := 0
	for k, c := range whole.calls {
		f := newFake()
		l := mustLocal(t, f, nil)
		f.gpu, f.die = &kernels.GPU{}, map[int]bool{k: true}
		m := mustMeasure(t, l)
		if m.Verdict != trial.OK || c.module == candidateModule && !m.Lost || len(m.Prefill.SamplesMs) != leastSamples {
			t.Errorf("lost in call %d: verdict %v, repeated %v, %d samples", k, m.Verdict, m.Lost, len(m.Prefill.SamplesMs))
		}
		if m.Lost {
			repeated++
		}
	}
	if repeated == 0 {
		t.Error("nothing was repeated")
	}
	f := newFake()
	l := mustLocal(t, f, nil)
	f.gpu, f.die = &kernels.GPU{}, map[int]bool{}
	for k := range 1000 {
		f.die[k] = true
	}
	if _, err := l.Measure(context.Background(), candidate, trial.DefaultWorkload()); !errors.Is(err, ErrLost) {
		t.Errorf("lost again and again: %v", err)
	}
}

func TestIdleDeathIsNotTheCandidatesFault(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	mustMeasure(t, l)
	f.engine++ // the child died between two trials
	if m := mustMeasure(t, l); m.Verdict != trial.OK {
		t.Errorf("verdict %v", m.Verdict)
	}
	if f.prepared[computeModule] != 2 || f.prepared[streamModule] != 2 {
		t.Errorf("prepared %v", f.prepared)
	}
}

func TestInvalidInput(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	l.build = graph.Build
	for name, change := range map[string]func(*trial.Trial, *trial.Workload){
		"architecture": func(c *trial.Trial, _ *trial.Workload) { c.Arch.DModel = -1 },
		"workload":     func(_ *trial.Trial, w *trial.Workload) { w.PromptLen = 0 },
	} {
		c, w := candidate, trial.DefaultWorkload()
		change(&c, &w)
		if _, err := l.Measure(context.Background(), c, w); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if len(f.prepared) != 0 {
		t.Errorf("prepared %v", f.prepared)
	}
}

func TestSentinelsArePreparedOnce(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	for range 3 {
		mustMeasure(t, l)
	}
	if f.prepared[computeModule] != 1 || f.prepared[streamModule] != 1 || f.prepared[candidateModule] != 3 {
		t.Errorf("prepared %v", f.prepared)
	}
}

func TestErrors(t *testing.T) {
	trap := errors.New("wasm error: unreachable\nwasm stack trace:\n\t.$7(i32)")
	tests := []struct {
		name   string
		change func(*fakeTarget)
		want   string
	}{
		{"trap", func(f *fakeTarget) {
			f.before = func(int) error {
				if f.prepared[candidateModule] > 0 {
					return trap
				}
				return nil
			}
		}, "init: wasm error: unreachable"},
		{"sentinel traps", func(f *fakeTarget) { f.before = func(int) error { return trap } },
			"the device does not measure: compute sentinel: init: wasm error: unreachable"},
		{"prepare fails", func(f *fakeTarget) { f.prepareErr = map[string]error{candidateModule: errors.New("out of memory")} },
			"prepare: out of memory"},
		{"sentinel cannot be prepared", func(f *fakeTarget) { f.prepareErr = map[string]error{streamModule: errors.New("out of memory")} },
			"the device does not measure: stream sentinel: out of memory"},
		{"plan lied", func(f *fakeTarget) { f.linear += 65536 },
			"footprint: memory is 6619136 bytes, and the plan says 6553600"},
		{"footprint fails", func(f *fakeTarget) { f.footErr = errors.New("no /proc") }, "footprint: no /proc"},
		{"negative growth", func(f *fakeTarget) { f.rss = -1 },
			"footprint: resident set grew by -1 bytes, which must be at least 0"},
		{"clock runs back", func(f *fakeTarget) { f.runNs = func(string, string, int64, int64) int64 { return -5 } },
			"the device does not measure: compute sentinel: init: elapsed time of -5 ns must be between 0 and 3600000000000"},
		{"clock stands still", func(f *fakeTarget) { f.runNs = func(string, string, int64, int64) int64 { return 0 } },
			"the device does not measure: compute sentinel: loop: 1048576 runs took 0 ns; the target's clock does not advance"},
		{"clock stops", func(f *fakeTarget) {
			f.runNs = func(module, export string, before, now int64) int64 {
				if export == "prefill_loop" && before >= 5 {
					return 0
				}
				return steadyRuns(module, export, before, now)
			}
		}, "prefill_loop: 1048576 runs took 0 ns; the target's clock does not advance"},
		{"absurd timer", func(f *fakeTarget) { f.step = 1e9 },
			"device: timer_step_ns 1000000000 must be between 0 and 10000000"},
	}
	for _, tt := range tests {
		f := newFake()
		tt.change(f)
		m, err := mustLocal(t, f, nil).Measure(context.Background(), candidate, trial.DefaultWorkload())
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
		if m.Verdict != "" {
			t.Errorf("%s: verdict %v", tt.name, m.Verdict)
		}
		if f.open != 0 {
			t.Errorf("%s: %d programs open", tt.name, f.open)
		}
	}
}

func TestTooLarge(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, func(o *Options) { o.MemoryLimit = planBytes - 1 })
	compile := l.compile
	compiled := false
	l.compile = func(g *graph.Graph, fs kernels.Features) (*kernels.Module, error) {
		compiled = true
		return compile(g, fs)
	}
	_, err := l.Measure(context.Background(), candidate, trial.DefaultWorkload())
	if !errors.Is(err, ErrTooLarge) || err.Error() != "needs too much memory: 6553600 bytes of linear memory are needed; the limit is 6553599" {
		t.Errorf("error %v", err)
	}
	if compiled || len(f.prepared) != 0 {
		t.Error("something was allocated")
	}
}

func TestBadClose(t *testing.T) {
	f := newFake()
	f.closeErr = errors.New("broken pipe")
	l := mustLocal(t, f, nil)
	if m := mustMeasure(t, l); m.Verdict != trial.OK || f.open != 0 {
		t.Errorf("verdict %v, %d open", m.Verdict, f.open)
	}
}

func TestLTS(t *testing.T) {
	f := newFake()
	f.runNs = func(module, export string, before, now int64) int64 {
		return (before + 1) * ms // the passes are told apart: 1, 2, 3, ... ms
	}
	m := mustMeasure(t, mustLocal(t, f, func(o *Options) { o.Protocol = trial.LTS }))
	want := []float64{2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	for _, s := range []trial.Stat{m.Prefill, m.Decode} {
		if !slices.Equal(s.SamplesMs, want) || s.MeanMs != 6.5 || s.Batch != 1 {
			t.Errorf("%+v", s)
		}
	}
	if len(f.calls) != 1+11+11 || f.prepared[computeModule] != 0 || f.prepared[streamModule] != 0 {
		t.Errorf("%d calls, prepared %v", len(f.calls), f.prepared)
	}
	if m.WarmupMs != 2 || m.Slowdown != 0 || m.Protocol != trial.LTS || m.Verdict != trial.Noisy || m.MemoryBytes != planBytes {
		t.Errorf("%+v", m)
	}

	f = newFake()
	if m := mustMeasure(t, mustLocal(t, f, func(o *Options) { o.Protocol = trial.LTS })); m.Verdict != trial.OK {
		t.Errorf("verdict %v", m.Verdict)
	}
}

func TestOptions(t *testing.T) {
	tests := []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) {}, ""},
		{func(o *Options) { o.Protocol = "fast" }, `measure: protocol "fast" is unknown; use "litefront" or "lts"`},
		{func(o *Options) { o.MemoryLimit = 0 }, "measure: memory limit 0 must be at least 1 byte"},
		{func(o *Options) { o.Budget = 0 }, "measure: budget 0s must be above 0 and at most 1h0m0s"},
		{func(o *Options) { o.Budget = 2 * time.Hour }, "measure: budget 2h0m0s must be above 0 and at most 1h0m0s"},
		{func(o *Options) { o.HalfWidth = math.NaN() }, "measure: half-width NaN must be between 0 and 1"},
		{func(o *Options) { o.MinSamples = 4 }, "measure: min samples 4 must be at least 6"},
		{func(o *Options) { o.MaxSamples = 4 }, "measure: max samples 4 must be between min samples 6 and 10000"},
		{func(o *Options) { o.DriftTolerance = math.Inf(1) }, "measure: drift tolerance +Inf must be above 0 and at most 1"},
		{func(o *Options) { o.MaxRepeats = 11 }, "measure: max repeats 11 must be between 0 and 10"},
	}
	for _, tt := range tests {
		o := DefaultOptions()
		tt.change(&o)
		_, err := Local(newFake(), o)
		if got := errorText(err); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestStepError(t *testing.T) {
	long := strings.Repeat("é", 300)
	for in, want := range map[string]string{
		"plain":            "s: plain",
		"first\nsecond":    "s: first",
		"\n first\r\nnext": "s: first ",
		"a\tb\x00c":        "s: a b c",
		long:               "s: " + strings.Repeat("é", 100) + "...",
	} {
		if got := (&stepError{"s", errors.New(in)}).Error(); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
