//go:build !wasm

// Package engines opens the engines that benchmarks measure architectures on, all
// with the one measuring protocol.
package engines

import (
	"context"
	"fmt"
	"net/http/httptest"
	goruntime "runtime"
	"strings"
	"time"

	"litefront/bench/chromium"
	"litefront/bench/contest"
	"litefront/host/runtime"
	"litefront/host/web"
	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Engine runs architectures.
type Engine struct {
	Name   string
	Device trial.Device
	target measure.Target
	local  *measure.LocalMeasurer
}

// kinds are the engines there are: what starts each, and returns what ends it.
var kinds = []struct {
	name  string
	start func() (measure.Target, func(), error)
}{
	{"wazero", wazero},
	{"chromium", inChromium},
}

// Names lists the engines, separated by commas, as [Open] reads them.
func Names() string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return strings.Join(names, ",")
}

// Open starts the engines with these names, to spend so much time on each
// measurement. The function end ends them all. The main of the program must call
// runtime.ServeChild first.
func Open(names string, trialTime time.Duration) (opened []*Engine, end func(), err error) {
	var ends []func()
	end = func() {
		for _, f := range ends {
			f()
		}
	}
	o := measure.DefaultOptions()
	o.Code, o.Budget = runtime.CodeVersion(), trialTime
	if err := o.Validate(); err != nil {
		return nil, nil, err
	}
	for name := range strings.SplitSeq(names, ",") {
		target, stop, err := start(name)
		if err != nil {
			end()
			return nil, nil, err
		}
		local, err := measure.Local(target, o)
		if err != nil {
			stop()
			end()
			return nil, nil, err
		}
		ends = append(ends, local.Close, stop)
		opened = append(opened, &Engine{name, target.Device(), target, local})
	}
	return opened, end, nil
}

func start(name string) (measure.Target, func(), error) {
	for _, k := range kinds {
		if k.name == name {
			return k.start()
		}
	}
	return nil, nil, fmt.Errorf("engine %q is unknown; use some of %s", name, Names())
}

// callLimit is how long a single call may take.
const callLimit = time.Minute

func wazero() (measure.Target, func(), error) {
	p, err := runtime.NewProcess("", callLimit)
	if err != nil {
		return nil, nil, err
	}
	return p, func() { _ = p.Close() }, nil // a child that is no longer needed
}

// settle is how long a browser that has just started is left alone.
const settle = 3 * time.Second

// inChromium has the features that Chromium has by itself, as the page finds out.
func inChromium() (target measure.Target, end func(), err error) {
	dist, err := web.Dist()
	if err != nil {
		return nil, nil, err
	}
	handler, err := web.Handler(dist)
	if err != nil {
		return nil, nil, err
	}
	server := httptest.NewServer(chromium.Isolated(handler))
	tab, closeTab, err := chromium.Open(server.URL + "/engine.html")
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	end = func() {
		closeTab()
		server.Close()
	}
	time.Sleep(settle)
	if target, err = chromium.NewTarget(tab, kernels.Features{RelaxedSIMD: true, Threads: goruntime.NumCPU()}); err != nil {
		end()
		return nil, nil, err
	}
	return target, end, nil
}

// Measure measures a by the protocol.
func (e *Engine) Measure(a arch.Architecture, w trial.Workload) (trial.Measurement, error) {
	m, err := e.local.Measure(context.Background(), trial.Trial{Proposal: trial.Proposal{Arch: a}}, w)
	if err != nil {
		return m, fmt.Errorf("%s: %v: %w", e.Name, a, err)
	}
	return m, nil
}

// Enter makes contestants of a's two passes, of which leave frees the module.
func (e *Engine) Enter(a arch.Architecture, w trial.Workload) (prefill, decode *contest.Contestant, leave func(), err error) {
	p, err := e.prepare(a, w)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %v: %w", e.Name, a, err)
	}
	loop := func(export string, arg int) *contest.Contestant {
		return &contest.Contestant{Name: export, Run: func(reps int) (int64, error) {
			return p.Run(measure.Call{Export: export, Arg: uint32(arg), Reps: uint32(reps)})
		}}
	}
	leave = func() { _ = p.Close() } // a program that is no longer needed
	return loop("prefill_loop", w.PromptLen), loop("decode_loop", w.DecodePos()), leave, nil
}

// prepare loads a and fills its weights.
func (e *Engine) prepare(a arch.Architecture, w trial.Workload) (measure.Program, error) {
	g, err := graph.Build(a, w)
	if err != nil {
		return nil, err
	}
	m, err := kernels.Compile(g, e.target.Features())
	if err != nil {
		return nil, err
	}
	p, err := e.target.Prepare(m)
	if err != nil {
		return nil, err
	}
	if _, err := p.Run(measure.Call{Export: "init", Arg: 1}); err != nil {
		_ = p.Close() // the call's error says it
		return nil, err
	}
	return p, nil
}
