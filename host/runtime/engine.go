// Package runtime runs modules on wazero, natively. An [Engine] runs them in
// this process; a [Process] runs an Engine in a child process that it can kill,
// so that a candidate that hangs or exhausts memory takes nothing else with it
// and the growth of the child's memory is the candidate's own. Both are targets
// of the measuring protocol.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"litefront/kernels"
	"litefront/kernels/generate"
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
)

// Engine is wazero's compiler in this process.
type Engine struct {
	runtime wazero.Runtime // candidates, each compiled once and thrown away
	fixed   wazero.Runtime // modules that are the same every time, through the cache
	threads wazero.Runtime // candidates with several threads
	teams   map[*team]bool // of those that are open
	cache   wazero.CompilationCache
	device  trial.Device
}

// NewEngine starts an engine. Modules that never change (sentinels) keep their
// compiled code in cacheDir; an empty cacheDir keeps none. It fails where wazero
// has no compiler: its interpreter's timings mean nothing.
func NewEngine(cacheDir string) (*Engine, error) {
	if err := CheckCompiler(); err != nil {
		return nil, err
	}
	ctx := context.Background()
	// Growing a memory beyond its capacity would copy it; ours never grow.
	config := wazero.NewRuntimeConfigCompiler().WithMemoryCapacityFromMax(true)
	threads := config.WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesThreads)
	e := &Engine{
		runtime: wazero.NewRuntimeWithConfig(ctx, config),
		threads: wazero.NewRuntimeWithConfig(ctx, threads),
		teams:   map[*team]bool{},
		device:  thisDevice(),
	}
	if cacheDir == "" {
		e.fixed = e.runtime
		return e, nil
	}
	var err error
	if e.cache, err = wazero.NewCompilationCacheWithDir(cacheDir); err != nil {
		err = fmt.Errorf("compilation cache: %w", err)
		return nil, errors.Join(err, e.runtime.Close(ctx), e.threads.Close(ctx))
	}
	e.fixed = wazero.NewRuntimeWithConfig(ctx, config.WithCompilationCache(e.cache))
	return e, nil
}

// Close frees the engine and all its programs.
func (e *Engine) Close() error {
	ctx := context.Background()
	var err error
	for t := range e.teams { // their threads run code of e.threads
		err = errors.Join(err, t.close(ctx))
	}
	err = errors.Join(err, e.runtime.Close(ctx), e.threads.Close(ctx))
	if e.cache != nil {
		err = errors.Join(err, e.fixed.Close(ctx), e.cache.Close(ctx))
	}
	return err
}

// Device implements measure.Target.
func (e *Engine) Device() trial.Device { return e.device }

// Features implements measure.Target.
func (e *Engine) Features() kernels.Features { return features() }

// features are those of any engine on this machine: as many threads as cores, where
// these have the instructions by which threads wait for each other.
func features() kernels.Features {
	f := kernels.Features{WidePanels: true, Threads: runtime.NumCPU()}
	if !hasAtomics() {
		f.Threads = 1
	}
	return f
}

// Now implements measure.Target.
func (e *Engine) Now() int64 { return now() }

var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

// Prepare implements measure.Target.
func (e *Engine) Prepare(m *kernels.Module) (measure.Program, error) {
	// What earlier programs left is returned to the system, so that growth from
	// here on is this program's.
	debug.FreeOSMemory()
	before := residentBytes()
	resetPeakResident()
	i, err := e.Instantiate(m)
	if err != nil {
		return nil, err
	}
	return &program{i, before}, nil
}

// program is an instance that is measured.
type program struct {
	*Instance
	before int64 // resident set before Prepare
}

var _ generate.Program = (*program)(nil)

// Run implements measure.Program. The clock starts once all threads are awake. After a
// loop they rest: something else is timed next.
func (p *program) Run(c measure.Call) (ns int64, err error) {
	args := []uint32{c.Arg}
	if c.Reps > 0 {
		args = append(args, c.Reps)
	}
	if p.team == nil {
		return p.Call(c.Export, args...)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.meet(); err != nil {
		return 0, err
	}
	if ns, err = p.Call(c.Export, args...); err == nil && c.Reps > 0 {
		_, err = p.Call("rest")
	}
	return ns, err
}

func (p *program) Footprint() (measure.Footprint, error) {
	growth := peakResidentBytes() - p.before
	return measure.Footprint{LinearBytes: int64(p.module.Memory().Size()), RSSBytes: max(growth, 0)}, nil
}

// thisDevice describes this machine and engine.
func thisDevice() trial.Device {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return trial.Device{
		Name:        host,
		OS:          runtime.GOOS,
		Arch:        runtime.GOARCH,
		CPU:         cpuModel(),
		Cores:       runtime.NumCPU(),
		Engine:      "wazero " + moduleVersion("github.com/tetratelabs/wazero") + " compiler",
		Features:    []string{"simd128"},
		TimerStepNs: timerStep(),
	}
}

// moduleVersion is the version of a dependency that this binary was built with.
func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == path {
				return strings.TrimPrefix(d.Version, "v")
			}
		}
	}
	return "unknown"
}

// timerStep is the smallest step seen between readings of the clock.
func timerStep() int64 {
	step := int64(time.Second)
	for range 1000 {
		a := now()
		b := now()
		for a == b {
			b = now()
		}
		step = min(step, b-a)
	}
	return step
}
