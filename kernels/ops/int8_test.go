package ops

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// integer is an entry of a quantised tensor.
type integer interface{ int8 | int16 }

// putIntegers stores v and returns its address.
func putIntegers[T integer](m *machine, v []T, size int) uint32 {
	m.t.Helper()
	bytes := make([]byte, 0, size*len(v))
	for _, x := range v {
		for i := range size {
			bytes = append(bytes, byte(int32(x)>>(8*i)))
		}
	}
	p := m.top
	if !m.mem.Write(p, bytes) {
		m.t.Fatal("test memory too small")
	}
	m.top = (p + uint32(len(bytes)) + 63) / 64 * 64
	return p
}

// integers are n random ones of magnitudes up to limit.
func integers[T integer](r *rand.Rand, n, limit int) []T {
	v := make([]T, n)
	for i := range v {
		v[i] = T(r.IntN(2*limit+1) - limit)
	}
	return v
}

// packI8 stores a matrix of width k, a multiple of 16, in panels, by graph.Tensor's
// own account. The rows that fill up the last panel are noise.
func packI8(r *rand.Rand, w []int8, k int) []int8 {
	n := len(w) / k
	t := graph.Tensor{Rows: graph.Dense(n), Cols: graph.Dense(k), Packed: true, Format: graph.I8}
	packed := integers[int8](r, int(t.Bytes()), 127)
	for i, x := range w {
		packed[t.Index(i/k, i%k, graph.Panel)] = x
	}
	return packed
}

// filled is x and noise up to whole panels.
func filled(r *rand.Rand, x []float32) []float32 {
	return append(x, random(r, (graph.Panel-len(x)%graph.Panel)%graph.Panel)...)
}

// TestLinearI8 checks shapes around every boundary of its loops. Sums are exact, so
// results are the loop's to the last bit.
func TestLinearI8(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 1))
	mc := newMachine(t, 64, func(m *wasmasm.Module, l *Lib) { export(m, "linear", l.LinearI8(), 10) })
	check := func(m, n, k int) {
		t.Helper()
		ldx, ldy := k+16*r.IntN(3), graph.Pad(n)+8*r.IntN(3)
		x, w := integers[int16](r, m*ldx, new(Lib).Range(k)), integers[int8](r, n*k, 127)
		sx, sw, y := random(r, m), random(r, n), random(r, m*ldy)
		want := append([]float32(nil), y...)
		for i := range m {
			for j := range n {
				sum := int32(0)
				for c := range k {
					sum += int32(x[i*ldx+c]) * int32(w[j*k+c])
				}
				scaled := float32(sum) * float32(sw[j]*sx[i])
				want[i*ldy+j] += scaled
			}
		}
		mc.top = 64
		px, psx := putIntegers(mc, x, 2), mc.put(sx)
		pw, psw, py := putIntegers(mc, packI8(r, w, k), 1), mc.put(filled(r, sw)), mc.put(y)
		mc.call("linear", uint64(px), uint64(psx), uint64(pw), uint64(psw), uint64(py),
			uint64(m), uint64(n), uint64(k/16), uint64(2*ldx), uint64(4*ldy))
		same(t, fmt.Sprintf("m %d n %d k %d: y", m, n, k), mc.get(py, m*ldy), want)
	}
	for m := 1; m <= 5; m++ {
		for n := 1; n <= 11; n++ {
			for k16 := 1; k16 <= 2*max(unroll16, rowUnroll16)+1; k16++ {
				check(m, n, 16*k16)
			}
		}
	}
	for _, m := range []int{2 * maxPairs, 2*maxPairs + 1, 4*maxPairs + 3} { // several blocks of rows
		check(m, 7, 48)
	}
	for range 50 {
		check(1+r.IntN(40), 1+r.IntN(100), 16*(1+r.IntN(20)))
	}
}

// TestRange drives the sums to their bound, from both sides.
func TestRange(t *testing.T) {
	mc := newMachine(t, 8, func(m *wasmasm.Module, l *Lib) { export(m, "linear", l.LinearI8(), 10) })
	for _, k := range []int{1, 16, 512, 513, 528, 2048, 4095, 32768} {
		limit := new(Lib).Range(k)
		if limit < 1 || 127*limit*k >= 1<<31 || limit < 32767 && 127*(limit+1)*k < 1<<31 {
			t.Fatalf("the range for %d is %d", k, limit)
		}
		stored := (k + 15) / 16 * 16
		for _, sign := range []int{1, -1} {
			for m := 1; m <= 2; m++ {
				x, w := make([]int16, m*stored), make([]int8, graph.Panel*stored)
				for i := range m * stored {
					if i%stored < k {
						x[i] = int16(sign * limit)
					}
				}
				for i := range w {
					w[i] = 127
				}
				ones := []float32{1, 1, 1, 1, 1}
				mc.top = 64
				px, ps, pw, py := putIntegers(mc, x, 2), mc.put(ones), putIntegers(mc, w, 1), mc.put(make([]float32, m*8))
				mc.call("linear", uint64(px), uint64(ps), uint64(pw), uint64(ps), uint64(py), uint64(m), 5, uint64(stored/16), uint64(2*stored), 32)
				for i, got := range mc.get(py, m*8) {
					if want := float32(sign * 127 * limit * k); i%8 < 5 && got != want {
						t.Fatalf("k %d, row %d of %d: %g, want %g", k, i/8, m, got, want)
					}
				}
			}
		}
	}
}

