package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"litefront/kernels/wasmasm"
)

// logSoftmax is the loop of LogSoftmax's comment in float64.
func logSoftmax(y []float32, shift float32) []float64 {
	top, sum := float64(slices.Max(y)), 0.0
	for _, x := range y {
		sum += math.Exp(float64(x) - top)
	}
	out := make([]float64, len(y))
	for i, x := range y {
		out[i] = float64(shift) + (float64(x) - top) - math.Log(sum)
	}
	return out
}

func TestLogSoftmax(t *testing.T) {
	r := rand.New(rand.NewPCG(52, 1))
	mc := newMachine(t, 16, func(m *wasmasm.Module, l *Lib) {
		f, e := l.LogSoftmax(), m.Func("logsoftmax")
		e.Call(f, e.ParamI32(), e.ParamI32(), e.ParamF32())
	})
	const most = 200_000
	py := mc.put(make([]float32, most+4))
	check := func(what string, y []float32, shift float32) {
		t.Helper()
		after := random(r, 4)
		// An address that is no multiple of a vector's size.
		p := py + 4*uint32(r.IntN(4))
		mc.over(p, append(slices.Clone(y), after...))
		mc.call("logsoftmax", uint64(p), uint64(len(y)), uint64(math.Float32bits(shift)))
		got := mc.get(p, len(y)+4)
		for i, want := range logSoftmax(y, shift) {
			if e := math.Abs(float64(got[i]) - want); !(e <= 3e-6+3e-7*math.Abs(want)) {
				t.Fatalf("%s: y[%d] = %g, want %g: error %.2g", what, i, got[i], want, e)
			}
		}
		same(t, what+" beyond n", got[len(y):], after)
	}
	for n := 1; n <= 40; n++ {
		for _, scale := range []float32{0, 1, 30, 1000} {
			for _, mean := range []float32{0, -50, 1e4} {
				for _, shift := range []float32{0, -7.25} {
					check(fmt.Sprintf("n %d scale %g mean %g shift %g", n, scale, mean, shift), matrix(r, 1, n, n, mean, scale), shift)
				}
			}
		}
	}
	check("many", random(r, most-3), 0)
	check("many alike", make([]float32, most-3), -1)
}
