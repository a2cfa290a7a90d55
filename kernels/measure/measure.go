// Package measure holds the one protocol by which candidates are measured, on
// every engine: a browser's worker, a WebAssembly guest, a native child process.
//
// An engine is a [Target], which loads modules as a [Program]. [Local] turns a
// Target into a [Measurer], which takes a trial and returns a measurement; a
// device elsewhere is a Measurer too and runs the same protocol at its own end.
//
// The package starts no goroutine and reads no clock. Time comes from the
// Target, budgets are sums of elapsed time, and cancellation takes effect
// between two calls of a program; a call that hangs is the Target's to kill.
package measure

import (
	"context"
	"errors"
	"fmt"

	"litefront/kernels"
	"litefront/searchcore/trial"
)

// Measurer measures trials, one at a time.
type Measurer interface {
	// Measure measures t under w. An error is one line that says why there is no
	// measurement, except where ctx was done: then the error wraps ctx.Err() and
	// the measurement holds what there was, with the verdict trial.Interrupted.
	Measure(ctx context.Context, t trial.Trial, w trial.Workload) (trial.Measurement, error)
}

// Target is an engine on a device: it loads modules and tells the time.
type Target interface {
	// Device says what executes; it does not change.
	Device() trial.Device
	// Features are the WebAssembly extensions that the engine offers.
	Features() kernels.Features
	// Now is the target's clock in nanoseconds, from any origin. It never runs back,
	// and passes over what was not spent on measuring, such as the time for which a
	// device slept: budgets are differences of its readings.
	Now() int64
	// Prepare compiles and instantiates m. A Target that lost its engine, such as
	// a child process that died, starts a new one here.
	Prepare(m *kernels.Module) (Program, error)
}

// Program is a module ready to run. Programs of one Target live side by side,
// but only one runs at a time.
type Program interface {
	// Run makes one call and returns how long it took, in nanoseconds of the
	// target's clock. An error wraps ErrClock if that cannot be told.
	Run(c Call) (elapsedNs int64, err error)
	// Footprint says how much memory the program occupies.
	Footprint() (Footprint, error)
	// Close frees the program. It is called once, also after an error.
	Close() error
}

// Call names an export of a module and its arguments. With Reps at least 1 it
// is Export(Arg, Reps), a loop export; with Reps 0 it is Export(Arg).
type Call struct {
	Export string
	Arg    uint32
	Reps   uint32
}

// Footprint is the memory of a program, in bytes, and what running it cost beside its
// time.
type Footprint struct {
	LinearBytes int64 // what memory.size reports, or the sum of a GPU program's buffers
	RSSBytes    int64 // growth of the peak resident set since before Prepare; 0 if unknown
	// SubmitNs is what submitting a run of loops to a GPU took beyond its kernels, in
	// nanoseconds: the median; 0 elsewhere, or where kernels cannot be timed apart.
	SubmitNs int64
}

// SoftwareAdapter is the feature of a GPU's device that computes on the CPU: what it
// measures tells nothing of GPUs.
const SoftwareAdapter = "software adapter"

var (
	// ErrLost is returned (or wrapped) by a Program whose engine is gone. The
	// program stays lost; the Target's next Prepare starts a new engine.
	ErrLost = errors.New("the engine was lost")
	// ErrDevice is wrapped by errors that are the device's fault, whatever the
	// candidate: no engine starts, or a sentinel cannot run.
	ErrDevice = errors.New("the device does not measure")
	// ErrClock is returned (or wrapped) by a Program whose device's clock was set
	// while it ran. It tells nothing of the candidate, which may be measured again.
	ErrClock = fmt.Errorf("%w: its clock was set meanwhile", ErrDevice)
	// ErrTooLarge is wrapped by the error of a trial whose plan exceeds the memory
	// limit. Nothing was allocated for it.
	ErrTooLarge = errors.New("needs too much memory")

	errInterrupted = errors.New("measurement interrupted")
)
