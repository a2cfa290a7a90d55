package measure

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// LocalMeasurer is the [Measurer] of a [Target] at hand. It is not safe for
// concurrent use: two measurements at once would disturb each other anyway.
//
// The protocol [trial.Litefront] measures one candidate so:
//
//  1. Plan and compile the module; refuse it when it exceeds the memory limit.
//  2. Fill the weights. Warm up each loop until three batches in a row agree
//     within 5 %, in batches of at least 2 ms and 100 steps of the timer.
//  3. Take rounds: compute sentinel, prefill, decode, stream sentinel; until the
//     95 % confidence intervals of both medians are tight enough, or samples or
//     budget are spent. (Stopping as soon as they are tight makes them a little
//     narrower than 95 %.) After a long prompt the latter two run up to four times in
//     turn, and their medians are the round's samples. Rounds are without sentinels
//     while these have had a fifth of the time.
//  4. When a sentinel was slower than on the undisturbed device, or the program was
//     in the background, measure again, and keep the attempt that was disturbed least.
//  5. Check that the memory is what the plan said.
//
// The sentinels have as many threads as the workload. What they take on the undisturbed
// device is learnt before the first candidate, and corrected whenever they turn out
// faster.
type LocalMeasurer struct {
	target  Target
	options Options
	known   map[int]*sentinels // by the number of their threads
	current *sentinels         // one of them, for the latest workload

	build   func(arch.Architecture, trial.Workload) (*graph.Graph, error)
	compile func(*graph.Graph, kernels.Features) (*kernels.Module, error)
	fixed   func(f kernels.Features, threads int) (compute, stream *kernels.Module, err error)
}

// Local returns a measurer that runs the protocol on target.
func Local(target Target, o Options) (*LocalMeasurer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	l := &LocalMeasurer{
		target:  target,
		options: o,
		known:   map[int]*sentinels{},
		build:   graph.Build,
		compile: Compile,
		fixed:   fixedPrograms,
	}
	var err error
	if l.current, err = l.sentinelsOf(1); err != nil {
		return nil, err
	}
	return l, nil
}

// use has the sentinels of so many threads tell how the device is.
func (l *LocalMeasurer) use(threads int) error {
	n, err := l.sentinelsOf(threads)
	if err != nil || n == l.current {
		return err
	}
	l.Close()
	l.current = n
	return nil
}

func (l *LocalMeasurer) sentinelsOf(threads int) (*sentinels, error) {
	if n := l.known[threads]; n != nil {
		return n, nil
	}
	compute, stream, err := l.fixed(l.target.Features(), threads)
	if err != nil {
		return nil, err
	}
	l.known[threads] = &sentinels{
		&sentinel{name: "compute sentinel", target: l.target, module: compute},
		&sentinel{name: "stream sentinel", target: l.target, module: stream},
	}
	return l.known[threads], nil
}

// Close frees the sentinels, which occupy about 100 MiB on the target. The
// measurer stays usable: the next trial prepares them again.
func (l *LocalMeasurer) Close() { l.current.drop() }

// Remember lets the measurer know what an earlier measurement by the same code
// on the same device saw of the sentinels, so that a session which begins on a
// disturbed device does not take that for usual. Others are ignored.
func (l *LocalMeasurer) Remember(m trial.Measurement) {
	if !reflect.DeepEqual(m.Device, l.target.Device()) || m.Code != l.options.Code || m.Workload.Validate() != nil || CheckWorkload(l.target, m.Workload) != nil {
		return
	}
	n, err := l.sentinelsOf(m.Workload.Threads)
	if err != nil {
		return
	}
	n.learn(m.Compute.SamplesMs, m.Stream.SamplesMs)
}

