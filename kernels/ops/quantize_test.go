package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// getI16 reads n integers.
func (m *machine) getI16(p uint32, n int) []int16 {
	v := make([]int16, n)
	for i := range v {
		x, _ := m.mem.ReadUint16Le(p + 2*uint32(i))
		v[i] = int16(x)
	}
	return v
}

func TestQuantize(t *testing.T) {
	r := rand.New(rand.NewPCG(61, 1))
	mc := newMachine(t, 4, func(m *wasmasm.Module, l *Lib) {
		quantize, f := l.Quantize(), m.Func("quantize")
		f.Call(quantize, f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamF32())
	})
	for _, limit := range []int{math.MaxInt16, 4128, 100} {
		for k8 := 1; k8 <= 9; k8++ {
			for m := range 4 {
				k := 8 * k8
				stored := (k + 15) / 16 * 16
				x := random(r, (m+1)*k)
				for i := range m { // rows of any size, among them zeros
					size := float32(math.Pow(10, float64(r.IntN(60)-30))) * float32(min(1, r.IntN(5)))
					for j := range k {
						x[i*k+j] *= size
					}
				}
				before := integers[int16](r, (m+1)*stored, 1000)
				scales := random(r, m+1)
				mc.top = 64
				px, pq, ps := mc.put(x), putIntegers(mc, before, 2), mc.put(scales)
				mc.call("quantize", uint64(px), uint64(pq), uint64(ps), uint64(m), uint64(k8), uint64(math.Float32bits(float32(limit))))
				want, wantScales := slices.Clone(before), slices.Clone(scales)
				for i := range m {
					top := float32(least)
					for _, v := range x[i*k : (i+1)*k] {
						top = max(top, v, -v)
					}
					wantScales[i] = top / float32(limit)
					factor := float32(limit) / top
					clear(want[i*stored : (i+1)*stored])
					for j := range k {
						want[i*stored+j] = int16(math.RoundToEven(float64(x[i*k+j] * factor)))
					}
				}
				what := fmt.Sprintf("limit %d k %d m %d", limit, k, m)
				same(t, what+": scales", mc.get(ps, m+1), wantScales)
				if got := mc.getI16(pq, len(want)); !slices.Equal(got, want) {
					t.Fatalf("%s: got %v, want %v", what, got, want)
				}
				for _, q := range want[:m*stored] {
					if int(q) > limit || int(q) < -limit {
						t.Fatalf("%s: %d is out of range", what, q)
					}
				}
			}
		}
	}
}

// TestQuantizeRow checks the bound of rounding, and what is left alone.
func TestQuantizeRow(t *testing.T) {
	r := rand.New(rand.NewPCG(62, 1))
	for range 200 {
		row := random(r, 1+r.IntN(50))
		size := float32(math.Pow(10, float64(r.IntN(60)-30)))
		largest := float32(0)
		for i := range row {
			row[i] *= size
			largest = max(largest, row[i], -row[i])
		}
		q, scale := QuantizeRow(row)
		if largest/scale < 126.999 || largest/scale > 127.001 {
			t.Fatalf("%g is the largest, the scale %g", largest, scale)
		}
		for i, v := range row {
			if d := math.Abs(float64(q[i])*float64(scale) - float64(v)); d > 0.50001*float64(scale) || q[i] == -128 {
				t.Fatalf("%g became %d·%g", v, q[i], scale)
			}
		}
	}
	for _, c := range []struct {
		row   []float32
		q     []int8
		scale float32
	}{
		{nil, []int8{}, 0},
		{[]float32{0, 0}, []int8{0, 0}, 0},
		{[]float32{math.SmallestNonzeroFloat32}, []int8{0}, 0}, // 127 of its scale are nothing
		{[]float32{127, -127, 2.5, 3.5, -0.4}, []int8{127, -127, 2, 4, 0}, 1},
		{[]float32{-254, 2}, []int8{-127, 1}, 2},
	} {
		if q, scale := QuantizeRow(c.row); !slices.Equal(q, c.q) || scale != c.scale {
			t.Errorf("%g became %d·%g, want %d·%g", c.row, q, scale, c.q, c.scale)
		}
	}
}

// TestFillI8 compares with what Random gives the same matrix of floats.
func TestFillI8(t *testing.T) {
	mc := newMachine(t, 2, func(m *wasmasm.Module, l *Lib) {
		fill, f := l.FillI8(), m.Func("fill")
		f.Call(fill, f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamF32())
	})
	for _, seed := range []uint32{0, 12345, math.MaxUint32} {
		for _, bound := range []float32{1, 0.05, 0.3333333} {
			for k8 := 1; k8 <= 5; k8++ {
				for n := 1; n <= 11; n++ {
					floats := graph.Tensor{Rows: graph.Dense(n), Cols: graph.Dense(8 * k8), Packed: true}
					ints := floats
					ints.Format = graph.I8
					panels := (n + graph.Panel - 1) / graph.Panel
					p := putIntegers(mc, make([]int8, ints.Bytes()+16), 1)
					mc.top = p
					mc.call("fill", uint64(p), uint64(panels), uint64(k8), uint64(ints.Stride()/16), uint64(seed), uint64(math.Float32bits(bound)))
					for i := range n {
						for j := range 8 * k8 {
							b, _ := mc.mem.ReadByte(p + uint32(ints.Index(i, j, graph.Panel)))
							w := Random(seed, i*8*k8+j, bound, 0)
							if want := math.RoundToEven(float64(w / (bound / 127))); float64(int8(b)) != want {
								t.Fatalf("n %d k %d: (%d, %d) is %d, want %g", n, 8*k8, i, j, int8(b), want)
							}
						}
					}
					for i := range uint32(16) {
						if b, _ := mc.mem.ReadByte(p + uint32(ints.Bytes()) + i); b != 0 {
							t.Fatalf("n %d k %d: filled beyond the end", n, 8*k8)
						}
					}
				}
			}
		}
	}
}

func TestClearI8(t *testing.T) {
	r := rand.New(rand.NewPCG(63, 1))
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) { export(m, "clear", l.ClearI8(), 6) })
	const n = 13
	for range 300 {
		k := 16 * (1 + r.IntN(4))
		x := graph.Tensor{Rows: graph.Dense(n), Cols: graph.Dense(k), Packed: true, Format: graph.I8}
		w := integers[int8](r, int(x.Bytes()), 127)
		row, col := r.IntN(n+1), r.IntN(k+1)
		rowEnd, colEnd := row+r.IntN(n+1-row), col+r.IntN(k+1-col)
		mc.top = 64
		p := putIntegers(mc, w, 1)
		mc.call("clear", uint64(p), uint64(k/16), uint64(row), uint64(rowEnd), uint64(col), uint64(colEnd))
		for i := row; i < rowEnd; i++ {
			for j := col; j < colEnd; j++ {
				w[x.Index(i, j, graph.Panel)] = 0
			}
		}
		for i, want := range w {
			if b, _ := mc.mem.ReadByte(p + uint32(i)); int8(b) != want {
				t.Fatalf("rows %d to %d, columns %d to %d of %d: byte %d is %d, want %d", row, rowEnd, col, colEnd, k, i, int8(b), want)
			}
		}
	}
}
