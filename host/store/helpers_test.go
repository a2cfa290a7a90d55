package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

var ctx = context.Background()

// testSetup is small and has many architectures that are quick to plan.
func testSetup(objectives ...string) trial.Setup {
	sp, err := space.Preset("archai-gpt2")
	if err != nil {
		panic(err)
	}
	if len(objectives) == 0 {
		objectives = []string{"decoder_params", "decode_ms"}
	}
	return trial.Setup{
		Space:       sp,
		Workload:    trial.DefaultWorkload(),
		Objectives:  objectives,
		Strategy:    "random",
		Protocol:    "litefront",
		Seed:        1,
		MemoryLimit: 1 << 30,
	}
}

func result(tr trial.Trial, prefillMs, decodeMs float64, device string) trial.Measurement {
	stat := func(ms float64) trial.Stat {
		return trial.Stat{SamplesMs: []float64{ms}, Batch: 1, MedianMs: ms, LowMs: ms, HighMs: ms, MinMs: ms, MeanMs: ms}
	}
	return trial.Measurement{
		ArchID:   tr.Arch.ID(),
		Workload: trial.DefaultWorkload(),
		Device:   trial.Device{ID: device, Name: "test", Features: []string{"simd128"}},
		Protocol: "litefront",
		Prefill:  stat(prefillMs),
		Decode:   stat(decodeMs),
		Verdict:  trial.OK,
	}
}

// journals are several that get the same events.
type journals []study.Journal

func (js journals) Append(e trial.Event) error {
	for _, j := range js {
		if err := j.Append(e); err != nil {
			return err
		}
	}
	return nil
}

// list keeps events in memory.
type list struct{ events []trial.Event }

func (l *list) Append(e trial.Event) error {
	l.events = append(l.events, e)
	return nil
}

// story has a study live through so many steps, as choose(n), which is below n, has it:
// trials that are measured by one of several devices, some with equal results, fail, or
// stay outstanding, references, and constraints that come and go.
func story(st *study.Study, steps int, choose func(n int) int) error {
	var open []trial.Trial
	constraints := []string{"decode_ms<=4", "decoder_params>=2e6, decode_ms<=6", "prefill_ms<=40", "none"}
	for range steps {
		switch c := choose(12); {
		case c == 0:
			if err := st.Set(study.SettingConstraints, constraints[choose(len(constraints))]); err != nil {
				return err
			}
		case c == 1:
			a, err := st.Started().Space.Sample(newRand(choose(1000)))
			if err != nil {
				return err
			}
			if err := st.Enqueue(a); err != nil {
				continue // does not fit
			}
		case c < 5 || len(open) == 0:
			tr, err := st.Ask()
			if errors.Is(err, trial.ErrWait) {
				continue
			}
			if err != nil {
				return err
			}
			open = append(open, tr)
		default:
			i := choose(len(open))
			tr := open[i]
			open = append(open[:i], open[i+1:]...)
			err := error(nil)
			if c == 5 {
				err = st.Fail(tr.Number, tr.Token, "it was not to be")
			} else {
				err = st.Tell(tr.Number, tr.Token, result(tr, float64(10*choose(8)), float64(1+choose(8)), []string{"", "a", "b"}[choose(3)]))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// told returns the events of a story.
func told(t testing.TB, name string, setup trial.Setup, steps int, choose func(n int) int) []trial.Event {
	t.Helper()
	var l list
	st, err := study.New(name, "v0", setup, &l, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := story(st, steps, choose); err != nil {
		t.Fatal(err)
	}
	return l.events
}

// measuredEvents are those of a study with so many results, one after the other.
func measuredEvents(t testing.TB, name string, results int) []trial.Event {
	t.Helper()
	var l list
	st, err := study.New(name, "v0", testSetup(), &l, nil)
	if err != nil {
		t.Fatal(err)
	}
	tell(t, st, results)
	return l.events
}

func tell(t testing.TB, st *study.Study, results int) {
	t.Helper()
	for range results {
		tr, err := st.Ask()
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Tell(tr.Number, tr.Token, result(tr, 10, float64(tr.Arch.DModel)/100, "a")); err != nil {
			t.Fatal(err)
		}
	}
}

func opened(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fresh(t testing.TB) *Store {
	t.Helper()
	return opened(t, filepath.Join(t.TempDir(), "store.db"))
}

// held makes a study and holds its journal.
func held(t testing.TB, s *Store, name, class string) (Study, *Journal) {
	t.Helper()
	st, err := s.CreateStudy(ctx, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	j, events, err := s.Journal(ctx, st.ID, class)
	if err != nil || len(events) != 0 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	t.Cleanup(func() { j.Close() })
	return st, j
}

func eventsOf(t testing.TB, s *Store, id int64, class string) (events []trial.Event) {
	t.Helper()
	for e, err := range s.Events(ctx, id, class) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// someObjectives are two or three different ones.
func someObjectives(choose func(n int) int) []string {
	names := allNames()
	for i := range names {
		j := i + choose(len(names)-i)
		names[i], names[j] = names[j], names[i]
	}
	return names[:2+choose(2)]
}
