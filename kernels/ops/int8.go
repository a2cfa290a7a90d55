package ops

import (
	"math"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// Products with int8 weights. The weights of eight columns are widened to 16 bits
// as they are loaded and multiplied with the activations, which have 16 bits
// anyway, by an instruction that also adds the products in pairs. Sums are exact
// integers: lanes may wrap around, the sum over them may not, which Range sees to.
// Only that sum becomes a float and is scaled.

const (
	// unroll16 is how many groups of 16 k one turn of the main loop takes.
	unroll16 = 4
	// rowUnroll16 is the same for a single row. Of the loop over four groups, V8
	// made code that took half as long again.
	rowUnroll16 = 2
	// panelK16 is how far apart in bytes two groups of 16 k are in a panel.
	panelK16 = 16 * graph.Panel
)

// LinearI8 emits linear(x, sx, w, sw, y, m, n, k16, ldx, ldy): Y[m×n] += X[m×k]·W[n×k]ᵀ
// with k = 16·k16, X of int16 and W of int8 in panels (graph.Tensor), their rows'
// scales at sx and sw, strides in bytes. X is what Quantize of the same library
// stores.
//
//	for i := range m {
//		for j := range n {
//			sum := int32(0)
//			for k := range 16 * k16 {
//				sum += int32(x[i*ldx/2+k]) * int32(w[j*16*k16+k])
//			}
//			y[i*ldy/4+j] += float32(sum) * (sw[j] * sx[i])
//		}
//	}
func (l *Lib) LinearI8() *wasmasm.Func {
	return l.once(key{op: "linear8"}, func() *wasmasm.Func {
		var panel, row *wasmasm.Func
		if l.features.RelaxedDot {
			panel, row = l.panelDot(), l.rowDot()
		} else {
			panel, row = l.panelI8(), l.rowI8()
		}
		f := l.m.Func("")
		x, sx, w, sw, y := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		m, n, k16, ldx, ldy := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		block, pw, psw, py, j, panelBytes := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		panelBytes.Set(k16.Mul(i32(panelK16)))
		f.If(m.And(i32(1)), func() {
			last := m.Sub(i32(1))
			f.Call(row, x.Add(last.Mul(ldx.I32)), sx.Add(last.Shl(i32(2))), w, sw, y.Add(last.Mul(ldy.I32)), n, k16, panelBytes)
		})
		m.Set(m.ShrU(i32(1))) // pairs of rows from here on
		f.While(m.I32, func() {
			block.Set(m.Min(i32(maxPairs)))
			pw.Set(w.I32)
			psw.Set(sw.I32)
			py.Set(y.I32)
			j.Set(n.I32)
			f.While(j.I32, func() {
				f.Call(panel, x, sx, pw, psw, py, block, k16, ldx, ldy, j.Min(i32(graph.Panel)))
				pw.Set(pw.Add(panelBytes.I32))
				psw.Set(psw.Add(i32(4 * graph.Panel)))
				py.Set(py.Add(i32(4 * graph.Panel)))
				j.Set(j.Sub(j.Min(i32(graph.Panel))))
			})
			x.Set(x.Add(block.Mul(ldx.Shl(i32(1)))))
			sx.Set(sx.Add(block.Shl(i32(3))))
			y.Set(y.Add(block.Mul(ldy.Shl(i32(1)))))
			m.Set(m.Sub(block.I32))
		})
		return f
	})
}

// panelI8 emits panel(x, sx, w, sw, y, pairs, k16, ldx, ldy, cols): pairs of rows
// of X against the first cols rows of one panel; see panel.
func (l *Lib) panelI8() *wasmasm.Func {
	return l.once(key{op: "panel8"}, func() *wasmasm.Func {
		f := l.m.Func("")
		x, sx, w, sw, y := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		pairs, k16, ldx, ldy, cols := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p0, p1, pw, k := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		acc := l.newTile(f, 2, graph.Panel)
		x0, x1, wj := f.LocalV128(), f.LocalV128(), f.LocalV128()
		turn := func(groups int) { // groups of 16 k
			end := uint32(32*groups - 16)
			f.Drop(p0.LoadV128(end))
			f.Drop(p1.LoadV128(end))
			f.Drop(pw.LoadV128(uint32(panelK16*groups - 16)))
			for s := range 2 * groups { // eight k
				x0.Set(p0.LoadV128(uint32(16 * s)))
				x1.Set(p1.LoadV128(uint32(16 * s)))
				for j := range graph.Panel {
					wj.Set(pw.Load8x8(uint32(s/2*panelK16 + 16*j + s%2*8)))
					acc.addDot(0, j, wj.V128, x0.V128)
					acc.addDot(1, j, wj.V128, x1.V128)
				}
			}
			p0.Set(p0.Add(i32(32 * groups)))
			p1.Set(p1.Add(i32(32 * groups)))
			pw.Set(pw.Add(i32(panelK16 * groups)))
			k.Set(k.Sub(i32(1)))
		}
		rows(f, pairs, func() {
			acc.clear()
			p0.Set(x.I32)
			p1.Set(x.Add(ldx.I32))
			pw.Set(w.I32)
			k.Set(k16.DivU(i32(unroll16)))
			f.While(k.I32, func() { turn(unroll16) })
			k.Set(k16.And(i32(unroll16 - 1)))
			f.While(k.I32, func() { turn(1) })
			acc.addScaled(0, y.I32, cols.I32, sw, sx.LoadF32(0))
			acc.addScaled(1, y.Add(ldy.I32), cols.I32, sw, sx.LoadF32(4))
		}, step{x, ldx.Shl(i32(1))}, step{sx, i32(8)}, step{y, ldy.Shl(i32(1))})
		return f
	})
}

// rowI8 emits row(x, sx, w, sw, y, n, k16, panelBytes): one row of X against all
// panels, a single stream of weights; see row.
func (l *Lib) rowI8() *wasmasm.Func {
	return l.once(key{op: "row8"}, func() *wasmasm.Func {
		f := l.m.Func("")
		x, sx, w, sw, y := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		n, k16, panelBytes := f.ParamI32(), f.ParamI32(), f.ParamI32()
		px, pw, k := f.LocalI32(), f.LocalI32(), f.LocalI32()
		acc := l.newTile(f, 1, graph.Panel)
		x0, x1 := f.LocalV128(), f.LocalV128()
		turn := func(groups int) { // groups of 16 k
			f.Drop(px.LoadV128(uint32(32*groups - 16)))
			f.Drop(pw.LoadV128(uint32(panelK16*groups - 16)))
			for s := range groups {
				x0.Set(px.LoadV128(uint32(32 * s)))
				x1.Set(px.LoadV128(uint32(32*s + 16)))
				for j := range graph.Panel {
					at := uint32(panelK16*s + 16*j)
					acc.addDot(0, j, pw.Load8x8(at), x0.V128)
					acc.addDot(0, j, pw.Load8x8(at+8), x1.V128)
				}
			}
			px.Set(px.Add(i32(32 * groups)))
			pw.Set(pw.Add(i32(panelK16 * groups)))
			k.Set(k.Sub(i32(1)))
		}
		f.While(n.I32, func() {
			acc.clear()
			px.Set(x.I32)
			pw.Set(w.I32)
			k.Set(k16.DivU(i32(rowUnroll16)))
			f.While(k.I32, func() { turn(rowUnroll16) })
			k.Set(k16.And(i32(rowUnroll16 - 1)))
			f.While(k.I32, func() { turn(1) })
			acc.addScaled(0, y.I32, n.I32, sw, sx.LoadF32(0))
			w.Set(w.Add(panelBytes.I32))
			sw.Set(sw.Add(i32(4 * graph.Panel)))
			y.Set(y.Add(i32(4 * graph.Panel)))
			n.Set(n.Sub(n.Min(i32(graph.Panel))))
		})
		return f
	})
}

// addDot adds the products of eight k to accumulator (i, j).
func (t tile) addDot(i, j int, w, x wasmasm.V128) {
	acc := t.v[i][j]
	acc.Set(acc.I32x4Add(w.I32x4DotI16x8(x)))
}

// addScaled adds the integer lane sums of row i, times the scales at sw and sx, to
// the first cols of consecutive floats at p.
func (t tile) addScaled(i int, p, cols wasmasm.I32, sw wasmasm.I32Var, sx wasmasm.F32) {
	v := t.v[i]
	t.add(i, p, cols, func(j int) wasmasm.V128 {
		sums := hsum4(v[j:j+4], wasmasm.V128.I32x4Add)
		return sums.F32x4ConvertI32x4().F32x4Mul(sw.LoadV128(uint32(4 * j)).F32x4Mul(sx.Splat()))
	}, func(j int) wasmasm.F32 {
		x := v[j]
		x.Set(x.I32x4Add(x.Shuffle(x.V128, 2, 3, 0, 1)))
		x.Set(x.I32x4Add(x.Shuffle(x.V128, 1, 0, 3, 2)))
		return x.F32x4ConvertI32x4().F32x4Lane(0).Mul(sw.LoadF32(uint32(4 * j)).Mul(sx))
	})
}

// eighths emits a loop over the k8 groups of eight columns of a row of a panel at
// w: body gets where its bytes lie.
func eighths(f *wasmasm.Func, w wasmasm.I32, k8, k wasmasm.I32Var, body func(p wasmasm.I32)) {
	k.Set(i32(0))
	f.While(k.LtU(k8.I32), func() {
		body(w.Add(k.ShrU(i32(1)).Mul(i32(panelK16))).Add(k.And(i32(1)).Shl(i32(3))))
		k.Set(k.Add(i32(1)))
	})
}

// UnprojectI8 emits unproject(x, w, sw, y, n, k8): one row through a matrix that is
// stored the other way round, W[n × k] of int8 in panels with the scales at sw; k =
// 8·k8, in W rounded up to a multiple of 16.
//
//	for j := range n {
//		for k := range 8 * k8 {
//			y[k] += x[j] * sw[j] * float32(w[j*(8*k8+15)/16*16+k])
//		}
//	}
func (l *Lib) UnprojectI8() *wasmasm.Func {
	return l.once(key{op: "unproject8"}, func() *wasmasm.Func {
		f := l.m.Func("")
		x, w, sw, y, n, k8 := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p, py, k := f.LocalI32(), f.LocalI32(), f.LocalI32()
		low, high, eight := f.LocalV128(), f.LocalV128(), f.LocalV128()
		var xj [graph.Panel]wasmasm.V128Var
		for j := range xj {
			xj[j] = f.LocalV128()
		}
		f.While(n.I32, func() {
			for j := range xj {
				at := uint32(4 * j)
				// Rows beyond the last do not count, and x may end where the memory does.
				xj[j].Set(wasmasm.SplatF32(0))
				f.If(n.GtU(i32(j)), func() { xj[j].Set(x.LoadF32(at).Mul(sw.LoadF32(at)).Splat()) })
			}
			py.Set(y.I32)
			eighths(f, w.I32, k8, k, func(at wasmasm.I32) {
				p.Set(at)
				low.Set(py.LoadV128(0))
				high.Set(py.LoadV128(16))
				for j := range xj {
					eight.Set(p.Load8x8(uint32(16 * j)))
					low.Set(low.F32x4Add(eight.I32x4ExtendLowI16x8().F32x4ConvertI32x4().F32x4Mul(xj[j].V128)))
					high.Set(high.F32x4Add(eight.I32x4ExtendHighI16x8().F32x4ConvertI32x4().F32x4Mul(xj[j].V128)))
				}
				f.StoreV128(py, 0, low.V128)
				f.StoreV128(py, 16, high.V128)
				py.Set(py.Add(i32(32)))
			})
			w.Set(w.Add(k8.Add(i32(1)).ShrU(i32(1)).Mul(i32(panelK16))))
			x.Set(x.Add(i32(4 * graph.Panel)))
			sw.Set(sw.Add(i32(4 * graph.Panel)))
			n.Set(n.Sub(n.Min(i32(graph.Panel))))
		})
		return f
	})
}

// GatherI8 emits gather(ids, table, scales, y, m, k8, start, n): Gather from a table
// of int8 in panels with the scales given; k = 8·k8, in the table rounded up to a
// multiple of 16.
//
//	for i := range m {
//		for j := range 8 * k8 {
//			if id := ids[i] - start; 0 <= id && id < n {
//				y[i*8*k8+j] = float32(table[id*(8*k8+15)/16*16+j]) * (scales[id] * scale)
//			} else {
//				y[i*8*k8+j] = 0
//			}
//		}
//	}
func (l *Lib) GatherI8(scale float32) *wasmasm.Func {
	return l.once(key{op: "gather8", dims: [3]int{int(math.Float32bits(scale))}}, func() *wasmasm.Func {
		f := l.m.Func("")
		ids, table, scales, y, m, k8, start, n := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		id, p, k := f.LocalI32(), f.LocalI32(), f.LocalI32()
		eight, factor := f.LocalV128(), f.LocalV128()
		rows(f, m, func() {
			id.Set(ids.LoadI32(0).Sub(start.I32))
			f.IfElse(id.LtU(n.I32), func() { // unsigned: not below start either
				panel := id.DivU(i32(graph.Panel))
				p.Set(table.Add(panel.Mul(k8.Add(i32(1)).ShrU(i32(1))).Mul(i32(panelK16))).
					Add(id.Sub(panel.Mul(i32(graph.Panel))).Shl(i32(4))))
				factor.Set(scales.Add(id.Shl(i32(2))).LoadF32(0).Mul(wasmasm.ConstF32(scale)).Splat())
				eighths(f, p.I32, k8, k, func(at wasmasm.I32) {
					eight.Set(at.Load8x8(0))
					f.StoreV128(y, 0, eight.I32x4ExtendLowI16x8().F32x4ConvertI32x4().F32x4Mul(factor.V128))
					f.StoreV128(y, 16, eight.I32x4ExtendHighI16x8().F32x4ConvertI32x4().F32x4Mul(factor.V128))
					y.Set(y.Add(i32(32)))
				})
			}, func() {
				f.MemoryFill(y.I32, i32(0), k8.Shl(i32(5)))
				y.Set(y.Add(k8.Shl(i32(5))))
			})
		}, step{ids, i32(4)})
		return f
	})
}
