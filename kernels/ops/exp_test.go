package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"litefront/kernels/wasmasm"
)

// normal fails if a value is NaN, infinite or denormal.
func normal(t testing.TB, what string, v []float32) {
	t.Helper()
	const smallest = 0x1p-126
	for i, x := range v {
		if a := math.Abs(float64(x)); !(a == 0 || a >= smallest && a <= math.MaxFloat32) {
			t.Fatalf("%s[%d] = %g", what, i, x)
		}
	}
}

// TestExp2 bounds the relative error, also where results are clamped.
func TestExp2(t *testing.T) {
	const n4 = 2000
	mc := newMachine(t, 1, func(m *wasmasm.Module, _ *Lib) {
		f := m.Func("exp2")
		p, n := f.ParamI32(), f.ParamI32()
		x, tmp := f.LocalV128(), f.LocalV128()
		rows(f, n, func() {
			exp2(x, tmp, p.LoadV128(0))
			f.StoreV128(p, 0, x.V128)
		}, step{p, i32(16)})
	})
	r := rand.New(rand.NewPCG(31, 1))
	v := []float32{0, 1, -1, 0.5, -0.5, 1.5, -1.5, 0.4999999, 0.5000001, maxExp2, -maxExp2, maxExp2 + 1, -maxExp2 - 1,
		math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), 1e-30, -1e-40}
	for len(v) < 4*n4 {
		v = append(v, float32(r.Float64()*200-100))
	}
	p := mc.put(v)
	mc.call("exp2", uint64(p), n4)
	got := mc.get(p, len(v))
	normal(t, "exp2", got)
	for i, x := range v {
		want := math.Exp2(max(-maxExp2, min(maxExp2, float64(x))))
		if e := math.Abs(float64(got[i])-want) / want; e > 2.5e-7 {
			t.Errorf("2^%g = %g, want %g: relative error %.2g", x, got[i], want, e)
		}
	}
}

func TestGELU(t *testing.T) {
	mc := newMachine(t, 2, func(m *wasmasm.Module, l *Lib) { export(m, "gelu", l.GELU(), 2) })
	v := []float32{0, 1e4, -1e4, 1e10, -1e10, 1e-6, -1e-6, 1e-30, -1e-30}
	for x := -20.0; x <= 20; x += 1.0 / 256 {
		v = append(v, float32(x))
	}
	for len(v)%4 != 0 {
		v = append(v, 1)
	}
	after := []float32{3, -3, 3, -3}
	p := mc.put(append(v, after...))
	mc.call("gelu", uint64(p), uint64(len(v)/4))
	got := mc.get(p, len(v))
	normal(t, "gelu", got)
	for i, x32 := range v {
		x := float64(x32)
		want := 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		if e := math.Abs(float64(got[i]) - want); e > 5e-7*max(math.Abs(want), min(1, math.Abs(x))) {
			t.Errorf("gelu(%g) = %g, want %g: error %.2g", x, got[i], want, e)
		}
	}
	same(t, "beyond the end", mc.get(p+uint32(4*len(v)), 4), after)
}

// softmax is the loop of Softmax's comment in float64.
func softmax(s []float32, m, first, n8, ld int, scale float64) []float64 {
	out := widen(s)
	for i := range m {
		kept, masked := out[i*ld:i*ld+first+i], out[i*ld+first+i:i*ld+8*n8]
		top, sum := math.Inf(-1), 0.0
		for _, x := range kept {
			top = max(top, x)
		}
		for j, x := range kept {
			kept[j] = math.Exp(scale * (x - top))
			sum += kept[j]
		}
		for j := range kept {
			kept[j] /= sum
		}
		clear(masked)
	}
	return out
}

func TestSoftmax(t *testing.T) {
	r := rand.New(rand.NewPCG(32, 1))
	const most = 6
	for _, ld := range []int{8, 16, 40, 104} {
		for _, scale := range []float64{1, 0.125, 1 / math.Sqrt(7)} {
			mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) { export(m, "softmax", l.Softmax(ld, scale), 4) })
			p := mc.put(make([]float32, most*ld))
			for range 100 {
				n8 := 1 + r.IntN(ld/8)
				m := 1 + r.IntN(min(most, 8*n8))
				first := 1 + r.IntN(8*n8-m+1) // the last row keeps at most all
				s := random(r, most*ld)
				// Up to the differences of scores that a float holds.
				for i, factor := 0, float32(math.Pow(10, float64(r.IntN(5)))); i < len(s); i++ {
					s[i] *= factor
				}
				switch r.IntN(6) {
				case 0:
					s[r.IntN(len(s))] = math.MaxFloat32
				case 1:
					s[r.IntN(len(s))] = -math.MaxFloat32
				case 2: // all equal
					for i := range s {
						s[i] = 1e6
					}
				}
				mc.over(p, s)
				mc.call("softmax", uint64(p), uint64(m), uint64(first), uint64(n8))
				got := mc.get(p, len(s))
				what := fmt.Sprintf("ld %d scale %.3g m %d first %d n8 %d: s", ld, scale, m, first, n8)
				want := softmax(s, m, first, n8, ld, scale)
				for i := range m {
					row, end := got[i*ld:], first+i
					near(t, what, row[:end], want[i*ld:i*ld+end], 2e-6*float64(1+largest(s[i*ld:i*ld+end])/8))
					same(t, what+" masked", row[end:8*n8], make([]float32, 8*n8-end))
					same(t, what+" beyond 8·n8", row[8*n8:ld], s[i*ld+8*n8:(i+1)*ld])
					normal(t, what, row[:8*n8])
					var sum float64
					for _, x := range row[:end] {
						sum += float64(x)
					}
					if math.Abs(sum-1) > 1e-5 {
						t.Fatalf("%s: row %d adds up to %g", what, i, sum)
					}
				}
				same(t, what+" rows beyond m", got[m*ld:], s[m*ld:])
			}
		}
	}
}

// largest is the largest magnitude that softmax has to resolve: beyond it, a
// rounded score decides nothing that is left in a float.
func largest(s []float32) float64 {
	var a float64
	for _, x := range s {
		if b := math.Abs(float64(x)); b < 1e5 {
			a = max(a, b)
		}
	}
	return min(a, 1000)
}
