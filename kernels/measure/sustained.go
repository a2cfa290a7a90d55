package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

const (
	// MostSustained is how many architectures a sustained run takes.
	MostSustained = 4
	// DefaultSustained is how long a sustained run lasts unless told otherwise.
	DefaultSustained = "60s"

	minSustained = 10 * time.Second
	maxSustained = 10 * time.Minute

	// A sustained run has this many rounds, unless they would be shorter or longer
	// than these. In shorter ones the sentinels would take more than their share;
	// longer ones would leave few for a run's first seconds.
	sustainedRounds = 600
	shortestRound   = 100 * time.Millisecond
	longestRound    = 250 * time.Millisecond

	// MaxRounds bounds the rounds of a sustained run. A sample may turn out half as
	// long as it was to be.
	MaxRounds = 2 * int(maxSustained/longestRound)

	// tellEveryNs is how often a run is told while it lasts.
	tellEveryNs = int64(time.Second)

	// The first and the last rounds, which are compared, are those of a tenth of the
	// time, within these bounds: a device that throttles may begin within seconds.
	endsShare     = 0.1
	shortestEndMs = 2e3
	longestEndMs  = 5e3
)

// ParseSustained reads how long a sustained run is to last: any duration of package
// time from 10s to 600s.
func ParseSustained(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < minSustained || d > maxSustained {
		return 0, fmt.Errorf("sustained %.40q must be a time from 10s to 600s, such as %s", text, DefaultSustained)
	}
	return d, nil
}

// Sustain runs one to [MostSustained] architectures under w for the time d, as
// ParseSustained reads it, and tells whether they and the device keep their first
// speed. After warming up, a round has a reading of each sentinel and then, of one
// architecture after the other, a batch of prefills and one of decoding steps, so that
// all get as hot as the device does, and all see it so. At most once a second, watch is
// told the rounds since it was told last. All are in memory side by side, and together
// within the memory limit.
//
// Errors are those of [LocalMeasurer.Measure]. What was taken before an error comes
// with it; there may be no round.
func (l *LocalMeasurer) Sustain(ctx context.Context, archs []arch.Architecture, w trial.Workload, d time.Duration, watch func([]trial.Round)) (trial.Sustained, error) {
	result := trial.Sustained{Workload: w, Device: l.target.Device(), Code: l.options.Code, AskedMs: toMs(d.Nanoseconds())}
	modules, err := l.sideBySide(archs, w)
	if err != nil {
		return result, err
	}
	s, err := newSession(ctx, result.Device.TimerStepNs, l.options.Budget)
	if err != nil {
		return result, err
	}
	for i, m := range modules {
		result.Archs = append(result.Archs, trial.SustainedArch{ArchID: archs[i].ID(), ModuleSHA256: m.SHA256})
	}
	if err := l.sustain(s, modules, d, watch, &result); err != nil {
		if !errors.Is(err, errInterrupted) {
			l.Close() // as after a measurement
		}
		Judge(&result)
		return result, err
	}
	Judge(&result)
	return result, nil
}

// sideBySide plans and compiles architectures that are to be in memory together.
func (l *LocalMeasurer) sideBySide(archs []arch.Architecture, w trial.Workload) ([]*kernels.Module, error) {
	if n := len(archs); n < 1 || n > MostSustained {
		return nil, fmt.Errorf("a sustained run takes 1 to %d architectures, not %d", MostSustained, n)
	}
	var modules []*kernels.Module
	var together graph.Memory
	for _, a := range archs {
		if err := a.Validate(); err != nil {
			return nil, err
		}
		m, err := l.module(a, w)
		if err != nil {
			return nil, err
		}
		modules = append(modules, m)
		together.TotalBytes += m.Memory.TotalBytes
	}
	if err := together.Fit(l.options.MemoryLimit); err != nil {
		return nil, fmt.Errorf("%d architectures side by side: %w: %w", len(archs), ErrTooLarge, err)
	}
	return modules, nil
}

// runner is an architecture of a sustained run.
type runner struct{ prefill, decode loop }

