package study_test

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// A study that is cut off after any event and replayed goes on as if it had
// not been cut off.
func TestReplayContinues(t *testing.T) {
	const length = 45
	for _, strategy := range study.Strategies() {
		s := setup(t, strategy)
		s.Constraints = []string{"prefill_ms<=1500"}
		whole, j := start(t, s, nil)
		for range length {
			step(t, whole)
		}
		events := j.events(t)
		for cut := 1; cut <= len(events); cut += 11 {
			st, _ := replay(t, events[:cut])
			for st.Progress().Measured < length {
				step(t, st)
			}
			got, want := st.Trials(), whole.Trials()
			for i := range want {
				if got[i].Arch.ID() != want[i].Arch.ID() {
					t.Fatalf("%s: cut after %d events: trial %d differs", strategy, cut, i+1)
				}
			}
			if got, want := st.Progress(), whole.Progress(); got != want {
				t.Fatalf("%s: cut after %d events: got %+v, want %+v", strategy, cut, got, want)
			}
		}
	}
}

// Unfinished trials come first after a replay, with new tokens.
func TestReplayHandsOutUnfinishedTrials(t *testing.T) {
	st, j := start(t, setup(t, "random"), nil)
	first, _ := st.Ask()
	second, _ := st.Ask()
	third, _ := st.Ask()
	if err := st.Fail(second.Number, second.Token, "x"); err != nil {
		t.Fatal(err)
	}
	st, j = replay(t, j.events(t))
	if err := st.Enqueue(reference); err != nil {
		t.Fatal(err)
	}
	for _, want := range []trial.Trial{first, third} {
		got, err := st.Ask()
		if err != nil {
			t.Fatal(err)
		}
		if got.Number != want.Number || got.Arch.ID() != want.Arch.ID() || got.Token == want.Token {
			t.Fatalf("got trial %d with token %s, want %d with a new token", got.Number, got.Token, want.Number)
		}
		if err := st.Tell(want.Number, want.Token, measure(want)); err == nil {
			t.Error("a result with a stale token was accepted")
		}
		if err := st.Tell(got.Number, got.Token, measure(got)); err != nil {
			t.Error(err)
		}
	}
	if got := step(t, st); got.Origin.Op != study.OpOverlay || got.Number != 4 {
		t.Errorf("got trial %d by %q, want the overlay as trial 4", got.Number, got.Origin.Op)
	}
	replay(t, j.events(t))
}

// A late result of an earlier session is accepted while nobody else has the
// trial, and then the trial is not handed out again.
func TestReplayAcceptsResultOfEarlierSession(t *testing.T) {
	st, j := start(t, setup(t, "random"), nil)
	tr, err := st.Ask()
	if err != nil {
		t.Fatal(err)
	}
	st, _ = replay(t, j.events(t))
	if err := st.Tell(tr.Number, tr.Token, measure(tr)); err != nil {
		t.Fatal(err)
	}
	if next, err := st.Ask(); err != nil || next.Number != 2 {
		t.Errorf("got trial %d, %v; want 2", next.Number, err)
	}
}

