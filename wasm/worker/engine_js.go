package worker

import (
	"math"
	"slices"

	"github.com/hack-pad/safejs"

	"litefront/kernels"
	"litefront/kernels/generate"
	"litefront/kernels/measure"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
	"litefront/wasm/worker/internal/browser"
)

// engine is the browser's WebAssembly as a target of the measuring protocol.
type engine struct {
	webAssembly safejs.Value
	performance safejs.Value
	programs    safejs.Value // what engine.js defines
	loop        *eventLoop
	clock       *browser.Clock
	features    kernels.Features
	device      trial.Device
}

// newEngine finds out what the browser is. The error unfit says why it can run
// no candidate, if that is so.
func newEngine() (_ *engine, unfit, err error) {
	e := new(engine)
	e.clock = browser.NewClock(e.performanceNow)
	if e.webAssembly, err = safejs.Global().Get("WebAssembly"); err != nil {
		return nil, nil, err
	}
	if e.performance, err = safejs.Global().Get("performance"); err != nil {
		return nil, nil, err
	}
	if e.programs, err = safejs.Global().Get("litefrontEngine"); err != nil {
		return nil, nil, err
	}
	if e.loop, err = newEventLoop(); err != nil {
		return nil, nil, err
	}
	e.features, unfit = browser.Features(e.valid)
	if e.device, err = e.describe(unfit == nil); err != nil {
		return nil, nil, err
	}
	if !slices.Contains(e.device.Features, measure.NotIsolated) { // it may share memory
		e.features.Threads = e.device.Cores
	}
	return e, unfit, nil
}

// valid reports whether the browser accepts a module.
func (e *engine) valid(module []byte) bool {
	bytes, err := bytesOf(module)
	if err != nil {
		return false
	}
	v, err := e.webAssembly.Call("validate", bytes)
	if err != nil {
		return false
	}
	ok, err := v.Bool()
	return ok && err == nil
}

// Device implements measure.Target.
func (e *engine) Device() trial.Device { return e.device }

// Features implements measure.Target.
func (e *engine) Features() kernels.Features { return e.features }

// Now implements measure.Target.
func (e *engine) Now() int64 { return e.clock.Now() }

// performanceNow is the browser's clock, 0 should that ever fail.
func (e *engine) performanceNow() int64 {
	ms, err := callFloat(e.performance, "now")
	if err != nil {
		return 0
	}
	return nanoseconds(ms)
}

// Prepare implements measure.Target.
func (e *engine) Prepare(m *kernels.Module) (measure.Program, error) {
	bytes, err := bytesOf(m.Bytes)
	if err != nil {
		return nil, thrown(err)
	}
	if m.Threads > 1 {
		promise, err := e.programs.Call("prepareThreads", bytes, m.Threads, m.Memory.TotalBytes/graph.PageBytes)
		if err != nil {
			return nil, thrown(err)
		}
		number, err := await(promise)
		if err != nil {
			return nil, thrown(err)
		}
		return &program{e, number}, nil
	}
	number, err := e.programs.Call("prepare", bytes)
	if err != nil {
		return nil, thrown(err)
	}
	return &program{e, number}, nil
}

// bytesOf copies bytes into a new Uint8Array.
func bytesOf(b []byte) (safejs.Value, error) {
	constructor, err := safejs.Global().Get("Uint8Array")
	if err != nil {
		return safejs.Value{}, err
	}
	array, err := constructor.New(len(b))
	if err != nil {
		return safejs.Value{}, err
	}
	_, err = safejs.CopyBytesToJS(array, b)
	return array, err
}

// program is an instance of a module.
type program struct {
	engine *engine
	number safejs.Value
}

var _ generate.Program = (*program)(nil)

func (p *program) Run(c measure.Call) (int64, error) {
	args := []any{p.number, c.Export, c.Arg}
	if c.Reps > 0 {
		args = append(args, c.Reps)
	}
	if err := p.engine.loop.turn(); err != nil { // a command to stop may be waiting
		return 0, err
	}
	p.engine.Now()
	set := p.engine.clock.Times()
	ms, err := callFloat(p.engine.programs, "run", args...)
	if p.engine.Now(); err == nil && p.engine.clock.Times() != set {
		err = measure.ErrClock
	}
	return nanoseconds(ms), err
}

// Footprint implements measure.Program. What browsers tell of the memory that is
// resident leaves WebAssembly out, so only the linear memory is known.
func (p *program) Footprint() (measure.Footprint, error) {
	bytes, err := callFloat(p.engine.programs, "memory", p.number)
	return measure.Footprint{LinearBytes: int64(bytes)}, err
}

// ReadAt implements io.ReaderAt for the linear memory.
func (p *program) ReadAt(b []byte, at int64) (int, error) {
	view, err := p.view(at, len(b))
	if err != nil {
		return 0, err
	}
	n, err := safejs.CopyBytesToGo(b, view)
	return n, thrown(err)
}

// WriteAt implements io.WriterAt for the linear memory.
func (p *program) WriteAt(b []byte, at int64) (int, error) {
	view, err := p.view(at, len(b))
	if err != nil {
		return 0, err
	}
	n, err := safejs.CopyBytesToJS(view, b)
	return n, thrown(err)
}

// view is n bytes of the linear memory as an array.
func (p *program) view(at int64, n int) (safejs.Value, error) {
	view, err := p.engine.programs.Call("view", p.number, at, n)
	return view, thrown(err)
}

// Ready implements generate.Program.
func (p *program) Ready() error {
	_, err := callFloat(p.engine.programs, "run", p.number, "ready")
	return err
}

func (p *program) Close() error {
	_, err := p.engine.programs.Call("close", p.number)
	return thrown(err)
}

// callFloat calls a method that returns a number.
func callFloat(object safejs.Value, method string, args ...any) (float64, error) {
	v, err := object.Call(method, args...)
	if err != nil {
		return 0, thrown(err)
	}
	x, err := v.Float()
	return x, thrown(err)
}

func nanoseconds(ms float64) int64 { return int64(math.Round(ms * 1e6)) }
