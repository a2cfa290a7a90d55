package ops

import (
	"math"

	"litefront/kernels/wasmasm"
)

// LogSoftmax emits logsoftmax(y, n, shift): logarithms of a softmax over n floats,
// of which there may be any number, in place, plus a number.
//
//	for i := range n {
//		y[i] += shift - log(sum(exp(y)))
//	}
func (l *Lib) LogSoftmax() *wasmasm.Func {
	return l.once(key{op: "logsoftmax"}, func() *wasmasm.Func {
		f := l.m.Func("")
		y, n, shift := f.ParamI32(), f.ParamI32(), f.ParamF32()
		p, k := f.LocalI32(), f.LocalI32()
		top, sum, t, u := f.LocalV128(), f.LocalV128(), f.LocalV128(), f.LocalV128()
		// each runs body over whole vectors, then rest over the floats that are left.
		each := func(body, rest func()) {
			p.Set(y.I32)
			k.Set(n.ShrU(i32(2)))
			rows(f, k, body, step{p, i32(16)})
			k.Set(n.And(i32(3)))
			rows(f, k, rest, step{p, i32(4)})
		}
		one := func() wasmasm.V128 { return p.LoadF32(0).Splat() }
		exp := func(x wasmasm.V128) {
			exp2(t, u, x.F32x4Sub(top.V128).F32x4Mul(wasmasm.SplatF32(math.Log2E)))
		}

		top.Set(y.LoadF32(0).Splat())
		each(func() { top.Set(top.F32x4Max(p.LoadV128(0))) }, func() { top.Set(top.F32x4Max(one())) })
		top.Set(top.F32x4Max(top.Shuffle(top.V128, 2, 3, 0, 1)))
		top.Set(top.F32x4Max(top.Shuffle(top.V128, 1, 0, 3, 2)))

		sum.Set(wasmasm.SplatF32(0))
		each(func() {
			exp(p.LoadV128(0))
			sum.Set(sum.F32x4Add(t.V128))
		}, func() {
			exp(one())
			// One lane counts, the others are zero.
			sum.Set(sum.F32x4Add(firstLanes(t.V128, 1)))
		})
		sum.Set(hsum(sum.V128).Splat())

		// log2(sum) solves 2^x = sum: Newton's method, from the bits of the float,
		// which read as an integer are a logarithm that is off by less than 0.09.
		x := f.LocalV128()
		x.Set(sum.F32x4ConvertI32x4().F32x4Mul(wasmasm.SplatF32(0x1p-23)).F32x4Sub(wasmasm.SplatF32(127)))
		for range 3 {
			exp2(t, u, wasmasm.SplatF32(0).F32x4Sub(x.V128))
			x.Set(x.F32x4Add(sum.F32x4Mul(t.V128).F32x4Sub(wasmasm.SplatF32(1)).F32x4Mul(wasmasm.SplatF32(math.Log2E))))
		}
		sum.Set(shift.Splat().F32x4Sub(x.F32x4Mul(wasmasm.SplatF32(math.Ln2))))

		// The maximum goes first, so that large logits lose no digits of the sum.
		each(func() {
			f.StoreV128(p, 0, p.LoadV128(0).F32x4Sub(top.V128).F32x4Add(sum.V128))
		}, func() {
			f.StoreF32(p, 0, p.LoadF32(0).Sub(top.F32x4Lane(0)).Add(sum.F32x4Lane(0)))
		})
		return f
	})
}
