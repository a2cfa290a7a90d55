// Package trust decides which measurements of other machines are believed. Times
// cannot be verified, so they are checked: against themselves, against what the other
// devices of a class measure, and against the cost model of the class. What stands out
// is measured again elsewhere, and a device that is contradicted again and again is
// quarantined.
//
// The package has no clock and does no I/O.
package trust

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/cost"
	"litefront/searchcore/objective"
	"litefront/searchcore/trial"
)

const (
	// Probation is how many results of a device must have been confirmed by others
	// before it is believed alone.
	Probation = 2
	// tolerance is how much two devices of a class may differ, as a ratio, beside
	// what their intervals say: equal boards differ by their cooling.
	tolerance = 1.3
	// margin widens the bounds of the cost model, which tells too little if they are then
	// further apart than widest; and sentinels is how far those of a
	// device may be from those of its class, both as ratios.
	margin    = 1.15
	widest    = 2.0
	sentinels = 1.5
	// A device that says it was slowed down more than this confirms nothing: by that word
	// any time could be explained.
	maxSlowdown = 1.5
	// Of the last window judgements of a device, mostDisputed may be against it.
	window       = 8
	mostDisputed = 1
	// mostClaims is how many devices measure a candidate at most.
	mostClaims = 5
	// One result of spotOf is measured again without suspicion.
	spotOf = 16
	// maxObservations bounds what the model is fitted to.
	maxObservations = 128
)

// Claim is what a device says it measured.
type Claim struct {
	Device      string // ID
	Measurement trial.Measurement
}

// Quarantine says which device is believed no more, and why, in one line.
type Quarantine struct{ Device, Reason string }

// Decision is what is to become of a candidate.
type Decision struct {
	// Accept is the claim to believe; nil if there is none yet.
	Accept *Claim
	// Replicate is why another device, none of Claimed, is to measure the candidate;
	// empty if none is.
	Replicate   string
	Claimed     []string
	Quarantined []Quarantine
	// Confirmed and Contradicted are the devices that others agree with, and do not.
	Confirmed, Contradicted []string
}

// Judge judges the devices of one class. It is not safe for concurrent use.
type Judge struct {
	secret   string
	devices  map[string]*reputation
	claims   map[string][]Claim // by job, until one is accepted
	observed []cost.Observation
	model    *cost.Model
	learnt   int // observations since the model, or the attempt at one, was made
	tried    bool
}

// reputation is what became of a device's results.
type reputation struct {
	confirmed int    // by others
	last      []bool // the latest judgements, true for those against it
	out       bool   // quarantined
}

// NewJudge returns a judge who has seen nothing yet. By the secret it chooses what to
// check without suspicion, so that nobody can tell.
func NewJudge(secret string) *Judge {
	return &Judge{secret: secret, devices: map[string]*reputation{}, claims: map[string][]Claim{}}
}

// Learn lets the judge know a measurement that was believed: here, or in an earlier
// session.
func (j *Judge) Learn(a arch.Architecture, m trial.Measurement) {
	m.Device = trial.Device{} // the class is one device
	o := cost.Observation{Arch: a, Measurement: m}
	if o.Validate() == nil && (len(j.observed) == 0 || j.observed[0].Measurement.Workload == m.Workload) {
		j.observed = append(j.observed, o)
		if len(j.observed) > maxObservations {
			j.observed = j.observed[len(j.observed)-maxObservations:]
		}
		j.learnt++
	}
}

