package cost

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// excess is the term of the bytes beyond the threshold.
const excess = terms

// fit is a sum of terms that was fitted to samples.
type fit struct {
	perUnit   [terms + 1]float64 // milliseconds
	threshold int64              // bytes; without effect where perUnit[excess] is 0

	share  float64 // of a pass that gets as much slower as the sentinel
	slowed bool    // the sentinel told of slowness, so that the share is the device's own

	used    []int     // the terms above 0
	inverse mat.Dense // of AᵀA of their columns, each divided by its time
	sigma   float64   // standard deviation of relative residuals
	t       float64   // half width of a 95 % interval, in standard errors
	rss     float64

	// Of a fit that started from known devices: how far it is from what they say, and
	// the noise that they had, which counts beside rss.
	penalty, noise float64
	freedom        float64 // what rss and noise are divided by
}

// calibrate scales f to the median of observed over predicted times, and takes its
// noise from what is left.
func (f fit) calibrate(observed []latency) fit {
	ratios := make([]float64, len(observed))
	for i, o := range observed {
		ratios[i] = o.ms / f.ms(o.counts)
	}
	usual := median(ratios)
	for i := range f.perUnit {
		f.perUnit[i] *= usual
	}
	if !f.inverse.IsEmpty() {
		var inverse mat.Dense // f's own stays with the model that it came from
		inverse.Scale(usual*usual, &f.inverse)
		f.inverse = inverse
	}
	f.rss = 0
	for _, r := range ratios {
		f.rss += (r/usual - 1) * (r/usual - 1)
	}
	f.sigma = math.Sqrt((f.rss + f.noise) / f.freedom)
	return f
}

// regressors are the amounts of all terms in w.
func (f fit) regressors(w counts) [terms + 1]float64 {
	var x [terms + 1]float64
	for i, n := range w {
		x[i] = float64(n)
	}
	x[excess] = float64(max(0, w[bytes]-f.threshold))
	return x
}

// ms is about the time of w.
func (f fit) ms(w counts) (ms float64) {
	for i, x := range f.regressors(w) {
		ms += x * f.perUnit[i]
	}
	return ms
}

// regress fits samples, with the threshold that explains them best. A threshold and
// the slope beyond it are two more parameters, so they must lower Akaike's criterion
// (corrected for small samples, Hurvich and Tsai 1989).
func regress(samples []sample) fit {
	best := regressBeyond(samples, math.MaxInt64, nil)
	aicc := best.aicc(len(samples), 0)
	for _, threshold := range thresholds(samples) {
		f := regressBeyond(samples, threshold, nil)
		if a := f.aicc(len(samples), 1); f.perUnit[excess] > 0 && a < aicc {
			best, aicc = f, a
		}
	}
	return best
}

// thresholds are those worth trying: amounts of bytes that samples read, of many
// samples some quantiles.
func thresholds(samples []sample) []int64 {
	const most = 32
	var all, some []int64
	for _, s := range samples {
		all = append(all, s.counts[bytes])
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for i := range min(most, len(all)) {
		some = append(some, all[i*len(all)/min(most, len(all))])
	}
	return some
}

// aicc is the corrected criterion with extra parameters besides the terms and sigma.
func (f fit) aicc(n, extra int) float64 {
	k := float64(len(f.used) + 1 + extra)
	spare := float64(n) - k - 1
	if spare <= 0 {
		return math.Inf(1)
	}
	return float64(n)*math.Log(f.rss/float64(n)+1e-12) + 2*k + 2*k*(k+1)/spare
}

// regressBeyond fits samples with a given threshold, and with a prior if it is not nil.
func regressBeyond(samples []sample, threshold int64, p *prior) fit {
	f := fit{threshold: threshold}
	n := len(samples)
	rows, right := n, slices.Repeat([]float64{1}, n)
	if p != nil {
		rows, right = n+len(p.right), append(right, p.right...)
	}
	a := mat.NewDense(rows, terms+1, nil)
	if p != nil {
		a.Slice(n, rows, 0, terms+1).(*mat.Dense).Copy(p.rows)
	}
	for i, s := range samples {
		for j, x := range f.regressors(s.counts) {
			a.Set(i, j, x/s.ms) // relative to the time, which becomes 1
		}
	}
	var scale [terms + 1]float64
	for j := range scale {
		if scale[j] = mat.Norm(a.ColView(j), 2); scale[j] > 0 {
			for i := range rows {
				a.Set(i, j, a.At(i, j)/scale[j])
			}
		}
	}
	for j, x := range nnls(a, right) {
		if x > 0 {
			f.perUnit[j] = x / scale[j]
			f.used = append(f.used, j)
		}
	}
	for _, s := range samples {
		r := f.ms(s.counts)/s.ms - 1
		f.rss += r * r
	}
	f.freedom = float64(max(1, n-len(f.used)))
	if p != nil {
		f.freedom, f.noise = float64(n+noiseWeight), noiseWeight*p.noise*p.noise
		for i, r := range p.right {
			for j := range terms + 1 {
				r -= p.rows.At(i, j) * f.perUnit[j]
			}
			f.penalty += r * r
		}
	}
	f.sigma = math.Sqrt((f.rss + f.noise) / f.freedom)
	f.t = distuv.StudentsT{Mu: 0, Sigma: 1, Nu: f.freedom}.Quantile(0.975)
	f.invert(a, scale)
	return f
}

// invert sets f.inverse from the scaled columns.
func (f *fit) invert(a *mat.Dense, scale [terms + 1]float64) {
	if len(f.used) == 0 {
		return
	}
	var gram, inverse mat.Dense
	columns := pick(a, f.used)
	gram.Mul(columns.T(), columns)
	if err := inverse.Inverse(&gram); err != nil && inverse.IsEmpty() {
		return // nnls uses no columns that depend on each other
	}
	inverse.Apply(func(i, j int, v float64) float64 { return v / scale[f.used[i]] / scale[f.used[j]] }, &inverse)
	f.inverse = inverse
}

// halfWidth is half the width of the 95 % interval for a measurement of w, as a share
// of its time: the noise of one more measurement, and what the coefficients' own
// uncertainty makes of w.
func (f fit) halfWidth(w counts) float64 {
	if len(f.used) == 0 {
		return math.Inf(1)
	}
	x, ms := mat.NewVecDense(len(f.used), nil), f.ms(w)
	all := f.regressors(w)
	for i, j := range f.used {
		x.SetVec(i, all[j]/ms)
	}
	return f.t * f.sigma * math.Sqrt(1+mat.Inner(x, &f.inverse, x))
}
