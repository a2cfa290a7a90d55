package session_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// load is a command that runs so many small models on the device.
func load(do string, archs int) search.Command {
	c := small("")
	w := *c.Workload
	w.Threads = 1
	return search.Command{Do: do, Load: &search.Load{Archs: slices.Repeat([]arch.Architecture{*c.Arch}, archs), Workload: w,
		MemoryLimit: 1 << 20, Code: "v0", Sustained: "10s"}}
}

// run sends a command and waits until the worker is idle again.
func (w *worker) run(c search.Command) []search.Message {
	w.t.Helper()
	w.take()
	w.send(c)
	<-w.idle
	return w.take()
}

// wantMeasured demands that a load goes from its state to the idle one.
func wantMeasured(t *testing.T, messages []search.Message) {
	t.Helper()
	if first, last := messages[0], messages[len(messages)-1]; !reflect.DeepEqual(first, search.Message{State: search.StateMeasuring}) ||
		!reflect.DeepEqual(last, search.Message{State: search.StateIdle}) {
		t.Errorf("a load goes from %+v to %+v", first, last)
	}
}

func TestProfile(t *testing.T) {
	w := newWorker(t, new(memory))
	c := load(search.DoProfile, 1)
	messages := w.run(c)
	wantNone(t, messages)
	wantMeasured(t, messages)
	told := events(messages, false)
	if len(told) != 1 || told[0].Kind != trial.KindProfile || told[0].V != trial.EventVersion {
		t.Fatalf("told is %+v", told)
	}
	p := told[0].Profile
	g, err := graph.Build(c.Load.Archs[0], c.Load.Workload)
	if err != nil {
		t.Fatal(err)
	}
	if p.ArchID != g.Arch.ID() || p.Workload != c.Load.Workload || p.Code != "v0" || p.Device.Name != "virtual" || p.MemoryBytes != g.Memory.TotalBytes {
		t.Errorf("the profile is of %+v", p)
	}
	if n := len(g.Groups()); len(p.Prefill.Ops) != n || len(p.Decode.Ops) != n || p.Decode.Whole.MedianMs != 3 || p.Prefill.Ops[0].Time.MedianMs != 3 {
		t.Errorf("%d groups of %d", len(p.Prefill.Ops), n)
	}
	if len(w.store.lines) != 0 {
		t.Error("a profile is kept")
	}
}

func TestSustain(t *testing.T) {
	w := newWorker(t, new(memory))
	messages := w.run(load(search.DoSustain, 2))
	wantNone(t, messages)
	wantMeasured(t, messages)
	var rounds []trial.Round
	told := events(messages, false)
	for _, e := range told[:len(told)-1] {
		if e.Kind != trial.KindRounds || len(e.Rounds) == 0 {
			t.Fatalf("told is %+v", e)
		}
		rounds = append(rounds, e.Rounds...)
	}
	s := told[len(told)-1].Sustained
	if s == nil || len(s.Archs) != 2 || s.TookMs < 10e3 || s.Code != "v0" {
		t.Fatalf("told at last is %+v", s)
	}
	if n := len(rounds); n < len(s.Rounds)*8/10 || !reflect.DeepEqual(rounds, s.Rounds[:n]) {
		t.Errorf("%d of %d rounds were told while it ran", n, len(s.Rounds))
	}
	for _, k := range []*trial.Kept{s.Archs[0].Kept, s.Archs[1].Kept, s.Compute, s.Stream} {
		if k == nil || *k != (trial.Kept{Share: 1, Low: 1, High: 1}) {
			t.Errorf("of a steady device is left %+v", k)
		}
	}
}