func TestReplayRefuses(t *testing.T) {
	st, j := start(t, setup(t, "random"), nil)
	for range 2 {
		step(t, st)
	}
	if _, err := st.Ask(); err != nil {
		t.Fatal(err)
	}
	good := j.events(t) // started, asked 1, measured 1, asked 2, measured 2, asked 3
	add := func(e trial.Event) func([]trial.Event) []trial.Event {
		return func(events []trial.Event) []trial.Event {
			e.V, e.Seq = 1, int64(len(events)+1)
			return append(events, e)
		}
	}
	asked := func(change func(*trial.Trial)) func([]trial.Event) []trial.Event {
		tr := *good[5].Asked
		change(&tr)
		return add(trial.Event{Kind: trial.KindAsked, Asked: &tr})
	}
	measured := func(change func(*trial.Measured)) func([]trial.Event) []trial.Event {
		tr := *good[5].Asked
		m := trial.Measured{Number: 3, Token: tr.Token, Values: []float64{1, 2, 3}, Measurement: measure(tr)}
		change(&m)
		return add(trial.Event{Kind: trial.KindMeasured, Measured: &m})
	}
	for _, test := range []struct {
		name   string
		change func([]trial.Event) []trial.Event
		want   string
	}{
		{"nothing", func([]trial.Event) []trial.Event { return nil }, "no events"},
		{"not started", func(e []trial.Event) []trial.Event { return e[1:] }, "event 2: "},
		{"gap", func(e []trial.Event) []trial.Event { return slices.Delete(e, 3, 4) }, "event 5: seq 5 where 4 must follow"},
		{"repeated", func(e []trial.Event) []trial.Event { return append(e, e[5]) }, "event 6: "},
		{"version", func(e []trial.Event) []trial.Event { e[2].V = 2; return e }, "event 3: event version 2"},
		{"first version", func(e []trial.Event) []trial.Event { e[0].V = 0; return e }, "event 1: event version 0"},
		{"bad setup", func(e []trial.Event) []trial.Event {
			s := *e[0].Started
			s.Strategy = "luck"
			e[0].Started = &s
			return e
		}, "event 1: strategy"},
		{"started twice", add(good[0]), "event 7: the study has started"},
		{"payload", add(trial.Event{Kind: trial.KindSetting, Failed: &trial.Failed{}}), "event 7: "},
		{"unknown kind", add(trial.Event{Kind: "paused"}), `event 7: event kind "paused" is unknown`},
		{"kind not kept", add(trial.Event{Kind: trial.KindDone, Done: &trial.Done{}}), `event 7: events of kind "done"`},
		{"unknown trial", measured(func(m *trial.Measured) { m.Number = 9 }), "event 7: trial 9 was never asked"},
		{"second result", add(trial.Event{Kind: trial.KindMeasured, Measured: good[2].Measured}), "event 7: trial 1 has ended"},
		{"failed after its result", add(trial.Event{Kind: trial.KindFailed, Failed: &trial.Failed{Number: 1, Token: "1.1", Reason: "x"}}), "event 7: trial 1 has ended"},
		{"token", measured(func(m *trial.Measured) { m.Token = "3.2" }), "event 7: trial 3: token"},
		{"too few values", measured(func(m *trial.Measured) { m.Values = m.Values[:2] }), "event 7: trial 3: 2 values"},
		{"infinite value", measured(func(m *trial.Measured) { m.Values[1] = math.Inf(1) }), "event 7: trial 3: decode_ms"},
		{"negative value", measured(func(m *trial.Measured) { m.Values[0] = -1 }), "event 7: trial 3: decoder_params"},
		{"interrupted", measured(func(m *trial.Measured) { m.Measurement.Verdict = trial.Interrupted }), "event 7: trial 3: measurement"},
		{"empty reason", add(trial.Event{Kind: trial.KindFailed, Failed: &trial.Failed{Number: 3, Token: "3.1"}}), "event 7: reason"},
		{"number skipped", asked(func(tr *trial.Trial) { tr.Number, tr.Token = 5, "5.1" }), "event 7: trial 5 where 4"},
		{"number zero", asked(func(tr *trial.Trial) { tr.Number, tr.Token = 0, "0.1" }), "event 7: trial 0"},
		{"same attempt", asked(func(*trial.Trial) {}), "event 7: trial 3: token"},
		{"attempt skipped", asked(func(tr *trial.Trial) { tr.Token = "3.3" }), "event 7: trial 3: token"},
		{"token of another trial", asked(func(tr *trial.Trial) { tr.Token = "2.2" }), "event 7: trial 3: token"},
		{"odd token", asked(func(tr *trial.Trial) { tr.Token = "3.02" }), "event 7: trial 3: token"},
		{"asked after its end", asked(func(tr *trial.Trial) { tr.Number, tr.Token = 1, "1.2" }), "event 7: trial 1 is asked again"},
		{"another proposal", asked(func(tr *trial.Trial) { tr.Token, tr.Proposal = "3.2", good[1].Asked.Proposal }), "event 7: trial 3 is asked again"},
		{"proposed twice", asked(func(tr *trial.Trial) { tr.Number, tr.Token = 4, "4.1" }), "was asked already as trial 3"},
		{"bad architecture", asked(func(tr *trial.Trial) { tr.Number, tr.Token, tr.Arch.Vocab = 4, "4.1", -1 }), "event 7: trial 4"},
	} {
		events := test.change(slices.Clone(good))
		_, err := study.Replay(events, nil, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %q", test.name, err, test.want)
		}
		if len(events) == len(good)+1 { // the last comes after the others
			mirror, j := replay(t, good)
			before := state(t, mirror)
			if got := mirror.Accept(events[len(good)]); got == nil || got.Error() != err.Error() {
				t.Errorf("%s: Accept says %v, Replay %v", test.name, got, err)
			}
			if state(t, mirror) != before || len(j.lines) != len(good) {
				t.Errorf("%s: what was refused changed the study or its journal", test.name)
			}
		}
	}
	if _, err := study.Replay(good, nil, nil); err != nil {
		t.Errorf("the unchanged events are refused: %v", err)
	}
}

// A study that accepts the events of another one is the same, keeps the same and
// announces the same.
func TestAcceptMirrors(t *testing.T) {
	var told, retold []trial.Event
	whole, j := start(t, setup(t, "lts"), func(e trial.Event) { told = append(told, e) })
	for range 30 {
		step(t, whole)
	}
	events := j.events(t)
	kept := journalOf(t, events[:1])
	mirror, err := study.Replay(events[:1], kept, func(e trial.Event) { retold = append(retold, e) })
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events[1:] {
		before := state(t, mirror)
		kept.fail = true
		if err := mirror.Accept(e); err != errFull || state(t, mirror) != before {
			t.Fatalf("event %d: a full journal gives %v", e.Seq, err)
		}
		if err := mirror.Accept(e); err != nil {
			t.Fatal(err)
		}
		if len(kept.lines) != i+2 {
			t.Fatalf("event %d was not kept", e.Seq)
		}
	}
	if state(t, mirror) != state(t, whole) {
		t.Error("the studies differ")
	}
	if !reflect.DeepEqual(kept.lines, j.lines) {
		t.Error("the journals differ")
	}
	if a, b := asJSON(t, retold), asJSON(t, told[1:]); a != b {
		t.Errorf("announced:\n%s\nwant:\n%s", a, b)
	}
}

