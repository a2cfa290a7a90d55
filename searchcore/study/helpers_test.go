package study_test

import (
	"encoding/json"
	"errors"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// memory is a journal that keeps what a file would: encoded lines.
type memory struct {
	lines [][]byte
	fail  bool // the next append fails
}

var errFull = errors.New("journal is full")

func (m *memory) Append(e trial.Event) error {
	if m.fail {
		m.fail = false
		return errFull
	}
	line, err := study.Encode(e)
	if err != nil {
		return err
	}
	m.lines = append(m.lines, line)
	return nil
}

// events decodes what was kept.
func (m *memory) events(t testing.TB) []trial.Event {
	t.Helper()
	var events []trial.Event
	for _, line := range m.lines {
		e, err := study.Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// journalOf is a journal that holds events already.
func journalOf(t testing.TB, events []trial.Event) *memory {
	t.Helper()
	m := new(memory)
	for _, e := range events {
		if err := m.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func preset(t testing.TB, name string) space.Space {
	t.Helper()
	sp, err := space.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

func setup(t testing.TB, strategy string) trial.Setup {
	return trial.Setup{
		Space:       preset(t, "archai-gpt2"),
		Workload:    trial.DefaultWorkload(),
		Objectives:  []string{"decoder_params", "decode_ms", "peak_mb"},
		Strategy:    strategy,
		Protocol:    "litefront",
		Seed:        7,
		MemoryLimit: 1 << 30,
	}
}

func start(t testing.TB, s trial.Setup, watch func(trial.Event)) (*study.Study, *memory) {
	t.Helper()
	j := new(memory)
	st, err := study.New("test", "v0", s, j, watch)
	if err != nil {
		t.Fatal(err)
	}
	return st, j
}

func replay(t testing.TB, events []trial.Event) (*study.Study, *memory) {
	t.Helper()
	j := journalOf(t, events)
	st, err := study.Replay(events, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	return st, j
}

// measure is a device whose times depend on the architecture alone.
func measure(tr trial.Trial) trial.Measurement {
	decode := 0.1
	for _, l := range tr.Arch.Layers {
		decode += float64(tr.Arch.DModel*l.DInner)/1e6 + float64(l.Heads)/10
	}
	return trial.Measurement{
		ArchID:   tr.Arch.ID(),
		Workload: trial.DefaultWorkload(),
		Protocol: "litefront",
		Prefill:  trial.Stat{MedianMs: 100 * decode, MinMs: 100 * decode, SamplesMs: []float64{100 * decode}},
		Decode:   trial.Stat{MedianMs: decode, MinMs: decode},
		Verdict:  trial.OK,
	}
}

// step asks one trial and tells its result.
func step(t testing.TB, s *study.Study) trial.Trial {
	t.Helper()
	tr, err := s.Ask()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tell(tr.Number, tr.Token, measure(tr)); err != nil {
		t.Fatal(err)
	}
	return tr
}

// state is everything a study shows, as JSON.
func state(t testing.TB, s *study.Study) string {
	t.Helper()
	return asJSON(t, map[string]any{
		"started": s.Started(), "settings": s.Settings(), "trials": s.Trials(),
		"frontier": s.Frontier(), "progress": s.Progress(),
	})
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// reference is an architecture outside the space of setup.
var reference = arch.Architecture{
	Backbone: arch.GPT2, Vocab: 1000, DModel: 96, MaxLen: 512,
	Layers: []arch.Layer{{Heads: 3, DInner: 200}, {Heads: 2, DInner: 100}},
}
