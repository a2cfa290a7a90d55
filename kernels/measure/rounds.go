package measure

import (
	"math"
	"slices"
)

const (
	// sentinelShare is how much of the rounds' time the sentinels may take once
	// there are minReadings of each: they cost several times what a batch of a
	// small candidate does.
	sentinelShare = 0.2
	minReadings   = 3

	// mostTokens is how many batches a sample of decoding has at most. A prompt takes as
	// long as hundreds of tokens: with a batch of each, what decoding takes, and the
	// sentinel of what limits it, would be known from a few milliseconds wherever the
	// budget ends the rounds.
	mostTokens = 4
)

// series is what one program gave in the rounds.
type series struct {
	read      func(*session) (ms float64, err error)
	samplesMs []float64
	batches   int
	spentNs   int64
}

// batchNs is how long a batch took in the mean.
func (x *series) batchNs() float64 { return float64(x.spentNs) / float64(x.batches) }

// take takes the next sample.
func (x *series) take(s *session) error {
	ms, err := x.once(s)
	if err == nil {
		x.samplesMs = append(x.samplesMs, ms)
	}
	return err
}

// once is one batch, which is no sample yet.
func (x *series) once(s *session) (ms float64, err error) {
	before := s.spentNs
	ms, err = x.read(s)
	x.spentNs += s.spentNs - before
	x.batches++
	return ms, err
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
	for tokens := 1; ; {
		sentinels := r.sentinelsDue(r.session.spentNs - start)
		for _, part := range []func() error{
			func() error { return r.prompt(sentinels) },
			func() error { return r.tokens(tokens, sentinels) },
		} {
			if r.done() {
				return nil
			}
			if err := part(); err != nil {
				return err
			}
		}
		tokens = r.batches()
	}
}

// prompt is the first part of a round.
func (r *rounds) prompt(sentinels bool) error {
	if sentinels {
		if err := r.compute.take(r.session); err != nil {
			return err
		}
	}
	return r.prefill.take(r.session)
}

// tokens is the second part: so many batches of decoding and of the stream sentinel in
// turn. The median of each is the round's sample, since batches of one round are of one
// moment, and an interval takes samples for independent.
func (r *rounds) tokens(n int, sentinels bool) error {
	both := []*series{&r.decode, &r.stream}
	if !sentinels {
		both = both[:1]
	}
	batchesMs := make([][]float64, len(both))
	defer func() {
		for i, x := range both {
			if len(batchesMs[i]) > 0 {
				x.samplesMs = append(x.samplesMs, quantile(slices.Sorted(slices.Values(batchesMs[i])), 0.5))
			}
		}
	}()
	for range n {
		for i, x := range both {
			ms, err := x.once(r.session)
			if err != nil {
				return err
			}
			batchesMs[i] = append(batchesMs[i], ms)
		}
	}
	return nil
}

// batches is how many the next sample of decoding is to have: those of a round take half as
// long as its prompt at most, and leave the sentinels with their share of the time. Once
// the budget is spent it is one.
func (r *rounds) batches() int {
	if r.session.spentNs >= r.options.Budget.Nanoseconds() {
		return 1
	}
	compute, stream := r.compute.batchNs(), r.stream.batchNs()
	prompt, token := compute+r.prefill.batchNs(), r.decode.batchNs()+stream
	n := math.Floor(min(prompt/2/token, mostTokens))
	for n > 1 && compute+n*stream > sentinelShare*(prompt+n*token) {
		n--
	}
	return max(1, int(n))
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