func TestUnprojectI8(t *testing.T) {
	r := rand.New(rand.NewPCG(52, 1))
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) { export(m, "unproject", l.UnprojectI8(), 6) })
	for n := 1; n <= 16; n++ {
		for _, k := range []int{8, 16, 40, 104} {
			stored := (k + 15) / 16 * 16
			// Behind x is noise.
			x, w, sw, y := random(r, n+graph.Panel), integers[int8](r, n*stored, 127), random(r, n), random(r, k+8)
			want := widen(y[:k])
			for j := range n {
				for c := range k {
					want[c] += float64(x[j]) * float64(sw[j]) * float64(w[j*stored+c])
				}
			}
			mc.top = 64
			px, pw, psw, py := mc.put(x), putIntegers(mc, packI8(r, w, stored), 1), mc.put(filled(r, sw)), mc.put(y)
			mc.call("unproject", uint64(px), uint64(pw), uint64(psw), uint64(py), uint64(n), uint64(k/8))
			what := fmt.Sprintf("n %d k %d: y", n, k)
			near(t, what, mc.get(py, k), want, 1e-5)
			same(t, what+" beyond k", mc.get(py+uint32(4*k), 8), y[k:])
		}
	}
}

func TestGatherI8(t *testing.T) {
	r := rand.New(rand.NewPCG(53, 1))
	const most = 9
	for _, scale := range []float32{1, 3.5} {
		mc := newMachine(t, 2, func(m *wasmasm.Module, l *Lib) { export(m, "gather", l.GatherI8(scale), 8) })
		for _, k := range []int{8, 24, 320} {
			stored := (k + 15) / 16 * 16
			for _, rows := range []int{1, 4, 5, 6, 23} {
				mc.top = 64
				table, scales, y := integers[int8](r, rows*stored, 127), random(r, rows), random(r, most*k)
				ids, pt, ps, py := mc.put(make([]float32, most)), putIntegers(mc, packI8(r, table, stored), 1), mc.put(scales), mc.put(y)
				for m := range most {
					start := r.IntN(3) * 1000
					want := append([]float32(nil), y...)
					for i := range m {
						// Some lie on either side of the table, one is negative.
						id := start + r.IntN(rows+4) - 2
						mc.mem.WriteUint32Le(ids+4*uint32(i), uint32(int32(id)))
						for j := range k {
							want[i*k+j] = 0
							if id := id - start; 0 <= id && id < rows {
								want[i*k+j] = float32(table[id*stored+j]) * float32(scales[id]*scale)
							}
						}
					}
					mc.over(py, y)
					mc.call("gather", uint64(ids), uint64(pt), uint64(ps), uint64(py), uint64(m), uint64(k/8), uint64(start), uint64(rows))
					same(t, fmt.Sprintf("scale %g k %d start %d m %d: y", scale, k, start, m), mc.get(py, len(y)), want)
				}
			}
		}
	}
}

// BenchmarkPrecision times the linears of a decoder (6 layers, d_model 512, d_inner
// 2048) in both precisions: those of one decoding step, and of a prompt of 128.
func BenchmarkPrecision(b *testing.B) {
	shapes := [][2]int{{512, 512}, {512, 512}, {512, 512}, {512, 512}, {512, 2048}, {2048, 512}} // k, n
	for _, m := range []int{1, 128} {
		for _, size := range []int{4, 1} { // bytes of a weight
			b.Run(fmt.Sprintf("%s/%d", map[int]string{4: "f32", 1: "int8"}[size], m), func(b *testing.B) {
				mc := newMachine(b, 2000, func(mod *wasmasm.Module, l *Lib) {
					export(mod, "f32", l.Linear(), 8)
					export(mod, "int8", l.LinearI8(), 10)
					f := mod.Func("fill")
					f.Call(l.Fill(), i32(64), f.ParamI32(), i32(1), wasmasm.ConstF32(1), wasmasm.ConstF32(0))
				})
				x := mc.put(make([]float32, m*2048))
				y, w := mc.put(make([]float32, m*2048)), mc.top
				mc.call("fill", uint64(w)/16+78<<20/16)
				f32, int8 := mc.mod.ExportedFunction("f32"), mc.mod.ExportedFunction("int8")
				var macs int
				for b.Loop() {
					at := w
					for range 6 {
						for _, s := range shapes {
							k, n := s[0], s[1]
							var err error
							if size == 4 {
								_, err = f32.Call(context.Background(), uint64(x), uint64(at), uint64(y), uint64(m), uint64(n), uint64(k/8), uint64(4*k), uint64(4*n))
							} else {
								_, err = int8.Call(context.Background(), uint64(x), 64, uint64(at), 64, uint64(y), uint64(m), uint64(n), uint64(k/16), uint64(2*k), uint64(4*n))
							}
							if err != nil {
								b.Fatal(err)
							}
							at += uint32(size * k * ((n + graph.Panel - 1) / graph.Panel * graph.Panel))
							macs += m * n * k
						}
					}
				}
				b.ReportMetric(float64(macs)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
		}
	}
}
