package ops

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// TestLinear checks shapes around every boundary of its loops: pairs of rows,
// panels, unrolled groups of k, and chunks of k.
func TestLinear(t *testing.T) { widths(t, testLinear) }

func testLinear(t *testing.T, f Features) {
	r := rand.New(rand.NewPCG(21, 1))
	mc := newMachineFor(t, f, 64, func(m *wasmasm.Module, l *Lib) { export(m, "linear", l.Linear(), 8) })
	check := func(m, n, k int) {
		t.Helper()
		// Strides wider than the rows: what lies between must stay.
		ldx, ldy := k+8*r.IntN(3), graph.Pad(n)+8*r.IntN(3)
		x, w, y := random(r, m*ldx), random(r, n*k), random(r, m*ldy)
		want := widen(y)
		for i := range m {
			for j := range n {
				for c := range k {
					want[i*ldy+j] += float64(x[i*ldx+c]) * float64(w[j*k+c])
				}
			}
		}
		mc.top = 64
		px, pw, py := mc.put(x), mc.put(pack(r, w, k, f.Panel())), mc.put(y)
		mc.call("linear", uint64(px), uint64(pw), uint64(py), uint64(m), uint64(n), uint64(k/8), uint64(4*ldx), uint64(4*ldy))
		what := fmt.Sprintf("m %d n %d k %d: y", m, n, k)
		got := mc.get(py, m*ldy)
		near(t, what, got, want, 1e-5)
		for i := range m {
			same(t, what+" beyond n", got[i*ldy+n:(i+1)*ldy], y[i*ldy+n:(i+1)*ldy])
		}
	}
	for m := 1; m <= 5; m++ {
		for n := 1; n <= 2*f.Panel()+1; n++ {
			for k8 := 1; k8 <= 2*unroll+1; k8++ {
				check(m, n, 8*k8)
			}
		}
	}
	for _, chunks := range []int{1, 2, 3} {
		for _, more := range []int{-1, 0, 1, unroll} {
			for _, m := range []int{1, 2, 3} {
				check(m, 7, 8*(chunks*maxChunk8+more))
			}
		}
	}
	for _, m := range []int{2 * maxPairs, 2*maxPairs + 1, 4*maxPairs + 3} { // several blocks of rows
		check(m, 7, 40)
		check(m, 6, 8*(maxChunk8+1))
	}
	for range 50 {
		check(1+r.IntN(40), 1+r.IntN(100), 8*(1+r.IntN(20)))
	}
}

func TestUnproject(t *testing.T) { widths(t, testUnproject) }

func testUnproject(t *testing.T, f Features) {
	r := rand.New(rand.NewPCG(22, 1))
	mc := newMachineFor(t, f, 1, func(m *wasmasm.Module, l *Lib) { export(m, "unproject", l.Unproject(), 5) })
	for n := 1; n <= 16; n++ {
		for _, k := range []int{8, 16, 40, 104} {
			// Behind x is noise.
			x, w, y := random(r, n+f.Panel()), random(r, n*k), random(r, k+8)
			want := widen(y)
			for j := range n {
				for c := range k {
					want[c] += float64(x[j]) * float64(w[j*k+c])
				}
			}
			mc.top = 64
			px, pw, py := mc.put(x), mc.put(pack(r, w, k, f.Panel())), mc.put(y)
			mc.call("unproject", uint64(px), uint64(pw), uint64(py), uint64(n), uint64(k/8))
			what := fmt.Sprintf("n %d k %d: y", n, k)
			near(t, what, mc.get(py, len(y)), want, 1e-5)
			same(t, what+" beyond k", mc.get(py+uint32(4*k), 8), y[k:])
		}
	}
}
