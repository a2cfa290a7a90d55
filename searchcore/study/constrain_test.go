package study_test

import (
	"reflect"
	"strings"
	"testing"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// A constraint that is set later gives what it would have given from the start:
// the same violations and the same frontier, from the same measurements.
func TestSetConstraints(t *testing.T) {
	const n = 60
	run := func(s trial.Setup) (*study.Study, *memory) {
		st, j := start(t, s, nil)
		for range n {
			tr, err := st.Ask()
			if err != nil {
				t.Fatal(err)
			}
			if err := st.Tell(tr.Number, tr.Token, measure(tr)); err != nil {
				t.Fatal(err)
			}
		}
		return st, j
	}
	later := []string{"decode_ms<=4", "decoder_params>=2e6"}
	want, _ := run(func() trial.Setup {
		s := setup(t, "random")
		s.Constraints = later[:1] // what needs no measurement would keep others from being asked
		return s
	}())
	st, j := run(setup(t, "random"))
	before := len(st.Frontier())
	var told []trial.Event
	st, err := study.Replay(j.events(t), j, func(e trial.Event) { told = append(told, e) })
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Set(study.SettingConstraints, study.ConstraintsValue(later[:1])); err != nil {
		t.Fatal(err)
	}
	if got, want := st.Frontier(), want.Frontier(); !reflect.DeepEqual(got, want) || len(got) == before {
		t.Errorf("%d members (%d before), want %d: as if constrained from the start", len(got), before, len(want))
	}
	if len(told) != 2 || told[1].Frontier == nil || len(told[1].Frontier.Points) != len(st.Frontier()) {
		t.Errorf("told %+v, want the setting and then the frontier", told)
	}

	if err := st.Set(study.SettingConstraints, study.ConstraintsValue(later)); err != nil {
		t.Fatal(err)
	}
	for _, r := range st.Trials() {
		want := ""
		switch {
		case r.Values[1] > 4:
			want = "decode_ms<=4"
		case r.Values[0] < 2e6:
			want = "decoder_params>=2e+06"
		}
		if r.Violates != want {
			t.Errorf("trial %d with %v violates %q, want %q", r.Number, r.Values, r.Violates, want)
		}
	}
	if got := st.Started().Constraints; !reflect.DeepEqual(got, later) {
		t.Errorf("constraints %q, want %q", got, later)
	}
	for _, events := range [][]trial.Event{j.events(t), study.Compact(j.events(t))} {
		again, _ := replay(t, events)
		if !reflect.DeepEqual(again.Frontier(), st.Frontier()) || !reflect.DeepEqual(again.Started(), st.Started()) {
			t.Errorf("%d events replay to another study", len(events))
		}
	}

	// What is proposed from now on keeps to them, and nothing is asked twice.
	seen := map[string]bool{}
	for _, r := range st.Trials() {
		seen[r.Arch.ID()] = true
	}
	for range 20 {
		tr, err := st.Ask()
		if err != nil {
			t.Fatal(err)
		}
		if tr.Arch.DecoderParams() < 2e6 || seen[tr.Arch.ID()] {
			t.Errorf("asked %v: seen before or below the bound", tr.Arch)
		}
		if err := st.Tell(tr.Number, tr.Token, measure(tr)); err != nil {
			t.Fatal(err)
		}
	}

	if err := st.Set(study.SettingConstraints, study.ConstraintsValue(nil)); err != nil {
		t.Fatal(err)
	}
	for _, r := range st.Trials() {
		if r.Violates != "" {
			t.Errorf("trial %d violates %q of no constraints", r.Number, r.Violates)
		}
	}
}

// A search that is constrained half-way goes on from what is still allowed, and so
// does its replay.
func TestSetConstraintsHalfWay(t *testing.T) {
	for strategy, n := range map[string]int{"lts": 130, "exact": 27} {
		t.Run(strategy, func(t *testing.T) { constrainHalfWay(t, strategy, n) })
	}
}

func constrainHalfWay(t *testing.T, strategy string, n int) {
	st, j := start(t, setup(t, strategy), nil)
	step := func(st *study.Study) string {
		tr, err := st.Ask()
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Tell(tr.Number, tr.Token, measure(tr)); err != nil {
			t.Fatal(err)
		}
		return tr.Arch.ID()
	}
	for range n {
		step(st)
	}
	if err := st.Set(study.SettingConstraints, "decode_ms<=4"); err != nil {
		t.Fatal(err)
	}
	again, _ := replay(t, j.events(t))
	for i := range min(n, 100) {
		if a, b := step(st), step(again); a != b {
			t.Fatalf("proposal %d after the replay is %s, without it %s", i, b, a)
		}
	}
}

// Operations count too, though no objective asks for them.
func TestSetConstraintsOnOperations(t *testing.T) {
	st, _ := start(t, setup(t, "random"), nil)
	for range 5 {
		step(t, st)
	}
	for text, violated := range map[string]string{"flops>=1": "", "flops<=1": "flops<=1"} {
		if err := st.Set(study.SettingConstraints, study.ConstraintsValue([]string{text})); err != nil {
			t.Fatal(err)
		}
		for _, r := range st.Trials() {
			if r.Violates != violated {
				t.Errorf("%s: trial %d violates %q", text, r.Number, r.Violates)
			}
		}
	}
}

func TestSetConstraintsRefuses(t *testing.T) {
	st, j := start(t, setup(t, "random"), nil)
	for _, value := range []string{"decode_ms<20", "latency<=1", "decode_ms<=1,,", strings.Repeat("decode_ms<=1,", 65) + "decode_ms<=1"} {
		err := st.Set(study.SettingConstraints, value)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: error %v, want one line", value, err)
		}
	}
	if len(j.lines) != 1 || st.Started().Constraints != nil {
		t.Errorf("%d lines kept, constraints %q", len(j.lines), st.Started().Constraints)
	}
}
