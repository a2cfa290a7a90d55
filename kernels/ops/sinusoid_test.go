package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// sinusoid is the loop of Sinusoid's comment in float64, for one distance.
func sinusoid(distance, d int) []float64 {
	row := make([]float64, d+1)
	half := (d + 1) / 2
	for c := range half {
		angle := float64(distance) / math.Pow(10000, 2*float64(c)/float64(d))
		row[c], row[half+c] = math.Sin(angle), math.Cos(angle)
	}
	return row[:d]
}

func TestSinusoid(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 1))
	for d := 1; d <= 40; d++ {
		ld, scratch := graph.Pad(d), graph.Pad((d+1)/2)
		mc := newMachine(t, 3, func(m *wasmasm.Module, l *Lib) { export(m, "sinusoid", l.Sinusoid(d), 3) })
		for _, m := range []int{1, 2, 17, 450} {
			mc.top = 64
			garbage := random(r, (m+1)*ld)
			ps := mc.put(random(r, scratch+4))
			guard := mc.get(ps+4*uint32(scratch), 4)
			py := mc.put(garbage)
			mc.call("sinusoid", uint64(py), uint64(ps), uint64(m))
			got := mc.get(py, len(garbage))
			for i := range m {
				what := fmt.Sprintf("d %d m %d row %d", d, m, i)
				for c, want := range sinusoid(m-1-i, d) {
					if e := math.Abs(float64(got[i*ld+c]) - want); e > 6e-7 {
						t.Fatalf("%s: column %d is %g, want %g: error %.2g", what, c, got[i*ld+c], want, e)
					}
				}
				same(t, what+" padding", got[i*ld+d:(i+1)*ld], make([]float32, ld-d))
			}
			same(t, "rows beyond m", got[m*ld:], garbage[m*ld:])
			same(t, "beyond the scratch", mc.get(ps+4*uint32(scratch), 4), guard)
		}
	}
}

// TestSinusoidFar bounds the error where rounded steps have added up.
func TestSinusoidFar(t *testing.T) {
	const d, m = 8, 1 << 18 // the longest context and memory
	mc := newMachine(t, 130, func(m *wasmasm.Module, l *Lib) { export(m, "sinusoid", l.Sinusoid(d), 3) })
	ps := mc.put(make([]float32, 8))
	py := mc.top
	mc.call("sinusoid", uint64(py), uint64(ps), m)
	const bound = 4e-7 + 2*math.Pi*m/(1<<33)
	for i := 0; i < m; i += 997 {
		got := mc.get(py+uint32(4*d*i), d)
		for c, want := range sinusoid(m-1-i, d) {
			if e := math.Abs(float64(got[c]) - want); e > bound {
				t.Fatalf("distance %d column %d: %g, want %g: error %.2g", m-1-i, c, got[c], want, e)
			}
		}
	}
}