// Measure implements [Measurer]. An error wraps [ErrTooLarge] if the candidate
// exceeds the memory limit, [ErrLost] if the engine died under it, a GPU twice, and
// [ErrDevice] if the device is at fault.
func (l *LocalMeasurer) Measure(ctx context.Context, t trial.Trial, w trial.Workload) (trial.Measurement, error) {
	if err := t.Arch.Validate(); err != nil {
		return trial.Measurement{}, err
	}
	m := trial.Measurement{
		ArchID:   t.Arch.ID(),
		Workload: w,
		Device:   l.target.Device(),
		Code:     l.options.Code,
		Protocol: l.options.Protocol,
	}
	s, err := newSession(ctx, m.Device.TimerStepNs, l.options.Budget)
	if err != nil {
		return trial.Measurement{}, err
	}
	start, fresh := l.target.Now(), m
	err = l.measure(s, t.Arch, &m)
	if errors.Is(err, ErrLost) && l.target.Features().GPU != nil {
		// A GPU may be lost whatever ran on it: that interrupted the measurement, which is
		// repeated on the device as it is opened anew. If that is lost too, it is the
		// candidate's doing.
		m = fresh
		m.Lost = true
		err = l.measure(s, t.Arch, &m)
	}
	m.SpentMs = toMs(l.target.Now() - start)
	switch {
	case errors.Is(err, errInterrupted):
		m.Verdict = trial.Interrupted
		return m, err
	case err != nil:
		return trial.Measurement{}, err
	}
	return m, nil
}

// measure takes a candidate from its architecture to numbers.
func (l *LocalMeasurer) measure(s *session, a arch.Architecture, m *trial.Measurement) error {
	if err := s.check(); err != nil {
		return err
	}
	start := l.target.Now()
	module, err := l.module(a, m.Workload)
	compileNs := l.target.Now() - start
	if err != nil {
		return err
	}
	m.ModuleSHA256 = module.SHA256

	if err := l.run(s, module, compileNs, m); err != nil {
		if !errors.Is(err, errInterrupted) {
			// Nothing on a target that failed is trusted to be as it was.
			l.Close()
		}
		return err
	}
	return nil
}

// plan plans a candidate, unless it is too large or asks for what the target lacks.
func (l *LocalMeasurer) plan(a arch.Architecture, w trial.Workload) (*graph.Graph, error) {
	if err := CheckWorkload(l.target, w); err != nil {
		return nil, err
	}
	g, err := l.build(a, w)
	if err != nil {
		return nil, err
	}
	if err := g.Memory.Fit(l.options.MemoryLimit); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return g, nil
}

// module plans and compiles a candidate.
func (l *LocalMeasurer) module(a arch.Architecture, w trial.Workload) (*kernels.Module, error) {
	g, err := l.plan(a, w)
	if err != nil {
		return nil, err
	}
	m, err := l.compile(g, l.target.Features())
	if err != nil {
		return nil, err
	}
	if err := m.Memory.Fit(l.options.MemoryLimit); err != nil { // a GPU's buffers are not the plan's
		return nil, fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return m, nil
}

// run executes a module on the target and fills in m.
func (l *LocalMeasurer) run(s *session, module *kernels.Module, compileNs int64, m *trial.Measurement) error {
	if l.options.Protocol == trial.Litefront {
		// Before the candidate, so that its growth of memory is its own.
		if err := l.use(m.Workload.Threads); err != nil {
			return err
		}
		if err := l.current.prepare(s); err != nil {
			return err
		}
	}
	if err := s.check(); err != nil {
		return err
	}
	start := l.target.Now()
	p, err := l.target.Prepare(module)
	compileNs += l.target.Now() - start
	m.CompileMs = toMs(compileNs)
	if err != nil {
		return &stepError{"prepare", err}
	}
	s.spentNs = compileNs // the candidate's budget begins here

	err = l.sample(s, p, m)
	if err == nil {
		err = footprint(p, module.Memory.TotalBytes, m)
	}
	if p.Close() != nil {
		// The numbers are good all the same, but the sentinels may not be.
		l.Close()
	}
	return err
}

// footprint records the program's memory and checks it against the plan.
func footprint(p Program, planned int64, m *trial.Measurement) error {
	f, err := p.Footprint()
	switch {
	case err != nil:
		return &stepError{"footprint", err}
	case f.LinearBytes != planned:
		return fmt.Errorf("footprint: memory is %d bytes, and the plan says %d", f.LinearBytes, planned)
	case f.RSSBytes < 0:
		return fmt.Errorf("footprint: resident set grew by %d bytes, which must be at least 0", f.RSSBytes)
	case f.SubmitNs < 0 || f.SubmitNs > maxElapsedNs:
		return fmt.Errorf("footprint: submissions of %d ns must be between 0 and %d", f.SubmitNs, maxElapsedNs)
	}
	m.MemoryBytes, m.RSSBytes, m.SubmitMs = f.LinearBytes, f.RSSBytes, toMs(f.SubmitNs)
	return nil
}
