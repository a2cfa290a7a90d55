package study_test

import (
	"strings"
	"testing"

	"litefront/searchcore/study"
	"litefront/searchcore/surrogate"
	"litefront/searchcore/trial"
)

// known is a model of a device that is nothing like the tests' own.
func known(s trial.Setup) []trial.DeviceModel {
	return []trial.DeviceModel{{
		Device: trial.Device{Name: "other", Engine: "none"}, Workload: s.Workload,
		Prefill: trial.PassModel{LayerMs: 0.01, LinearMACMs: 5e-8, ElementMs: 1e-6, Sigma: 0.02},
		Decode:  trial.PassModel{LinearMACMs: 1e-7, ByteMs: 4e-8, ExcessByteMs: 1e-8, ThresholdBytes: 60 << 20, Sigma: 0.05},
	}}
}

// A journal holds what was known: a replay needs nothing else to go on in the same way.
func TestKnownIsReplayed(t *testing.T) {
	s := setup(t, "exact")
	s.Known = known(s)
	whole, j := start(t, s, nil)
	for range 25 {
		step(t, whole)
	}
	if p := whole.Predicted(); p == nil || p.Fitted >= surrogate.Designed+10 {
		t.Fatalf("predicted: %+v", p)
	}
	events := j.events(t)
	for _, cut := range []int{1, 2 * surrogate.Transferred, 2*surrogate.Transferred + 1, 2*surrogate.Transferred + 2, 30} {
		st, _ := replay(t, events[:cut])
		for st.Progress().Measured < 25 {
			step(t, st)
		}
		for i, want := range whole.Trials() {
			if got := st.Trials()[i]; got.Arch.ID() != want.Arch.ID() {
				t.Fatalf("cut after %d events: trial %d differs", cut, i+1)
			}
		}
	}
	if started := events[0]; len(started.Started.Known) != 1 || started.Started.Known[0].Decode != s.Known[0].Decode {
		t.Errorf("the journal knows %+v", started.Started.Known)
	}
}

func TestKnownRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*trial.Setup)
		want   string
	}{
		{func(s *trial.Setup) { s.Strategy = "lts" }, `only the strategy "exact" starts from, not "lts"`},
		{func(s *trial.Setup) { s.Known[0].Prefill.PassMs = -1 }, "pass_ms -1"},
		{func(s *trial.Setup) { s.Known = make([]trial.DeviceModel, trial.MaxKnown+1) }, "17 device models"},
		{func(s *trial.Setup) { s.Workload.Precision = trial.I8 }, "precision"},
	} {
		s := setup(t, "exact")
		s.Known = known(s)
		c.change(&s)
		if err := study.Check(s); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line with %q", err, c.want)
		}
		started := trial.Event{V: 1, Kind: trial.KindStarted, Seq: 1, Started: &trial.Started{Study: "test", Code: "v0", Setup: s}}
		if _, err := study.Replay([]trial.Event{started}, nil, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("replay: got %v, want %q", err, c.want)
		}
	}
}