// Check reports why m cannot be what the protocol gives for a module of so many bytes
// of memory with that hash; an empty hash is not compared.
func Check(m trial.Measurement, bytes int64, sha256 string) error {
	switch {
	case m.MemoryBytes != bytes:
		return fmt.Errorf("memory_bytes %d is not the plan's %d", m.MemoryBytes, bytes)
	case sha256 != "" && m.ModuleSHA256 != sha256:
		return fmt.Errorf("module_sha256 %.64q is not the module's %q", m.ModuleSHA256, sha256)
	case !(m.SpentMs > 0):
		return fmt.Errorf("spent_ms %v must be above 0", m.SpentMs)
	case m.Protocol == trial.Litefront && !(m.Slowdown > 0 && m.Slowdown < math.Inf(1)):
		return fmt.Errorf("slowdown %v must be positive and finite", m.Slowdown)
	}
	stats := []struct {
		name string
		trial.Stat
	}{{"prefill", m.Prefill}, {"decode", m.Decode}}
	if m.Protocol == trial.Litefront {
		stats = append(stats, struct {
			name string
			trial.Stat
		}{"compute_sentinel", m.Compute}, struct {
			name string
			trial.Stat
		}{"stream_sentinel", m.Stream})
	}
	for _, s := range stats {
		if err := checkStat(m.Protocol, s.Stat); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// checkStat demands that what summarises samples agrees with them.
func checkStat(protocol string, s trial.Stat) error {
	if len(s.SamplesMs) == 0 {
		return errors.New("samples_ms is empty")
	}
	if s.Batch < 1 || s.Batch > math.MaxInt32 {
		return fmt.Errorf("batch %d must be between 1 and %d", s.Batch, math.MaxInt32)
	}
	for _, ms := range s.SamplesMs {
		if !(ms > 0 && ms < math.Inf(1)) {
			return fmt.Errorf("sample %v ms must be positive and finite", ms)
		}
	}
	of := measure.Summarize(protocol, s.SamplesMs, s.Batch)
	for _, x := range []struct {
		name      string
		got, want float64
	}{
		{"median_ms", s.MedianMs, of.MedianMs}, {"min_ms", s.MinMs, of.MinMs}, {"mean_ms", s.MeanMs, of.MeanMs},
		{"low_ms", s.LowMs, of.LowMs}, {"high_ms", s.HighMs, of.HighMs}, {"spread_ms", s.SpreadMs, of.SpreadMs},
	} {
		// Other processors round otherwise.
		if !(math.Abs(x.got-x.want) <= 1e-6*of.MeanMs) {
			return fmt.Errorf("%s %v is not that of the samples, %v", x.name, x.got, x.want)
		}
	}
	return nil
}

// Garbage counts a result against a device that cannot be what it should be; reason
// says what is wrong with it.
func (j *Judge) Garbage(device, reason string) []Quarantine {
	return j.judged(device, true, "its results cannot be: "+reason)
}

// Trusted reports whether a device is not quarantined.
func (j *Judge) Trusted(device string) bool { return !j.of(device).out }

// Confirmed is how many results of a device others confirmed.
func (j *Judge) Confirmed(device string) int { return j.of(device).confirmed }

// Recall lets the judge know how many results of a device others confirmed in earlier
// sessions, and how many were rejected: as many count now as do not quarantine it.
func (j *Judge) Recall(device string, confirmed, rejected int) {
	r := j.of(device)
	r.confirmed = max(r.confirmed, confirmed)
	if len(r.last) == 0 {
		r.last = slices.Repeat([]bool{true}, min(rejected, mostDisputed))
	}
}

// Exclude has a device believed no more, nor what it claimed that is not decided.
func (j *Judge) Exclude(device string) {
	j.of(device).out = true
	for job, claims := range j.claims {
		j.claims[job] = slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool { return c.Device == device })
	}
}

// Readmit has a device judged anew that was excluded.
func (j *Judge) Readmit(device string) { delete(j.devices, device) }

func (j *Judge) of(device string) *reputation {
	r := j.devices[device]
	if r == nil {
		r = &reputation{}
		j.devices[device] = r
	}
	return r
}

// Consider takes what a device claims about the candidate a of a job. Peers is how
// many other devices of the class could measure it too and did not.
func (j *Judge) Consider(job string, a arch.Architecture, c Claim, peers int) (d Decision) {
	if !j.Trusted(c.Device) {
		return Decision{}
	}
	claims := j.claims[job]
	if !slices.ContainsFunc(claims, func(other Claim) bool { return other.Device == c.Device }) {
		claims = append(claims, c)
		j.claims[job] = claims
	}
	if len(claims) == 1 {
		why := j.suspect(job, a, c)
		if why == "" || peers == 0 {
			return j.accept(job, a, claims[0])
		}
		return j.replicate(claims, why)
	}
	agreed := largest(claims)
	if len(agreed) < 2 {
		if peers > 0 && len(claims) < mostClaims {
			return j.replicate(claims, fmt.Sprintf("%d devices contradict each other", len(claims)))
		}
		// Nobody is left to ask: the device that was confirmed most often, then the
		// slowest, is believed.
		best := slices.MaxFunc(claims, func(x, y Claim) int {
			if n := j.of(x.Device).confirmed - j.of(y.Device).confirmed; n != 0 {
				return n
			}
			return int(math.Copysign(1, x.Measurement.Prefill.MedianMs-y.Measurement.Prefill.MedianMs))
		})
		return j.accept(job, a, best)
	}
	best := slices.MinFunc(agreed, func(x, y Claim) int { return cmp.Compare(x.Measurement.Slowdown, y.Measurement.Slowdown) })
	if best.Measurement.Slowdown > maxSlowdown && peers > 0 && len(claims) < mostClaims {
		return j.replicate(claims, "all devices that measured it were disturbed")
	}
	for _, claim := range claims {
		if slices.ContainsFunc(agreed, func(x Claim) bool { return x.Device == claim.Device }) {
			if claim.Measurement.Slowdown <= maxSlowdown {
				j.of(claim.Device).confirmed++
				d.Confirmed = append(d.Confirmed, claim.Device)
				j.judged(claim.Device, false, "")
			}
			continue
		}
		// What was disturbed this much confirms nothing, and need not agree, either.
		if claim.Measurement.Slowdown > maxSlowdown && agreeBy(claim.Measurement, best.Measurement, math.Inf(1)) {
			continue
		}
		d.Contradicted = append(d.Contradicted, claim.Device)
		ratio := quiet(claim.Measurement, claim.Measurement.Prefill) / quiet(agreed[0].Measurement, agreed[0].Measurement.Prefill)
		d.Quarantined = append(d.Quarantined, j.judged(claim.Device, true, fmt.Sprintf("%d other devices contradict it, the last time by a factor of %.3g", len(agreed), ratio))...)
	}
	d.Accept = j.accept(job, a, best).Accept
	return d
}

// Claimed is a claim about a job that is not decided, for another look at it.
func (j *Judge) Claimed(job string) (Claim, bool) {
	claims := j.claims[job]
	if len(claims) == 0 {
		return Claim{}, false
	}
	return claims[0], true
}

// Forget drops what was claimed about a job that ended otherwise.
func (j *Judge) Forget(job string) { delete(j.claims, job) }

func (j *Judge) accept(job string, a arch.Architecture, c Claim) Decision {
	delete(j.claims, job)
	j.Learn(a, c.Measurement)
	return Decision{Accept: &c}
}

func (j *Judge) replicate(claims []Claim, why string) (d Decision) {
	d.Replicate = why
	for _, c := range claims {
		d.Claimed = append(d.Claimed, c.Device)
	}
	return d
}

// judged notes a judgement, and quarantines the device if too many are against it.
func (j *Judge) judged(device string, against bool, why string) []Quarantine {
	r := j.of(device)
	r.last = append(r.last, against)
	r.last = r.last[max(0, len(r.last)-window):]
	n := 0
	for _, bad := range r.last {
		if bad {
			n++
		}
	}
	if r.out || n <= mostDisputed {
		return nil
	}
	j.Exclude(device)
	return []Quarantine{{device, fmt.Sprintf("%d of its last %d results were rejected: %s", n, len(r.last), why)}}
}

// suspect says why a claim that stands alone is not believed at once; empty if it is.
func (j *Judge) suspect(job string, a arch.Architecture, c Claim) string {
	if n := j.of(c.Device).confirmed; n < Probation {
		return fmt.Sprintf("the device is new: %d of its results were confirmed, and %d must be", n, Probation)
	}
	m := c.Measurement
	if why := j.sentinel(m); why != "" {
		return why
	}
	j.fit()
	if j.model == nil { // a device that was honest so far could lie from now on
		return "the class has no cost model yet to compare with"
	}
	prefill, decode, err := j.model.Predict(a)
	if err != nil || math.IsNaN(prefill.LowMs+decode.LowMs) {
		return "the cost model has no prediction to compare with"
	}
	for _, s := range []struct {
		name  string
		time  trial.Stat
		bound cost.Time
	}{{"prefill", m.Prefill, prefill}, {"decode", m.Decode, decode}} {
		least, most := quiet(m, s.time), objective.LatencyMs(m.Protocol, s.time) // see near
		if low, high := s.bound.LowMs/margin, s.bound.HighMs*margin; !(high <= low*widest) {
			return fmt.Sprintf("the cost model is not sure enough of its %s: %.3g to %.3g ms", s.name, low, high)
		} else if !(most >= low && least <= high) {
			return fmt.Sprintf("%s of %.3g ms, undisturbed %.3g, is not within the cost model's %.3g to %.3g ms", s.name, most, least, low, high)
		}
	}
	h := fnv.New32a()
	h.Write([]byte(j.secret + job))
	if h.Sum32()%spotOf == 0 {
		return "spot check"
	}
	return ""
}

// sentinel says how the sentinels of m differ from those of the class.
func (j *Judge) sentinel(m trial.Measurement) string {
	for _, s := range []struct {
		name string
		of   func(trial.Measurement) float64
	}{
		{"compute sentinel", func(m trial.Measurement) float64 { return m.Compute.MinMs }},
		{"stream sentinel", func(m trial.Measurement) float64 { return m.Stream.MinMs }},
	} {
		var all []float64
		for _, o := range j.observed {
			if ms := s.of(o.Measurement); ms > 0 {
				all = append(all, ms)
			}
		}
		got := s.of(m)
		if len(all) < cost.MinObservations || got == 0 {
			continue
		}
		slices.Sort(all)
		if ratio := got / all[len(all)/2]; ratio > sentinels || ratio < 1/sentinels {
			return fmt.Sprintf("%s takes %.3g times as long as on the class", s.name, ratio)
		}
	}
	return ""
}

// fit fits the model anew when enough was learnt since: an eighth of what there is, or
// the first there can be.
func (j *Judge) fit() {
	n := len(j.observed)
	if n < cost.MinObservations || j.learnt <= n/8 && j.tried {
		return
	}
	j.learnt, j.tried = 0, true
	if model, err := cost.Fit(j.observed); err == nil {
		j.model = model.Latencies()
	}
}

// quiet is a time as it would be on the undisturbed device.
func quiet(m trial.Measurement, s trial.Stat) float64 {
	return objective.LatencyMs(m.Protocol, s) / max(m.Slowdown, 1)
}

// agree reports whether two claims may be of one class of device.
func agree(x, y trial.Measurement) bool { return agreeBy(x, y, maxSlowdown) }

// agreeBy is agree where slowdowns count up to most.
func agreeBy(x, y trial.Measurement, most float64) bool {
	return near(x, y, x.Prefill, y.Prefill, most) && near(x, y, x.Decode, y.Decode, most)
}

// near reports whether two times may be of one class: as they would be on undisturbed
// devices, or, more closely, with what slowed a device down having slowed the pass down
// less than that, or not at all, as slow memory does what computes. With slowdowns up to
// maxSlowdown that is less than a lie by 2 would need.
func near(x, y trial.Measurement, p, q trial.Stat, most float64) bool {
	// Nobody makes room for a lie by telling of noise.
	wide := tolerance * (1 + 2*min(relative(p), relative(q), 0.2))
	a, b := quiet(x, p), quiet(y, q)
	if max(a, b) <= min(a, b)*wide {
		return true
	}
	slowed := func(quietMs float64, m trial.Measurement) float64 { return quietMs * min(max(m.Slowdown, 1), most) }
	return a <= slowed(b, y)*margin && b <= slowed(a, x)*margin
}

// relative is the half-width of a median's interval over the median.
func relative(s trial.Stat) float64 {
	if s.MedianMs <= 0 || !(s.HighMs >= s.LowMs) {
		return 0
	}
	return (s.HighMs - s.LowMs) / 2 / s.MedianMs
}

// largest is the largest group of claims that agree with one of them, in their order;
// of equal groups the first.
func largest(claims []Claim) (best []Claim) {
	for _, c := range claims {
		var group []Claim
		for _, other := range claims {
			if agree(c.Measurement, other.Measurement) {
				group = append(group, other)
			}
		}
		if len(group) > len(best) {
			best = group
		}
	}
	return best
}
