package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// layerNorm is the loop of LayerNorm's comment in float64, on rows of stride ld.
// The condition is how many times larger than its spread a row's entries are, at
// most: the factor by which subtracting the mean enlarges rounding errors.
func layerNorm(x, gain, bias []float32, d, ld int) (y []float64, condition float64) {
	y = make([]float64, len(x))
	for row := 0; row < len(x); row += ld {
		var mean, variance, top float64
		for _, v := range x[row : row+d] {
			mean += float64(v) / float64(d)
			top = max(top, math.Abs(float64(v)))
		}
		for _, v := range x[row : row+d] {
			variance += (float64(v) - mean) * (float64(v) - mean) / float64(d)
		}
		spread := math.Sqrt(variance + Epsilon)
		condition = max(condition, top/spread)
		for j, v := range x[row : row+d] {
			y[row+j] = (float64(v)-mean)/spread*float64(gain[j]) + float64(bias[j])
		}
	}
	return y, condition
}

// matrix is m rows of d random floats around mean, padded with zeros to ld.
func matrix(r *rand.Rand, m, d, ld int, mean, scale float32) []float32 {
	v := make([]float32, m*ld)
	for i := range m {
		for j := range d {
			v[i*ld+j] = mean + scale*float32(r.NormFloat64())
		}
	}
	return v
}

func TestLayerNorm(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 1))
	const most = 5
	for _, d := range []int{1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 63, 64, 100, 324, 1001, 1024} {
		ld := graph.Pad(d)
		mc := newMachine(t, 2, func(m *wasmasm.Module, l *Lib) { export(m, "norm", l.LayerNorm(d), 5) })
		px, pg, pb, py := mc.put(make([]float32, most*ld)), mc.put(make([]float32, ld)), mc.put(make([]float32, ld)),
			mc.put(make([]float32, most*ld))
		for _, c := range []struct{ mean, scale float32 }{
			{0, 1}, {0, 1e-4}, {0, 100}, {0, 0}, {-3, 0.5}, {100, 1}, {-1000, 1}, {1e4, 3},
		} {
			what := fmt.Sprintf("d %d mean %g scale %g", d, c.mean, c.scale)
			gain, bias := matrix(r, 1, d, ld, 1, 0.1), matrix(r, 1, d, ld, 0, 1)
			x, garbage := matrix(r, most, d, ld, c.mean, c.scale), random(r, most*ld)
			for m := range most + 1 {
				mc.over(px, x)
				mc.over(pg, gain)
				mc.over(pb, bias)
				mc.over(py, garbage)
				mc.call("norm", uint64(px), uint64(pg), uint64(pb), uint64(py), uint64(m))
				y := mc.get(py, most*ld)
				want, condition := layerNorm(x[:m*ld], gain, bias, d, ld)
				near(t, what, y[:m*ld], want, 1e-6*(2+condition))
				for i := range m { // padding is exactly zero
					same(t, what+" padding", y[i*ld+d:(i+1)*ld], make([]float32, ld-d))
				}
				same(t, what+" rows beyond m", y[m*ld:], garbage[m*ld:])
				mc.call("norm", uint64(px), uint64(pg), uint64(pb), uint64(px), uint64(m))
				same(t, what+" in place", mc.get(px, m*ld), y[:m*ld])
			}
		}
	}
}
