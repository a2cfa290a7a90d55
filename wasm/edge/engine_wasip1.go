package main

import (
	"context"
	"errors"
	"unsafe"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
	"litefront/wasm/edge/abi"
)

// The host's functions; package abi describes them.

//go:wasmimport litefront prepare
func hostPrepare(module unsafe.Pointer, length uint32, r *abi.Result) int32

//go:wasmimport litefront run
func hostRun(handle int32, export string, arg, reps uint32, r *abi.Result) int32

//go:wasmimport litefront close
func hostClose(handle int32) int32

//go:wasmimport litefront now
func hostNow() int64

// engine is the host's engine as a measure.Target.
type engine struct {
	input  abi.Input
	result abi.Result // of the latest call
}

func (e *engine) Device() trial.Device       { return e.input.Device }
func (e *engine) Features() kernels.Features { return e.input.Features }
func (e *engine) Now() int64                 { return hostNow() }

func (e *engine) Prepare(m *kernels.Module) (measure.Program, error) {
	handle := hostPrepare(unsafe.Pointer(unsafe.SliceData(m.Bytes)), uint32(len(m.Bytes)), &e.result)
	if handle < 0 {
		return nil, e.failure(handle)
	}
	return &program{engine: e, handle: handle}, nil
}

// failure is the error that a status other than OK stands for.
func (e *engine) failure(status int32) error {
	failed := hostError{text: e.result.ErrorText()}
	switch status {
	case abi.Interrupted:
		return context.Canceled
	case abi.Lost:
		failed.kind = measure.ErrLost
	case abi.NoDevice:
		failed.kind = measure.ErrDevice
	}
	return failed
}

// hostError is what the host says about a call that failed; its text names the
// kind already, if it is of one.
type hostError struct {
	text string
	kind error
}

func (e hostError) Error() string { return e.text }
func (e hostError) Unwrap() error { return e.kind }

// program is a module that the host has prepared.
type program struct {
	engine    *engine
	handle    int32
	footprint *measure.Footprint // as the latest run told it
}

func (p *program) Run(c measure.Call) (int64, error) {
	r := &p.engine.result
	if status := hostRun(p.handle, c.Export, c.Arg, c.Reps, r); status != abi.OK {
		return 0, p.engine.failure(status)
	}
	p.footprint = &measure.Footprint{LinearBytes: r.LinearBytes, RSSBytes: r.RSSBytes, SubmitNs: r.SubmitNs}
	return r.ElapsedNs, nil
}

func (p *program) Footprint() (measure.Footprint, error) {
	if p.footprint == nil {
		return measure.Footprint{}, errors.New("the program has not run yet")
	}
	return *p.footprint, nil
}

func (p *program) Close() error {
	if hostClose(p.handle) != abi.OK {
		return errors.New("the host could not close the program")
	}
	return nil
}
