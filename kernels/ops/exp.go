package ops

import (
	"math"

	"litefront/kernels/wasmasm"
)

// maxExp2 bounds exponents, so that neither results nor their reciprocals are
// infinite or denormal.
const maxExp2 = 86

// exp2 emits t = 2^x lane by lane for x within ±maxExp2 (others are clamped); n
// is a temporary.
//
// x splits into an integer n and a fraction within ±1/2. Adding 1.5·2²³ rounds to
// the integer, which then sits in the low bits of the sum: shifted by 23 it
// becomes the exponent, with no conversion instruction. The polynomial for the
// fraction is exp2f's of the Cephes library (Moshier), relative error 2e-7.
func exp2(t, n wasmasm.V128Var, x wasmasm.V128) {
	const round = 3 << 22
	t.Set(x.F32x4PMax(wasmasm.SplatF32(-maxExp2)).F32x4PMin(wasmasm.SplatF32(maxExp2)))
	n.Set(t.F32x4Add(wasmasm.SplatF32(round)))
	t.Set(t.F32x4Sub(n.F32x4Sub(wasmasm.SplatF32(round))))
	p := wasmasm.SplatF32(1.535336188319500e-4)
	for _, c := range []float32{1.339887440266574e-3, 9.618437357674640e-3, 5.550332471162809e-2,
		2.402264791363012e-1, 6.931472028550421e-1, 1} {
		p = p.F32x4Mul(t.V128).F32x4Add(wasmasm.SplatF32(c))
	}
	t.Set(p.I32x4Add(n.I32x4Shl(i32(23))))
}

// GELU emits gelu(y, n4): the tanh approximation of GPT-2, in place over 4·n4
// floats. tanh is written by the logistic function: (1+tanh(u))/2 = 1/(1+e^−2u).
//
//	for i, x := range y[:4*n4] {
//		y[i] = 0.5 * x * (1 + tanh(sqrt(2/π)*(x+0.044715*x*x*x)))
//	}
func (l *Lib) GELU() *wasmasm.Func {
	return l.once(key{op: "gelu"}, func() *wasmasm.Func {
		f := l.m.Func("")
		y, n := f.ParamI32(), f.ParamI32()
		x, t, u := f.LocalV128(), f.LocalV128(), f.LocalV128()
		c := -2 * math.Sqrt(2/math.Pi) * math.Log2E
		rows(f, n, func() {
			x.Set(y.LoadV128(0))
			exp2(t, u, x.F32x4Mul(x.F32x4Mul(x.V128).F32x4Mul(wasmasm.SplatF32(float32(0.044715*c))).
				F32x4Add(wasmasm.SplatF32(float32(c)))))
			f.StoreV128(y, 0, x.F32x4Div(t.F32x4Add(wasmasm.SplatF32(1))))
		}, step{y, i32(16)})
		return f
	})
}

// Softmax emits softmax(s, m, first, n8) over rows of stride ld that hold
// attention scores: row i keeps its first+i leading entries, the rest of its
// 8·n8 entries become exactly zero. Scores are multiplied by scale.
//
//	for i := range m {
//		kept, masked := s[i*ld:i*ld+first+i], s[i*ld+first+i:i*ld+8*n8]
//		for j := range kept {
//			kept[j] = exp(scale*kept[j]) / sum(exp(scale*kept))
//		}
//		clear(masked)
//	}
func (l *Lib) Softmax(ld int, scale float64) *wasmasm.Func {
	scale2 := float32(scale * math.Log2E)
	return l.once(key{op: "softmax", dims: [3]int{ld, int(math.Float32bits(scale2))}}, func() *wasmasm.Func {
		f := l.m.Func("")
		s, m, first, n8 := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p, k := f.LocalI32(), f.LocalI32()
		top, sum, t, n := f.LocalV128(), f.LocalV128(), f.LocalV128(), f.LocalV128()
		vectors := func(body func(offset uint32)) {
			p.Set(s.I32)
			k.Set(n8.I32)
			rows(f, k, func() {
				f.Drop(p.LoadV128(16)) // one bounds check for all that follow
				body(0)
				body(16)
			}, step{p, i32(32)})
		}
		masked := func(value float32) {
			p.Set(s.Add(first.Shl(i32(2))))
			k.Set(n8.Shl(i32(3)).Sub(first.I32))
			rows(f, k, func() { f.StoreF32(p, 0, wasmasm.ConstF32(value)) }, step{p, i32(4)})
		}
		rows(f, m, func() {
			// Never the maximum, whose power is 1; this one is too small to change the sum.
			masked(-math.MaxFloat32)
			top.Set(s.LoadV128(0))
			vectors(func(o uint32) { top.Set(top.F32x4PMax(p.LoadV128(o))) })
			top.Set(top.F32x4PMax(top.Shuffle(top.V128, 2, 3, 0, 1)))
			top.Set(top.F32x4PMax(top.Shuffle(top.V128, 1, 0, 3, 2)))
			sum.Set(wasmasm.SplatF32(0))
			vectors(func(o uint32) {
				exp2(t, n, p.LoadV128(o).F32x4Sub(top.V128).F32x4Mul(wasmasm.SplatF32(scale2)))
				f.StoreV128(p, o, t.V128)
				sum.Set(sum.F32x4Add(t.V128))
			})
			masked(0)
			sum.Set(wasmasm.ConstF32(1).Div(hsum(sum.V128)).Splat())
			vectors(func(o uint32) { f.StoreV128(p, o, p.LoadV128(o).F32x4Mul(sum.V128)) })
			first.Set(first.Add(i32(1)))
		}, step{s, i32(4 * ld)})
		return f
	})
}
