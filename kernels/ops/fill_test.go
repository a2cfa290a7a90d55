package ops

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// TestFill shows that Fill and Random are the same to the last bit.
func TestFill(t *testing.T) {
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) {
		fill, f := l.Fill(), m.Func("fill")
		f.Call(fill, f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamF32(), f.ParamF32())
	})
	r := rand.New(rand.NewPCG(41, 1))
	const most = 1000
	p := mc.put(make([]float32, most))
	for i, seed := range []uint32{0, 1, math.MaxInt32, 1 << 31, math.MaxUint32, r.Uint32(), r.Uint32(), r.Uint32()} {
		for _, d := range [][2]float32{{1, 0}, {0.05, 0}, {0.1, 1}, {0.3333333, -7}, {0, 2}} {
			n4 := min(i*i*10, most/4)
			garbage := random(r, most)
			mc.over(p, garbage)
			mc.call("fill", uint64(p), uint64(n4), uint64(seed), uint64(math.Float32bits(d[0])), uint64(math.Float32bits(d[1])))
			got := mc.get(p, most)
			for j := range 4 * n4 {
				if want := Random(seed, j, d[0], d[1]); math.Float32bits(got[j]) != math.Float32bits(want) {
					t.Fatalf("seed %d scale %g offset %g: index %d is %g, want %g", seed, d[0], d[1], j, got[j], want)
				}
			}
			same(t, "beyond the end", got[4*n4:], garbage[4*n4:])
		}
	}
}

// TestFillPanels shows that weights in panels are those that the matrix has row by
// row, whatever the width of panels.
func TestFillPanels(t *testing.T) {
	widths(t, func(t *testing.T, f Features) {
		mc := newMachineFor(t, f, 1, func(m *wasmasm.Module, l *Lib) {
			fill, f := l.FillPanels(), m.Func("fill")
			f.Call(fill, f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamF32())
		})
		const seed, scale = 12345, 0.5
		r := rand.New(rand.NewPCG(43, 1))
		p := mc.put(make([]float32, 4000))
		for rows := 1; rows <= 13; rows++ {
			for k8 := 1; k8 <= 4; k8++ {
				x := graph.Tensor{Rows: graph.Dense(rows), Cols: graph.Dense(8 * k8), Packed: true}
				panels := (rows + f.Panel() - 1) / f.Panel()
				end := panels * f.Panel() * 8 * k8
				garbage := random(r, end+100)
				mc.over(p, garbage)
				mc.call("fill", uint64(p), uint64(panels), uint64(k8), seed, uint64(math.Float32bits(scale)))
				got := mc.get(p, len(garbage))
				for i := range rows {
					for j := range 8 * k8 {
						if got, want := got[x.Index(i, j, f.Panel())], Random(seed, i*8*k8+j, scale, 0); got != want {
							t.Fatalf("%d rows of %d: (%d, %d) is %g, want %g", rows, 8*k8, i, j, got, want)
						}
					}
				}
				same(t, "beyond the end", got[end:], garbage[end:])
			}
		}
	})
}

// TestTouch shows that every piece is accessed, since one beyond the memory traps, and
// that nothing changes.
func TestTouch(t *testing.T) {
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) { export(m, "touch", l.Touch(), 2) })
	x := random(rand.New(rand.NewPCG(44, 1)), 1<<14)
	mc.over(0, x)
	mc.call("touch", 0, 16)
	mc.call("touch", 4092, 15)
	same(t, "memory", mc.get(0, len(x)), x)
	for _, c := range [][2]uint64{{0, 17}, {4096, 16}, {1<<16 - 3, 1}} {
		if _, err := mc.mod.ExportedFunction("touch").Call(context.Background(), c[0], c[1]); err == nil {
			t.Errorf("%d pieces from %d on are touched, of which the last is beyond the memory", c[1], c[0])
		}
	}
}

// TestRandom checks that weights look uniform and independent: range, moments,
// correlation of neighbours and of seeds. The bounds are six standard errors.
func TestRandom(t *testing.T) {
	const n = 1 << 16
	for _, seed := range []uint32{0, 1, 2, 12345, math.MaxUint32} {
		for _, d := range [][2]float32{{1, 0}, {0.05, 0}, {0.1, 1}} {
			scale, offset := float64(d[0]), float64(d[1])
			v := make([]float32, n)
			var mean, square, neighbour, sibling float64
			for i := range v {
				v[i] = Random(seed, i, d[0], d[1])
				u := (float64(v[i]) - offset) / scale // uniform in ±1
				if math.Abs(u) > 1+1e-6 {
					t.Fatalf("seed %d: index %d is %g, outside %g ± %g", seed, i, v[i], offset, scale)
				}
				mean += u / n
				square += u * u / n
				sibling += u * float64(Random(seed+1, i, 1, 0)) / n
				if i > 0 {
					neighbour += u * (float64(v[i-1]) - offset) / scale / n
				}
			}
			normal(t, "weights", v)
			const sigma = 1.0 / 256 // 1/√n
			for _, c := range []struct {
				what                 string
				got, want, deviation float64
			}{
				{"mean", mean, 0, math.Sqrt(1.0 / 3)},
				{"mean square", square, 1.0 / 3, math.Sqrt(4.0 / 45)},
				{"correlation of neighbours", neighbour, 0, 1.0 / 3},
				{"correlation of seeds", sibling, 0, 1.0 / 3},
			} {
				if math.Abs(c.got-c.want) > 6*c.deviation*sigma {
					t.Errorf("seed %d scale %g offset %g: %s is %g, want %g", seed, scale, offset, c.what, c.got, c.want)
				}
			}
		}
	}
}
