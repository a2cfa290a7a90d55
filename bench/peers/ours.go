//go:build !wasm

package main

import (
	"fmt"

	"litefront/bench/chromium"
	"litefront/bench/contest"
	"litefront/bench/programs"
	"litefront/host/runtime"
	"litefront/kernels"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// ours times our modules for m: in f32, in int8, and on two threads.
func (m model) ours(native *runtime.Engine, tab web) (f field, err error) {
	inTab := func(ps ...programs.Program) ([]*contest.Contestant, error) { return chromium.Module(tab.tab, ps...) }
	under := func(ps ...programs.Program) ([]*contest.Contestant, error) { return contest.Native(native, ps...) }
	for _, e := range []struct {
		names    [3]string
		features kernels.Features
		enter    func(...programs.Program) ([]*contest.Contestant, error)
		threads  func(...programs.Program) ([]*contest.Contestant, error)
	}{
		{[3]string{wazero, wazeroI8, wazero2}, native.Features(), under, under},
		{[3]string{inChromium, inChromiumI8, inChromium2}, kernels.Features{}, inTab, tab.threads},
		{[3]string{relaxed, relaxedI8, relaxed2}, kernels.Features{RelaxedSIMD: true}, inTab, tab.threads},
	} {
		w := programs.Workload(m.arch, m.tokens)
		onInt8, onTwo := w, w
		onInt8.Precision, onTwo.Threads = trial.I8, 2
		e.features.Threads = 2
		for i, w := range []trial.Workload{w, onInt8, onTwo} {
			enter := e.enter
			if w.Threads > 1 {
				enter = e.threads
			}
			entry, err := m.entry(e.names[i], w, e.features, enter)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.names[i], err)
			}
			f = append(f, entry)
		}
	}
	return f, nil
}

// entry is m under w, with the layers' linears apart where there is one thread.
func (m model) entry(name string, w trial.Workload, f kernels.Features, enter func(...programs.Program) ([]*contest.Contestant, error)) (entry, error) {
	e := entry{name: name}
	prefill, decode, err := programs.Of(m.arch, w, f)
	if err != nil {
		return e, err
	}
	// Only the times count: the peers' heads and attention are in them too.
	prefill.FLOPs, decode.FLOPs = 0, 0
	passes, err := enter(prefill, decode)
	if err != nil {
		return e, err
	}
	e.prefill, e.decode = passes[0], passes[1]
	if w.Threads > 1 {
		return e, nil
	}
	linears, err := programs.Linears(m.arch, w, f)
	if err != nil {
		return e, err
	}
	linears.FLOPs = 0
	alone, err := enter(linears)
	if err != nil {
		return e, err
	}
	e.linears = alone[0]
	return e, nil
}

// threads is programs of one module for several threads, in the worker of
// engine.html.
func (w web) threads(ps ...programs.Program) (all []*contest.Contestant, err error) {
	m := ps[0].Module
	id, err := evaluate[int](w, "engine('prepareThreads', %s, %d, %d)", chromium.Bytes(m), m.Threads, m.Memory.TotalBytes/graph.PageBytes)
	if err == nil {
		_, err = evaluate[float64](w, "engine('run', %d, 'init', 1)", id)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ps[0].Name, err)
	}
	for _, p := range ps {
		all = append(all, &contest.Contestant{Name: p.Name, Run: func(reps int) (int64, error) {
			ms, err := evaluate[float64](w, "engine('run', %d, %q, %d, %d)", id, p.Export, p.Arg, reps)
			return int64(ms * 1e6), err
		}})
	}
	return all, nil
}
