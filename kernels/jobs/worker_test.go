package jobs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
)

// target is the least that runs real modules and opens their memory.
type target struct {
	runtime wazero.Runtime
	origin  time.Time
	// features are what it is compiled for; closed has programs keep their memory to
	// themselves, and clock is how many calls are to find that the clock was set.
	features kernels.Features
	closed   bool
	clock    int
	prepared int
}

func newTarget(t *testing.T) *target {
	r := wazero.NewRuntime(t.Context())
	t.Cleanup(func() { r.Close(context.Background()) })
	return &target{runtime: r, origin: time.Now()}
}

func (t *target) Device() trial.Device {
	return trial.Device{Name: "test", Cores: 1, Engine: "wazero", TimerStepNs: 100}
}
func (t *target) Features() kernels.Features { return t.features }
func (t *target) Now() int64                 { return time.Since(t.origin).Nanoseconds() }

func (t *target) Prepare(m *kernels.Module) (measure.Program, error) {
	module, err := t.runtime.InstantiateWithConfig(context.Background(), m.Bytes, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, err
	}
	t.prepared++
	p := &program{target: t, module: module}
	if t.closed {
		return p, nil
	}
	return &open{p}, nil
}

type program struct {
	target *target
	module api.Module
}

func (p *program) Run(c measure.Call) (int64, error) {
	args := []uint64{uint64(c.Arg)}
	if c.Reps > 0 {
		args = append(args, uint64(c.Reps))
	}
	start := p.target.Now()
	_, err := p.module.ExportedFunction(c.Export).Call(context.Background(), args...)
	if err == nil && p.target.clock > 0 {
		p.target.clock--
		err = measure.ErrClock
	}
	return p.target.Now() - start, err
}

func (p *program) Footprint() (measure.Footprint, error) {
	return measure.Footprint{LinearBytes: int64(p.module.Memory().Size())}, nil
}
func (p *program) Close() error { return p.module.Close(context.Background()) }

// open is a program whose memory is open.
type open struct{ *program }

func (p *open) ReadAt(b []byte, at int64) (int, error) {
	piece, ok := p.module.Memory().Read(uint32(at), uint32(len(b)))
	if !ok {
		return 0, fmt.Errorf("no memory at %d", at)
	}
	return copy(b, piece), nil
}

func (p *open) WriteAt(b []byte, at int64) (int, error) {
	if !p.module.Memory().Write(uint32(at), b) {
		return 0, fmt.Errorf("no memory at %d", at)
	}
	return len(b), nil
}

func (p *open) Ready() error {
	_, err := p.module.ExportedFunction("ready").Call(context.Background())
	return err
}

func newWorker(t *testing.T) (*Worker, *target) {
	on := newTarget(t)
	w := &Worker{Target: on, Code: "v0", MemoryLimit: 1 << 30, Budget: 20 * time.Millisecond}
	t.Cleanup(w.Close)
	return w, on
}

// quickly is a job that takes no rounds with sentinels.
func quickly() Job {
	j := job()
	j.Protocol = trial.LTS
	return j
}

// A worker measures what the job says, and tells what the model computes.
func TestWorker(t *testing.T) {
	w, _ := newWorker(t)
	for _, protocol := range []string{trial.Litefront, trial.LTS} {
		j := job()
		j.Protocol = protocol
		m, logits, err := w.Do(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		if m.ArchID != j.Arch.ID() || m.Workload != j.Workload || m.Protocol != protocol || m.Code != "v0" ||
			len(m.Prefill.SamplesMs) == 0 || len(m.Decode.SamplesMs) == 0 || m.MemoryBytes < 1<<16 || m.Verdict == trial.Interrupted {
			t.Errorf("%s: %+v", protocol, m)
		}
		r := Result{V: Version, Job: j.ID(), Number: j.Number, Token: j.Token, Device: "d", Measurement: &m, Logits: logits}
		if _, err := Encode(r); err != nil || logits == "" {
			t.Errorf("%s: logits %q, %v", protocol, logits, err)
		}
	}
}

// Equal models compute equal logits, whatever they were compiled for, and others do not.
func TestChecksum(t *testing.T) {
	on := newTarget(t)
	sum := func(j Job, f kernels.Features) string {
		t.Helper()
		sum, err := Checksum(on, j.Arch, j.Workload, f)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	want := sum(job(), kernels.Features{})
	if !isDigest(want) {
		t.Fatalf("checksum %q", want)
	}
	for name, f := range map[string]kernels.Features{"again": {}, "wide panels": {WidePanels: true}} {
		if got := sum(job(), f); got != want {
			t.Errorf("%s: %s and then %s", name, want, got)
		}
	}
	for name, change := range map[string]func(*Job){
		"another width": func(j *Job) { j.Arch.Layers[0].DInner = 24 },
		"other heads":   func(j *Job) { j.Arch.Layers[0].Heads = 4 },
		"other prompt":  func(j *Job) { j.Workload.PromptLen = 5 },
		"int8":          func(j *Job) { j.Workload.Precision = trial.I8 },
	} {
		j := job()
		j.Arch = j.Arch.Canonical()
		change(&j)
		if got := sum(j, kernels.Features{}); got == want || !isDigest(got) {
			t.Errorf("%s: %q, as before", name, got)
		}
	}
	on.prepared = 0
	for _, f := range []kernels.Features{{RelaxedSIMD: true}, {RelaxedDot: true}} {
		if got := sum(job(), f); got != "" || on.prepared != 0 {
			t.Errorf("relaxed SIMD: %q", got)
		}
	}
	on.closed = true
	if got := sum(job(), kernels.Features{}); got != "" {
		t.Errorf("of a memory that is closed: %q", got)
	}
	on.closed, on.clock = false, 2
	if got := sum(job(), kernels.Features{}); got != want {
		t.Errorf("while the clock is set: %q", got)
	}
}

// A worker has limits of its own, and says whose fault it is that it did not measure.
func TestWorkerRefuses(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		change func(*Worker, *target, *Job)
		want   error
	}{
		{"the worker's memory", t.Context(), func(w *Worker, _ *target, _ *Job) { w.MemoryLimit = 100 }, measure.ErrTooLarge},
		{"the job's memory", t.Context(), func(_ *Worker, _ *target, j *Job) { j.MemoryLimit = 100 }, measure.ErrTooLarge},
		{"ended", ended, func(*Worker, *target, *Job) {}, context.Canceled},
		{"the clock is set once", t.Context(), func(_ *Worker, on *target, _ *Job) { on.clock = 1 }, nil},
		{"the clock is set on and on", t.Context(), func(_ *Worker, on *target, _ *Job) { on.clock = 1 << 30 }, measure.ErrDevice},
	} {
		w, on := newWorker(t)
		j := quickly()
		tt.change(w, on, &j)
		m, logits, err := w.Do(tt.ctx, j)
		if !errors.Is(err, tt.want) || (err == nil) != (logits != "") || (err == nil) != (len(m.Prefill.SamplesMs) > 0) {
			t.Errorf("%s: logits %q, %v; want %v", tt.name, logits, err, tt.want)
		}
	}
	w, on := newWorker(t)
	j := quickly()
	j.Code = "v1"
	if _, _, err := w.Do(t.Context(), j); err == nil || on.prepared != 0 {
		t.Errorf("another version: %v", err)
	}
}
