package ops

import (
	"math"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// maxI8 is the largest magnitude of a quantised weight: -128 has no counterpart.
const maxI8 = 127

// Range is the largest magnitude of activations whose products with k weights may
// be added up: 127·Range·k stays below 2^31. That leaves far more bits than the
// weights have: 15 up to k = 512, 13 at 2048.
func (l *Lib) Range(k int) int {
	most := math.MaxInt16
	if l.features.RelaxedDot {
		most = maxDot
	}
	return min(most, math.MaxInt32/(maxI8*k))
}

// least is the smallest magnitude that a row is scaled by, so that a row of zeros
// has no division by zero.
const least = 1e-30

// Quantize emits quantize(x, q, scales, m, k8, limit): rows of floats become int16
// of magnitudes up to limit, with k = 8·k8 rounded up to a multiple of 16 in q. For
// the dot instruction, these are stored as planes.
//
//	for i := range m {
//		top := float32(least)
//		for _, v := range x[i*8*k8 : (i+1)*8*k8] {
//			top = max(top, abs(v))
//		}
//		scales[i] = top / limit
//		for k := range (8*k8 + 15) / 16 * 16 {
//			q[i*(8*k8+15)/16*16+k] = 0
//			if k < 8*k8 {
//				q[i*(8*k8+15)/16*16+k] = int16(roundToEven(x[i*8*k8+k] * (limit / top)))
//			}
//		}
//	}
func (l *Lib) Quantize() *wasmasm.Func {
	return l.once(key{op: "quantize"}, func() *wasmasm.Func {
		f := l.m.Func("")
		x, q, scales, m, k8, limit := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamF32()
		p, k, top, factor := f.LocalI32(), f.LocalI32(), f.LocalV128(), f.LocalV128()
		rows(f, m, func() {
			top.Set(wasmasm.SplatF32(least))
			p.Set(x.I32)
			k.Set(k8.I32)
			rows(f, k, func() {
				top.Set(top.F32x4Max(p.LoadV128(0).F32x4Abs()).F32x4Max(p.LoadV128(16).F32x4Abs()))
			}, step{p, i32(32)})
			top.Set(top.F32x4Max(top.Shuffle(top.V128, 2, 3, 0, 1)))
			top.Set(top.F32x4Max(top.Shuffle(top.V128, 1, 0, 3, 2)))
			f.StoreF32(scales, 0, top.F32x4Lane(0).Div(limit.F32))
			factor.Set(limit.Splat().F32x4Div(top.V128))
			if l.features.RelaxedDot {
				l.planes(f, x, q, k8, factor)
				return
			}
			k.Set(k8.I32)
			rows(f, k, func() {
				f.StoreV128(q, 0, rounded(x.LoadV128(0), factor).I16x8NarrowI32x4(rounded(x.LoadV128(16), factor)))
			}, step{x, i32(32)}, step{q, i32(16)})
			f.If(k8.And(i32(1)), func() {
				f.StoreV128(q, 0, wasmasm.SplatF32(0))
				q.Set(q.Add(i32(16)))
			})
		}, step{scales, i32(4)})
		return f
	})
}

// rounded is the floats of v times factor as integers.
func rounded(v wasmasm.V128, factor wasmasm.V128Var) wasmasm.V128 {
	return v.F32x4Mul(factor.V128).F32x4Nearest().I32x4TruncF32x4()
}

// QuantizeRow rounds a row of weights to int8, symmetrically: row[i] is about
// q[i]·scale, where 127·scale is the largest magnitude. A row of zeros has scale 0.
func QuantizeRow(row []float32) (q []int8, scale float32) {
	for _, v := range row {
		scale = max(scale, float32(math.Abs(float64(v)))/maxI8)
	}
	q = make([]int8, len(row))
	if scale == 0 {
		return q, 0
	}
	for i, v := range row {
		q[i] = int8(max(-maxI8, min(maxI8, math.RoundToEven(float64(v/scale)))))
	}
	return q, scale
}

// FillI8 emits fill(p, panels, k8, k16, seed, bound): the weights of Fill with the
// scale bound and no offset, quantised with the scale bound/127. The matrix is in
// panels of int8, 16·k16 columns wide; its indices are those of the same matrix of
// floats, 8·k8 wide. Beyond these, it holds noise.
//
//	for i := range panels * graph.Panel {
//		for j := range 8 * k8 {
//			w[i*16*k16+j] = int8(roundToEven(Random(seed, i*8*k8+j, bound, 0) / (bound / 127)))
//		}
//	}
func (l *Lib) FillI8() *wasmasm.Func {
	return l.once(key{op: "fill8"}, func() *wasmasm.Func {
		f := l.m.Func("")
		p, panels, k8, k16, seed, bound := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamF32()
		first, index, k, r, at := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		h, unit := f.LocalV128(), f.LocalV128()
		var part [4]wasmasm.V128Var
		for i := range part {
			part[i] = f.LocalV128()
		}
		unit.Set(bound.Div(wasmasm.ConstF32(maxI8)).Splat())
		rows(f, panels, func() {
			index.Set(first.I32)
			k.Set(k16.I32)
			rows(f, k, func() {
				at.Set(index.I32)
				r.Set(i32(graph.Panel))
				rows(f, r, func() {
					for i := range part { // four groups of four columns
						h.Set(consecutive(at.Add(i32(4 * i))))
						weight := randomVector(h, seed, bound, wasmasm.ConstF32(0))
						part[i].Set(weight.F32x4Div(unit.V128).F32x4Nearest().I32x4TruncF32x4())
					}
					low, high := part[0].I16x8NarrowI32x4(part[1].V128), part[2].I16x8NarrowI32x4(part[3].V128)
					f.StoreV128(p, 0, low.I8x16NarrowI16x8(high))
				}, step{p, i32(16)}, step{at, k8.Shl(i32(3))})
			}, step{index, i32(2 * graph.Lane)})
			first.Set(first.Add(k8.Mul(i32(graph.Lane * graph.Panel))))
		})
		return f
	})
}

// ClearI8 emits clear(w, k16, row, rowEnd, col, colEnd): Clear for a matrix of int8
// in panels, k = 16·k16 wide.
//
//	for r := row; r < rowEnd; r++ {
//		clear(w[r*k+col : r*k+colEnd])
//	}
func (l *Lib) ClearI8() *wasmasm.Func {
	return l.once(key{op: "clear8"}, func() *wasmasm.Func {
		f := l.m.Func("")
		w, k16, row, rowEnd, col, colEnd := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p, c, next := f.LocalI32(), f.LocalI32(), f.LocalI32()
		f.While(row.LtU(rowEnd.I32), func() {
			panel := row.DivU(i32(graph.Panel))
			p.Set(w.Add(panel.Mul(k16.I32).Mul(i32(panelK16))).
				Add(row.Sub(panel.Mul(i32(graph.Panel))).Shl(i32(4))))
			c.Set(col.I32)
			f.While(c.LtU(colEnd.I32), func() { // what lies together: up to a multiple of 16
				next.Set(c.ShrU(i32(4)).Add(i32(1)).Shl(i32(4)).Min(colEnd.I32))
				f.MemoryFill(p.Add(c.ShrU(i32(4)).Mul(i32(panelK16))).Add(c.And(i32(15))), i32(0), next.Sub(c.I32))
				c.Set(next.I32)
			})
			row.Set(row.Add(i32(1)))
		})
		return f
	})
}
