// Package cost predicts how long architectures take on a device from a few that were
// measured there. A model belongs to one device, engine and workload. Its times add up
// over the layers, as package exact needs them.
//
// Prefill and decode are fitted apart, each as a sum over a pass: so long for a
// multiply-add of each kind, an element, a byte that is read, a layer, and the pass
// itself. None takes less than no time, and relative errors count, so that small models
// weigh as much as large ones.
//
// How long a byte takes depends on whether a cache still holds it from the pass before.
// So bytes beyond a threshold may take longer. The threshold is fitted, too, and left
// out where it explains too little.
//
// What is fitted is the shortest of a measurement's samples, which noise disturbs least,
// less what it was longer because a sentinel's shortest reading was longer than usual:
// of the one bound by arithmetic for prefill, of the one bound by memory for decode. The
// share of a pass that such a slowness takes, from none to all, is the one that makes the
// best fit, since a sentinel may have met a disturbance that the candidate escaped, and a
// pass waits for memory part of its time only. Where models of other devices are known,
// their largest share is kept unless another one fits clearly better. Memory is never
// fitted: the plan knows it.
package cost

import (
	"fmt"
	"math"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/exact"
	"litefront/searchcore/objective"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// Observation is an architecture that was measured.
type Observation struct {
	Arch        arch.Architecture
	Measurement trial.Measurement
}

// Model predicts times on one device.
type Model struct {
	Workload trial.Workload
	Device   trial.Device

	// Of prefill and decode.
	fits      [2]fit
	latencies [2][]latency
	usualMs   [2]map[string]float64 // the sentinel's, by the code that ran it
}

// Time is a prediction in milliseconds, and the bounds within which 95 % of
// measurements should lie.
type Time struct {
	Ms, LowMs, HighMs float64
}

// MinObservations is how many a fit needs.
const MinObservations = 8

const (
	maxObservations = 1 << 14
	maxMs           = 1e7 // femtoseconds stay in range
)

// Validate reports why o, by itself, is nothing to fit: a time is not positive and
// finite, or the architecture is not the measurement's or cannot be built.
func (o Observation) Validate() error {
	m := &Model{Workload: o.Measurement.Workload, Device: o.Measurement.Device}
	if err := m.check(o); err != nil {
		return err
	}
	_, err := takeApart(o.Arch, m.Workload)
	return err
}

// Latest returns the last of the observations, at most so many, that are of the last
// one's device, in their order: a study may go on elsewhere.
func Latest(observations []Observation, most int) []Observation {
	var latest []Observation
	for _, o := range slices.Backward(observations) {
		if len(latest) < most && (len(latest) == 0 || o.Measurement.Device.Same(latest[0].Measurement.Device)) {
			latest = append(latest, o)
		}
	}
	slices.Reverse(latest)
	return latest
}

// Fit returns the model of these observations. An error, in one line, says that there
// are fewer than 8 or too many; that they are not all of one workload, device and
// engine; that one is of another architecture; or that a time is not positive and
// finite.
func Fit(observations []Observation) (*Model, error) {
	if n := len(observations); n < MinObservations {
		return nil, fmt.Errorf("cost: %d observations; allowed are %d to %d", n, MinObservations, maxObservations)
	}
	m := &Model{}
	samples, err := m.take(observations)
	if err != nil {
		return nil, err
	}
	for i := range m.fits {
		_, m.fits[i] = undisturbed(samples[i], 0, regress)
	}
	return m, nil
}

// Shortest returns the times that [Fit] fits, in milliseconds: of each observation
// the shortest samples, less what they were longer because of the device, as the
// sentinels and the fit tell. The errors are those of Fit, but there may be fewer
// observations.
func Shortest(observations []Observation) (prefill, decode []float64, err error) {
	samples, err := new(Model).take(observations)
	if err != nil {
		return nil, nil, err
	}
	var times [2][]float64
	for i := range times {
		quiet, _ := undisturbed(samples[i], 0, regress)
		for _, s := range quiet {
			times[i] = append(times[i], s.ms)
		}
	}
	return times[0], times[1], nil
}

// take checks observations, lets m know whose they are, and returns what both passes
// of each consisted of and took.
func (m *Model) take(observations []Observation) (samples [2][]sample, err error) {
	if n := len(observations); n < 1 || n > maxObservations {
		return samples, fmt.Errorf("cost: %d observations; allowed are 1 to %d", n, maxObservations)
	}
	first := observations[0].Measurement
	m.Workload, m.Device = first.Workload, first.Device
	readings := [2]map[string][]float64{{}, {}}
	for i, o := range observations {
		if err := m.check(o); err != nil {
			return samples, fmt.Errorf("cost: observation %d: %w", i+1, err)
		}
		both, err := takeApart(o.Arch, m.Workload)
		if err != nil {
			return samples, fmt.Errorf("cost: observation %d: %w", i+1, err)
		}
		got := o.Measurement
		for i, program := range []trial.Stat{got.Prefill, got.Decode} {
			samples[i] = append(samples[i], sample{both[i].total(), program.MinMs, 1})
			m.latencies[i] = append(m.latencies[i], latency{both[i].total(), objective.LatencyMs(got.Protocol, program)})
			if ms := sentinelMs(i, got); ms > 0 {
				readings[i][got.Code] = append(readings[i][got.Code], ms)
			}
		}
	}
	for i := range samples {
		m.usualMs[i] = usual(readings[i])
		for n, o := range observations {
			samples[i][n].slower = m.slower(i, o.Measurement)
		}
	}
	return samples, nil
}

// Typical returns a model for w with about the times of a laptop, for what needs times
// before anything is measured. Its intervals mean nothing.
func Typical(w trial.Workload) *Model {
	m := &Model{Workload: w}
	for i := range m.fits {
		copy(m.fits[i].perUnit[:], typical[:])
	}
	return m
}

// latency is what a study takes for the time of a pass.
type latency struct {
	counts
	ms float64
}

// Latencies returns the model of what a study compares, objective.LatencyMs: that of m,
// longer by as much as the median of the observations was. Its intervals are for these
// latencies, too, and the wider the noisier they were.
func (m *Model) Latencies() *Model {
	l := *m
	for i := range l.fits {
		l.fits[i] = l.fits[i].calibrate(l.latencies[i])
	}
	return &l
}

// check reports why o is no observation for m.
func (m *Model) check(o Observation) error {
	got := o.Measurement
	if id := o.Arch.ID(); got.ArchID != id {
		return fmt.Errorf("arch_id %.40q is not the architecture's %q", got.ArchID, id)
	}
	if got.Workload != m.Workload {
		return fmt.Errorf("workload %+v is not the first one's %+v", got.Workload, m.Workload)
	}
	for _, field := range []struct{ name, got, want string }{
		{"name", got.Device.Name, m.Device.Name},
		{"os", got.Device.OS, m.Device.OS},
		{"arch", got.Device.Arch, m.Device.Arch},
		{"cpu", got.Device.CPU, m.Device.CPU},
		{"engine", got.Device.Engine, m.Device.Engine},
		{"features", fmt.Sprint(got.Device.Features), fmt.Sprint(m.Device.Features)},
	} {
		if field.got != field.want {
			return fmt.Errorf("device: %s %.80q is not the first one's %.80q", field.name, field.got, field.want)
		}
	}
	for _, time := range []struct {
		name     string
		ms       float64
		optional bool
	}{
		{"prefill: min_ms", got.Prefill.MinMs, false},
		{"decode: min_ms", got.Decode.MinMs, false},
		{"compute_sentinel: min_ms", got.Compute.MinMs, true}, // none under the protocol lts
		{"stream_sentinel: min_ms", got.Stream.MinMs, true},
	} {
		if !(time.ms > 0 && time.ms < maxMs || time.optional && time.ms == 0) {
			return fmt.Errorf("%s %v must be above 0 and below %g", time.name, time.ms, maxMs)
		}
	}
	return nil
}

// sample is what one pass consisted of and took.
type sample struct {
	counts
	ms     float64
	slower float64 // how many times as long as usual the sentinel took; 1 if none ran
}

// shares are those of a pass that may be as much slower as the sentinel is: a pass waits
// for memory part of its time only, and a disturbance may have passed it by.
var shares = []float64{0, 0.25, 0.5, 0.75, 1}

// undo takes from a time what a share of it was longer because of the device.
func undo(ms, share, slower float64) float64 { return ms / (1 + share*(slower-1)) }

// undisturbed returns samples as they would be on the undisturbed device, by the share
// that makes the best fit, and that fit. A share other than the expected one is one more
// parameter, as each term is, so it must lower Akaike's criterion, n·log(rss) + 2k.
func undisturbed(samples []sample, expected float64, fitTo func([]sample) fit) (quiet []sample, best fit) {
	slowed := slices.ContainsFunc(samples, func(s sample) bool { return s.slower != 1 })
	fitWith := func(share float64) (quiet []sample, f fit, criterion float64) {
		quiet = slices.Clone(samples)
		for i, s := range samples {
			quiet[i].ms = undo(s.ms, share, s.slower)
		}
		f = fitTo(quiet)
		f.share, f.slowed = share, slowed
		return quiet, f, float64(len(quiet))*math.Log(f.rss+f.penalty) + 2*float64(len(f.used))
	}
	quiet, best, least := fitWith(expected)
	if !slowed {
		return quiet, best
	}
	for _, share := range shares {
		if share == expected {
			continue
		}
		if as, f, c := fitWith(share); c+2 < least {
			quiet, best, least = as, f, c+2
		}
	}
	return quiet, best
}

// sentinelMs is the shortest reading of the sentinel that tells how slow the device was
// for prefill, or for decoding; 0 if none ran.
func sentinelMs(pass int, got trial.Measurement) float64 {
	return []float64{got.Compute.MinMs, got.Stream.MinMs}[pass]
}

// usual is how long a sentinel takes on the undisturbed device: the lower quartile, since
// disturbances only ever slow it down. Other code may have another sentinel.
func usual(readings map[string][]float64) map[string]float64 {
	usualMs := map[string]float64{}
	for code, ms := range readings {
		usualMs[code] = slices.Sorted(slices.Values(ms))[len(ms)/4]
	}
	return usualMs
}

// slower is how many times as long as usual the sentinel of a pass took; 1 if none ran, or
// none by the code that ran this one.
func (m *Model) slower(pass int, got trial.Measurement) float64 {
	ms, usualMs := sentinelMs(pass, got), m.usualMs[pass][got.Code]
	if ms == 0 || usualMs == 0 {
		return 1
	}
	return ms / usualMs
}

// Undisturbed returns the shortest times of a measurement, in milliseconds, as they would
// be on the device as undisturbed as it was when the model's observations were made: what
// its predictions are to be compared with.
func (m *Model) Undisturbed(got trial.Measurement) (prefillMs, decodeMs float64) {
	return undo(got.Prefill.MinMs, m.fits[0].share, m.slower(0, got)), undo(got.Decode.MinMs, m.fits[1].share, m.slower(1, got))
}

// Predict returns what the model expects of a: the times of [Model.Table], with their
// intervals. The errors are those of graph.Build, or that a is too large to tell.
func (m *Model) Predict(a arch.Architecture) (prefill, decode Time, err error) {
	both, err := takeApart(a, m.Workload)
	if err != nil {
		return Time{}, Time{}, err
	}
	var times [2]Time
	for i, f := range m.fits {
		w := both[i].total()
		if !(f.ms(w) < maxMs/2) {
			return Time{}, Time{}, fmt.Errorf("cost: architecture %s: %.3g ms are too many to predict; the limit is %g", a.ID(), f.ms(w), maxMs/2)
		}
		ms := exact.Times{Terms: exact.Terms{Constant: f.linearFs(w) + max(0, f.excessFs(w, f.threshold))}}.Ms(nil)
		half := ms * f.halfWidth(w)
		times[i] = Time{ms, max(0, ms-half), ms + half}
	}
	return times[0], times[1], nil
}

// Table returns the model's times for the architectures of f, for package exact. The
// errors are those of graph.Build.
func (m *Model) Table(f space.Frame) (exact.Table, error) {
	var times [2]exact.Times
	for n, l := range f.Layers {
		both, err := takeApart(f.Architecture(l), m.Workload)
		if err != nil {
			return exact.Table{}, err
		}
		for i, fit := range m.fits {
			if n == 0 {
				times[i].Constant = fit.linearFs(both[i].outside)
			}
			times[i].Layers = append(times[i].Layers, fit.linearFs(both[i].layers[0]))
			if fit.perUnit[excess] > 0 {
				times[i].Excess.Constant = fit.excessFs(both[i].outside, fit.threshold)
				times[i].Excess.Layers = append(times[i].Excess.Layers, fit.excessFs(both[i].layers[0], 0))
			}
		}
	}
	return exact.Table{Prefill: times[0], Decode: times[1]}, nil
}

// fsPerMs converts to the unit of package exact.
const fsPerMs = 1e12

// linearFs is the time of c in femtoseconds: a sum of whole multiples, so that it is
// the same however it is split. What is out of range becomes a number that package
// exact refuses.
func (f fit) linearFs(c counts) int64 {
	var fs int64
	var ms float64
	for i, n := range c {
		fs += n * int64(math.Round(f.perUnit[i]*fsPerMs))
		ms += float64(n) * f.perUnit[i]
	}
	if ms > maxMs/2 {
		return math.MaxInt64
	}
	return fs
}

// excessFs is what the bytes of c take beyond so many, below 0 if c has fewer.
func (f fit) excessFs(c counts, beyond int64) int64 {
	if f.perUnit[excess] == 0 {
		return 0
	}
	return (c[bytes] - beyond) * int64(math.Round(f.perUnit[excess]*fsPerMs))
}
