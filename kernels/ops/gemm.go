package ops

import (
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// tileCols is the width of the tile: 2 rows of A against 5 of B, as in Linear, but
// with B as it lies, since keys and values grow by a row or a column at a time.
const tileCols = graph.Panel

// Gemm emits gemm(a, b, c, m, n, k8, ldc): C[m×n] += A[m×k]·B[n×k]ᵀ with
// k = 8·k8, A and B of stride ld, C of stride ldc floats.
//
//	for i := range m {
//		for j := range n {
//			for k := range 8 * k8 {
//				c[i*ldc+j] += a[i*ld+k] * b[j*ld+k]
//			}
//		}
//	}
func (l *Lib) Gemm(ld int) *wasmasm.Func {
	return l.once(key{op: "gemm", dims: [3]int{ld}}, func() *wasmasm.Func {
		p5, p4, p1, gemv := l.block(ld, tileCols), l.block(ld, tileCols-1), l.block(ld, 1), l.Gemv(ld)
		f := l.m.Func("")
		a, b, c, m, n, k8, ldc := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		pairs, j, rest, fives, pb, pc := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		pairs.Set(m.ShrU(i32(1)))
		f.If(pairs.I32, func() {
			pb.Set(b.I32)
			pc.Set(c.I32)
			// n = 5·fives + 4·(rest of it) as far as it goes: with r = (−n) mod 5,
			// r panels of four make the rest divisible by five.
			rest.Set(i32(0))
			fives.Set(n.DivU(i32(tileCols)))
			j.Set(n.Sub(fives.Mul(i32(tileCols)))) // n mod 5
			f.If(j.I32, func() {
				rest.Set(i32(tileCols).Sub(j.I32)) // panels of four, each saves one column
				f.IfElse(rest.Sub(i32(1)).GtU(fives.I32), func() {
					// Too few columns to split so: fours, then single columns.
					fives.Set(i32(0))
					rest.Set(n.ShrU(i32(2)))
				}, func() {
					fives.Set(fives.Add(i32(1)).Sub(rest.I32))
				})
			})
			sweep := func(count wasmasm.I32Var, cols int, panel *wasmasm.Func) {
				f.While(count.I32, func() {
					f.Call(panel, a, pb, pc, pairs, k8, ldc)
					pb.Set(pb.Add(i32(cols * ld * 4)))
					pc.Set(pc.Add(i32(cols * 4)))
					count.Set(count.Sub(i32(1)))
				})
			}
			sweep(fives, tileCols, p5)
			sweep(rest, tileCols-1, p4)
			j.Set(n.Sub(pc.Sub(c.I32).ShrU(i32(2))))
			sweep(j, 1, p1)
		})
		f.If(m.And(i32(1)), func() {
			last := m.Sub(i32(1))
			f.Call(gemv, a.Add(last.Mul(i32(ld*4))), b, c.Add(last.Mul(ldc.Shl(i32(2)))), n, k8, i32(4))
		})
		return f
	})
}

// block emits block(a, b, c, pairs, k8, ldc): pairs of rows of A against cols
// rows of B. One call per panel, not one loop over all: V8 swaps in optimised
// code only between calls.
func (l *Lib) block(ld, cols int) *wasmasm.Func {
	return l.once(key{op: "block", dims: [3]int{ld, cols}}, func() *wasmasm.Func {
		f := l.m.Func("")
		a, b, c, pairs, k8, ldc := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		pa, pb, k := f.LocalI32(), f.LocalI32(), f.LocalI32()
		acc := l.newTile(f, 2, cols)
		a0, a1, bj := f.LocalV128(), f.LocalV128(), f.LocalV128()
		row := uint32(ld * 4)
		f.Loop(func(nextPair wasmasm.Label) {
			acc.clear()
			pa.Set(a.I32)
			pb.Set(b.I32)
			k.Set(k8.I32)
			f.Loop(func(nextK wasmasm.Label) {
				// wazero checks bounds once per base and block, up to the highest
				// offset seen so far: touch the highest first.
				f.Drop(pa.LoadV128(row + 16))
				f.Drop(pb.LoadV128(uint32(cols-1)*row + 16))
				for s := uint32(0); s < 32; s += 16 {
					a0.Set(pa.LoadV128(s))
					a1.Set(pa.LoadV128(row + s))
					for j := range cols {
						bj.Set(pb.LoadV128(uint32(j)*row + s))
						acc.madd(0, j, bj.V128, a0.V128)
						acc.madd(1, j, bj.V128, a1.V128)
					}
				}
				pa.Set(pa.Add(i32(32)))
				pb.Set(pb.Add(i32(32)))
				k.Set(k.Sub(i32(1)))
				nextK.BrIf(k.I32)
			})
			acc.addTo(0, c.I32, i32(cols))
			acc.addTo(1, c.Add(ldc.Shl(i32(2))), i32(cols))
			a.Set(a.Add(i32(2 * ld * 4)))
			c.Set(c.Add(ldc.Shl(i32(3))))
			pairs.Set(pairs.Sub(i32(1)))
			nextPair.BrIf(pairs.I32)
		})
		return f
	})
}

// Gemv emits gemv(x, w, y, n, k8, step): y[i] += W[i]·x for n rows of W, with
// k = 8·k8, W of stride ld floats and y of step bytes.
//
//	for i := range n {
//		for k := range 8 * k8 {
//			y[i*step/4] += w[i*ld+k] * x[k]
//		}
//	}
//
// Eight rows at a time: x is loaded once for eight, and eight streams keep the
// memory busy.
func (l *Lib) Gemv(ld int) *wasmasm.Func {
	return l.once(key{op: "gemv", dims: [3]int{ld}}, func() *wasmasm.Func {
		const rows = 8
		f := l.m.Func("")
		x, w, y, n, k8, step := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		px, pw, k, groups := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		acc := l.newTile(f, 1, rows)
		x0 := f.LocalV128()
		row := uint32(ld * 4)
		dots := func(rows int) {
			acc.clear()
			px.Set(x.I32)
			pw.Set(w.I32)
			k.Set(k8.I32)
			f.Loop(func(nextK wasmasm.Label) {
				f.Drop(px.LoadV128(16))
				f.Drop(pw.LoadV128(uint32(rows-1)*row + 16))
				for s := uint32(0); s < 32; s += 16 {
					x0.Set(px.LoadV128(s))
					for j := range rows {
						acc.madd(0, j, x0.V128, pw.LoadV128(uint32(j)*row+s))
					}
				}
				px.Set(px.Add(i32(32)))
				pw.Set(pw.Add(i32(32)))
				k.Set(k.Sub(i32(1)))
				nextK.BrIf(k.I32)
			})
			for j := range rows {
				f.StoreF32(y, 0, y.LoadF32(0).Add(hsum(acc.v[0][j].V128)))
				y.Set(y.Add(step.I32))
			}
			w.Set(w.Add(i32(rows * ld * 4)))
		}
		groups.Set(n.ShrU(i32(3)))
		f.While(groups.I32, func() {
			dots(rows)
			groups.Set(groups.Sub(i32(1)))
		})
		n.Set(n.And(i32(rows - 1)))
		f.While(n.I32, func() {
			dots(1)
			n.Set(n.Sub(i32(1)))
		})
		return f
	})
}

// tile is a block of v128 accumulators, one per element of C.
type tile struct {
	f       *wasmasm.Func
	relaxed bool
	v       [][]wasmasm.V128Var
}

func (l *Lib) newTile(f *wasmasm.Func, rows, cols int) tile {
	t := tile{f, l.features.RelaxedSIMD, make([][]wasmasm.V128Var, rows)}
	for i := range t.v {
		t.v[i] = make([]wasmasm.V128Var, cols)
		for j := range t.v[i] {
			t.v[i][j] = f.LocalV128()
		}
	}
	return t
}

func (t tile) clear() {
	for _, row := range t.v {
		for _, v := range row {
			v.Set(wasmasm.SplatF32(0))
		}
	}
}

// madd adds a·b to accumulator (i, j).
func (t tile) madd(i, j int, a, b wasmasm.V128) {
	acc := t.v[i][j]
	if t.relaxed {
		acc.Set(a.F32x4RelaxedMadd(b, acc.V128))
	} else {
		acc.Set(acc.F32x4Add(a.F32x4Mul(b)))
	}
}

// addTo adds the lane sums of row i to the first cols of consecutive floats at p.
func (t tile) addTo(i int, p, cols wasmasm.I32) {
	v := t.v[i]
	t.add(i, p, cols, func(j int) wasmasm.V128 { return hsum4(v[j:j+4], wasmasm.V128.F32x4Add) },
		func(j int) wasmasm.F32 { return hsum(v[j].V128) })
}

// add adds what row i comes to to the first cols of consecutive floats at p: four
// elements at a time, then one by one. Both may overwrite their accumulators.
func (t tile) add(i int, p, cols wasmasm.I32, four func(j int) wasmasm.V128, one func(j int) wasmasm.F32) {
	v := t.v[i]
	whole := len(v) &^ 3
	for j := 0; j < whole; j += 4 {
		at, sum := uint32(4*j), four(j)
		t.f.IfElse(cols.GtU(i32(j+3)), func() {
			t.f.StoreV128(p, at, p.LoadV128(at).F32x4Add(sum))
		}, func() {
			v[j].Set(sum)
			for c := range 3 {
				o := at + uint32(4*c)
				t.f.If(cols.GtU(i32(j+c)), func() { t.f.StoreF32(p, o, p.LoadF32(o).Add(v[j].F32x4Lane(byte(c)))) })
			}
		})
	}
	for j := whole; j < len(v); j++ {
		o := uint32(4 * j)
		t.f.If(cols.GtU(i32(j)), func() { t.f.StoreF32(p, o, p.LoadF32(o).Add(one(j))) })
	}
}

// hsum is the sum of the lanes of v: (0+2) + (1+3).
func hsum(v wasmasm.V128) wasmasm.F32 {
	return v.F32x4Lane(0).Add(v.F32x4Lane(2)).Add(v.F32x4Lane(1).Add(v.F32x4Lane(3)))
}

// hsum4 is the vector of the lane sums of four vectors, in the order of hsum, added
// by add. It overwrites the first and third.
func hsum4(v []wasmasm.V128Var, add func(x, y wasmasm.V128) wasmasm.V128) wasmasm.V128 {
	half := func(x, y wasmasm.V128Var) { // x = [x0+x2, y0+y2, x1+x3, y1+y3]
		x.Set(add(x.Shuffle(y.V128, 0, 4, 1, 5), x.Shuffle(y.V128, 2, 6, 3, 7)))
	}
	half(v[0], v[1])
	half(v[2], v[3])
	return add(v[0].Shuffle(v[2].V128, 0, 1, 4, 5), v[0].Shuffle(v[2].V128, 2, 3, 6, 7))
}
