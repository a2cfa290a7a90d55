package measure

const (
	// sentinelShare is how much of the rounds' time the sentinels may take once
	// there are minReadings of each: they cost several times what a batch of a
	// small candidate does.
	sentinelShare = 0.2
	minReadings   = 3
)

// series is what one program gave in the rounds.
type series struct {
	read      func(*session) (ms float64, err error)
	samplesMs []float64
	spentNs   int64
}

func (x *series) take(s *session) error {
	before := s.spentNs
	ms, err := x.read(s)
	x.spentNs += s.spentNs - before
	if err == nil {
		x.samplesMs = append(x.samplesMs, ms)
	}
	return err
}

// rounds takes samples of a candidate. A round interleaves the sentinels with
// the candidate's two loops, so that all see the same device.
type rounds struct {
	session                          *session
	options                          Options
	prefill, decode, compute, stream series
}

// run takes rounds until both medians are known well enough, or as many samples
// as allowed are taken, or the budget is spent; at least the minimum of samples.
func (r *rounds) run() error {
	start := r.session.spentNs
	for {
		round := []*series{&r.prefill, &r.decode}
		if r.sentinelsDue(r.session.spentNs - start) {
			round = []*series{&r.compute, &r.prefill, &r.decode, &r.stream}
		}
		for _, x := range round {
			if r.done() {
				return nil
			}
			if err := x.take(r.session); err != nil {
				return err
			}
		}
	}
}

// sentinelsDue reports whether the next round has sentinels, given the time that
// the rounds took so far.
func (r *rounds) sentinelsDue(roundsNs int64) bool {
	return len(r.stream.samplesMs) < minReadings ||
		float64(r.compute.spentNs+r.stream.spentNs) <= sentinelShare*float64(roundsNs)
}

func (r *rounds) done() bool {
	return r.options.enough(&r.prefill, r.session) && r.options.enough(&r.decode, r.session)
}

// enough reports whether the median of x is known well enough, or as well as
// samples and budget allow.
func (o Options) enough(x *series, s *session) bool {
	switch n := len(x.samplesMs); {
	case n < o.MinSamples:
		return false
	case n >= o.MaxSamples || s.spentNs >= o.Budget.Nanoseconds():
		return true
	}
	return tight(x.samplesMs, o.HalfWidth)
}
