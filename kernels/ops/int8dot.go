package ops

import (
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// The same products by relaxed SIMD's dot instruction, which multiplies sixteen
// int8 with sixteen integers of 7 bits: with any others it may do as the engine
// likes. So activations have 14 bits here, x = 128·high + low - dotOffset, and a
// row of them is a plane of high parts, then one of low parts: as many bytes as
// the same row of int16. Sums are exact again:
//
//	Σ w·x = 128·(Σ w·high - 64·Σ w) + Σ w·low
const (
	dotOffset = 64 << 7
	// maxDot is the largest magnitude of such activations.
	maxDot = dotOffset - 1
)

// panelDot is panelI8 by the dot instruction.
func (l *Lib) panelDot() *wasmasm.Func {
	return l.once(key{op: "paneldot"}, func() *wasmasm.Func {
		f := l.m.Func("")
		x, sx, w, sw, y := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		pairs, k16, ldx, ldy, cols := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p0, p1 := f.LocalI32(), f.LocalI32()
		d := newDot(l.newTile(f, 2, graph.Panel), w, k16, p0, p1)
		d.sumWeights()
		rows(f, pairs, func() {
			p0.Set(x.I32)
			p1.Set(x.Add(ldx.I32))
			d.products()
			d.acc.addScaled(0, y.I32, cols.I32, sw, sx.LoadF32(0))
			d.acc.addScaled(1, y.Add(ldy.I32), cols.I32, sw, sx.LoadF32(4))
		}, step{x, ldx.Shl(i32(1))}, step{sx, i32(8)}, step{y, ldy.Shl(i32(1))})
		return f
	})
}

// rowDot is rowI8 by the dot instruction.
func (l *Lib) rowDot() *wasmasm.Func {
	return l.once(key{op: "rowdot"}, func() *wasmasm.Func {
		f := l.m.Func("")
		x, sx, w, sw, y := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		n, k16, panelBytes := f.ParamI32(), f.ParamI32(), f.ParamI32()
		px := f.LocalI32()
		d := newDot(l.newTile(f, 1, graph.Panel), w, k16, px)
		f.While(n.I32, func() {
			d.sumWeights()
			px.Set(x.I32)
			d.products()
			d.acc.addScaled(0, y.I32, n.I32, sw, sx.LoadF32(0))
			w.Set(w.Add(panelBytes.I32))
			sw.Set(sw.Add(i32(4 * graph.Panel)))
			y.Set(y.Add(i32(4 * graph.Panel)))
			n.Set(n.Sub(n.Min(i32(graph.Panel))))
		})
		return f
	})
}

// dot multiplies one panel, k16 groups of 16 k at w, with the rows at px.
type dot struct {
	f        *wasmasm.Func
	acc      tile
	w, k16   wasmasm.I32Var
	px       []wasmasm.I32Var
	pw, k    wasmasm.I32Var
	xk       []wasmasm.V128Var
	wj       wasmasm.V128Var
	minusSum []wasmasm.V128Var // -64·Σ w, by lanes
}

func newDot(acc tile, w, k16 wasmasm.I32Var, px ...wasmasm.I32Var) dot {
	f := acc.f
	d := dot{f: f, acc: acc, w: w, k16: k16, px: px, pw: f.LocalI32(), k: f.LocalI32(), wj: f.LocalV128()}
	for range px {
		d.xk = append(d.xk, f.LocalV128())
	}
	for range graph.Panel {
		d.minusSum = append(d.minusSum, f.LocalV128())
	}
	return d
}

// sumWeights emits what is the same for all rows.
func (d dot) sumWeights() {
	for _, sum := range d.minusSum {
		sum.Set(wasmasm.SplatF32(0))
	}
	d.pw.Set(d.w.I32)
	d.k.Set(d.k16.I32)
	rows(d.f, d.k, func() {
		d.f.Drop(d.pw.LoadV128(panelK16 - 16))
		for j, sum := range d.minusSum {
			sum.Set(d.pw.LoadV128(uint32(16*j)).I32x4RelaxedDotI8x16(splat(0x40404040), sum.V128))
		}
	}, step{d.pw, i32(panelK16)})
	for _, sum := range d.minusSum {
		sum.Set(sum.I32x4Mul(i32(-1).Splat()))
	}
}

// products emits the sums of one tile, px at the beginning of the rows.
func (d dot) products() {
	for _, row := range d.acc.v {
		for j, v := range row {
			v.Set(d.minusSum[j].V128)
		}
	}
	d.plane()
	for _, row := range d.acc.v {
		for _, v := range row {
			v.Set(v.I32x4Shl(i32(7)))
		}
	}
	d.plane()
}

// plane emits the products with the plane that px points to.
func (d dot) plane() {
	turn := func(groups int) { // groups of 16 k
		for _, p := range d.px {
			d.f.Drop(p.LoadV128(uint32(16*groups - 16)))
		}
		d.f.Drop(d.pw.LoadV128(uint32(panelK16*groups - 16)))
		for s := range groups {
			for i, p := range d.px {
				d.xk[i].Set(p.LoadV128(uint32(16 * s)))
			}
			for j := range graph.Panel {
				d.wj.Set(d.pw.LoadV128(uint32(panelK16*s + 16*j)))
				for i, row := range d.acc.v {
					row[j].Set(d.wj.I32x4RelaxedDotI8x16(d.xk[i].V128, row[j].V128))
				}
			}
		}
		for _, p := range d.px {
			p.Set(p.Add(i32(16 * groups)))
		}
		d.pw.Set(d.pw.Add(i32(panelK16 * groups)))
		d.k.Set(d.k.Sub(i32(1)))
	}
	d.pw.Set(d.w.I32)
	d.k.Set(d.k16.DivU(i32(unroll16)))
	d.f.While(d.k.I32, func() { turn(unroll16) })
	d.k.Set(d.k16.And(i32(unroll16 - 1)))
	d.f.While(d.k.I32, func() { turn(1) })
}

// planes emits the store of a row of k8 groups of eight floats at x, times factor,
// as planes at q; both end up behind the row.
func (l *Lib) planes(f *wasmasm.Func, x, q, k8 wasmasm.I32Var, factor wasmasm.V128Var) {
	low, k := f.LocalI32(), f.LocalI32()
	width := k8.Add(i32(1)).And(i32(-2)).Shl(i32(3)) // of a plane, in bytes
	low.Set(q.Add(width))
	var u [4]wasmasm.V128Var
	for i := range u {
		u[i] = f.LocalV128()
	}
	store := func(floats int) {
		for i := range u {
			u[i].Set(splat(dotOffset))
			if i < floats {
				u[i].Set(u[i].I32x4Add(rounded(x.LoadV128(uint32(16*i)), factor)))
			}
		}
		bytes := func(part func(v wasmasm.V128Var) wasmasm.V128) wasmasm.V128 {
			return part(u[0]).I16x8NarrowI32x4(part(u[1])).I8x16NarrowI16x8(part(u[2]).I16x8NarrowI32x4(part(u[3])))
		}
		f.StoreV128(q, 0, bytes(func(v wasmasm.V128Var) wasmasm.V128 { return v.I32x4ShrU(i32(7)) }))
		f.StoreV128(low, 0, bytes(func(v wasmasm.V128Var) wasmasm.V128 { return v.And(splat(127)) }))
		x.Set(x.Add(i32(16 * floats)))
	}
	k.Set(k8.ShrU(i32(1)))
	next := []step{{q, i32(16)}, {low, i32(16)}}
	rows(f, k, func() { store(4) }, next...)
	k.Set(k8.And(i32(1)))
	rows(f, k, func() { store(2) }, next...)
	q.Set(low.I32)
}
