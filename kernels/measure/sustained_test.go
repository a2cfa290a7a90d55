package measure

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

const second = int64(time.Second)

// throttling is a device that falls to a share of its speed over the time from from to
// to, in nanoseconds: candidates, the compute sentinel and the stream sentinel each to
// their own.
func throttling(from, to int64, candidates, compute, stream float64) func(module, export string, before, now int64) int64 {
	return func(module, export string, before, now int64) int64 {
		share := map[string]float64{candidateModule: candidates, computeModule: compute, streamModule: stream}[module]
		done := min(max(float64(now-from)/float64(to-from), 0), 1)
		return int64(float64(steadyRuns(module, export, before, now)) / (1 - done*(1-share)))
	}
}

func mustSustain(t *testing.T, l *LocalMeasurer, archs int, d time.Duration) trial.Sustained {
	t.Helper()
	s, err := l.Sustain(context.Background(), slices.Repeat([]arch.Architecture{candidate.Arch}, archs), trial.DefaultWorkload(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A device that throttles is reported with the factor by which it does.
func TestSustainReportsThrottling(t *testing.T) {
	for _, c := range []struct {
		name                        string
		d                           time.Duration
		archs                       int
		candidates, compute, stream float64
		machine                     float64
	}{
		{"steady", 60 * time.Second, 1, 1, 1, 1, 1},
		{"all alike", 60 * time.Second, 1, 0.75, 0.75, 0.75, 0.75},
		{"short", 10 * time.Second, 2, 0.9, 0.9, 0.9, 0.9},
		{"long, arithmetic most", 600 * time.Second, 4, 0.6, 0.5, 0.8, 0.5},
		{"memory most", 60 * time.Second, 3, 0.93, 0.98, 0.94, 0.94},
		{"speeds up", 30 * time.Second, 1, 1.25, 1, 1, 1},
	} {
		f := newFake()
		f.runNs = throttling(c.d.Nanoseconds()/3, c.d.Nanoseconds()/2, c.candidates, c.compute, c.stream)
		l := mustLocal(t, f, nil)
		s := mustSustain(t, l, c.archs, c.d)
		if len(s.Archs) != c.archs {
			t.Fatalf("%s: %d architectures", c.name, len(s.Archs))
		}
		is := func(k *trial.Kept, want float64) bool {
			return k != nil && math.Abs(k.Share-want) < 1e-6 && k.Low <= k.Share && k.Share <= k.High && k.High-k.Low < 1e-6
		}
		for i, a := range s.Archs {
			if !is(a.Kept, c.candidates) || a.ArchID != candidate.Arch.ID() || a.ModuleSHA256 != "abc" {
				t.Errorf("%s: architecture %d is %+v with %+v; want %v", c.name, i, a, a.Kept, c.candidates)
			}
		}
		if !is(s.Compute, c.compute) || !is(s.Stream, c.stream) || !is(s.Machine(), c.machine) {
			t.Errorf("%s: the sentinels kept %+v and %+v, the machine %+v", c.name, s.Compute, s.Stream, s.Machine())
		}
		if s.AskedMs != toMs(c.d.Nanoseconds()) || s.TookMs < s.AskedMs || s.TookMs > s.AskedMs+500 || s.Code != "test" || s.Workload != trial.DefaultWorkload() {
			t.Errorf("%s: it took %v ms of %v", c.name, s.TookMs, s.AskedMs)
		}
		if n := len(s.Rounds); n < 60 || n > MaxRounds {
			t.Errorf("%s: %d rounds", c.name, n)
		}
		speeds := Speeds(s.Rounds, ResponseMs(s.Workload, 0))
		if first, last := speeds[0], speeds[len(speeds)-1]; !near(first, 1) || math.Abs(last-c.candidates) > 1e-6 {
			t.Errorf("%s: speeds go from %v to %v", c.name, first, last)
		}
		l.Close()
		if f.open != 0 {
			t.Errorf("%s: %d programs are open", c.name, f.open)
		}
	}
}

// A round has the sentinels and then one architecture after the other, and rounds follow
// each other without a pause.
func TestSustainRounds(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	s := mustSustain(t, l, 2, 10*time.Second)
	turn := []string{computeModule + " loop", streamModule + " loop",
		candidateModule + " prefill_loop", candidateModule + " decode_loop", candidateModule + " prefill_loop", candidateModule + " decode_loop"}
	calls := f.calls[len(f.calls)-len(turn)*len(s.Rounds):]
	for i, c := range calls {
		if got := c.module + " " + c.Export; got != turn[i%len(turn)] {
			t.Fatalf("call %d of the rounds is %s, want %s", i, got, turn[i%len(turn)])
		}
		if i > 0 && calls[i-1].startNs+calls[i-1].exactNs != c.startNs {
			t.Fatalf("nothing runs before call %d", i)
		}
	}
	for i, r := range s.Rounds {
		first := calls[len(turn)*i]
		if at := toMs(first.startNs - calls[0].startNs); r.AtMs != at {
			t.Errorf("round %d begins at %v ms, told is %v", i, at, r.AtMs)
		}
		if r.ComputeMs != 1 || r.StreamMs != 8 || !slices.Equal(r.PrefillMs, []float64{30, 30}) || len(r.DecodeMs) != 2 || !near(r.DecodeMs[1], 0.75) {
			t.Errorf("round %d is %+v", i, r)
		}
	}
	if got, want := ResponseMs(s.Workload, 1)(s.Rounds[0]), 30+64*0.75; !near(got, want) {
		t.Errorf("a response takes %v ms, want %v", got, want)
	}
}

// Whoever watches is told every round once, a second's at a time.
func TestSustainWatched(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	var told []trial.Round
	parts := 0
	s, err := l.Sustain(context.Background(), []arch.Architecture{candidate.Arch}, trial.DefaultWorkload(), 20*time.Second, func(rounds []trial.Round) {
		told = append(told, rounds...)
		parts++
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(told); parts < 17 || parts > 20 || n < len(s.Rounds)-11 || !reflect.DeepEqual(told, s.Rounds[:n]) {
		t.Errorf("%d of %d rounds were told in %d parts", n, len(s.Rounds), parts)
	}
}

// What was taken before the end is not lost, whatever the end is.
func TestSustainEndsEarly(t *testing.T) {
	for _, c := range []struct {
		name   string
		at     int64 // when it ends
		change func(*fakeTarget, context.CancelFunc) error
		want   error
		told   bool // whether speeds can be compared by then
	}{
		{"interrupted", 7 * second, func(_ *fakeTarget, cancel context.CancelFunc) error { cancel(); return nil }, context.Canceled, true},
		{"interrupted soon", 2 * second, func(_ *fakeTarget, cancel context.CancelFunc) error { cancel(); return nil }, context.Canceled, false},
		{"lost", 7 * second, func(f *fakeTarget, _ context.CancelFunc) error { return errors.Join(ErrLost, errors.New("twice")) }, ErrLost, true},
		{"broken", 7 * second, func(*fakeTarget, context.CancelFunc) error { return errors.New("RangeError:\nout of luck") }, nil, true},
	} {
		f := newFake()
		f.runNs = throttling(3*second, 4*second, 0.5, 0.5, 0.5)
		l := mustLocal(t, f, nil)
		ctx, cancel := context.WithCancel(context.Background())
		f.before = func(int) error {
			if f.now >= c.at {
				return c.change(f, cancel)
			}
			return nil
		}
		s, err := l.Sustain(ctx, []arch.Architecture{candidate.Arch}, trial.DefaultWorkload(), 60*time.Second, nil)
		cancel()
		if err == nil || c.want != nil && !errors.Is(err, c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
		if len(s.Rounds) < 5 || s.TookMs >= 60e3 || s.TookMs < s.Rounds[len(s.Rounds)-1].AtMs {
			t.Errorf("%s: %d rounds in %v ms", c.name, len(s.Rounds), s.TookMs)
		}
		if k := s.Archs[0].Kept; (k != nil) != c.told || k != nil && math.Abs(k.Share-0.5) > 1e-6 {
			t.Errorf("%s: kept is %+v", c.name, k)
		}
		if early := strings.Contains(SustainedVerdict(s, 0), "too early to tell"); early == c.told {
			t.Errorf("%s: the verdict is %q", c.name, SustainedVerdict(s, 0))
		}
		f.before = nil
		l.Close()
		if f.open != 0 {
			t.Errorf("%s: %d programs are open", c.name, f.open)
		}
	}
}

func TestSustainRefused(t *testing.T) {
	one := []arch.Architecture{candidate.Arch}
	for _, c := range []struct {
		name   string
		archs  []arch.Architecture
		change func(*fakeTarget, *LocalMeasurer)
		want   string
		is     error
	}{
		{"none", nil, func(*fakeTarget, *LocalMeasurer) {}, "takes 1 to 4 architectures, not 0", nil},
		{"five", slices.Repeat(one, 5), func(*fakeTarget, *LocalMeasurer) {}, "takes 1 to 4 architectures, not 5", nil},
		{"invalid", []arch.Architecture{{}}, func(*fakeTarget, *LocalMeasurer) {}, "arch_type", nil},
		{"too large", one, func(_ *fakeTarget, l *LocalMeasurer) { l.options.MemoryLimit = planBytes - 1 }, "the limit is 6553599", ErrTooLarge},
		{"too large together", slices.Repeat(one, 3), func(_ *fakeTarget, l *LocalMeasurer) { l.options.MemoryLimit = 3*planBytes - 1 },
			"3 architectures side by side: needs too much memory: 19660800 bytes", ErrTooLarge},
		{"no memory", slices.Repeat(one, 2), func(f *fakeTarget, _ *LocalMeasurer) {
			f.prepareErr = map[string]error{candidateModule: errors.New("out of memory")}
		},
			"prepare: out of memory", nil},
		{"no sentinel", one, func(f *fakeTarget, _ *LocalMeasurer) {
			f.prepareErr = map[string]error{streamModule: errors.New("out of memory")}
		},
			"stream sentinel: out of memory", ErrDevice},
		{"clock stands", one, func(f *fakeTarget, _ *LocalMeasurer) {
			f.runNs = func(string, string, int64, int64) int64 { return 0 }
		}, "clock does not advance", nil},
	} {
		f := newFake()
		l := mustLocal(t, f, nil)
		c.change(f, l)
		s, err := l.Sustain(context.Background(), c.archs, trial.DefaultWorkload(), 10*time.Second, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) || len(s.Rounds) != 0 {
			t.Errorf("%s: error %v, want %q; %d rounds", c.name, err, c.want, len(s.Rounds))
		}
		l.Close()
		if f.open != 0 {
			t.Errorf("%s: %d programs are open", c.name, f.open)
		}
	}
}

// stopped is a target whose own clock stands, though its programs take time.
type stopped struct{ *fakeTarget }

func (stopped) Now() int64 { return 0 }

func TestSustainEndsWithoutClock(t *testing.T) {
	f := newFake()
	l := mustLocal(t, f, nil)
	l.target = stopped{f}
	if s := mustSustain(t, l, 1, 10*time.Second); s.TookMs < 10e3 || s.TookMs > 11e3 {
		t.Errorf("it took %v ms", s.TookMs)
	}
}

func TestSpeedCurve(t *testing.T) {
	rounds := []trial.Round{{AtMs: 0}, {AtMs: 100}, {AtMs: 200}, {AtMs: 300}, {AtMs: 400}, {AtMs: 500}, {AtMs: 2500}, {AtMs: 2600}, {AtMs: 2700}, {AtMs: 4000}}
	for i := range rounds {
		rounds[i].ComputeMs = 2 // of which the first six are, in the median
	}
	for i, ms := range []float64{4, 8, 5, 2} {
		rounds[6+i].ComputeMs = ms
	}
	want := []Speed{{500, 1}, {2500, 0.4}, {3500, 1}}
	if got := SpeedCurve(rounds, ComputeMs, 4000, 4); !slices.Equal(got, want) {
		t.Errorf("the curve is %v, want %v", got, want)
	}
	if got := SpeedCurve(nil, ComputeMs, 4000, 4); got != nil {
		t.Errorf("the curve of nothing is %v", got)
	}
}

func TestParseSustained(t *testing.T) {
	for text, want := range map[string]time.Duration{"10s": 10 * time.Second, "1m": time.Minute, "600s": 10 * time.Minute, "60": 0, "": 0, "9.9s": 0, "601s": 0, "-20s": 0, "1e9h": 0} {
		d, err := ParseSustained(text)
		if d != want || (err != nil) != (want == 0) {
			t.Errorf("%q is %v, %v; want %v", text, d, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "from 10s to 600s") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ParseSustained(DefaultSustained); err != nil {
		t.Error(err)
	}
}

// The interval has the true ratio in it in 95 of 100 cases, whatever the distribution.
func TestCompareSpeedsCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"normal": func() float64 { return math.Exp(0.05 * r.NormFloat64()) },
		"skewed": func() float64 { return 1 + 0.1*r.ExpFloat64() },
		"heavy":  func() float64 { return math.Exp(0.02 * r.NormFloat64() / max(0.05, r.Float64())) },
	} {
		for _, size := range [][2]int{{6, 6}, {20, 50}} {
			const trials, factor = 2000, 0.8
			covered := 0
			for range trials {
				before, after := make([]float64, size[0]), make([]float64, size[1])
				for i := range before {
					before[i] = draw()
				}
				for i := range after {
					after[i] = draw() / factor
				}
				if k := compareSpeeds(before, after); k.Low <= factor && factor <= k.High {
					covered++
				}
			}
			if share := float64(covered) / trials; share < 0.94 || share > 0.99 {
				t.Errorf("%s, %v: %.3f of the intervals have the ratio in them", name, size, share)
			}
		}
	}
}

// TestSustainRealModules runs two architectures under wazero until it is interrupted.
func TestSustainRealModules(t *testing.T) {
	l := mustWazero(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	xl := arch.Architecture{Backbone: arch.TransformerXL, Vocab: 300, DModel: 50, MemLen: 16, Layers: []arch.Layer{{Heads: 4, DInner: 80}}}
	archs := []arch.Architecture{candidate.Arch, xl}
	w := trial.Workload{PromptLen: 24, Context: 32, Precision: trial.F32, Threads: 1}
	s, err := l.Sustain(ctx, archs, w, 10*time.Second, func([]trial.Round) { cancel() })
	if !errors.Is(err, context.Canceled) || len(s.Rounds) == 0 {
		t.Fatalf("%d rounds, error %v", len(s.Rounds), err)
	}
	for i, a := range archs {
		m, err := kernels.Compile(mustBuild(t, a, w), l.target.Features())
		if err != nil {
			t.Fatal(err)
		}
		if s.Archs[i].ArchID != a.ID() || s.Archs[i].ModuleSHA256 != m.SHA256 {
			t.Errorf("architecture %d is %+v", i, s.Archs[i])
		}
	}
	for _, r := range s.Rounds {
		for _, v := range slices.Concat([]float64{r.ComputeMs, r.StreamMs}, r.PrefillMs, r.DecodeMs) {
			if !(v > 0) || math.IsInf(v, 0) {
				t.Errorf("round %+v", r)
			}
		}
	}
}

func mustBuild(t *testing.T, a arch.Architecture, w trial.Workload) *graph.Graph {
	t.Helper()
	g, err := graph.Build(a, w)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
