package store

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// tell hands a message to s the way it comes from a worker.
func tell(t *testing.T, s *Store, m search.Message) {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var got search.Message
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	s.Apply(got)
}

func event(kind trial.Kind, fill func(*trial.Event)) search.Message {
	e := trial.Event{V: trial.EventVersion, Kind: kind}
	fill(&e)
	return search.Message{Event: &e}
}

// ready is a store whose worker has answered that nothing is kept.
func ready(t *testing.T) *Store {
	t.Helper()
	s := New("test")
	if c := s.Open(); c.Do != search.DoOpen {
		t.Fatalf("Open sends %q", c.Do)
	}
	tell(t, s, search.Message{
		Device: &trial.Device{Name: "Chromium 156 on Linux x86_64", Engine: "V8 (Chromium 156)", Cores: 2, Features: []string{"simd128", "isolated"}, TimerStepNs: 5000},
		State:  search.StateIdle,
	})
	return s
}

// worker is a study whose events go to a store, and what measures it: latencies
// that are drawn at random around what the size suggests.
type worker struct {
	t     *testing.T
	s     *Store
	study *study.Study
	r     *rand.Rand
}

// start presses Start and does what a worker does then.
func start(t *testing.T, s *Store, seed uint64) *worker {
	t.Helper()
	command, ok := s.Start()
	if !ok {
		t.Fatalf("Start refuses: %v", s.Invalid)
	}
	tell(t, s, search.Message{State: search.StateSearching})
	w := &worker{t: t, s: s, r: random(seed)}
	var err error
	w.study, err = command.Request.Open(nil, func(e trial.Event) { tell(t, s, search.Message{Event: &e}) })
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *worker) ask() trial.Trial {
	w.t.Helper()
	asked, err := w.study.Ask()
	if err != nil {
		w.t.Fatal(err)
	}
	return asked
}

// measure takes one candidate to its end and tells the progress.
func (w *worker) measure() trial.Measurement {
	w.t.Helper()
	asked := w.ask()
	stat := func(ms float64) trial.Stat {
		return trial.Stat{SamplesMs: []float64{ms, ms, ms}, Batch: 2, MedianMs: ms, LowMs: 0.9 * ms, HighMs: 1.2 * ms, MinMs: 0.9 * ms, MeanMs: ms, SpreadMs: 0.1 * ms}
	}
	scale := float64(asked.Arch.DecoderParams()) / 1e6 * (0.5 + w.r.Float64())
	m := trial.Measurement{
		ArchID:       asked.Arch.ID(),
		Workload:     w.study.Started().Workload,
		Device:       trial.Device{Name: "a device", Engine: "an engine"},
		Protocol:     w.study.Started().Protocol,
		ModuleSHA256: "00ff",
		Prefill:      stat(10 * scale),
		Decode:       stat(scale),
		MemoryBytes:  64 << 20,
		SpentMs:      1500,
		Verdict:      trial.OK,
	}
	if err := w.study.Tell(asked.Number, asked.Token, m); err != nil {
		w.t.Fatal(err)
	}
	w.progress(1500 * float64(asked.Number))
	return m
}

func (w *worker) fail(reason string) {
	w.t.Helper()
	asked := w.ask()
	if err := w.study.Fail(asked.Number, asked.Token, reason); err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) progress(elapsedMs float64) {
	p := w.study.Progress()
	p.ElapsedMs, p.LeftMs = elapsedMs, 1000
	tell(w.t, w.s, event(trial.KindProgress, func(e *trial.Event) { e.Progress = &p }))
}

// end ends the session for the reason.
func (w *worker) end(reason string) {
	tell(w.t, w.s, event(trial.KindDone, func(e *trial.Event) { e.Done = &trial.Done{Reason: reason} }))
	tell(w.t, w.s, search.Message{State: search.StateIdle})
}
