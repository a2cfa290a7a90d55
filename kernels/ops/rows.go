package ops

import (
	"math"

	"litefront/kernels/wasmasm"
)

// Gather emits gather(ids, table, y, m, k8, start, n): rows of a table in panels
// by index, k = 8·k8 wide, multiplied by scale. The table holds the n rows from
// index start on; what another index names is zero.
//
//	for i := range m {
//		for j := range k {
//			if start <= ids[i] && ids[i] < start+n {
//				y[i*k+j] = scale * table[(ids[i]-start)*k+j]
//			} else {
//				y[i*k+j] = 0
//			}
//		}
//	}
func (l *Lib) Gather(scale float32) *wasmasm.Func {
	return l.once(key{op: "gather", dims: [3]int{int(math.Float32bits(scale))}}, func() *wasmasm.Func {
		width, panelK := l.panels()
		f := l.m.Func("")
		ids, table, y, m, k8, start, n := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		id, p, k := f.LocalI32(), f.LocalI32(), f.LocalI32()
		rows(f, m, func() {
			id.Set(ids.LoadI32(0).Sub(start.I32))
			f.IfElse(id.LtU(n.I32), func() { // unsigned: not below start either
				panel := id.DivU(i32(width))
				p.Set(table.Add(panel.Mul(k8.I32).Mul(i32(2 * panelK))).
					Add(id.Sub(panel.Mul(i32(width))).Shl(i32(4))))
				k.Set(k8.Shl(i32(1)))
				rows(f, k, func() {
					f.StoreV128(y, 0, p.LoadV128(0).F32x4Mul(wasmasm.SplatF32(scale)))
				}, step{p, i32(panelK)}, step{y, i32(16)})
			}, func() {
				f.MemoryFill(y.I32, i32(0), k8.Shl(i32(5)))
				y.Set(y.Add(k8.Shl(i32(5))))
			})
		}, step{ids, i32(4)})
		return f
	})
}

// Transpose emits transpose(x, y, m, n, ldx, ldy): rows become columns.
//
//	for i := range m {
//		for j := range n {
//			y[j*ldy+i] = x[i*ldx+j]
//		}
//	}
//
// One column of x after the other, so that writes run along the rows of y.
func (l *Lib) Transpose() *wasmasm.Func {
	return l.once(key{op: "transpose"}, func() *wasmasm.Func {
		f := l.m.Func("")
		x, y, m, n, ldx, ldy := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p, q, i := f.LocalI32(), f.LocalI32(), f.LocalI32()
		rows(f, n, func() {
			p.Set(x.I32)
			q.Set(y.I32)
			i.Set(m.I32)
			rows(f, i, func() { f.StoreF32(q, 0, p.LoadF32(0)) }, step{p, ldx.Shl(i32(2))}, step{q, i32(4)})
		}, step{x, i32(4)}, step{y, ldy.Shl(i32(2))})
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

// ReLU emits relu(y, n4): in place over 4·n4 floats.
//
//	for i, x := range y[:4*n4] {
//		y[i] = max(x, 0)
//	}
func (l *Lib) ReLU() *wasmasm.Func {
	return l.once(key{op: "relu"}, func() *wasmasm.Func {
		f := l.m.Func("")
		y, n := f.ParamI32(), f.ParamI32()
		rows(f, n, func() {
			f.StoreV128(y, 0, y.LoadV128(0).F32x4PMax(wasmasm.SplatF32(0)))
		}, step{y, i32(16)})
		return f
	})
}

// Copy emits copy(y, x, n): n floats, of which there may be any number.
//
//	copy(y[:n], x)
func (l *Lib) Copy() *wasmasm.Func {
	return l.once(key{op: "copyfloats"}, func() *wasmasm.Func {
		f := l.m.Func("")
		y, x, n := f.ParamI32(), f.ParamI32(), f.ParamI32()
		rows(f, n, func() { f.StoreF32(y, 0, x.LoadF32(0)) }, step{y, i32(4)}, step{x, i32(4)})
		return f
	})
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

// Clear emits clear(w, k8, row, rowEnd, col, colEnd): a block of a matrix in
// panels, k = 8·k8 wide, becomes zero. It is for padding: short, not fast.
//
//	for r := row; r < rowEnd; r++ {
//		clear(w[r*k+col : r*k+colEnd])
//	}
func (l *Lib) Clear() *wasmasm.Func {
	return l.once(key{op: "clear"}, func() *wasmasm.Func {
		width, panelK := l.panels()
		f := l.m.Func("")
		w, k8, row, rowEnd, col, colEnd := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p, c := f.LocalI32(), f.LocalI32()
		f.While(row.LtU(rowEnd.I32), func() {
			panel := row.DivU(i32(width))
			p.Set(w.Add(panel.Mul(k8.I32).Mul(i32(2 * panelK))).
				Add(row.Sub(panel.Mul(i32(width))).Shl(i32(4))))
			c.Set(col.I32)
			f.While(c.LtU(colEnd.I32), func() {
				f.StoreF32(p.Add(c.ShrU(i32(2)).Mul(i32(panelK))).Add(c.And(i32(3)).Shl(i32(2))), 0, wasmasm.ConstF32(0))
				c.Set(c.Add(i32(1)))
			})
			row.Set(row.Add(i32(1)))
		})
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
