//go:build !wasm

// Package engines opens the engines that benchmarks measure architectures on, all
// with the one measuring protocol.
package engines

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"litefront/bench/chromium"
	"litefront/host/runtime"
	"litefront/host/web"
	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// Engine measures architectures.
type Engine struct {
	Name   string
	Device trial.Device
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
		opened = append(opened, &Engine{name, target.Device(), local})
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
	server := httptest.NewServer(handler)
	tab, closeTab, err := chromium.Open(server.URL + "/style.css")
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	end = func() {
		closeTab()
		server.Close()
	}
	time.Sleep(settle)
	if target, err = chromium.NewTarget(tab, kernels.Features{RelaxedSIMD: true}); err != nil {
		end()
		return nil, nil, err
	}
	return target, end, nil
}

// Measure measures a.
func (e *Engine) Measure(a arch.Architecture, w trial.Workload) (trial.Measurement, error) {
	m, err := e.local.Measure(context.Background(), trial.Trial{Proposal: trial.Proposal{Arch: a}}, w)
	if err != nil {
		return m, fmt.Errorf("%s: %v: %w", e.Name, a, err)
	}
	return m, nil
}
