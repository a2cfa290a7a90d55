package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

func TestAttention(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 1))
	const context = 60
	for _, shape := range []struct{ heads, dim int }{{1, 8}, {1, 5}, {3, 7}, {2, 16}, {4, 12}, {5, 1}} {
		heads, dim := shape.heads, shape.dim
		width := graph.Pad(dim)
		ld, ldc := heads*width, graph.Pad(context)
		mc := newMachine(t, 2, func(m *wasmasm.Module, l *Lib) { export(m, "attention", l.Attention(heads, dim, context), 7) })
		// rowsOf is n rows whose heads are padded with zeros.
		rowsOf := func(n int) []float32 { return matrix(r, n*heads, dim, width, 0, 1) }
		pq, pk, pv := mc.put(make([]float32, context*ld)), mc.put(make([]float32, context*ld)), mc.put(make([]float32, ld*ldc))
		py, ps := mc.put(make([]float32, context*ld)), mc.put(make([]float32, graph.AttentionRows*ldc))
		for _, m := range []int{1, 2, 3, 15, 16, 17, 31, 32, 33, 40} {
			for _, pos := range []int{0, 1, 7, 8, context - m} {
				q, keys := rowsOf(m), rowsOf(context)
				// What lies beyond pos+m is left from an earlier run: it may be huge,
				// but does not count.
				for i := (pos + m) * ld; i < context*ld; i++ {
					keys[i] *= 1e20
				}
				values := make([]float32, ld*ldc)
				for h := range heads {
					for c := range dim {
						for j := range ldc {
							v := float32(r.NormFloat64())
							if j >= pos+m {
								v *= 1e20
							}
							values[(h*width+c)*ldc+j] = v
						}
					}
				}
				garbage := random(r, context*ld)
				mc.over(pq, q)
				mc.over(pk, keys)
				mc.over(pv, values)
				mc.over(py, garbage)
				mc.over(ps, matrix(r, 1, graph.AttentionRows*ldc, graph.AttentionRows*ldc, 0, 1e20))
				mc.call("attention", uint64(pq), uint64(pk), uint64(pv), uint64(py), uint64(ps), uint64(m), uint64(pos))

				want := attention(q, keys, values, m, pos, heads, dim, width, ldc)
				what := fmt.Sprintf("heads %d dim %d m %d pos %d: y", heads, dim, m, pos)
				got := mc.get(py, context*ld)
				near(t, what, got[:m*ld], want, 1e-5)
				for i := range m * heads {
					same(t, what+" padding", got[i*width+dim:(i+1)*width], make([]float32, width-dim))
				}
				same(t, what+" rows beyond m", got[m*ld:], garbage[m*ld:])
			}
		}
	}
}

// attention is the loop of Attention's comment in float64.
func attention(q, keys, values []float32, m, pos, heads, dim, width, ldc int) []float64 {
	ld := heads * width
	y := make([]float64, m*ld)
	for h := range heads {
		for i := range m {
			p := make([]float64, pos+i+1)
			var sum float64
			for j := range p {
				for c := range dim {
					p[j] += float64(q[i*ld+h*width+c]) * float64(keys[j*ld+h*width+c])
				}
				p[j] = math.Exp(p[j] / math.Sqrt(float64(dim))) // scores are small enough
				sum += p[j]
			}
			for c := range dim {
				for j := range p {
					y[i*ld+h*width+c] += float64(values[(h*width+c)*ldc+j]) * p[j] / sum
				}
			}
		}
	}
	return y
}
