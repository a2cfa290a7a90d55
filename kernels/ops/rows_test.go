package ops

import (
	"fmt"
	"math/rand/v2"
	"slices"
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

// pack stores a matrix of width k in panels of so many rows. Those that fill up the
// last panel are noise.
func pack(r *rand.Rand, w []float32, k, width int) (packed []float32) {
	rows := len(w) / k
	for panel := 0; panel < rows; panel += width {
		for group := 0; group < k; group += 4 {
			for row := panel; row < panel+width; row++ {
				for col := group; col < group+4; col++ {
					if row < rows {
						packed = append(packed, w[row*k+col])
					} else {
						packed = append(packed, float32(r.NormFloat64()))
					}
				}
			}
		}
	}
	return packed
}

func TestGather(t *testing.T) { widths(t, testGather) }

func testGather(t *testing.T, f Features) {
	r := rand.New(rand.NewPCG(11, 1))
	const most = 9
	for _, scale := range []float32{1, 3.5} {
		mc := newMachineFor(t, f, 2, func(m *wasmasm.Module, l *Lib) { export(m, "gather", l.Gather(scale), 7) })
		for _, k := range []int{8, 24, 320} {
			for _, rows := range []int{1, 4, 5, 6, 23} {
				mc.top = 64
				table, y := random(r, rows*k), random(r, most*k)
				ids, pt, py := mc.put(make([]float32, most)), mc.put(pack(r, table, k, f.Panel())), mc.put(y)
				for m := range most {
					start := r.IntN(3) * 1000
					want := slices.Clone(y)
					for i := range m {
						// Some lie on either side of the table, one is negative.
						id := start + r.IntN(rows+4) - 2
						mc.mem.WriteUint32Le(ids+4*uint32(i), uint32(int32(id)))
						for j := range k {
							want[i*k+j] = 0
							if start <= id && id < start+rows {
								want[i*k+j] = scale * table[(id-start)*k+j]
							}
						}
					}
					mc.over(py, y)
					mc.call("gather", uint64(ids), uint64(pt), uint64(py), uint64(m), uint64(k/8), uint64(start), uint64(rows))
					same(t, fmt.Sprintf("scale %g k %d start %d m %d: y", scale, k, start, m), mc.get(py, len(y)), want)
				}
			}
		}
	}
}

func TestReLU(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 1))
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) { export(m, "relu", l.ReLU(), 2) })
	const n = 60
	y := append([]float32{0, 1e-30, -1e-30, 1e30, -1e30}, random(r, n-5)...)
	py := mc.put(y)
	for n4 := range n / 4 {
		want := slices.Clone(y)
		for i := range 4 * n4 {
			want[i] = max(want[i], 0)
		}
		mc.over(py, y)
		mc.call("relu", uint64(py), uint64(n4))
		same(t, fmt.Sprintf("n4 %d: y", n4), mc.get(py, n), want)
	}
}

func TestCopy(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 1))
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) { export(m, "copy", l.Copy(), 3) })
	const most = 30
	y, x := random(r, most), random(r, most)
	py, px := mc.put(y), mc.put(x)
	for n := range most + 1 {
		want := slices.Clone(y)
		copy(want[:n], x)
		mc.over(py, y)
		mc.call("copy", uint64(py), uint64(px), uint64(n))
		same(t, fmt.Sprintf("n %d: y", n), mc.get(py, most), want)
	}
}

func TestTranspose(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 1))
	const most = 1000
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) { export(m, "transpose", l.Transpose(), 6) })
	px, py := mc.put(make([]float32, most)), mc.put(make([]float32, most))
	for range 200 {
		m, n := r.IntN(20), r.IntN(20)
		ldx, ldy := n+r.IntN(9), m+r.IntN(9)
		x, y := random(r, m*ldx), random(r, n*ldy)
		want := slices.Clone(y)
		for i := range m {
			for j := range n {
				want[j*ldy+i] = x[i*ldx+j]
			}
		}
		mc.over(px, x)
		mc.over(py, y)
		mc.call("transpose", uint64(px), uint64(py), uint64(m), uint64(n), uint64(ldx), uint64(ldy))
		same(t, fmt.Sprintf("m %d n %d ldx %d ldy %d: y", m, n, ldx, ldy), mc.get(py, len(y)), want)
	}
}

func TestClear(t *testing.T) { widths(t, testClear) }

func testClear(t *testing.T, f Features) {
	r := rand.New(rand.NewPCG(16, 1))
	const rows, most = 17, 20 * 40
	mc := newMachineFor(t, f, 1, func(m *wasmasm.Module, l *Lib) { export(m, "clear", l.Clear(), 6) })
	pw := mc.put(make([]float32, most))
	for range 200 {
		k := 8 * (1 + r.IntN(5))
		row, col := r.IntN(rows+1), r.IntN(k+1)
		rowEnd, colEnd := row+r.IntN(rows-row+1), col+r.IntN(k-col+1)
		w := random(r, rows*k)
		seed := r.Uint64() // of the noise
		mc.over(pw, pack(rand.New(rand.NewPCG(seed, 1)), w, k, f.Panel()))
		for i := row; i < rowEnd; i++ {
			clear(w[i*k+col : i*k+colEnd])
		}
		want := pack(rand.New(rand.NewPCG(seed, 1)), w, k, f.Panel())
		mc.call("clear", uint64(pw), uint64(k/8), uint64(row), uint64(rowEnd), uint64(col), uint64(colEnd))
		same(t, fmt.Sprintf("k %d rows %d to %d columns %d to %d: w", k, row, rowEnd, col, colEnd), mc.get(pw, len(want)), want)
	}
}

func TestAdd(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) { export(m, "add", l.Add(), 3) })
	const n = 100
	y, x := random(r, n), random(r, n)
	py, px := mc.put(y), mc.put(x)
	for n4 := range n / 4 {
		want := slices.Clone(y)
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
			want := slices.Clone(y)
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
