package report_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// reference is measured beside the search.
var reference = arch.Architecture{
	Backbone: arch.GPT2, Vocab: 1000, DModel: 96, MaxLen: 512,
	Layers: []arch.Layer{{Heads: 3, DInner: 200}, {Heads: 2, DInner: 100}},
}

func setup(t testing.TB) trial.Setup {
	t.Helper()
	sp, err := space.Preset("archai-gpt2")
	if err != nil {
		t.Fatal(err)
	}
	return trial.Setup{
		Space:       sp,
		Workload:    trial.DefaultWorkload(),
		Objectives:  []string{"decoder_params", "prefill_ms", "peak_mb"},
		Strategy:    "random",
		Protocol:    "litefront",
		Seed:        7,
		MemoryLimit: 1 << 30,
	}
}

func start(t testing.TB, name string, s trial.Setup) *study.Study {
	t.Helper()
	st, err := study.New(name, "v0", s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// measure is a device whose times depend on the architecture alone: on its
// size, and on an offset drawn from the ID so that some points are dominated.
func measure(t testing.TB, tr trial.Trial) trial.Measurement {
	t.Helper()
	w := trial.DefaultWorkload()
	g, err := graph.Build(tr.Arch, w)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := hex.DecodeString(tr.Arch.ID()[:8])
	if err != nil {
		t.Fatal(err)
	}
	offset := float64(binary.BigEndian.Uint32(digest)%1000) / 1000
	prefill := (1 + offset) * (5 + float64(tr.Arch.DecoderParams())/1e6)
	m := trial.Measurement{
		ArchID:   tr.Arch.ID(),
		Workload: w,
		Device: trial.Device{
			Name: "bench", OS: "linux", Arch: "amd64", CPU: "Zen 4", Cores: 2,
			Engine: "wazero 1.12.0", Features: []string{"simd128"}, TimerStepNs: 30,
		},
		Code:         "v0",
		ModuleSHA256: "feed",
		Protocol:     "litefront",
		Prefill:      stat(prefill),
		Decode:       stat(prefill / 50),
		Slowdown:     1.01,
		SpentMs:      50 * prefill,
		MemoryBytes:  g.Memory.TotalBytes,
		RSSBytes:     123456,
		Verdict:      trial.OK,
	}
	if tr.Number%4 == 0 {
		m.Verdict = trial.Noisy
	}
	return m
}

func stat(ms float64) trial.Stat {
	return trial.Stat{
		SamplesMs: []float64{0.97 * ms, ms, 1.02 * ms}, Batch: 1,
		MedianMs: ms, LowMs: 0.97 * ms, HighMs: 1.02 * ms,
		MinMs: 0.97 * ms, MeanMs: 2.99 * ms / 3, SpreadMs: 0.025 * ms,
	}
}

func ask(t testing.TB, s *study.Study) trial.Trial {
	t.Helper()
	tr, err := s.Ask()
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func tell(t testing.TB, s *study.Study, tr trial.Trial, m trial.Measurement) {
	t.Helper()
	if err := s.Tell(tr.Number, tr.Token, m); err != nil {
		t.Fatal(err)
	}
}

// run measures n trials.
func run(t testing.TB, s *study.Study, n int) {
	t.Helper()
	for range n {
		tr := ask(t, s)
		tell(t, s, tr, measure(t, tr))
	}
}

// sample is a study with every kind of trial: a reference, frontier and
// dominated points, points that break a constraint, one that failed with a
// reason that CSV must quote, and one that is outstanding.
func sample(t testing.TB) *study.Study {
	t.Helper()
	set := setup(t)
	set.Constraints = []string{"prefill_ms<=60"}
	s := start(t, "nightly", set)
	if err := s.Enqueue(reference); err != nil {
		t.Fatal(err)
	}
	run(t, s, 25)
	tr := ask(t, s)
	if err := s.Fail(tr.Number, tr.Token, `child said "out of memory", and died`); err != nil {
		t.Fatal(err)
	}
	ask(t, s)
	return s
}