// Whatever happens to a study, in however many sessions, its replay and the
// replay of its compacted journal show the same and go on in the same way.
func TestReplayAndCompactKeepTheState(t *testing.T) {
	base := setup(t, "archai")
	base.Constraints = []string{"prefill_ms<=1500"}
	rapid.Check(t, func(r *rapid.T) {
		j := new(memory)
		st, err := study.New("test", "v0", base, j, nil)
		if err != nil {
			r.Fatal(err)
		}
		var open []trial.Trial
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			switch op := rapid.SampledFrom([]string{"ask", "ask", "tell", "tell", "fail", "set", "enqueue", "restart"}).Draw(r, "op"); op {
			case "ask":
				tr, err := st.Ask()
				if err == nil {
					open = append(open, tr)
				} else if !errors.Is(err, trial.ErrWait) {
					r.Fatal(err)
				}
			case "tell", "fail":
				if len(open) == 0 {
					continue
				}
				i := rapid.IntRange(0, len(open)-1).Draw(r, "which")
				tr := open[i]
				open = slices.Delete(open, i, i+1)
				if op == "fail" {
					err = st.Fail(tr.Number, tr.Token, "unlucky")
				} else {
					err = st.Tell(tr.Number, tr.Token, measure(tr))
				}
				if err != nil {
					r.Fatal(err)
				}
			case "set":
				name := rapid.SampledFrom([]string{"budget", "note"}).Draw(r, "name")
				if err := st.Set(name, rapid.SampledFrom([]string{"1", "2"}).Draw(r, "value")); err != nil {
					r.Fatal(err)
				}
			case "enqueue":
				if err := st.Enqueue(reference); err != nil {
					r.Fatal(err)
				}
			case "restart":
				open = nil
				if st, err = study.Replay(j.events(t), j, nil); err != nil {
					r.Fatal(err)
				}
			}
		}
		events := j.events(t)
		want := state(t, st)
		compacted := study.Compact(events)
		again := study.Compact(compacted)
		if len(again) != len(compacted) {
			r.Fatalf("compacting twice gives %d events, once %d", len(again), len(compacted))
		}
		var next []string
		for _, list := range [][]trial.Event{events, compacted} {
			replayed, _ := replay(t, list)
			if got := state(t, replayed); got != want {
				r.Fatalf("replay of %d events differs:\n%s\n%s", len(list), got, want)
			}
			for range 3 {
				step(t, replayed)
			}
			next = append(next, state(t, replayed))
		}
		if next[0] != next[1] {
			r.Fatalf("after compaction the study goes on differently")
		}
	})
}

func TestCompact(t *testing.T) {
	st, j := start(t, setup(t, "random"), nil)
	for _, v := range []string{"1", "2", "3"} {
		if err := st.Set("budget", v); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		if _, err := st.Ask(); err != nil {
			t.Fatal(err)
		}
		st, j = replay(t, j.events(t))
	}
	events := j.events(t)
	got := study.Compact(events)
	if len(events) != 8 || len(got) != 3 {
		t.Fatalf("%d events became %d, want 8 and 3", len(events), len(got))
	}
	if got[2].Asked == nil && got[1].Asked == nil {
		t.Error("the trial is gone")
	}
	// What Replay refuses is left alone.
	events[7].Seq = 9
	if got := study.Compact(events); len(got) != 8 {
		t.Errorf("a journal with a gap was compacted to %d events", len(got))
	}
	for _, odd := range [][]trial.Event{nil, {{}}, {{}, {}}} {
		if got := study.Compact(odd); len(got) != len(odd) {
			t.Errorf("%d odd events became %d", len(odd), len(got))
		}
	}
}

// Ended is the order of results, not of trials, also after a replay.
func TestEndedIsTheOrderOfResults(t *testing.T) {
	st, j := start(t, setup(t, "random"), nil)
	var asked []trial.Trial
	for range 4 {
		tr, err := st.Ask()
		if err != nil {
			t.Fatal(err)
		}
		asked = append(asked, tr)
	}
	for _, i := range []int{2, 0} {
		if err := st.Tell(asked[i].Number, asked[i].Token, measure(asked[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Fail(asked[3].Number, asked[3].Token, "x"); err != nil {
		t.Fatal(err)
	}
	replayed, _ := replay(t, j.events(t))
	for _, s := range []*study.Study{st, replayed} {
		var got []int
		for _, r := range s.Trials() {
			got = append(got, r.Ended)
		}
		if want := []int{2, 0, 1, 3}; !slices.Equal(got, want) {
			t.Errorf("Ended = %v, want %v", got, want)
		}
	}
}
