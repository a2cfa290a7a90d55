package measure

import (
	"fmt"
	"time"

	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Options configure a measurer. Start from [DefaultOptions].
type Options struct {
	Protocol string // trial.Litefront, or trial.LTS for comparison
	Code     string // version of this program, copied into every measurement

	// MemoryLimit is the linear memory that a candidate may need, in bytes. What
	// WebAssembly can address limits it too.
	MemoryLimit int64

	// Budget bounds the time spent on a trial: compiling, initialising, warming
	// up, sampling and repeats. Every attempt takes the minimum of samples, also
	// where that costs more. Learning the undisturbed device's speed, once, is not
	// counted.
	Budget time.Duration

	// HalfWidth is the half-width of the medians' 95 % confidence intervals,
	// relative to the median, at which sampling stops.
	HalfWidth float64

	MinSamples int // of prefill and of decode, at least 6
	MaxSamples int

	// DriftTolerance is how much slower than usual the sentinels may be, as a
	// share: 0.1 accepts a slowdown of 1.1.
	DriftTolerance float64
	// MaxRepeats is how often a measurement that was disturbed is made again.
	MaxRepeats int
}

const (
	leastSamples = 6 // fewer have no 95 % interval of the median
	mostSamples  = 10_000
	mostRepeats  = 10
	maxBudget    = time.Hour
)

// DefaultOptions suit a native search: a second and a half a trial, medians known to
// 2 %.
func DefaultOptions() Options {
	return Options{
		Protocol:       trial.Litefront,
		MemoryLimit:    graph.MaxBytes,
		Budget:         1500 * time.Millisecond,
		HalfWidth:      0.02,
		MinSamples:     leastSamples,
		MaxSamples:     200,
		DriftTolerance: 0.1,
		MaxRepeats:     2,
	}
}

// Validate reports the first option that is out of range.
func (o Options) Validate() error {
	switch {
	case o.Protocol != trial.Litefront && o.Protocol != trial.LTS:
		return fmt.Errorf("measure: protocol %q is unknown; use %q or %q", o.Protocol, trial.Litefront, trial.LTS)
	case o.MemoryLimit < 1:
		return fmt.Errorf("measure: memory limit %d must be at least 1 byte", o.MemoryLimit)
	case o.Budget <= 0 || o.Budget > maxBudget:
		return fmt.Errorf("measure: budget %v must be above 0 and at most %v", o.Budget, maxBudget)
	case !(o.HalfWidth > 0 && o.HalfWidth < 1):
		return fmt.Errorf("measure: half-width %v must be between 0 and 1", o.HalfWidth)
	case o.MinSamples < leastSamples:
		return fmt.Errorf("measure: min samples %d must be at least %d", o.MinSamples, leastSamples)
	case o.MaxSamples < o.MinSamples || o.MaxSamples > mostSamples:
		return fmt.Errorf("measure: max samples %d must be between min samples %d and %d", o.MaxSamples, o.MinSamples, mostSamples)
	case !(o.DriftTolerance > 0 && o.DriftTolerance <= 1):
		return fmt.Errorf("measure: drift tolerance %v must be above 0 and at most 1", o.DriftTolerance)
	case o.MaxRepeats < 0 || o.MaxRepeats > mostRepeats:
		return fmt.Errorf("measure: max repeats %d must be between 0 and %d", o.MaxRepeats, mostRepeats)
	}
	return nil
}
