package ops

import "litefront/kernels/wasmasm"

// Gather emits gather(ids, table, y, m): rows of table by index.
//
//	for i := range m {
//		copy(y[i*ld:(i+1)*ld], table[ids[i]*ld:])
//	}
func (l *Lib) Gather(ld int) *wasmasm.Func {
	return l.once(key{op: "gather", dims: [3]int{ld}}, func() *wasmasm.Func {
		copyRow := l.vectors("copy", func(y, x wasmasm.V128) wasmasm.V128 { return x })
		f := l.m.Func("")
		ids, table, y, m := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		rows(f, m, func() {
			f.Call(copyRow, y, table.Add(ids.LoadI32(0).Mul(i32(4*ld))), i32(ld/4))
		}, step{ids, i32(4)}, step{y, i32(4 * ld)})
		return f
	})
}

// Add emits add(y, x, n4): y += x over 4·n4 floats.
//
//	for i := range 4 * n4 {
//		y[i] += x[i]
//	}
func (l *Lib) Add() *wasmasm.Func {
	return l.vectors("add", wasmasm.V128.F32x4Add)
}

// SetRows emits set(y, b, m, n4, ldy): every row of y becomes b.
//
//	for i := range m {
//		copy(y[i*ldy:i*ldy+4*n4], b)
//	}
func (l *Lib) SetRows() *wasmasm.Func {
	return l.broadcast("set", l.vectors("copy", func(y, x wasmasm.V128) wasmasm.V128 { return x }))
}

// AddRows emits add(y, b, m, n4, ldy): b is added to every row of y.
//
//	for i := range m {
//		for j := range 4 * n4 {
//			y[i*ldy+j] += b[j]
//		}
//	}
func (l *Lib) AddRows() *wasmasm.Func { return l.broadcast("addrows", l.Add()) }

// Zero emits zero(y, m, n, ldy): n floats in each of m rows become zero.
//
//	for i := range m {
//		clear(y[i*ldy : i*ldy+n])
//	}
func (l *Lib) Zero() *wasmasm.Func {
	return l.once(key{op: "zero"}, func() *wasmasm.Func {
		f := l.m.Func("")
		y, m, n, ldy := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p, k := f.LocalI32(), f.LocalI32()
		rows(f, m, func() {
			p.Set(y.I32)
			k.Set(n.I32)
			rows(f, k, func() { f.StoreF32(p, 0, wasmasm.ConstF32(0)) }, step{p, i32(4)})
		}, step{y, ldy.Shl(i32(2))})
		return f
	})
}

// vectors emits op(y, x, n4): y[i] = combine(y[i], x[i]) over n4 vectors.
func (l *Lib) vectors(op string, combine func(y, x wasmasm.V128) wasmasm.V128) *wasmasm.Func {
	return l.once(key{op: op}, func() *wasmasm.Func {
		f := l.m.Func("")
		y, x, n := f.ParamI32(), f.ParamI32(), f.ParamI32()
		rows(f, n, func() {
			f.StoreV128(y, 0, combine(y.LoadV128(0), x.LoadV128(0)))
		}, step{y, i32(16)}, step{x, i32(16)})
		return f
	})
}

// broadcast emits op(y, b, m, n4, ldy): row(y[i], b, n4) for m rows.
func (l *Lib) broadcast(op string, row *wasmasm.Func) *wasmasm.Func {
	return l.once(key{op: op}, func() *wasmasm.Func {
		f := l.m.Func("")
		y, b, m, n, ldy := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		rows(f, m, func() { f.Call(row, y, b, n) }, step{y, ldy.Shl(i32(2))})
		return f
	})
}
