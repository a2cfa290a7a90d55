package ops

import "litefront/kernels/wasmasm"

// Fill emits fill(p, n4, seed, scale, offset): pseudo-random weights, uniform in
// offset ± scale, each a function of the seed and its index only. [Random] is the
// same in Go.
func (l *Lib) Fill() *wasmasm.Func {
	return l.once(key{op: "fill"}, func() *wasmasm.Func {
		f := l.m.Func("")
		p, n, seed, scale, offset := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamF32(), f.ParamF32()
		index, h := f.LocalV128(), f.LocalV128()
		index.Set(wasmasm.ConstI32x4(0, 1, 2, 3))
		rows(f, n, func() {
			h.Set(index.V128)
			f.StoreV128(p, 0, randomVector(h, seed, scale, offset.F32))
			index.Set(index.I32x4Add(i32(4).Splat()))
		}, step{p, i32(16)})
		return f
	})
}

// randomVector is the weights at the four indices in h, which it uses up.
func randomVector(h wasmasm.V128Var, seed wasmasm.I32Var, scale wasmasm.F32Var, offset wasmasm.F32) wasmasm.V128 {
	mix := func(shift int, factor uint32) {
		h.Set(h.Xor(h.I32x4ShrU(i32(shift))))
		if factor != 0 {
			h.Set(h.I32x4Mul(splat(factor)))
		}
	}
	h.Set(h.I32x4Mul(splat(golden)).Xor(seed.Splat()))
	mix(16, mix1)
	mix(13, mix2)
	mix(16, 0)
	return h.F32x4ConvertI32x4().F32x4Mul(scale.Mul(wasmasm.ConstF32(0x1p-31)).Splat()).F32x4Add(offset.Splat())
}

// The finaliser of MurmurHash3 (Appleby): every bit of the input changes every
// bit of the output with probability one half.
const (
	golden uint32 = 0x9e3779b9 // 2^32 divided by the golden ratio
	mix1   uint32 = 0x85ebca6b
	mix2   uint32 = 0xc2b2ae35
)

// Random is the weight at index i that Fill stores.
func Random(seed uint32, i int, scale, offset float32) float32 {
	h := uint32(i)*golden ^ seed
	h = (h ^ h>>16) * mix1
	h = (h ^ h>>13) * mix2
	h ^= h >> 16
	unit := scale * 0x1p-31
	product := float32(int32(h)) * unit
	return product + offset
}

func splat(x uint32) wasmasm.V128 { return i32(int(int32(x))).Splat() }
