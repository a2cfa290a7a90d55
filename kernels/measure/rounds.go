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

// meanNs is how long a sample took.
func (x *series) meanNs() float64 { return float64(x.spentNs) / float64(len(x.samplesMs)) }

// mostTokens is how many samples of decoding a round has at most. A prompt takes as long
// as hundreds of tokens: with one sample of each, decoding and the sentinel of what limits
// it would have few wherever the budget ends the rounds.
const mostTokens = 4

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
	tokens := 1
	for first := true; ; first = false {
		for _, x := range r.round(tokens, r.sentinelsDue(r.session.spentNs-start)) {
			if r.done() {
				return nil
			}
			if err := x.take(r.session); err != nil {
				return err
			}
		}
		if first { // and then the same in each, so that all count alike
			tokens = r.tokens()
		}
	}
}

// round lists what a round samples, in order.
func (r *rounds) round(tokens int, sentinels bool) []*series {
	if r.session.spentNs >= r.options.Budget.Nanoseconds() {
		tokens = 1
	}
	prompt, token := []*series{&r.prefill}, []*series{&r.decode}
	if sentinels {
		prompt, token = []*series{&r.compute, &r.prefill}, []*series{&r.decode, &r.stream}
	}
	return slices.Concat(prompt, slices.Repeat(token, tokens))
}

// tokens is how often a round samples decoding, and the stream sentinel: as often as takes
// half as long as the prompt, and leaves the sentinels with their share of the time.
func (r *rounds) tokens() int {
	prompt, token := r.compute.meanNs()+r.prefill.meanNs(), r.decode.meanNs()+r.stream.meanNs()
	n := math.Floor(min(prompt/2/token, mostTokens))
	for n > 1 && r.compute.meanNs()+n*r.stream.meanNs() > sentinelShare*(prompt+n*token) {
		n--
	}
	return max(1, int(n))
}

// sentinelsDue reports whether the next round has sentinels, given the time that
// the rounds took so far.
func (r *rounds) sentinelsDue(roundsNs int64) bool {
	return min(len(r.compute.samplesMs), len(r.stream.samplesMs)) < minReadings ||
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
