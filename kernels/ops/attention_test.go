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
	testAttention(t, false)
}

func TestRelativeAttention(t *testing.T) {
	testAttention(t, true)
}

func testAttention(t *testing.T, relative bool) {
	r := rand.New(rand.NewPCG(33, 1))
	for _, shape := range []struct{ heads, dim, span int }{
		{1, 8, 60}, {1, 5, 60}, {3, 7, 60}, {2, 16, 60}, {4, 12, 60}, {5, 1, 60}, {2, 6, 64}, {2, 9, 3}, {3, 4, 16}, {1, 3, 33},
	} {
		heads, dim, span := shape.heads, shape.dim, shape.span
		width := graph.Pad(dim)
		ld, lds := heads*width, graph.Pad(span)
		mc := newMachine(t, 3, func(m *wasmasm.Module, l *Lib) {
			if relative {
				export(m, "attention", l.RelativeAttention(heads, dim, span), 9)
				export(m, "some", l.SomeHeads(heads, dim, span, true), 10)
			} else {
				export(m, "attention", l.Attention(heads, dim, span), 7)
				export(m, "some", l.SomeHeads(heads, dim, span, false), 8)
			}
		})
		// rowsOf is n rows whose heads are padded with zeros.
		rowsOf := func(n int) []float32 { return matrix(r, n*heads, dim, width, 0, 1) }
		pq, pk, pv := mc.put(make([]float32, span*ld)), mc.put(make([]float32, span*ld)), mc.put(make([]float32, ld*lds))
		prq, prk := mc.put(make([]float32, span*ld)), mc.put(make([]float32, span*ld))
		py := mc.put(make([]float32, span*ld))
		// A spare row precedes the scores, guards surround both.
		const guard = 16
		scratch := make([]float32, 2*guard+(1+graph.AttentionRows)*lds)
		ps := mc.put(scratch)
		for _, m := range []int{1, 2, 3, 15, 16, 17, 31, 32, 33, 40} {
			for _, pos := range []int{0, 1, 7, 8, span - m} {
				if pos < 0 || pos+m > span {
					continue
				}
				q, keys := rowsOf(m), rowsOf(span)
				rq, rkeys := rowsOf(m), rowsOf(span)
				// What lies beyond pos+m is left from an earlier run: it may be huge,
				// but does not count.
				for i := (pos + m) * ld; i < span*ld; i++ {
					keys[i] *= 1e20
				}
				values := make([]float32, ld*lds)
				for h := range heads {
					for c := range dim {
						for j := range lds {
							v := float32(r.NormFloat64())
							if j >= pos+m {
								v *= 1e20
							}
							values[(h*width+c)*lds+j] = v
						}
					}
				}
				garbage := random(r, span*ld)
				scratch = matrix(r, 1, len(scratch), len(scratch), 0, 1e20)
				mc.over(pq, q)
				mc.over(pk, keys)
				mc.over(pv, values)
				mc.over(py, garbage)
				mc.over(ps, scratch)
				mc.over(prq, rq)
				mc.over(prk, rkeys)
				call := func(y uint32) {
					args := []uint64{uint64(pq), uint64(pk), uint64(pv), uint64(y), uint64(ps) + 4*uint64(guard+lds), uint64(m), uint64(pos)}
					if relative {
						args = append(args, uint64(prq), uint64(prk))
					}
					mc.call("attention", args...)
				}
				call(py)

				if !relative {
					clear(rq)
				}
				want := attention(q, keys, values, rq, rkeys, m, pos, heads, dim, width, span)
				what := fmt.Sprintf("heads %d dim %d span %d m %d pos %d: y", heads, dim, span, m, pos)
				got := mc.get(py, span*ld)
				near(t, what, got[:m*ld], want, 1e-5)
				for i := range m * heads {
					same(t, what+" padding", got[i*width+dim:(i+1)*width], make([]float32, width-dim))
				}
				same(t, what+" rows beyond m", got[m*ld:], garbage[m*ld:])
				after := mc.get(ps, len(scratch))
				same(t, what+" before the scratch", after[:guard], scratch[:guard])
				same(t, what+" after the scratch", after[len(after)-guard:], scratch[len(after)-guard:])
				call(pq)
				same(t, what+" in place", mc.get(pq, m*ld), got[:m*ld])

				mc.over(pq, q)
				mc.over(py, garbage)
				for _, share := range [][2]int{{heads / 2, heads}, {0, heads / 2}} { // the last ones first
					first, n := uint64(share[0]), uint64(share[1]-share[0])
					along := 4 * first * uint64(width)
					args := []uint64{uint64(pq) + along, uint64(pk) + along, uint64(pv) + along*uint64(lds), uint64(py) + along,
						uint64(ps) + 4*uint64(guard+lds), uint64(m), uint64(pos)}
					if relative {
						args = append(args, uint64(prq)+along, uint64(prk)+along)
					}
					mc.call("some", append(args, n)...)
				}
				same(t, what+" by shares", mc.get(py, span*ld), got)
			}
		}
	}
}

// attention is the loop of RelativeAttention's comment in float64.
func attention(q, keys, values, rq, rkeys []float32, m, pos, heads, dim, width, span int) []float64 {
	ld, lds := heads*width, graph.Pad(span)
	y := make([]float64, m*ld)
	for h := range heads {
		for i := range m {
			p := make([]float64, pos+i+1)
			var sum float64
			for j := range p {
				distance := pos + i - j
				for c := range dim {
					p[j] += float64(q[i*ld+h*width+c]) * float64(keys[j*ld+h*width+c])
					p[j] += float64(rq[i*ld+h*width+c]) * float64(rkeys[(span-1-distance)*ld+h*width+c])
				}
				p[j] = math.Exp(p[j] / math.Sqrt(float64(dim))) // scores are small enough
				sum += p[j]
			}
			for c := range dim {
				for j := range p {
					y[i*ld+h*width+c] += float64(values[(h*width+c)*lds+j]) * p[j] / sum
				}
			}
		}
	}
	return y
}
