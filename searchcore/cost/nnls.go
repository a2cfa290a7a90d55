package cost

import (
	"slices"

	"gonum.org/v1/gonum/mat"
)

// maxCond is how badly conditioned columns may be together: beyond, one of them is
// about a combination of the others.
const maxCond = 1e6

// nnls returns the x ≥ 0 that minimises |A·x - b|, by the active set method of Lawson
// and Hanson (Solving Least Squares Problems, 1974, chapter 23). The columns of A have
// norm 1 or 0. A column that depends on those in use stays at 0.
func nnls(a *mat.Dense, b []float64) []float64 {
	_, cols := a.Dims()
	x := make([]float64, cols)
	refused := make([]bool, cols)
	var used []int
	for range 10 * cols {
		j := steepest(a, b, x, used, refused)
		if j < 0 {
			break
		}
		trial := append(slices.Clone(used), j)
		z, ok := solve(a, b, trial)
		if !ok || z[len(z)-1] <= 0 {
			refused[j] = true
			continue
		}
		used = trial
		// Step from x towards z as far as nothing falls below 0, and drop what is 0.
		for slices.Min(z) <= 0 {
			step := 1.0
			for i, k := range used {
				if z[i] <= 0 {
					step = min(step, x[k]/(x[k]-z[i]))
				}
			}
			var kept []int
			for i, k := range used {
				x[k] += step * (z[i] - x[k])
				if z[i] <= 0 && x[k] <= 1e-15 {
					x[k] = 0
				} else {
					kept = append(kept, k)
				}
			}
			used = kept
			if z, ok = solve(a, b, used); !ok {
				return x
			}
		}
		for i, k := range used {
			x[k] = z[i]
		}
		clear(refused)
	}
	return x
}

// steepest returns the unused column along which the error falls fastest, or -1.
func steepest(a *mat.Dense, b, x []float64, used []int, refused []bool) int {
	var residual mat.VecDense
	residual.MulVec(a, mat.NewVecDense(len(x), x))
	residual.SubVec(mat.NewVecDense(len(b), b), &residual)
	best, slope := -1, 1e-9*mat.Norm(mat.NewVecDense(len(b), b), 2)
	for j := range x {
		if refused[j] || slices.Contains(used, j) {
			continue
		}
		if s := mat.Dot(a.ColView(j), &residual); s > slope {
			best, slope = j, s
		}
	}
	return best
}

// solve returns the least squares of the given columns; not ok where they depend on
// each other.
func solve(a *mat.Dense, b []float64, columns []int) (x []float64, ok bool) {
	if len(columns) == 0 {
		return nil, false
	}
	if len(columns) > len(b) {
		return nil, false
	}
	var qr mat.QR
	qr.Factorize(pick(a, columns))
	if !(qr.Cond() < maxCond) {
		return nil, false
	}
	var z mat.VecDense
	if err := qr.SolveVecTo(&z, false, mat.NewVecDense(len(b), b)); err != nil {
		return nil, false
	}
	return z.RawVector().Data, true
}

// pick returns the given columns of a.
func pick(a *mat.Dense, columns []int) *mat.Dense {
	rows, _ := a.Dims()
	p := mat.NewDense(rows, len(columns), nil)
	for i, j := range columns {
		for r := range rows {
			p.Set(r, i, a.At(r, j))
		}
	}
	return p
}
