package device

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"litefront/host/runtime"
	"litefront/kernels/jobs"
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
)

func TestMain(m *testing.M) {
	runtime.ServeChild()
	os.Exit(m.Run())
}

// long is a lease that no test outlives.
const long = time.Minute

// Jobs are done one after the other, answered once, and leave the queue.
func TestJobs(t *testing.T) {
	h := newHost(t, long)
	s := &script{do: nil}
	r := h.device(h.url+"/#join=TOKEN", t.TempDir(), s)
	const n = 5
	for i := range n {
		h.putJob(h.job(i + 1))
	}
	list := h.results(n)
	h.empty()
	for i, r := range list {
		j := h.job(i + 1)
		if r.Job != j.ID() || r.Number != j.Number || r.Token != j.Token || r.Measurement == nil ||
			r.Measurement.Prefill.MedianMs != float64(j.Number) || r.Logits != strings.Repeat("ab", 32) {
			t.Errorf("job %d: result %+v", i+1, r)
		}
	}
	h.state("measuring", func(s jobs.State) bool { return s.State == jobs.Measuring && s.Job == h.job(2).ID() })
	h.state("idle after all", func(s jobs.State) bool { return s.State == jobs.Idle && s.Done == n && s.Slowdown == 1 })
	r.end()
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
	h.state("ended", func(s jobs.State) bool { return s.State == jobs.Ended })
	if got := strings.Count(r.log.String(), "msg=measured"); got != n {
		t.Errorf("%d lines for %d jobs:\n%s", got, n, r.log)
	}
	if h.hellos[0].Token != "TOKEN" {
		t.Errorf("it enrolled with %q", h.hellos[0].Token)
	}
}

// The same with a real engine: what the host gets is a measurement of the job's model,
// and the sum of what it computes is the one that this process finds.
func TestRealJob(t *testing.T) {
	process, err := runtime.NewProcess("", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { process.Close() }) // after the device's
	h := newHost(t, long)
	h.hello = jobs.Hello{Name: "board", Code: runtime.CodeVersion(), Device: process.Device(), Features: process.Features()}
	worker := &jobs.Worker{Target: process, Code: runtime.CodeVersion(), MemoryLimit: 1 << 30, Budget: 20 * time.Millisecond}
	r := h.device(h.url, t.TempDir(), worker)
	j := h.job(1)
	h.putJob(j)
	got := h.results(1)[0]
	if got.Measurement == nil {
		t.Fatalf("%+v", got)
	}
	if m := got.Measurement; m.ArchID != j.Arch.ID() || m.Code != runtime.CodeVersion() || len(m.Prefill.SamplesMs) != 10 || m.MemoryBytes <= 0 {
		t.Errorf("%+v", m)
	}
	engine, err := runtime.NewEngine("")
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if want, err := jobs.Checksum(engine, j.Arch, j.Workload, engine.Features()); err != nil || got.Logits != want {
		t.Errorf("logits %q; want %q, %v", got.Logits, want, err)
	}
	r.end()
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
}

// A device's own jobs come before those of its class.
func TestOwnJobsFirst(t *testing.T) {
	h := newHost(t, long)
	s, reached, on := gate()
	h.device(h.url, t.TempDir(), s)
	h.state("idle", func(s jobs.State) bool { return s.State == jobs.Idle })
	h.putJob(h.job(1))
	<-reached
	h.putJob(h.job(2))
	h.mu.Lock()
	id := jobs.DeviceID(h.hellos[0].Key)
	h.mu.Unlock()
	if _, err := h.js.Publish(t.Context(), jobs.DeviceJobs(h.class(), id), must[[]byte](t)(jobs.Encode(h.job(3)))); err != nil {
		t.Fatal(err)
	}
	h.until("job 3 in its consumer", func() bool { // which hears of it a little later than the stream
		c, err := h.js.Consumer(t.Context(), jobs.JobsStream, jobs.DeviceConsumer(id))
		return err == nil && c.CachedInfo().NumPending == 1
	})
	on <- nil
	if n := <-reached; n != 3 {
		t.Errorf("after the first it does job %d", n)
	}
	on <- nil
	on <- nil
	h.results(3)
	h.empty()
}

