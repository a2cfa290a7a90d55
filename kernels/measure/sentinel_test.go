package measure

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"litefront/searchcore/trial"
)

func TestBaseline(t *testing.T) {
	const usual = 8.0
	rng := rand.New(rand.NewPCG(7, 7))
	var b baseline
	learn := func(n int, factor float64) {
		for range n {
			// Disturbances only ever slow down.
			b.learn(usual * factor * (1 + 0.03*math.Abs(rng.NormFloat64())))
		}
	}
	between := func(when string, low, high float64) {
		t.Helper()
		if b.level < low*usual || b.level > high*usual {
			t.Errorf("%s: level %.3f of the undisturbed, want %v to %v", when, b.level/usual, low, high)
		}
	}

	learn(learnedAfter-1, 1)
	if b.known() {
		t.Error("known before there are enough readings")
	}
	learn(1, 1)
	if !b.known() {
		t.Fatal("unknown after enough readings")
	}
	between("first", 1, 1.03)
	b.learn(0.5 * usual)
	between("after one absurd reading", 0.99, 1.03)
	learn(5000, 1)
	between("after a long time", 0.99, 1.02)
	learn(500, 1.4)
	between("after a long slow block", 0.99, 1.02)
	learn(learnedAfter, 0.7)
	between("after the device became faster", 0.69, 0.75)
}

// Sentinels have as many threads as the workload, and each number of them has a usual
// speed of its own, which earlier measurements tell, too.
func TestSentinelsOfThreads(t *testing.T) {
	f := newFake()
	f.cores = 2
	f.runNs = func(module, export string, before, now int64) int64 {
		ns := steadyRuns(module, export, before, now)
		if f.team == 2 && module == streamModule {
			ns = ns * 3 / 4
		}
		return ns
	}
	measure := func(l *LocalMeasurer, threads int) trial.Measurement {
		t.Helper()
		w := trial.DefaultWorkload()
		w.Threads = threads
		m, err := l.Measure(context.Background(), candidate, w)
		if err != nil {
			t.Fatal(err)
		}
		if f.team != threads || f.open != 2 {
			t.Errorf("sentinels of %d threads and %d programs for a workload of %d", f.team, f.open, threads)
		}
		return m
	}
	l := mustLocal(t, f, nil)
	var two trial.Measurement
	for _, threads := range []int{1, 2, 1, 2} {
		m := measure(l, threads)
		if m.Slowdown != 1 || m.Repeats != 0 || m.Stream.MedianMs != []float64{8, 6}[threads-1] {
			t.Errorf("%d threads: slowdown %v, stream sentinel %v ms, %d repeats", threads, m.Slowdown, m.Stream.MedianMs, m.Repeats)
		}
		two = m
	}

	// What two threads were once is no news of one.
	two.Stream.SamplesMs = slices.Repeat([]float64{3}, learnedAfter)
	l.Remember(two)
	if m := measure(l, 1); m.Slowdown != 1 {
		t.Errorf("slowdown %v on one thread, by the sentinels of two", m.Slowdown)
	}
	if m := measure(l, 2); math.Abs(m.Slowdown-2) > 1e-9 || m.Verdict != trial.Drifted {
		t.Errorf("slowdown %v, verdict %v; want what is twice as slow as before to have drifted", m.Slowdown, m.Verdict)
	}
	two.Code = "another"
	two.Stream.SamplesMs = slices.Repeat([]float64{1}, learnedAfter)
	l.Remember(two)
	if m := measure(l, 2); math.Abs(m.Slowdown-2) > 1e-9 {
		t.Errorf("slowdown %v by what another version measured", m.Slowdown)
	}
}