// A load that is stopped, or fails, says what it has by then.
func TestLoadEndsEarly(t *testing.T) {
	for _, test := range []struct {
		do     string
		during func(w *worker) error
		want   string // the error; none if empty
		rounds bool
	}{
		{search.DoProfile, func(w *worker) error { w.send(search.Command{Do: search.DoStop}); return nil }, "", false},
		{search.DoProfile, func(w *worker) error { return errors.New("RangeError") }, "profile: ", false},
		{search.DoSustain, func(w *worker) error { w.send(search.Command{Do: search.DoStop}); return nil }, "", true},
		{search.DoSustain, func(w *worker) error { return errors.New("RangeError") }, "sustain: ", true},
		{search.DoSustain, func(w *worker) error { panic("out of luck") }, "the worker failed: out of luck", false},
	} {
		w := newWorker(t, new(memory))
		w.engine.during = func(run int) error {
			if run == 120 {
				return test.during(w)
			}
			return nil
		}
		messages := w.run(load(test.do, 1))
		wantMeasured(t, messages)
		if test.want == "" {
			wantNone(t, messages)
		} else {
			wantError(t, messages, test.want)
		}
		told := events(messages, false, trial.KindProfile, trial.KindSustained)
		if (len(told) == 1) != test.rounds || test.rounds && (told[0].Sustained.TookMs >= 10e3 || len(told[0].Sustained.Rounds) == 0) {
			t.Errorf("%s with %q: told is %+v", test.do, test.want, told)
		}
		w.engine.during = nil
		wantNone(t, w.run(load(test.do, 1))) // and the worker is none the worse
	}
}

func TestLoadRefused(t *testing.T) {
	changed := func(do string, change func(*search.Load)) search.Command {
		c := load(do, 1)
		change(c.Load)
		return c
	}
	for _, test := range []struct {
		command search.Command
		want    string
	}{
		{search.Command{Do: search.DoProfile}, "profile: the load is missing"},
		{search.Command{Do: search.DoSustain}, "sustain: the load is missing"},
		{load(search.DoProfile, 2), "a profile is of one architecture, not of 2"},
		{load(search.DoProfile, 0), "a profile is of one architecture, not of 0"},
		{load(search.DoSustain, 5), "takes 1 to 4 architectures, not 5"},
		{changed(search.DoProfile, func(q *search.Load) { q.Archs[0].DModel = 9 }), "n_head"},
		{changed(search.DoSustain, func(q *search.Load) { q.Sustained = "5s" }), `sustained "5s" must be a time from 10s to 600s`},
		{changed(search.DoProfile, func(q *search.Load) { q.MemoryLimit = 1000 }), "profile: needs too much memory: "},
		{changed(search.DoSustain, func(q *search.Load) { q.MemoryLimit = 1000 }), "sustain: needs too much memory: "},
		{changed(search.DoProfile, func(q *search.Load) { q.MemoryLimit = 0 }), "memory limit 0 must be"},
		{changed(search.DoSustain, func(q *search.Load) { q.Workload.Threads = 2 }), "threads 2"},
		{changed(search.DoProfile, func(q *search.Load) { q.Workload.Context = 17 }), "context 17 exceeds"},
	} {
		w := newWorker(t, new(memory))
		w.send(test.command)
		messages := w.take()
		if len(errorsIn(messages)) == 0 { // it has begun
			<-w.idle
			messages = append(messages, w.take()...)
		}
		wantError(t, messages, test.want)
		if told := events(messages, false); len(told) != 0 || w.engine.runs != 0 {
			t.Errorf("%s: told is %+v after %d runs", test.want, told, w.engine.runs)
		}
	}
	w := newWorker(t, new(memory))
	w.Unfit = errors.New("this browser has no SIMD")
	wantError(t, w.ask(load(search.DoProfile, 1)), "no SIMD")
	w.Unfit = nil
	w.Lock = func() (func(), error) { return nil, errors.New("another tab is searching") }
	wantError(t, w.run(load(search.DoSustain, 1)), "another tab is searching")
}

// While a load runs it has the device for itself.
func TestWhileMeasuring(t *testing.T) {
	w := newWorker(t, searched(t))
	asked := false
	w.engine.during = func(run int) error {
		if run != 100 {
			return nil
		}
		asked = true
		for _, do := range []string{search.DoOpen, search.DoStart, search.DoForget, search.DoImport, search.DoModel, search.DoReport, search.DoProfile, search.DoSustain} {
			w.take()
			w.send(search.Command{Do: do, Request: request("4")})
			wantError(t, w.take(), do+": a measurement is under way; stop it first")
		}
		w.send(search.Command{Do: search.DoExport})
		if answers := w.take(); len(answers) != 1 || strings.Count(answers[0].Journal, "\n") != len(w.store.lines) {
			t.Errorf("export while measuring says %+v", answers)
		}
		return nil
	}
	w.send(load(search.DoSustain, 1))
	<-w.idle
	wantNone(t, w.take())
	if !asked {
		t.Error("nothing was asked meanwhile")
	}
	w.engine.during = nil
	wantNone(t, w.search(request("5")))
}
