package ops

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"litefront/kernels/wasmasm"
)

// same fails unless got is want exactly.
func same(t testing.TB, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s[%d] = %g, want %g", what, i, got[i], want[i])
		}
	}
}

// over stores v at p, where something was put before.
func (m *machine) over(p uint32, v []float32) {
	m.t.Helper()
	for i, x := range v {
		if !m.mem.WriteFloat32Le(p+4*uint32(i), x) {
			m.t.Fatal("test memory too small")
		}
	}
}

func TestGather(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	const rows, most = 20, 9
	for _, ld := range []int{8, 24, 320} {
		mc := newMachine(t, 2, func(m *wasmasm.Module, l *Lib) { export(m, "gather", l.Gather(ld), 4) })
		table, y := random(r, rows*ld), random(r, most*ld)
		ids, pt, py := mc.put(make([]float32, most)), mc.put(table), mc.put(y)
		for m := range most {
			want := append([]float32(nil), y...)
			for i := range m {
				id := r.IntN(rows)
				mc.mem.WriteUint32Le(ids+4*uint32(i), uint32(id))
				copy(want[i*ld:(i+1)*ld], table[id*ld:])
			}
			mc.over(py, y)
			mc.call("gather", uint64(ids), uint64(pt), uint64(py), uint64(m))
			same(t, fmt.Sprintf("ld %d m %d: y", ld, m), mc.get(py, len(y)), want)
		}
	}
}

func TestAdd(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) { export(m, "add", l.Add(), 3) })
	const n = 100
	y, x := random(r, n), random(r, n)
	py, px := mc.put(y), mc.put(x)
	for n4 := range n / 4 {
		want := append([]float32(nil), y...)
		for i := range 4 * n4 {
			want[i] += x[i]
		}
		mc.over(py, y)
		mc.call("add", uint64(py), uint64(px), uint64(n4))
		same(t, fmt.Sprintf("n4 %d: y", n4), mc.get(py, n), want)
	}
}

// TestBroadcast covers SetRows, AddRows and Zero, which differ in what becomes of
// one entry.
func TestBroadcast(t *testing.T) {
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) {
		export(m, "set", l.SetRows(), 5)
		export(m, "add", l.AddRows(), 5)
		export(m, "zero", l.Zero(), 4)
	})
	r := rand.New(rand.NewPCG(13, 1))
	const most = 2000
	py, pb := mc.put(make([]float32, most)), mc.put(make([]float32, most))
	for range 150 {
		m, n4 := r.IntN(8), r.IntN(12)
		ldy := 4*n4 + 4*r.IntN(10)
		y, b := random(r, (m+1)*ldy), random(r, 4*n4)
		n := r.IntN(ldy + 1) // Zero's rows have any length
		for _, test := range []struct {
			name string
			n    int
			want func(y, b float32) float32
			args []uint64
		}{
			{"set", 4 * n4, func(_, b float32) float32 { return b }, []uint64{uint64(pb), uint64(m), uint64(n4), uint64(ldy)}},
			{"add", 4 * n4, func(y, b float32) float32 { return y + b }, []uint64{uint64(pb), uint64(m), uint64(n4), uint64(ldy)}},
			{"zero", n, func(_, _ float32) float32 { return 0 }, []uint64{uint64(m), uint64(n), uint64(ldy)}},
		} {
			mc.over(py, y)
			mc.over(pb, b)
			want := append([]float32(nil), y...)
			for i := range m {
				for j := range test.n {
					bj := float32(0)
					if j < len(b) {
						bj = b[j]
					}
					want[i*ldy+j] = test.want(y[i*ldy+j], bj)
				}
			}
			mc.call(test.name, append([]uint64{uint64(py)}, test.args...)...)
			same(t, fmt.Sprintf("%s m %d n %d ldy %d: y", test.name, m, test.n, ldy), mc.get(py, len(y)), want)
		}
	}
}
