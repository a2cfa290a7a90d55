package cost

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

const (
	poolSize  = 400
	maxDesign = poolSize / 2
	strata    = 10   // of depth and of width
	knots     = 3    // thresholds that a design reckons with
	vague     = 1e-3 // information on each term before anything is measured
)

// typical is about what each term takes on a laptop, in milliseconds. It only says what
// a term's share of a pass may be, before anything is measured.
var typical = [terms]float64{2e-2, 5e-3, 5e-8, 5e-8, 8e-8, 4e-6, 1e-6, 4e-8}

// point is an architecture that may be measured.
type point struct {
	arch   arch.Architecture
	rows   [2][]float64 // the terms of prefill and decode, relative to the pass
	cost   float64      // device time, relative to a typical architecture's
	strata []int
	wanted bool
}

// Design returns n architectures of sp to measure next, given those that were, so that
// a fit tells as much as possible about all others. It draws candidates from r and
// picks greedily the one that narrows the predictions most (D-optimality: the largest
// determinant of the information matrix) for its cost. Half of that counts as the
// same for all, since loading and warming up a small model takes time as well.
//
// First, however, it sees to it that the measured span the space: the deciles of depth
// and of width among the candidates, and the most bytes that one reads, as far as n allows.
// Wanted architectures, such as may be worth having, are candidates too, and come before
// others that span no more.
//
// What feasible, if not nil, has an error for is not chosen. An error says that n is
// not 1 to 200, or that the space or the workload is not valid.
func Design(sp space.Space, w trial.Workload, n int, r *rand.Rand, measured, wanted []arch.Architecture, feasible func(arch.Architecture) error) ([]arch.Architecture, error) {
	if n < 1 || n > maxDesign {
		return nil, fmt.Errorf("cost: a design of %d architectures; allowed are 1 to %d", n, maxDesign)
	}
	seen := map[string]bool{}
	for _, a := range measured {
		seen[a.ID()] = true
	}
	all := slices.Clone(measured)
	add := func(a arch.Architecture) {
		if id := a.ID(); !seen[id] && (feasible == nil || feasible(a) == nil) {
			seen[id] = true
			all = append(all, a)
		}
	}
	want := map[string]bool{}
	for _, a := range wanted {
		add(a)
		want[a.ID()] = true
	}
	for range poolSize {
		a, err := sp.Sample(r)
		if err != nil {
			return nil, err
		}
		add(a)
	}
	points, err := describe(all, len(measured), w)
	if err != nil {
		return nil, err
	}
	for i := range points {
		points[i].wanted = want[points[i].arch.ID()]
	}
	return choose(points[:len(measured)], points[len(measured):], n), nil
}

// Choose is [Design] among given candidates, all different, n of them or all: it returns
// their indices in the order of choice.
func Choose(candidates []arch.Architecture, w trial.Workload, n int) ([]int, error) {
	points, err := describe(candidates, 0, w)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, a := range candidates {
		at[a.ID()] = i
	}
	var chosen []int
	for _, a := range choose(nil, points, n) {
		chosen = append(chosen, at[a.ID()])
	}
	return chosen, nil
}

// choose picks n of the pool.
func choose(measured, pool []point, n int) []arch.Architecture {
	inverse := ignorance()
	covered := map[int]bool{}
	add := func(p point) {
		for i, row := range p.rows {
			update(inverse[i], row)
		}
		for _, s := range p.strata {
			covered[s] = true
		}
	}
	for _, p := range measured {
		add(p)
	}
	var chosen []arch.Architecture
	for len(chosen) < n && len(pool) > 0 {
		best, most, wanted, score := 0, -1, false, 0.0
		for i, p := range pool {
			fresh := 0
			for _, s := range p.strata {
				if !covered[s] {
					fresh++
				}
			}
			gain := 0.0
			for k, row := range p.rows {
				gain += math.Log1p(variance(inverse[k], row))
			}
			gain /= 1 + p.cost
			better := gain > score
			if p.wanted != wanted {
				better = p.wanted
			}
			if fresh > most || fresh == most && better {
				best, most, wanted, score = i, fresh, p.wanted, gain
			}
		}
		add(pool[best])
		chosen = append(chosen, pool[best].arch)
		pool = slices.Delete(pool, best, best+1)
	}
	return chosen
}

