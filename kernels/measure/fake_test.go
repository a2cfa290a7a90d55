package measure

import (
	"errors"
	"fmt"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

const ms = int64(1e6)

// Modules of the fake target, told apart by their bytes.
const (
	candidateModule = "candidate"
	computeModule   = "compute"
	streamModule    = "stream"
)

const planBytes = 100 * graph.PageBytes

// fakeTarget is a scripted device with a virtual clock.
type fakeTarget struct {
	step int64 // of the timer, which truncates
	now  int64 // exact

	// runNs says what one run takes, given the module, the export, how often the
	// export was run before, and the exact time.
	runNs  func(module, export string, before int64, now int64) int64
	before func(call int) error // hook before the call-th call; an error is the call's
	die    map[int]bool         // calls in which the engine dies
	gpu    *kernels.GPU         // nil: it is a CPU
	cores  int                  // none is one

	linear, rss int64
	prepareErr  map[string]error
	closeErr    error
	footErr     error

	engine   int // engines started, less one
	calls    []fakeCall
	prepared map[string]int
	team     int // threads of the sentinels prepared last
	open     int
}

type fakeCall struct {
	module string
	Call
	startNs, exactNs int64
}

func newFake() *fakeTarget {
	return &fakeTarget{
		step:     1,
		linear:   planBytes,
		rss:      7 << 20,
		prepared: map[string]int{},
		runNs:    steadyRuns,
	}
}

// steadyRuns is a device without noise.
func steadyRuns(module, export string, _, _ int64) int64 {
	switch {
	case export == "init":
		return 5 * ms
	case module == computeModule:
		return 1 * ms
	case module == streamModule:
		return 8 * ms
	case export == "prefill_loop":
		return 30 * ms
	}
	return 3 * ms / 4
}

func (f *fakeTarget) Device() trial.Device {
	return trial.Device{Name: "fake", Cores: 1, TimerStepNs: f.step}
}
func (f *fakeTarget) Features() kernels.Features {
	return kernels.Features{GPU: f.gpu, Threads: f.cores}
}
func (f *fakeTarget) Now() int64 { return f.now / f.step * f.step }

func (f *fakeTarget) Prepare(m *kernels.Module) (Program, error) {
	name := string(m.Bytes)
	f.now += 10 * ms
	f.prepared[name]++
	if err := f.prepareErr[name]; err != nil {
		return nil, err
	}
	f.open++
	if name != candidateModule {
		f.team = m.Threads
	}
	return &fakeProgram{target: f, module: name, engine: f.engine, runs: map[string]int64{}}, nil
}

type fakeProgram struct {
	target *fakeTarget
	module string
	engine int
	runs   map[string]int64
	closed bool
}

func (p *fakeProgram) Run(c Call) (int64, error) {
	f := p.target
	if p.closed {
		return 0, errors.New("run after close")
	}
	if f.before != nil {
		if err := f.before(len(f.calls)); err != nil {
			return 0, err
		}
	}
	if p.engine != f.engine {
		return 0, fmt.Errorf("child exited: %w", ErrLost)
	}
	start := f.now
	for range max(c.Reps, 1) {
		f.now += f.runNs(p.module, c.Export, p.runs[c.Export], f.now)
		p.runs[c.Export]++
	}
	n := len(f.calls)
	f.calls = append(f.calls, fakeCall{p.module, c, start, f.now - start})
	if f.die[n] {
		f.engine++
		return 0, fmt.Errorf("child exited: signal: killed\nits last words: %w", ErrLost)
	}
	return f.now/f.step*f.step - start/f.step*f.step, nil
}

func (p *fakeProgram) Footprint() (Footprint, error) {
	return Footprint{LinearBytes: p.target.linear, RSSBytes: p.target.rss}, p.target.footErr
}

func (p *fakeProgram) Close() error {
	if p.closed {
		panic("closed twice")
	}
	p.closed = true
	p.target.open--
	if p.module == candidateModule {
		return p.target.closeErr
	}
	return nil
}

// local is Local with fake modules, whose compilation takes 4 ms.
func (f *fakeTarget) local(o Options) (*LocalMeasurer, error) {
	l, err := Local(f, o)
	if err != nil {
		return nil, err
	}
	l.fixed = func(_ kernels.Features, threads int) (compute, stream *kernels.Module, err error) {
		return &kernels.Module{Bytes: []byte(computeModule), Threads: threads}, &kernels.Module{Bytes: []byte(streamModule), Threads: threads}, nil
	}
	clear(l.known)
	l.build = func(a arch.Architecture, w trial.Workload) (*graph.Graph, error) {
		return &graph.Graph{Arch: a, Workload: w, Memory: graph.Memory{TotalBytes: planBytes}}, nil
	}
	l.compile = func(g *graph.Graph, _ kernels.Features) (*kernels.Module, error) {
		f.now += 4 * ms
		return &kernels.Module{Bytes: []byte(candidateModule), SHA256: "abc", Memory: g.Memory}, nil
	}
	return l, nil
}
