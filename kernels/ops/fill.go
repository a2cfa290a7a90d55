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

// TouchBytes is the size of the smallest page that operating systems use.
const TouchBytes = 4 << 10

// Touch emits touch(p, n): one word in each of n pieces of TouchBytes is written, and
// stays what it is.
func (l *Lib) Touch() *wasmasm.Func {
	return l.once(key{op: "touch"}, func() *wasmasm.Func {
		f := l.m.Func("")
		p, n := f.ParamI32(), f.ParamI32()
		rows(f, n, func() { f.StoreI32(p, 0, p.LoadI32(0)) }, step{p, i32(TouchBytes)})
		return f
	})
}

// FillPanels emits fill(p, panels, k8, seed, scale): the same of a matrix in panels, k =
// 8·k8 wide, without an offset and with the indices that it has row by row: weights do
// not depend on the width of panels.
//
//	for i := range panels * l.features.Panel() {
//		for j := range 8 * k8 {
//			w[i*8*k8+j] = Random(seed, i*8*k8+j, scale, 0)
//		}
//	}
func (l *Lib) FillPanels() *wasmasm.Func {
	return l.once(key{op: "fillpanels"}, func() *wasmasm.Func {
		f := l.m.Func("")
		p, panels, k8, seed, scale := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamF32()
		first, index, k, r, h := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalV128()
		rows(f, panels, func() {
			k.Set(k8.Shl(i32(1)))
			rows(f, k, func() {
				index.Set(first.I32)
				r.Set(i32(l.features.Panel()))
				rows(f, r, func() {
					h.Set(consecutive(index.I32))
					f.StoreV128(p, 0, randomVector(h, seed, scale, wasmasm.ConstF32(0)))
				}, step{p, i32(16)}, step{index, k8.Shl(i32(3))})
			}, step{first, i32(4)})
			first.Set(index.Sub(k8.Shl(i32(3))).Add(i32(4))) // of the next row
		})
		return f
	})
}

// consecutive is four indices from first on.
func consecutive(first wasmasm.I32) wasmasm.V128 {
	return first.Splat().I32x4Add(wasmasm.ConstI32x4(0, 1, 2, 3))
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
