package measure

import (
	"fmt"
	"time"

	"litefront/searchcore/graph"
)

// The protocols.
const (
	// Litefront is this package's own protocol; see [LocalMeasurer].
	Litefront = "litefront"
	// LTS is the protocol of LiteTransformerSearch, for comparison: one unmeasured
	// forward pass, then the mean of ten (Stat.MeanMs), each timed alone. It runs
	// no sentinels and leaves Measurement.Slowdown 0, unknown.
	LTS = "lts"
)

// Options configure a measurer. Start from [DefaultOptions].
type Options struct {
	Protocol string // Litefront or LTS
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

	MinSamples int // of prefill and of decode, at least 5
	MaxSamples int

	// DriftTolerance is how much slower than usual the sentinels may be, as a
	// share: 0.1 accepts a slowdown of 1.1.
	DriftTolerance float64
	// MaxRepeats is how often a drifted measurement is made again.
	MaxRepeats int
}

const (
	// maxLinearBytes is one page short of the 4 GiB that 32-bit addresses reach:
	// engines report the size in 32 bits.
	maxLinearBytes = (1<<16 - 1) * graph.PageBytes

	leastSamples = 5
	mostSamples  = 10_000
	mostRepeats  = 10
	maxBudget    = time.Hour
)

// DefaultOptions suit a native search: a second and a half a trial, medians known to
// 2 %.
func DefaultOptions() Options {
	return Options{
		Protocol:       Litefront,
		MemoryLimit:    maxLinearBytes,
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
	case o.Protocol != Litefront && o.Protocol != LTS:
		return fmt.Errorf("measure: protocol %q is unknown; use %q or %q", o.Protocol, Litefront, LTS)
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