// ignorance returns the inverses of the information matrices of prefill and decode
// before anything is measured.
func ignorance() (inverse [2]*mat.SymDense) {
	for k := range inverse {
		inverse[k] = mat.NewSymDense(columns, nil)
		for i := range columns {
			inverse[k].SetSym(i, i, 1/vague)
		}
	}
	return inverse
}

// variance is that of a prediction, relative to that of a measurement.
func variance(inverse *mat.SymDense, row []float64) float64 {
	x := mat.NewVecDense(len(row), row)
	return mat.Inner(x, inverse, x)
}

// update adds a measurement to the information matrix, of which this is the inverse
// (Sherman and Morrison).
func update(inverse *mat.SymDense, row []float64) {
	x := mat.NewVecDense(len(row), row)
	var u mat.VecDense
	u.MulVec(inverse, x)
	inverse.SymRankOne(inverse, -1/(1+mat.Dot(x, &u)), &u)
}

// columns are the terms of a row: those of a fit, with several thresholds, as nobody
// knows yet which it will be.
const columns = terms + knots

// describe returns the points of list, of which the first are measured already. Those
// of the others that no memory holds are left out.
func describe(list []arch.Architecture, measured int, w trial.Workload) ([]point, error) {
	var points []point
	var passes [][2]counts
	var first error
	for i, a := range list {
		both, err := takeApart(a, w)
		if err != nil && i < measured {
			return nil, err
		}
		if err != nil {
			first = err
			continue
		}
		points = append(points, point{arch: a})
		passes = append(passes, [2]counts{both[0].total(), both[1].total()})
	}
	if len(points) == measured {
		return nil, first
	}
	quantile := func(of func(i int) int64) (sorted []int64) {
		for i := range points {
			sorted = append(sorted, of(i))
		}
		slices.Sort(sorted)
		return sorted
	}
	depths := quantile(func(i int) int64 { return int64(len(points[i].arch.Layers)) })
	widths := quantile(func(i int) int64 { return int64(points[i].arch.DModel) })
	var read [2][]int64
	for k := range read {
		read[k] = quantile(func(i int) int64 { return passes[i][k][bytes] })
	}
	var total float64
	for i := range points {
		p := &points[i]
		p.strata = []int{
			stratum(depths, int64(len(p.arch.Layers))),
			strata + stratum(widths, int64(p.arch.DModel)),
		}
		if passes[i][1][bytes] >= read[1][len(points)*19/20] {
			p.strata = append(p.strata, 2*strata)
		}
		for k, work := range passes[i] {
			row, ms := row(work, read[k])
			p.rows[k] = row
			p.cost += ms
		}
		total += p.cost
	}
	for i := range points {
		points[i].cost *= float64(len(points)) / total
	}
	return points, nil
}

// stratum is the decile of v among sorted.
func stratum(sorted []int64, v int64) int {
	i, _ := slices.BinarySearch(sorted, v)
	return i * strata / len(sorted)
}

// row returns what share of a pass each term is likely to take, and the pass's likely
// time. The thresholds are quantiles of the bytes read.
func row(w counts, read []int64) (row []float64, ms float64) {
	row = make([]float64, columns)
	for i, n := range w {
		row[i] = float64(n) * typical[i]
		ms += row[i]
	}
	for k := range knots {
		threshold := read[len(read)*(k+1)/(knots+1)]
		row[terms+k] = float64(max(0, w[bytes]-threshold)) * typical[bytes]
	}
	for i := range row {
		row[i] /= ms
	}
	return row, ms
}
