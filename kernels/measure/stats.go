package measure

import (
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"litefront/searchcore/trial"
)

// Summarize makes the Stat of samples, of batches of so many runs, as a protocol has it:
// the interval is that of the median, or that of the mean under trial.LTS.
func Summarize(protocol string, samplesMs []float64, batch int) trial.Stat {
	s := summarize(samplesMs, batch)
	if protocol == trial.LTS && len(samplesMs) > 1 {
		s.LowMs, s.HighMs = meanInterval(samplesMs)
	}
	return s
}

// summarize makes a Stat of samples, of batches of so many runs.
func summarize(samplesMs []float64, batch int) trial.Stat {
	s := trial.Stat{SamplesMs: samplesMs, Batch: batch}
	if len(samplesMs) == 0 {
		return s
	}
	sorted := slices.Sorted(slices.Values(samplesMs))
	s.MedianMs = quantile(sorted, 0.5)
	s.LowMs, s.HighMs = MedianInterval(sorted)
	s.MinMs = sorted[0]
	s.MeanMs = stat.Mean(samplesMs, nil)
	s.SpreadMs = quantile(sorted, 0.75) - quantile(sorted, 0.25)
	return s
}

// quantile interpolates linearly between order statistics: definition 7 of
// Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996), whose
// median is the usual one. gonum's LinInterp is definition 4, whose is not.
func quantile(sorted []float64, p float64) float64 {
	h := p * float64(len(sorted)-1)
	i := int(h)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (h-float64(i))*(sorted[i+1]-sorted[i])
}

// MedianInterval is the nonparametric 95 % confidence interval of the median of at
// least one value, given in ascending order. The number of samples below the true median is binomial with p = 1/2, so the
// interval from the k-th smallest to the k-th largest of n misses it with
// probability 2·P(B(n, ½) < k), whatever the distribution (David and Nagaraja,
// "Order Statistics", 2003, section 7.1). It takes the largest k that misses at
// most 5 %. Below six samples there is none, and it is the whole range, which
// covers 93.75 % with five.
func MedianInterval(sorted []float64) (low, high float64) {
	n := len(sorted)
	below := distuv.Binomial{N: float64(n), P: 0.5}
	k := sort.Search(n/2, func(k int) bool { return below.CDF(float64(k)) > 0.025 })
	k = max(k, 1)
	return sorted[k-1], sorted[n-k]
}

// meanInterval is Student's 95 % confidence interval of the mean.
func meanInterval(samplesMs []float64) (low, high float64) {
	n := float64(len(samplesMs))
	mean, deviation := stat.MeanStdDev(samplesMs, nil)
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.975) * deviation / math.Sqrt(n)
	return mean - half, mean + half
}

// tight reports whether the interval's half-width is within the given share of
// the median.
func tight(samplesMs []float64, halfWidth float64) bool {
	sorted := slices.Sorted(slices.Values(samplesMs))
	low, high := MedianInterval(sorted)
	return (high-low)/2 <= halfWidth*quantile(sorted, 0.5)
}