// What is no job of this device's is answered with the reason, if it can be.
func TestNotDone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(j jobs.Job, text string) string
		want   string // in the failure; empty: no answer
	}{
		{"not JSON", func(jobs.Job, string) string { return "run" }, ""},
		{"no number", func(_ jobs.Job, text string) string { return strings.Replace(text, `"trial":1`, `"trial":0`, 1) }, ""},
		{"no token", func(_ jobs.Job, text string) string { return strings.Replace(text, `"token":"1.1"`, `"token":""`, 1) }, ""},
		{"two lines in the token", func(_ jobs.Job, text string) string {
			return strings.Replace(text, `"token":"1.1"`, `"token":"1\n1"`, 1)
		}, ""},
		{"unknown field", func(_ jobs.Job, text string) string { return strings.Replace(text, `{`, `{"run":"rm",`, 1) }, "unknown field"},
		{"another version", func(_ jobs.Job, text string) string { return strings.Replace(text, `{"v":1`, `{"v":2`, 1) }, "version 2"},
		{"bad architecture", func(_ jobs.Job, text string) string {
			return strings.Replace(text, `"d_model":8`, `"d_model":-8`, 1)
		}, "d_model"},
		{"another code", func(j jobs.Job, _ string) string {
			j.Code = "v1"
			return string(must[[]byte](t)(jobs.Encode(j)))
		}, `code "v1" is not this device's "v0"`},
		{"another class", func(j jobs.Job, _ string) string {
			j.Class = "other"
			return string(must[[]byte](t)(jobs.Encode(j)))
		}, `class "other" is not this device's`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t, long)
			s := &script{}
			h.device(h.url, t.TempDir(), s)
			text := tt.change(h.job(1), string(must[[]byte](t)(jobs.Encode(h.job(1)))))
			h.put(text)
			h.putJob(h.job(2)) // it goes on
			n := 1
			if tt.want != "" {
				n = 2
			}
			list := h.results(n)
			h.empty()
			if s.done(1) != 0 || s.done(2) != 1 {
				t.Errorf("it did the jobs %d and %d times", s.done(1), s.done(2))
			}
			if tt.want != "" && (!strings.Contains(list[0].Failure, tt.want) || list[0].Number != 1 || list[0].Token != "1.1") {
				t.Errorf("answered was %+v; want %q", list[0], tt.want)
			}
			if list[n-1].Measurement == nil {
				t.Errorf("job 2: %+v", list[n-1])
			}
		})
	}
}

// A job that cannot be measured is answered so, and not measured again.
func TestFailed(t *testing.T) {
	h := newHost(t, long)
	s, _, on := gate()
	h.device(h.url, t.TempDir(), s)
	on <- fmt.Errorf("%w:\nin two lines", errScript)
	h.putJob(h.job(1))
	if r := h.results(1)[0]; r.Failure != "as the test wants it: in two lines" || r.Logits != "" {
		t.Errorf("%+v", r)
	}
	h.empty()
	h.state("failed", func(s jobs.State) bool {
		return s.Failed == 1 && s.Done == 0 && strings.HasPrefix(s.Error, "as the test")
	})
}

// A device that is at fault gives the job back, pauses, and tries again.
func TestDeviceAtFault(t *testing.T) {
	h := newHost(t, long)
	s, _, on := gate()
	h.device(h.url, t.TempDir(), s)
	on <- fmt.Errorf("%w: no engine", measure.ErrDevice)
	on <- fmt.Errorf("%w: no engine", measure.ErrDevice)
	on <- nil
	h.putJob(h.job(1))
	if r := h.results(1)[0]; r.Measurement == nil {
		t.Errorf("%+v", r)
	}
	h.empty()
	if s.done(1) != 3 {
		t.Errorf("it was tried %d times", s.done(1))
	}
	h.state("paused", func(s jobs.State) bool {
		return s.State == jobs.Paused && strings.Contains(s.Error, "no engine") && s.Failed == 0
	})
}

// The network breaks in the middle of a job, for less than a lease.
func TestReconnect(t *testing.T) {
	h := newHost(t, long)
	w := newWire(t, h.url)
	s, reached, on := gate()
	r := h.device(w.url(), t.TempDir(), s)
	h.putJob(h.job(1))
	<-reached
	w.cut(true)
	h.until("notice", func() bool { return strings.Contains(r.log.String(), "not connected") })
	on <- nil // done while there is no host
	h.until("measurement", func() bool { return strings.Contains(r.log.String(), "msg=measured") })
	w.cut(false)
	h.results(1)
	h.empty()
	h.putJob(h.job(2))
	on <- nil
	h.results(2)
	h.empty()
	if s.done(1) != 1 || s.done(2) != 1 {
		t.Errorf("the jobs were done %d and %d times", s.done(1), s.done(2))
	}
	if len(h.hellos) < 2 {
		t.Error("it did not enrol anew")
	}
}

// The queue delivers a job again that was answered: it is answered again, and not
// measured.
func TestDeliveredTwice(t *testing.T) {
	h := newHost(t, long)
	s := &script{}
	h.device(h.url, t.TempDir(), s)
	for range 3 {
		h.putJob(h.job(1))
	}
	h.putJob(h.job(2))
	h.results(4)
	h.empty()
	if s.done(1) != 1 {
		t.Errorf("it was measured %d times", s.done(1))
	}
}

