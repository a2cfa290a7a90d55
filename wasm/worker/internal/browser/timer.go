package browser

import "time"

const (
	// maxReads bounds how often a clock is read for a step: about a second, ten times
	// the coarsest step that browsers are known to have.
	maxReads = 1 << 20
	// unseenStep is assumed of a clock that takes no step: what browsers round to
	// where a page is not isolated, at the most.
	unseenStep = time.Millisecond
)

// TimerStep is the smallest step seen between readings of a clock, in nanoseconds. It
// takes some of them, since browsers also jitter. A clock that stands still, or cannot
// be read, has a step of a millisecond.
func TimerStep(now func() int64) int64 {
	const steps = 10
	least := int64(unseenStep)
	for i := range steps {
		step := nextStep(now)
		if step == 0 {
			break
		}
		if i == 0 || step < least {
			least = step
		}
	}
	return least
}

// nextStep waits for the clock's next step; 0 if there is none.
func nextStep(now func() int64) int64 {
	start := now()
	for range maxReads {
		if step := now() - start; step > 0 {
			return step
		}
	}
	return 0
}
