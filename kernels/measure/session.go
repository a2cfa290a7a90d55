package measure

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	// A sample lasts at least this many steps of the timer, so that reading it
	// costs at most 1 % of accuracy, and at least minSample.
	minTimerSteps = 100
	minSample     = 2 * time.Millisecond

	// maxTimerStepNs and maxElapsedNs bound what a target may claim; sums of
	// elapsed times cannot overflow.
	maxTimerStepNs = int64(10 * time.Millisecond)
	maxElapsedNs   = int64(time.Hour)

	maxBatch = 1 << 20
	// headroom keeps samples long enough when a run is a little faster than it
	// was while its batch was chosen.
	headroom = 1.2

	// A program is warm when this many batches in a row agree this closely.
	steadyBatches = 3
	steadyWithin  = 0.05
	// warmUpShare is the share of the budget after which a program counts as warm
	// regardless. A batch always runs, and is always made long enough.
	warmUpShare = 0.2
)

// SampleNs is how long a sample lasts at least by a timer of such a step, in
// nanoseconds.
func SampleNs(timerStepNs int64) int64 {
	return max(minTimerSteps*timerStepNs, minSample.Nanoseconds())
}

type switchesKey struct{}

// WithSwitches returns a context for measuring in a program that may be in the
// background, as a browser's page may. count tells how often it went there or came
// back, and more with each call while it is there. What was sampled meanwhile is
// sampled again.
func WithSwitches(ctx context.Context, count func() int) context.Context {
	return context.WithValue(ctx, switchesKey{}, count)
}

// session is one call of Measure: it counts the time its programs take and
// stops when its context is done.
type session struct {
	ctx         context.Context
	minSampleNs int64
	warmUpNs    int64 // allowance of one program
	spentNs     int64
	switches    func() int // see WithSwitches
}

func newSession(ctx context.Context, timerStepNs int64, budget time.Duration) (*session, error) {
	if timerStepNs < 0 || timerStepNs > maxTimerStepNs {
		return nil, fmt.Errorf("device: timer_step_ns %d must be between 0 and %d", timerStepNs, maxTimerStepNs)
	}
	switches, ok := ctx.Value(switchesKey{}).(func() int)
	if !ok {
		switches = func() int { return 0 }
	}
	return &session{
		ctx:         ctx,
		switches:    switches,
		minSampleNs: SampleNs(timerStepNs),
		warmUpNs:    int64(warmUpShare * float64(budget)),
	}, nil
}

// loop is a loop export with its argument, and how many runs make one sample.
type loop struct {
	program Program
	export  string
	arg     uint32
	batch   uint32
}

// check returns an error once the context is done.
func (s *session) check() error {
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", errInterrupted, err)
	}
	return nil
}

// run makes one call, unless the context is done.
func (s *session) run(p Program, c Call) (ns int64, err error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	ns, err = p.Run(c)
	if err != nil {
		return 0, &stepError{c.Export, err}
	}
	if ns < 0 || ns > maxElapsedNs {
		return 0, fmt.Errorf("%s: elapsed time of %d ns must be between 0 and %d", c.Export, ns, maxElapsedNs)
	}
	s.spentNs += ns
	return ns, nil
}

// sample runs one batch of a warm loop and returns the milliseconds of one run.
// A batch that takes not even half as long as a sample must was chosen while
// something else slowed the program down: it is made larger and taken again.
func (s *session) sample(l *loop) (ms float64, err error) {
	for {
		ns, err := s.run(l.program, Call{l.export, l.arg, l.batch})
		switch {
		case err != nil:
			return 0, err
		case 2*ns >= s.minSampleNs:
			return toMs(ns) / float64(l.batch), nil
		case l.batch == maxBatch:
			return 0, s.stands(l, ns)
		}
		l.batch = largerBatch(l.batch, s.minSampleNs, ns)
	}
}

// stands says that the clock does: no program is that fast.
func (s *session) stands(l *loop, ns int64) error {
	return fmt.Errorf("%s: %d runs took %d ns; the target's clock does not advance", l.export, l.batch, ns)
}

// warmUp runs l until it is steady or its allowance is spent, and sets its
// batch. Tier-up, caches and clock frequencies settle here.
func (s *session) warmUp(l *loop) error {
	l.batch = 1
	var perRun []float64 // nanoseconds, of the latest batches
	for start := s.spentNs; ; {
		ns, err := s.run(l.program, Call{l.export, l.arg, l.batch})
		if err != nil {
			return err
		}
		if ns < s.minSampleNs {
			if l.batch == maxBatch {
				return s.stands(l, ns)
			}
			l.batch = largerBatch(l.batch, s.minSampleNs, ns)
			continue
		}
		perRun = append(perRun, float64(ns)/float64(l.batch))
		if steady(perRun) || s.spentNs-start >= s.warmUpNs {
			return nil
		}
	}
}

// largerBatch is the batch that should take at least minNs, given that batch
// runs took ns. It grows at most tenfold at a time: ns may be all rounding.
func largerBatch(batch uint32, minNs, ns int64) uint32 {
	growth := min(headroom*float64(minNs)/float64(max(ns, 1)), 10)
	return min(uint32(math.Ceil(float64(batch)*growth)), maxBatch)
}

// steady reports whether the latest batches agree.
func steady(perRun []float64) bool {
	if len(perRun) < steadyBatches {
		return false
	}
	latest := perRun[len(perRun)-steadyBatches:]
	return slices.Max(latest) <= slices.Min(latest)*(1+steadyWithin)
}

func toMs(ns int64) float64 { return float64(ns) / 1e6 }

// stepError is what a target said about a step, cut to one line: engines
// append stack traces.
type stepError struct {
	step  string
	cause error
}

func (e *stepError) Error() string {
	const longest = 200
	line, _, _ := strings.Cut(strings.TrimSpace(e.cause.Error()), "\n")
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, line)
	if len(line) > longest {
		line = strings.ToValidUTF8(line[:longest], "") + "..."
	}
	return e.step + ": " + line
}

func (e *stepError) Unwrap() error { return e.cause }
