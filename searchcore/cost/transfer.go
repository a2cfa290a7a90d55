package cost

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"litefront/searchcore/trial"
)

// MinTransferred is how many observations a fit needs that starts from known devices.
const MinTransferred = 4

// What a new device may have in common with known ones. Shares are of the time of a
// pass.
const (
	// weightSD is how far the weight of a known device's times may be from an equal
	// part of all, in standard deviations: wide, so that a device that resembles one of
	// them follows it, whatever the others do.
	weightSD = 1.0
	// ownSD is what share of a pass each term may take beyond what the known
	// devices say.
	ownSD = 0.03
	// leastNoise is the smallest deviation of measurements that is believed.
	leastNoise = 0.01
	// noiseWeight is how many measurements the deviation that known devices had
	// counts for.
	noiseWeight = 4
)

// Known returns the model as data, for fits on other devices to start from.
func (m *Model) Known() trial.DeviceModel {
	k := trial.DeviceModel{Device: m.Device, Workload: m.Workload}
	for i, p := range []*trial.PassModel{&k.Prefill, &k.Decode} {
		f := m.fits[i]
		for j, ms := range perUnitOf(p) {
			*ms = f.perUnit[j]
		}
		if p.ExcessByteMs > 0 {
			p.ThresholdBytes = f.threshold
		}
		if f.slowed {
			p.SentinelShare = f.share
		}
		p.Sigma = min(1, f.sigma)
	}
	return k
}

// perUnitOf points to the terms of p, in the order of a fit.
func perUnitOf(p *trial.PassModel) [terms + 1]*float64 {
	return [terms + 1]*float64{
		&p.PassMs, &p.LayerMs, &p.LinearMACMs, &p.HeadMACMs, &p.ScoreMACMs, &p.ExponentialMs, &p.ElementMs, &p.ByteMs, &p.ExcessByteMs,
	}
}

// fitsOf are the fits of prefill, or of decode, that known devices had.
func fitsOf(known []trial.DeviceModel, pass int) (fits []fit) {
	for _, k := range known {
		p := []trial.PassModel{k.Prefill, k.Decode}[pass]
		f := fit{threshold: math.MaxInt64, share: p.SentinelShare, sigma: p.Sigma}
		for j, ms := range perUnitOf(&p) {
			f.perUnit[j] = *ms
		}
		if p.ExcessByteMs > 0 {
			f.threshold = p.ThresholdBytes
		}
		fits = append(fits, f)
	}
	return fits
}

// CheckKnown reports, in one line, what keeps models of other devices from being
// something to start from under w: too many, one that is none, or one of another
// precision, whose multiply-adds are others.
func CheckKnown(known []trial.DeviceModel, w trial.Workload) error {
	if n := len(known); n > trial.MaxKnown {
		return fmt.Errorf("known: %d device models; at most %d are allowed", n, trial.MaxKnown)
	}
	for i, k := range known {
		if err := k.Validate(); err != nil {
			return fmt.Errorf("known: device model %d: %w", i+1, err)
		}
		if k.Workload.Precision != w.Precision {
			return fmt.Errorf("known: device model %d is of precision %q; it must be %q", i+1, k.Workload.Precision, w.Precision)
		}
	}
	return nil
}

// FitFrom is [Fit] for a device of which little is measured, where models of others are
// known. It takes as few as [MinTransferred] observations, and the more there are, the
// less it depends on what was known. With none known it is Fit.
//
// The terms of the new device are a priori a combination of those of the known ones,
// each scaled to the new device's speed, with weights about equal but widely uncertain,
// plus a little of its own in every term: a normal distribution, of which the mode is
// taken, given the observations and that no term is negative. So what devices have in
// common need not be measured again, and what sets them apart costs one or two
// measurements for each of them, not one for each term. How far passes follow their
// sentinels is believed to be as on the known device where they do most: a few
// measurements, all of which may have met the device as slow, need not show it.
func FitFrom(known []trial.DeviceModel, observations []Observation) (*Model, error) {
	if len(known) == 0 {
		return Fit(observations)
	}
	if n := len(observations); n < MinTransferred {
		return nil, fmt.Errorf("cost: %d observations; allowed are %d to %d", n, MinTransferred, maxObservations)
	}
	m := &Model{}
	samples, err := m.take(observations)
	if err != nil {
		return nil, err
	}
	if err := CheckKnown(known, m.Workload); err != nil {
		return nil, fmt.Errorf("cost: %w", err)
	}
	for i := range m.fits {
		fits := fitsOf(known, i)
		_, m.fits[i] = undisturbed(samples[i], expectedShare(fits), func(s []sample) fit { return regressFrom(fits, s) })
	}
	return m, nil
}

