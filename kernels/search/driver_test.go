package search_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// measured is what any device measures of t.
func measured(t trial.Trial) trial.Measurement {
	return trial.Measurement{
		ArchID: t.Arch.ID(), Workload: setup().Workload, Protocol: "litefront", Verdict: trial.OK,
		Prefill: trial.Stat{MedianMs: float64(t.Arch.DecoderParams())}, SpentMs: 1,
	}
}

// However many trials are handed out at once, and in whatever order they end, also
// after a session that left some, the budget is kept and the same is measured as by one
// measurer.
func TestDriverInAnyOrder(t *testing.T) {
	const budget = 150 // into the second generation
	ids := func(st *study.Study) (list []string) {
		for _, r := range st.Trials() {
			if r.Status != study.Measured {
				t.Fatalf("trial %d is %s", r.Number, r.Status)
			}
			list = append(list, r.Arch.ID())
		}
		return list
	}
	alone := newStudy(t, setup(), nil)
	want(t, alone, newDevice(), search.Budget{Trials: budget}, trial.Done{Reason: search.DoneBudget, Measured: budget})
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 12).Draw(rt, "devices")
		j := new(memory)
		st := newStudy(t, setup(), j)
		d := search.NewDriver(st, search.Budget{Trials: budget}, func() int64 { return 0 }, nil)
		var out []trial.Trial
		restart := rapid.IntRange(0, 400).Draw(rt, "restart")
		for step := 0; ; step++ {
			if step == restart {
				st = resume(t, j)
				d = search.NewDriver(st, search.Budget{Trials: budget}, func() int64 { return 0 }, nil)
				out = nil
			}
			if len(out) < most {
				next, reason, err := d.Next(context.Background())
				if reason == search.DoneBudget && err == nil && len(out) == 0 {
					break
				}
				if err == nil && reason == "" {
					out = append(out, next)
					continue
				}
				if !errors.Is(err, trial.ErrWait) || len(out) == 0 {
					rt.Fatalf("with %d handed out: %q, %v", len(out), reason, err)
				}
			}
			i := rapid.IntRange(0, len(out)-1).Draw(rt, "ends")
			if rapid.IntRange(0, 9).Draw(rt, "again") == 0 {
				stale := out[i].Token
				var err error
				if out[i], err = d.Again(out[i].Number); err != nil {
					rt.Fatal(err)
				}
				if err := d.Tell(out[i].Number, stale, measured(out[i])); err == nil || !strings.Contains(err.Error(), "stale") {
					rt.Fatalf("a stale token: %v", err)
				}
			}
			if err := d.Tell(out[i].Number, out[i].Token, measured(out[i])); err != nil {
				rt.Fatal(err)
			}
			out = append(out[:i], out[i+1:]...)
		}
		if got, want := ids(st), ids(alone); !reflect.DeepEqual(got, want) {
			rt.Errorf("%d devices measured other candidates than one", most)
		}
		if _, err := study.Replay(j.events, nil, nil); err != nil {
			rt.Error(err)
		}
	})
}

// What is enqueued is handed out after the budget is spent, too.
func TestDriverBeside(t *testing.T) {
	st := newStudy(t, setup(), nil)
	d := search.NewDriver(st, search.Budget{Trials: 1}, func() int64 { return 0 }, nil)
	first, _, err := d.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Next(context.Background()); !errors.Is(err, trial.ErrWait) {
		t.Errorf("beyond the budget: %v", err)
	}
	if err := d.Tell(first.Number, first.Token, measured(first)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Beside(); !errors.Is(err, trial.ErrExhausted) {
		t.Errorf("with an empty queue: %v", err)
	}
	if err := st.Enqueue(overlay); err != nil {
		t.Fatal(err)
	}
	beside, err := d.Beside()
	if err != nil || beside.Origin.Op != study.OpOverlay {
		t.Fatalf("%+v, %v", beside, err)
	}
	if err := d.Fail(beside.Number, beside.Token, errors.New("no")); err != nil {
		t.Error(err)
	}
	if _, err := st.Again(7); err == nil {
		t.Error("a trial that was never asked is handed out again")
	}
	if _, err := st.Again(first.Number); err == nil {
		t.Error("a trial that ended is handed out again")
	}
}
