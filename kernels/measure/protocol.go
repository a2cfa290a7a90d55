package measure

import "litefront/searchcore/trial"

// sample initialises a program and times it.
func (l *LocalMeasurer) sample(s *session, p Program, m *trial.Measurement) error {
	ns, err := s.run(p, initCall)
	m.InitMs = toMs(ns)
	if err != nil {
		return err
	}
	prefill := &loop{program: p, export: "prefill_loop", arg: uint32(m.Workload.PromptLen)}
	decode := &loop{program: p, export: "decode_loop", arg: uint32(m.Workload.DecodePos())}
	if l.options.Protocol == trial.LTS {
		err = l.lts(s, prefill, decode, m)
	} else {
		err = l.litefront(s, prefill, decode, m)
	}
	if err == nil {
		m.Verdict = l.verdict(m)
	}
	return err
}

// litefront is this package's own protocol.
func (l *LocalMeasurer) litefront(s *session, prefill, decode *loop, m *trial.Measurement) error {
	start := s.spentNs
	err := s.warmUp(prefill)
	if err == nil {
		err = s.warmUp(decode)
	}
	m.WarmupMs = toMs(s.spentNs - start)
	if err != nil {
		return err
	}
	best, repeats, err := l.repeated(s, prefill, decode)
	m.Prefill, m.Decode, m.Compute, m.Stream = best.prefill, best.decode, best.compute, best.stream
	m.Slowdown, m.Repeats, m.Background = best.slowdown, repeats, best.background
	return err
}

// attempt is what one run of the rounds gave.
type attempt struct {
	prefill, decode, compute, stream trial.Stat
	slowdown                         float64
	background                       bool // the program was there at times
}

// better reports whether a was disturbed less than b.
func (a attempt) better(b attempt) bool {
	if a.background != b.background {
		return b.background
	}
	return a.slowdown < b.slowdown
}

// repeated is attempt, made again while the device drifts or the program is in the
// background, and what the repeats take stays within the budget once more. It returns
// the attempt that was disturbed least and the number of repeats.
func (l *LocalMeasurer) repeated(s *session, prefill, decode *loop) (best attempt, repeats int, err error) {
	best, err = l.attempt(s, prefill, decode)
	allowance := 2 * l.options.Budget.Nanoseconds()
	for err == nil && l.disturbed(best.slowdown, best.background) && repeats < l.options.MaxRepeats && s.spentNs < allowance {
		var again attempt
		again, err = l.attempt(s, prefill, decode)
		if err == nil && again.better(best) {
			best = again
		}
		repeats++
	}
	return best, repeats, err
}

// attempt runs the rounds once. When interrupted, it returns what there is.
func (l *LocalMeasurer) attempt(s *session, prefill, decode *loop) (attempt, error) {
	sampling := func(p *loop) series {
		return series{read: func(s *session) (float64, error) { return s.sample(p) }}
	}
	r := rounds{
		session: s,
		options: l.options,
		prefill: sampling(prefill),
		decode:  sampling(decode),
		compute: series{read: l.current.compute.read},
		stream:  series{read: l.current.stream.read},
	}
	switches := s.switches()
	err := r.run()
	l.current.learn(r.compute.samplesMs, r.stream.samplesMs)
	a := attempt{
		background: s.switches() != switches,

		prefill: summarize(r.prefill.samplesMs, int(prefill.batch)),
		decode:  summarize(r.decode.samplesMs, int(decode.batch)),
		compute: summarize(r.compute.samplesMs, int(l.current.compute.batch())),
		stream:  summarize(r.stream.samplesMs, int(l.current.stream.batch())),
	}
	a.slowdown = max(a.compute.MedianMs/l.current.compute.usual.level, a.stream.MedianMs/l.current.stream.usual.level)
	return a, err
}

// lts is LTS's measurement, of prefill and in the same way of decode.
func (l *LocalMeasurer) lts(s *session, prefill, decode *loop, m *trial.Measurement) (err error) {
	switches := s.switches()
	defer func() { m.Background = s.switches() != switches }()
	m.Prefill, err = s.ltsPasses(prefill, &m.WarmupMs)
	if err == nil {
		m.Decode, err = s.ltsPasses(decode, &m.WarmupMs)
	}
	return err
}

// ltsPasses times single passes after an unmeasured one, whose time it adds to
// warmupMs.
func (s *session) ltsPasses(l *loop, warmupMs *float64) (trial.Stat, error) {
	const passes = 10
	call := Call{l.export, l.arg, 1}
	ns, err := s.run(l.program, call)
	*warmupMs += toMs(ns)
	var samplesMs []float64
	for err == nil && len(samplesMs) < passes {
		if ns, err = s.run(l.program, call); err == nil {
			samplesMs = append(samplesMs, toMs(ns))
		}
	}
	return Summarize(trial.LTS, samplesMs, 1), err
}

// verdict judges a complete measurement.
func (l *LocalMeasurer) verdict(m *trial.Measurement) trial.Verdict {
	o := l.options
	switch {
	case l.disturbed(m.Slowdown, m.Background):
		return trial.Drifted
	case tight(m.Prefill.SamplesMs, o.HalfWidth) && tight(m.Decode.SamplesMs, o.HalfWidth):
		return trial.OK
	}
	return trial.Noisy
}

func (l *LocalMeasurer) disturbed(slowdown float64, background bool) bool {
	return background || slowdown > 1+l.options.DriftTolerance
}
