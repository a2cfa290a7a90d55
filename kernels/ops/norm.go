package ops

import (
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// Epsilon is added to the variance in layer norms, as in GPT-2.
const Epsilon = 1e-5

// LayerNorm emits norm(x, gain, bias, y, m) over rows of d floats, stride
// Pad(d).
//
//	for i := range m {
//		mean := sum(x[i]) / d
//		variance := sum((x[i]-mean)²) / d
//		y[i] = (x[i]-mean)/sqrt(variance+Epsilon)*gain + bias
//	}
func (l *Lib) LayerNorm(d int) *wasmasm.Func {
	return l.once(key{op: "norm", dims: [3]int{d}}, func() *wasmasm.Func {
		ld := graph.Pad(d)
		f := l.m.Func("")
		x, gain, bias, y, m := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p, q, g, b, k := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		sum, mean, scale, v := f.LocalV128(), f.LocalV128(), f.LocalV128(), f.LocalV128()
		variance := f.LocalF32()
		vectors := func(n int, body func(), also ...step) {
			p.Set(x.I32)
			k.Set(i32(n))
			rows(f, k, body, append(also, step{p, i32(16)})...)
		}
		squares := func(v wasmasm.V128) { sum.Set(sum.F32x4Add(v.F32x4Mul(v))) }
		rows(f, m, func() {
			sum.Set(wasmasm.SplatF32(0))
			vectors(ld/4, func() { sum.Set(sum.F32x4Add(p.LoadV128(0))) })
			mean.Set(hsum(sum.V128).Mul(wasmasm.ConstF32(1 / float32(d))).Splat())
			sum.Set(wasmasm.SplatF32(0))
			vectors(d/4, func() {
				v.Set(p.LoadV128(0).F32x4Sub(mean.V128))
				squares(v.V128)
			})
			if rest := d % 4; rest > 0 { // p is at the vector that padding begins in
				v.Set(firstLanes(p.LoadV128(0).F32x4Sub(mean.V128), rest))
				squares(v.V128)
			}
			variance.Set(hsum(sum.V128).Mul(wasmasm.ConstF32(1 / float32(d))).Add(wasmasm.ConstF32(Epsilon)))
			scale.Set(wasmasm.ConstF32(1).Div(variance.Sqrt()).Splat())
			q.Set(y.I32)
			g.Set(gain.I32)
			b.Set(bias.I32)
			vectors(ld/4, func() {
				v.Set(p.LoadV128(0).F32x4Sub(mean.V128).F32x4Mul(scale.V128))
				f.StoreV128(q, 0, v.F32x4Mul(g.LoadV128(0)).F32x4Add(b.LoadV128(0)))
			}, step{q, i32(16)}, step{g, i32(16)}, step{b, i32(16)})
		}, step{x, i32(4 * ld)}, step{y, i32(4 * ld)})
		return f
	})
}

// firstLanes is v with all but the first n lanes zero.
func firstLanes(v wasmasm.V128, n int) wasmasm.V128 {
	lanes := [4]byte{4, 4, 4, 4} // of the zero vector
	for i := range n {
		lanes[i] = byte(i)
	}
	return v.Shuffle(wasmasm.SplatF32(0), lanes[0], lanes[1], lanes[2], lanes[3])
}
