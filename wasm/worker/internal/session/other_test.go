package session_test

import (
	"slices"
	"strings"
	"testing"

	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// another is the journal of a study of six trials, and that study.
func another(t *testing.T) (journal string, st *study.Study) {
	t.Helper()
	store := new(memory)
	q := request("6")
	q.Name, q.Setup.Seed, q.Setup.Constraints = "another", 7, []string{"decoder_params>=600"}
	wantNone(t, newWorker(t, store).search(q))
	var events []trial.Event
	for _, line := range store.lines {
		e, err := study.Decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	st, err := study.Replay(events, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(store.lines, "\n") + "\n", st
}

// Another study is told as what it is, and nothing is kept of it.
func TestReadOther(t *testing.T) {
	journal, st := another(t)
	w := newWorker(t, searched(t))
	before := slices.Clone(w.store.lines)
	messages := w.ask(search.Command{Do: search.DoRead, Journal: journal})
	wantNone(t, messages)
	if len(messages) != 1 || messages[0].Other == nil {
		t.Fatalf("messages %+v", messages)
	}
	o := messages[0].Other
	if o.Started.Study != "another" || o.Started.Seed != 7 || o.Measured != 6 || o.Devices != 1 || o.Device.Name != "virtual" ||
		!slices.Equal(o.Objectives, []string{"decoder_params", "prefill_ms"}) {
		t.Errorf("the other study is %+v", o)
	}
	best, worst := []float64{0, 1e9}, []float64{1e9, 0}
	for _, r := range st.Trials() {
		if r.Violates == "" {
			best = []float64{max(best[0], r.Values[0]), min(best[1], r.Values[1])}
			worst = []float64{min(worst[0], r.Values[0]), max(worst[1], r.Values[1])}
		}
	}
	if !slices.Equal(o.Best, best) || !slices.Equal(o.Worst, worst) || worst[0] < 600 {
		t.Errorf("it reaches from %v to %v, want %v to %v", o.Best, o.Worst, best, worst)
	}
	frontier := st.Frontier()
	if len(o.Frontier) != len(frontier) || len(frontier) == 0 {
		t.Fatalf("its frontier has %d members, want %d", len(o.Frontier), len(frontier))
	}
	for i, r := range frontier {
		p := o.Frontier[i]
		if p.Number != r.Number || len(p.Values) != 10 || p.Values["decoder_params"] != r.Values[0] || p.Values["prefill_ms"] != r.Values[1] ||
			p.Values["decode_ms"] != r.Measurement.Decode.MedianMs {
			t.Errorf("member %d is %+v, want that of trial %d", i, p, r.Number)
		}
	}
	if !slices.Equal(w.store.lines, before) {
		t.Error("the kept study has changed")
	}

	// By other objectives its frontier is another.
	messages = w.ask(search.Command{Do: search.DoRead, Journal: journal, Objectives: []string{"total_params", "peak_mb"}})
	wantNone(t, messages)
	smallest := slices.MinFunc(st.Trials(), func(a, b study.Record) int { return int(a.Arch.TotalParams() - b.Arch.TotalParams()) })
	if o := messages[0].Other; len(o.Objectives) != 2 || o.Objectives[1] != "peak_mb" || o.Best[0] > o.Worst[0] ||
		!slices.ContainsFunc(o.Frontier, func(p search.OtherPoint) bool {
			return p.Values["total_params"] <= float64(smallest.Arch.TotalParams())
		}) {
		t.Errorf("by size and memory it is %+v", o)
	}
}

func TestReadOtherRefuses(t *testing.T) {
	journal, _ := another(t)
	for _, tt := range []struct {
		command search.Command
		want    string
	}{
		{search.Command{}, "overlay: line 1: not a journal: the file is empty"},
		{search.Command{Journal: "name = 1"}, "overlay: line 1: not a journal"},
		{search.Command{Journal: strings.Replace(journal, "another", "a mother", 1)}, "overlay: line 1"},
		{search.Command{Journal: journal, Objectives: []string{"luck", "peak_mb"}}, `overlay: objective "luck" is unknown`},
	} {
		tt.command.Do = search.DoRead
		w := newWorker(t, searched(t))
		before := slices.Clone(w.store.lines)
		wantError(t, w.ask(tt.command), tt.want)
		if !slices.Equal(w.store.lines, before) {
			t.Errorf("%s: the kept study has changed", tt.want)
		}
	}
}