// A device is out of reach for longer than its lease: another one does the job, and
// when it is back it answers, too, and goes on.
func TestPausedPastLease(t *testing.T) {
	h := newHost(t, 8*time.Second)
	w := newWire(t, h.url)
	s, reached, on := gate()
	h.device(w.url(), t.TempDir(), s)
	h.putJob(h.job(1))
	<-reached
	w.hold(true)
	other := &script{}
	h.device(h.url, t.TempDir(), other)
	h.until("result of the other", func() bool { return other.done(1) > 0 })
	h.results(1)
	h.empty()
	w.hold(false)
	on <- nil
	list := h.results(2)
	if list[0].Device == list[1].Device || list[0].Job != list[1].Job {
		t.Errorf("results of %+v and %+v", list[0], list[1])
	}
	h.empty()
	if s.done(1) != 1 || other.done(1) != 1 {
		t.Errorf("done %d and %d times", s.done(1), other.done(1))
	}
}

// An order to quit ends the device with its reason, and frees its job at once.
func TestQuit(t *testing.T) {
	h := newHost(t, long)
	s, reached, _ := gate()
	r := h.device(h.url, t.TempDir(), s)
	h.putJob(h.job(1))
	<-reached
	h.mu.Lock()
	id := jobs.DeviceID(h.hellos[0].Key)
	h.mu.Unlock()
	for _, text := range []string{"quit", `{"v":1,"do":"run","reason":"x"}`, `{"v":1,"do":"quit","reason":"its clock runs backwards"}`} {
		if err := h.conn.Publish(jobs.Orders(id), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.wait(t); err == nil || err.Error() != "the host ended this device: its clock runs backwards" {
		t.Errorf("it ended with %v", err)
	}
	h.device(h.url, t.TempDir(), &script{})
	h.results(1)
	h.empty()
}

// A device that is ended in the middle of a job frees it at once.
func TestEnd(t *testing.T) {
	h := newHost(t, long)
	s, reached, _ := gate()
	r := h.device(h.url, t.TempDir(), s)
	h.putJob(h.job(1))
	<-reached
	r.end()
	if err := r.wait(t); err != nil {
		t.Error(err)
	}
	h.state("ended", func(s jobs.State) bool { return s.State == jobs.Ended && s.Job == "" })
	other := &script{}
	h.device(h.url, t.TempDir(), other)
	h.results(1)
	h.empty()
}

// A result is offered until the host has stored it; the job is the device's meanwhile.
func TestStoredLate(t *testing.T) {
	h := newHost(t, 8*time.Second)
	if err := h.js.DeleteStream(t.Context(), jobs.ResultsStream); err != nil {
		t.Fatal(err)
	}
	s := &script{}
	r := h.device(h.url, t.TempDir(), s)
	h.putJob(h.job(1))
	h.until("third attempt", func() bool { return strings.Count(r.log.String(), "has not stored") >= 3 })
	time.Sleep(3 * h.lease / 2)
	other := &script{}
	h.device(h.url, t.TempDir(), other)
	h.putJob(h.job(2))
	h.until("waiting other", func() bool { return other.done(2) == 1 })
	h.stream(jobs.ResultsStream, "lf.v1.results.>")
	h.results(2)
	h.empty()
	if s.done(1)+s.done(2) != 1 || other.done(1) != 0 {
		t.Errorf("the first did the jobs %d and %d times, the other job 1 %d times", s.done(1), s.done(2), other.done(1))
	}
}

// A measurement that no message can hold is a failure.
func TestTooLong(t *testing.T) {
	h := newHost(t, long)
	h.device(h.url, t.TempDir(), endless{})
	h.putJob(h.job(1))
	if r := h.results(1)[0]; !strings.Contains(r.Failure, "at most") {
		t.Errorf("%+v", r)
	}
	h.empty()
}

// endless measures more than a message can hold.
type endless struct{}

func (endless) Do(context.Context, jobs.Job) (trial.Measurement, string, error) {
	return trial.Measurement{Prefill: trial.Stat{SamplesMs: make([]float64, jobs.MaxMessage)}}, "", nil
}

// One folder is for one device at a time.
func TestOneAtATime(t *testing.T) {
	h := newHost(t, long)
	dir := filepath.Join(t.TempDir(), "state")
	h.device(h.url, dir, &script{})
	h.state("idle", func(s jobs.State) bool { return s.State == jobs.Idle })
	if err := h.device(h.url, dir, &script{}).wait(t); err == nil || !strings.Contains(err.Error(), "another litefront device") {
		t.Errorf("a second one: %v", err)
	}
}
