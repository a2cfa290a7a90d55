package ops

import (
	"math"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// Sinusoid emits sinusoid(y, steps, m): the position encoding of Transformer-XL
// (Dai et al. 2019) for the distances m-1, ..., 1, 0 in rows of d floats, stride
// Pad(d). All sines precede all cosines; an odd d lacks the last cosine. steps is
// a scratch of Pad((d+1)/2) integers.
//
//	for i := range m {
//		for c := range (d + 1) / 2 {
//			angle := (m - 1 - i) / pow(10000, 2*c/d)
//			y[i][c], y[i][(d+1)/2+c] = sin(angle), cos(angle)
//		}
//	}
//
// Angles are counted in 2⁻³² turns, as integers: they wrap as angles do, and stay
// exact at any distance but for the rounding of the step, half a unit each.
func (l *Lib) Sinusoid(d int) *wasmasm.Func {
	return l.once(key{op: "sinusoid", dims: [3]int{d}}, func() *wasmasm.Func {
		ld, half := graph.Pad(d), (d+1)/2
		vectors := (half + 3) / 4
		f := l.m.Func("")
		y, steps, m := f.ParamI32(), f.ParamI32(), f.ParamI32()
		distance, p, q, k := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		turn := f.LocalV128()
		for c := 0; c < 4*vectors; c += 4 {
			f.StoreV128(steps, uint32(4*c), wasmasm.ConstI32x4(turnStep(c, d), turnStep(c+1, d), turnStep(c+2, d), turnStep(c+3, d)))
		}
		// wave fills columns from col on; what it writes beyond the half is
		// overwritten or cleared.
		wave := func(col int, phase int32) {
			p.Set(steps.I32)
			q.Set(y.Add(i32(4 * col)))
			k.Set(i32(vectors))
			rows(f, k, func() {
				f.StoreV128(q, 0, sine(turn, p.LoadV128(0).I32x4Mul(distance.Splat()).I32x4Add(wasmasm.ConstI32(phase).Splat())))
			}, step{p, i32(16)}, step{q, i32(16)})
		}
		rows(f, m, func() {
			distance.Set(m.Sub(i32(1)))
			wave(0, 0)
			wave(half, 1<<30) // a quarter turn ahead
			for c := d; c < ld; c++ {
				f.StoreF32(y, uint32(4*c), wasmasm.ConstF32(0))
			}
		}, step{y, i32(4 * ld)})
		return f
	})
}

// turnStep is the angle between two neighbouring distances in column c, in 2⁻³²
// turns.
func turnStep(c, d int) int32 {
	return int32(math.RoundToEven(math.Pow(10000, -2*float64(c)/float64(d)) / (2 * math.Pi) * (1 << 32)))
}

// sine emits sin(2π·angle) lane by lane for angles in 2⁻³² turns; t is a
// temporary. Angles beyond a quarter turn are mirrored at it, where the sine is
// the same; within, a Taylor polynomial of degree 11 is off by 6e-8 at most.
func sine(t wasmasm.V128Var, angle wasmasm.V128) wasmasm.V128 {
	t.Set(angle.F32x4ConvertI32x4().F32x4Mul(wasmasm.SplatF32(0x1p-32))) // ±1/2
	t.Set(t.F32x4Min(wasmasm.SplatF32(0.5).F32x4Sub(t.V128)))
	t.Set(t.F32x4Max(wasmasm.SplatF32(-0.5).F32x4Sub(t.V128)))
	square := t.F32x4Mul(t.V128)
	p := wasmasm.SplatF32(0)
	for degree := 11; degree >= 1; degree -= 2 {
		c := math.Pow(2*math.Pi, float64(degree)) / math.Gamma(float64(degree+1))
		if degree%4 == 3 {
			c = -c
		}
		p = p.F32x4Mul(square).F32x4Add(wasmasm.SplatF32(float32(c)))
	}
	return p.F32x4Mul(t.V128)
}
