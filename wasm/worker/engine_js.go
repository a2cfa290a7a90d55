package main

import (
	"fmt"
	"math"
	"runtime"
"time"

	"github.com/hack-pad/safejs"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
	"litefront/wasm/worker/internal/browser"
)

// engine is the browser's WebAssembly as a target of the measuring protocol.
type engine struct {
	webAssembly safejs.Value
	performance safejs.Value
	loop        *eventLoop
	features    kernels.Features
	device      trial.Device
}

// newEngine finds out what the browser is. The error unfit says why it can run
// no candidate, if that is so.
func newEngine() (_ *engine, unfit, err error) {
	e := new(engine)
	if e.webAssembly, err = safejs.Global().Get("WebAssembly"); err != nil {
		return nil, nil, err
	}
	if e.performance, err = safejs.Global().Get("performance"); err != nil {
		return nil, nil, err
	}
	if e.loop, err = newEventLoop(); err != nil {
		return nil, nil, err
	}
	e.features, unfit = browser.Features(e.valid)
	if e.device, err = e.describe(unfit == nil); err != nil {
		return nil, nil, err
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

// Now implements measure.Target: performance.now, 0 should that ever fail.
func (e *engine) Now() int64 {
	v, err := e.performance.Call("now")
	if err != nil {
		return 0
	}
	ms, err := v.Float()
	if err != nil {
		return 0
	}
	return int64(math.Round(ms * 1e6))
}

// Prepare implements measure.Target.
func (e *engine) Prepare(m *kernels.Module) (measure.Program, error) {
	// The browser frees a program's memory once nothing in Go refers to it, and
	// this heap is too small to be collected often. What Go drops is let go of in
	// the turn that follows.
	time.Sleep(50*time.Millisecond)
	bytes, err := bytesOf(m.Bytes)
	if err != nil {
		return nil, thrown(err)
	}
	module, err := e.construct("Module", bytes)
	if err != nil {
		return nil, thrown(err)
	}
	instance, err := e.construct("Instance", module)
	if err != nil {
		return nil, thrown(err)
	}
	exports, err := instance.Get("exports")
	if err != nil {
		return nil, thrown(err)
	}
	return &program{e, exports}, nil
}

// construct makes an object of a class of WebAssembly. In a worker that is
// allowed to take its time.
func (e *engine) construct(class string, arg safejs.Value) (safejs.Value, error) {
	constructor, err := e.webAssembly.Get(class)
	if err != nil {
		return safejs.Value{}, err
	}
	return constructor.New(arg)
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
	engine  *engine
	exports safejs.Value
}

func (p *program) Run(c measure.Call) (int64, error) {
	f, err := p.exports.Get(c.Export)
	if err != nil {
		return 0, thrown(err)
	}
	if f.Type() != safejs.TypeFunction {
		return 0, fmt.Errorf("the module does not export %q", c.Export)
	}
	args := []any{c.Arg, c.Reps}
	if c.Reps == 0 {
		args = args[:1]
	}
	// JavaScript would call it with any number of arguments.
	params, err := f.Length()
	if err != nil {
		return 0, thrown(err)
	}
	if params != len(args) {
		return 0, fmt.Errorf("%q takes %d arguments, not %d", c.Export, params, len(args))
	}
	if err := p.engine.loop.turn(); err != nil { // a command to stop may be waiting
		return 0, err
	}
	start := p.engine.Now()
	_, err = f.Invoke(args...)
	elapsed := p.engine.Now() - start
	if err != nil {
		return 0, thrown(err)
	}
	return elapsed, nil
}

// Footprint implements measure.Program. What the browser tells of its resident
// memory leaves WebAssembly out, so only the linear memory is known.
func (p *program) Footprint() (measure.Footprint, error) {
	v := p.exports
	for _, name := range []string{"memory", "buffer", "byteLength"} {
		var err error
		if v, err = v.Get(name); err != nil {
			return measure.Footprint{}, thrown(err)
		}
	}
	n, err := v.Float() // an int has 32 bits here
	if err != nil {
		return measure.Footprint{}, thrown(err)
	}
	return measure.Footprint{LinearBytes: int64(n)}, nil
}

func (p *program) Close() error {
	p.exports = safejs.Undefined()
	runtime.GC()
	return p.engine.loop.turn()
}
