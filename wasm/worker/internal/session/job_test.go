package session_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"litefront/kernels/jobs"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// job is a command that measures a small model for a host.
func job() search.Command {
	c := small("")
	w := *c.Workload
	w.Threads = 1
	return search.Command{Do: search.DoJob, Job: &jobs.Job{
		V: jobs.Version, Study: "study", Class: "linux-wasm", Number: 3, Token: "t-1", Arch: *c.Arch, Workload: w,
		Protocol: trial.Litefront, Code: "v0", MemoryLimit: 1 << 20, BudgetMs: 1000,
	}}
}

// answered is the only answer among messages that go from measuring to idle.
func answered(t *testing.T, messages []search.Message) search.Answered {
	t.Helper()
	wantNone(t, messages)
	wantMeasured(t, messages)
	var found *search.Answered
	for _, m := range messages {
		if m.Answered != nil {
			if found != nil {
				t.Fatal("a job is answered twice")
			}
			found = m.Answered
		}
	}
	if found == nil {
		t.Fatal("a job is not answered")
	}
	if found.Token != "t-1" {
		t.Errorf("the answer is to %q", found.Token)
	}
	return *found
}

func TestJob(t *testing.T) {
	w := newWorker(t, new(memory))
	for range 2 { // it stays usable
		a := answered(t, w.run(job()))
		if a.Failure != "" || a.Unable != "" || a.Measurement == nil {
			t.Fatalf("answered %+v", a)
		}
		if m := a.Measurement; m.Code != "v0" || m.Prefill.MedianMs != 3 || m.ArchID != job().Job.Arch.ID() || m.Verdict != trial.OK {
			t.Errorf("measured %+v", m)
		}
		if len(a.Logits) != 64 {
			t.Errorf("logits %q", a.Logits)
		}
	}
	if len(w.store.lines) != 0 {
		t.Error("a job is kept")
	}
	// What follows is measured as ever.
	wantMeasured(t, w.run(load(search.DoProfile, 1)))
}

func TestJobFails(t *testing.T) {
	big := job()
	big.Job.MemoryLimit = 1 << 10
	for _, tt := range []struct {
		name            string
		command         search.Command
		at              int // run, of which the first are the sentinels'
		during          func(w *worker) error
		failure, unable string
	}{
		{"stopped", job(), 2, func(w *worker) error { w.send(search.Command{Do: search.DoStop}); return nil }, "", ""},
		{"failed", job(), 44, func(*worker) error { return errors.New("RangeError") }, "RangeError", ""},
		{"device", job(), 2, func(*worker) error { return measure.ErrDevice }, "", measure.ErrDevice.Error()},
		{"panic", job(), 2, func(*worker) error { panic("out of luck") }, "", "the worker failed: out of luck"},
		{"too large", big, 0, nil, measure.ErrTooLarge.Error(), ""},
	} {
		w := newWorker(t, new(memory))
		if tt.during != nil {
			w.engine.during = func(n int) error {
				if n != tt.at {
					return nil
				}
				return tt.during(w)
			}
		}
		a := answered(t, w.run(tt.command))
		if !strings.Contains(a.Failure, tt.failure) || (tt.failure == "") != (a.Failure == "") ||
			!strings.Contains(a.Unable, tt.unable) || (tt.unable == "") != (a.Unable == "") || a.Measurement != nil {
			t.Errorf("%s: answered %+v; want failure %q, unable %q", tt.name, a, tt.failure, tt.unable)
		}
		w.engine.during = nil
		if a := answered(t, w.run(job())); a.Measurement == nil {
			t.Errorf("%s: the next job is answered %+v", tt.name, a)
		}
	}
}

func TestJobNotBegun(t *testing.T) {
	w := newWorker(t, new(memory))
	wantError(t, w.ask(search.Command{Do: search.DoJob}), "job: it is missing")

	w.Lock = func() (func(), error) { return nil, errElsewhere }
	if a := answered(t, w.run(job())); a.Unable != errElsewhere.Error() {
		t.Errorf("with the device taken: %+v", a)
	}
	w.Lock = nil
	w.Unfit = errors.New("no SIMD")
	want := []search.Message{{Answered: &search.Answered{Token: "t-1", Unable: "no SIMD"}}}
	if got := w.ask(job()); !reflect.DeepEqual(got, want) {
		t.Errorf("unfit: %+v", got)
	}
}