// sustain runs modules for the time d and fills in rounds and time.
func (l *LocalMeasurer) sustain(s *session, modules []*kernels.Module, d time.Duration, watch func([]trial.Round), result *trial.Sustained) error {
	if err := l.use(result.Workload.Threads); err != nil {
		return err
	}
	for _, n := range l.current.both() {
		if err := n.prepare(s); err != nil {
			return err
		}
	}
	var runners []*runner
	for _, m := range modules {
		if err := s.check(); err != nil {
			return err
		}
		p, err := l.target.Prepare(m)
		if err != nil {
			return &stepError{"prepare", err}
		}
		defer p.Close() // an error at the end takes nothing from the numbers
		if _, err := s.run(p, initCall); err != nil {
			return err
		}
		runners = append(runners, &runner{
			prefill: loop{program: p, export: "prefill_loop", arg: uint32(result.Workload.PromptLen)},
			decode:  loop{program: p, export: "decode_loop", arg: uint32(result.Workload.DecodePos())},
		})
	}
	roundNs := min(max(d/sustainedRounds, shortestRound), longestRound).Nanoseconds()
	long := *s // whose samples fill a round; sentinels stay short
	long.minSampleNs = max(s.minSampleNs, roundNs/int64(2*len(runners)))
	for _, r := range runners {
		for _, x := range []*loop{&r.prefill, &r.decode} {
			if err := long.warmUp(x); err != nil {
				return err
			}
		}
	}

	start, spent := l.target.Now(), s.spentNs+long.spentNs
	elapsed := func() int64 { // also where the clock stands, since programs run for a time
		return max(l.target.Now()-start, s.spentNs+long.spentNs-spent)
	}
	told, toldNs := 0, int64(0)
	defer func() { result.TookMs = toMs(elapsed()) }()
	for at := int64(0); at < d.Nanoseconds() && len(result.Rounds) < MaxRounds; at = elapsed() {
		round := trial.Round{AtMs: toMs(at)}
		var err error
		if round.ComputeMs, err = l.current.compute.read(s); err != nil {
			return err
		}
		if round.StreamMs, err = l.current.stream.read(s); err != nil {
			return err
		}
		l.current.learn([]float64{round.ComputeMs}, []float64{round.StreamMs})
		for _, r := range runners {
			prefillMs, err := long.sample(&r.prefill)
			if err != nil {
				return err
			}
			decodeMs, err := long.sample(&r.decode)
			if err != nil {
				return err
			}
			round.PrefillMs = append(round.PrefillMs, prefillMs)
			round.DecodeMs = append(round.DecodeMs, decodeMs)
		}
		result.Rounds = append(result.Rounds, round)
		if now := elapsed(); watch != nil && now-toldNs >= tellEveryNs {
			watch(slices.Clone(result.Rounds[told:]))
			told, toldNs = len(result.Rounds), now
		}
	}
	return nil
}

// Judge tells what the rounds of s say was kept of each speed.
func Judge(s *trial.Sustained) {
	s.Compute, s.Stream = kept(s.Rounds, ComputeMs), kept(s.Rounds, StreamMs)
	for i := range s.Archs {
		s.Archs[i].Kept = kept(s.Rounds, ResponseMs(s.Workload, i))
	}
}

// ComputeMs is the compute sentinel's time in a round.
func ComputeMs(r trial.Round) float64 { return r.ComputeMs }

// StreamMs is the stream sentinel's time in a round.
func StreamMs(r trial.Round) float64 { return r.StreamMs }

// ResponseMs is the time that a response of the i-th architecture would take at the
// speed of a round.
func ResponseMs(w trial.Workload, i int) func(trial.Round) float64 {
	return func(r trial.Round) float64 { return w.ResponseMs(r.PrefillMs[i], r.DecodeMs[i]) }
}

// Speeds are what a time in each round makes of the speed in the first ones, whose
// median is 1.
func Speeds(rounds []trial.Round, ms func(trial.Round) float64) []float64 {
	if len(rounds) == 0 {
		return nil
	}
	first, _ := ends(rounds)
	usual := quantile(slices.Sorted(slices.Values(times(rounds[:first], ms))), 0.5)
	speeds := times(rounds, ms)
	for i := range speeds {
		speeds[i] = usual / speeds[i]
	}
	return speeds
}

