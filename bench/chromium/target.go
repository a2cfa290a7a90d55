//go:build !wasm

package chromium

import (
	"context"
	"fmt"
	"os"
	goruntime "runtime"
	"time"

	"github.com/chromedp/chromedp"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Target is a worker's WebAssembly as a target of the measuring protocol, which runs
// here: only the timed calls are made in the browser.
type Target struct {
	tab      context.Context
	features kernels.Features
	device   trial.Device
}

// NewTarget makes a target of a tab that shows engine.html of [Isolated].
func NewTarget(tab context.Context, features kernels.Features) (*Target, error) {
	agent, err := chromedp.Run(tab, chromedp.Evaluate[string](`navigator.userAgent`))
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	names := []string{"simd128"}
	if features.RelaxedSIMD {
		names = append(names, "relaxed-simd")
	}
	return &Target{tab: tab, features: features, device: trial.Device{
		Name: host, OS: goruntime.GOOS, Arch: goruntime.GOARCH, Cores: goruntime.NumCPU(),
		Engine: "V8 (" + agent + ")", Features: names, TimerStepNs: 5000, // of an isolated document
	}}, nil
}

// Device implements measure.Target.
func (t *Target) Device() trial.Device { return t.device }

// Features implements measure.Target.
func (t *Target) Features() kernels.Features { return t.features }

var epoch = time.Now()

// Now implements measure.Target.
func (t *Target) Now() int64 { return int64(time.Since(epoch)) }

// Prepare implements measure.Target.
func (t *Target) Prepare(m *kernels.Module) (measure.Program, error) {
	call := fmt.Sprintf("engine('prepare', %s)", Bytes(m))
	if m.Threads > 1 {
		call = fmt.Sprintf("engine('prepareThreads', %s, %d, %d)", Bytes(m), m.Threads, m.Memory.TotalBytes/graph.PageBytes)
	}
	id, err := evaluate[int](t.tab, call)
	return &instance{t.tab, id}, err
}

type instance struct {
	tab context.Context
	id  int
}

func (i *instance) Run(c measure.Call) (int64, error) {
	args := fmt.Sprint(c.Arg)
	if c.Reps > 0 {
		args += fmt.Sprint(",", c.Reps)
	}
	ms, err := evaluate[float64](i.tab, fmt.Sprintf("engine('run', %d, %q, %s)", i.id, c.Export, args))
	return int64(ms * 1e6), err
}

func (i *instance) Footprint() (measure.Footprint, error) {
	bytes, err := evaluate[float64](i.tab, fmt.Sprintf("engine('memory', %d)", i.id))
	return measure.Footprint{LinearBytes: int64(bytes)}, err
}

func (i *instance) Close() error {
	return chromedp.Do(i.tab, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("engine('close', %d)", i.id), chromedp.EvalAwaitPromise))
}

// evaluate evaluates an expression of the tab, awaiting a promise.
func evaluate[T any](tab context.Context, expression string) (T, error) {
	return chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}
