package measure

import (
	"errors"
	"fmt"
	"slices"

	"litefront/kernels"
)

// initCall fills a program's weights. The values do not matter: they only have
// to be finite and the same for everyone.
var initCall = Call{Export: "init", Arg: 1}

// sentinels are those of workloads on one number of threads: what several ask of the
// memory, and of the cores' clock, a single one does not see.
type sentinels struct{ compute, stream *sentinel }

// both are the sentinels in the order in which they are prepared.
func (n *sentinels) both() []*sentinel { return []*sentinel{n.compute, n.stream} }

// prepare loads the sentinels and makes sure that the undisturbed device is known.
func (n *sentinels) prepare(s *session) error {
	for _, one := range n.both() {
		if err := one.prepare(s); err != nil {
			return err
		}
	}
	for !n.compute.usual.known() || !n.stream.usual.known() {
		var ms [2]float64
		for i, one := range n.both() {
			var err error
			if ms[i], err = one.read(s); err != nil {
				return err
			}
		}
		n.learn(ms[:1], ms[1:])
	}
	return nil
}

// learn takes samples of the sentinels for what they know of the undisturbed device.
func (n *sentinels) learn(computeMs, streamMs []float64) {
	for _, ms := range computeMs {
		n.compute.usual.learn(ms)
	}
	for _, ms := range streamMs {
		n.stream.usual.learn(ms)
	}
}

func (n *sentinels) drop() {
	for _, one := range n.both() {
		one.drop()
	}
}

// sentinel is a fixed program that tells how fast the device is at the moment.
// It is prepared when it is first needed, again after it was dropped, and keeps
// what it knows of the undisturbed device throughout.
type sentinel struct {
	name   string
	target Target
	module *kernels.Module
	loop   *loop // nil while it is not prepared
	usual  baseline
}

// prepare loads the sentinel and warms it up, if that has not been done; a
// second time when its engine was lost meanwhile.
func (n *sentinel) prepare(s *session) error {
	err := n.prepareOnce(s)
	if errors.Is(err, ErrLost) {
		err = n.prepareOnce(s)
	}
	return err
}

func (n *sentinel) prepareOnce(s *session) error {
	if n.loop != nil {
		return nil
	}
	p, err := n.target.Prepare(n.module)
	if err != nil {
		return n.label(err)
	}
	n.loop = &loop{program: p, export: "loop"}
	if _, err = s.run(p, initCall); err == nil {
		err = s.warmUp(n.loop)
	}
	if err != nil {
		n.drop()
		return n.label(err)
	}
	return nil
}

// read takes one reading in milliseconds. A sentinel that was lost with its
// engine is prepared again, once: the candidate beside it may be unharmed.
func (n *sentinel) read(s *session) (ms float64, err error) {
	if err = n.prepare(s); err != nil {
		return 0, err
	}
	ms, err = s.sample(n.loop)
	if errors.Is(err, ErrLost) {
		n.drop()
		if err = n.prepare(s); err != nil {
			return 0, err
		}
		ms, err = s.sample(n.loop)
	}
	if err != nil {
		return 0, n.label(err)
	}
	return ms, nil
}

// batch is the number of runs per reading.
func (n *sentinel) batch() uint32 {
	if n.loop == nil {
		return 0
	}
	return n.loop.batch
}

// drop frees the program.
func (n *sentinel) drop() {
	if n.loop == nil {
		return
	}
	// A program is dropped because it is no longer needed or already broken, so
	// there is nobody to tell that it closed badly.
	_ = n.loop.program.Close()
	n.loop = nil
}

// label says that err is the sentinel's, not the candidate's.
func (n *sentinel) label(err error) error {
	if errors.Is(err, errInterrupted) || errors.Is(err, ErrDevice) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDevice, &stepError{n.name, err})
}

// baseline learns a sentinel's reading on the undisturbed device: the median of
// the fastest quarter of the recent readings, at the lowest it has ever been.
// The minimum alone would creep downward for ever; a plain median would follow
// a disturbance that lasts.
type baseline struct {
	recent []float64
	level  float64 // 0 until there are enough readings
}

const (
	learnedAfter = 16 // readings
	recentSize   = 64
)

func (b *baseline) known() bool { return b.level > 0 }

func (b *baseline) learn(ms float64) {
	b.recent = append(b.recent, ms)
	if len(b.recent) > recentSize {
		b.recent = b.recent[1:]
	}
	if len(b.recent) < learnedAfter {
		return
	}
	level := quantile(slices.Sorted(slices.Values(b.recent)), 0.125)
	if !b.known() || level < b.level {
		b.level = level
	}
}