// Speed is that of the rounds of a stretch of time, as a share of that of the first ones.
type Speed struct{ AtMs, Share float64 }

// SpeedCurve divides a time into equal stretches and tells the median speed of the rounds
// that began in each, at the middle of the stretch. Where none did there is no speed.
func SpeedCurve(rounds []trial.Round, ms func(trial.Round) float64, timeMs float64, stretches int) (curve []Speed) {
	speeds := Speeds(rounds, ms)
	stretch := func(i int) int { return min(int(float64(stretches)*rounds[i].AtMs/timeMs), stretches-1) }
	for i := 0; i < len(rounds); {
		n, begin := stretch(i), i
		for i < len(rounds) && stretch(i) == n {
			i++
		}
		within := slices.Sorted(slices.Values(speeds[begin:i]))
		curve = append(curve, Speed{timeMs * (float64(n) + 0.5) / float64(stretches), quantile(within, 0.5)})
	}
	return curve
}

// kept compares the last rounds with the first; nil if there are too few.
func kept(rounds []trial.Round, ms func(trial.Round) float64) *trial.Kept {
	first, last := ends(rounds)
	if first+last > len(rounds) || first < leastSamples {
		return nil
	}
	k := compareSpeeds(times(rounds[:first], ms), times(rounds[len(rounds)-last:], ms))
	return &k
}

func times(rounds []trial.Round, ms func(trial.Round) float64) []float64 {
	list := make([]float64, len(rounds))
	for i, r := range rounds {
		list[i] = ms(r)
	}
	return list
}

// ends is how many rounds are the first and the last ones, at least leastSamples if
// there are as many. In a short run they overlap.
func ends(rounds []trial.Round) (first, last int) {
	n := len(rounds)
	if n == 0 {
		return 0, 0
	}
	total := rounds[n-1].AtMs
	length := min(max(endsShare*total, shortestEndMs), longestEndMs)
	for _, r := range rounds {
		if r.AtMs < length {
			first++
		}
		if r.AtMs > total-length {
			last++
		}
	}
	return min(max(first, leastSamples), n), min(max(last, leastSamples), n)
}

// compareSpeeds is the estimate of Hodges and Lehmann of the ratio of two speeds, given
// the times that they took: the median of all ratios of one to another. Its 95 %
// interval is Moses', from the k-th smallest to the k-th largest ratio, where k is such
// that Wilcoxon's rank sum test would not tell the times apart, by its normal
// approximation (Hollander, Wolfe and Chicken, "Nonparametric Statistical Methods",
// 2014, sections 4.2 and 4.3). It assumes nothing of the distribution but that slowing
// down stretches it. Neighbouring rounds are a little alike, which it does not know.
func compareSpeeds(beforeMs, afterMs []float64) trial.Kept {
	var ratios []float64
	for _, before := range beforeMs {
		for _, after := range afterMs {
			ratios = append(ratios, before/after)
		}
	}
	slices.Sort(ratios)
	m, n := float64(len(beforeMs)), float64(len(afterMs))
	k := max(int(m*n/2-1.96*math.Sqrt(m*n*(m+n+1)/12)), 1)
	return trial.Kept{Share: quantile(ratios, 0.5), Low: ratios[k-1], High: ratios[len(ratios)-k]}
}

// SustainedVerdict says in a sentence what the i-th architecture of a sustained run
// kept of its first speed.
func SustainedVerdict(s trial.Sustained, i int) string {
	k, machine := s.Archs[i].Kept, s.Machine()
	if k == nil || machine == nil {
		return fmt.Sprintf("After %.0f s and %d rounds it is too early to tell whether it keeps its first speed.", s.TookMs/1e3, len(s.Rounds))
	}
	return fmt.Sprintf("After %.0f s it runs at %.2f of its first speed [%.2f, %.2f]; the machine itself at %.2f [%.2f, %.2f].",
		s.TookMs/1e3, k.Share, k.Low, k.High, machine.Share, machine.Low, machine.High)
}