// expectedShare is the largest of the known fits' shares. Noise of the sentinel hides what
// is slowness and makes a share too small, on a device that was hardly ever slow most.
func expectedShare(known []fit) (most float64) {
	for _, f := range known {
		most = max(most, f.share)
	}
	return most
}

// regressFrom is regress with what the known fits say. Thresholds are theirs, and with
// enough samples those of regress, too. One and the slope beyond it are two more
// parameters, so they must lower Akaike's criterion, here for the noise that is left
// without them.
func regressFrom(known []fit, samples []sample) fit {
	fitBeyond := func(threshold int64) fit {
		return regressBeyond(samples, threshold, priorOf(known, samples, threshold))
	}
	best := fitBeyond(math.MaxInt64)
	variance := best.sigma * best.sigma
	criterion := func(f fit, extra float64) float64 { return (f.rss+f.penalty)/variance + 2*extra }
	least := criterion(best, 0)
	var candidates []int64
	for _, k := range known {
		if k.perUnit[excess] > 0 {
			candidates = append(candidates, k.threshold)
		}
	}
	if len(samples) > MinObservations {
		candidates = append(candidates, thresholds(samples)...)
	}
	for _, threshold := range candidates {
		if f := fitBeyond(threshold); f.perUnit[excess] > 0 && criterion(f, 2) < least {
			best, least = f, criterion(f, 2)
		}
	}
	return best
}

// prior is what is believed of the terms before anything is measured: that rows·perUnit
// is about right, with deviations as large as those of a measurement.
type prior struct {
	rows  *mat.Dense
	right []float64
	noise float64 // standard deviation of measurements
}

// priorOf returns the prior for fits with the threshold to samples, whose times say how
// fast the device is. It is nil, as if nothing were known, where what is known is too far
// from anything that the samples can be.
func priorOf(known []fit, samples []sample, threshold int64) *prior {
	p := &prior{}
	n := float64(len(samples))
	var unit [terms + 1]float64 // what share of a pass a term takes on the average, at 1 ms
	for _, s := range samples {
		x := fit{threshold: threshold}.regressors(s.counts)
		for j := range unit {
			unit[j] += x[j] / s.ms / n
		}
	}
	mean := mat.NewVecDense(terms+1, nil)
	cov := mat.NewSymDense(terms+1, nil)
	for j := range terms + 1 {
		cov.SetSym(j, j, ownSD*ownSD)
	}
	each := 1 / float64(len(known))
	for _, k := range known {
		shares := mat.NewVecDense(terms+1, k.shares(samples, threshold, unit))
		mean.AddScaledVec(mean, each, shares)
		cov.SymRankOne(cov, weightSD*weightSD*each, shares)
		p.noise += each * k.sigma * k.sigma
	}
	p.noise = max(leastNoise, math.Sqrt(p.noise))
	var factor, whitening mat.Cholesky
	var precision mat.SymDense
	var root mat.TriDense
	if !factor.Factorize(cov) || factor.InverseTo(&precision) != nil || !whitening.Factorize(&precision) {
		return nil
	}
	whitening.UTo(&root)
	p.rows = mat.NewDense(terms+1, terms+1, nil)
	var right mat.VecDense
	right.MulVec(&root, mean)
	for i := range terms + 1 {
		for j := range terms + 1 {
			p.rows.Set(i, j, p.noise*root.At(i, j)*unit[j])
		}
		p.right = append(p.right, p.noise*right.AtVec(i))
	}
	return p
}

// shares are what the terms of f take of the samples' passes on the average, where f is
// scaled to the samples' speed. An excess beyond another threshold is spread over all
// bytes.
func (f fit) shares(samples []sample, threshold int64, unit [terms + 1]float64) []float64 {
	var ratios []float64
	var over, all float64
	for _, s := range samples {
		if ms := f.ms(s.counts); ms > 0 {
			ratios = append(ratios, s.ms/ms)
		}
		x := f.regressors(s.counts)
		over, all = over+x[excess], all+x[bytes]
	}
	perUnit := f.perUnit
	if threshold != f.threshold {
		if all > 0 {
			perUnit[bytes] += perUnit[excess] * over / all
		}
		perUnit[excess] = 0
	}
	shares := make([]float64, terms+1)
	if len(ratios) == 0 {
		return shares
	}
	scale := median(ratios)
	for j := range shares {
		shares[j] = scale * perUnit[j] * unit[j]
	}
	return shares
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
