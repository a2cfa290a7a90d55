package ops

import "litefront/kernels/wasmasm"

// The inner loop of Linear holds a tile of 2 rows of X against the five or six rows
// of one panel of weights. Both are read four consecutive k at a time, so there is
// one v128 accumulator per element of Y and neither splats nor packing of X; lanes
// are added up once at the end. Twelve accumulators, two operands and two
// temporaries fit the sixteen SSE registers of wazero's compiler. V8 keeps one of
// these for itself and lets no result take an operand's, so of separate products
// and sums it has room for ten; fused ones need no temporary.
//
// wazero checks bounds once per base address and block, up to the highest offset
// seen so far, and moves loop variables at every turn, so blocks are long and
// begin with a probe of their highest offset.
const (
	// unroll is how many groups of 8 k one turn of the main loop takes: 64 k, of
	// which the widths of the usual search spaces are multiples.
	unroll = 8
	// rowUnroll is the same for a single row, which waits for memory anyway.
	rowUnroll = 4
	// maxChunk8 is how many groups of 8 k the loops run over at a time: a panel of
	// this length stays in a first-level cache of 32 KiB.
	maxChunk8 = 128
	// maxPairs is how many pairs of rows of X the loops run over at a time: a prompt
	// of the usual 192 tokens, which with a chunk of k fits a second-level cache of
	// 1 MiB.
	maxPairs = 96
)

// Linear emits linear(x, w, y, m, n, k8, ldx, ldy): Y[m×n] += X[m×k]·W[n×k]ᵀ
// with k = 8·k8, W in panels (graph.Tensor), strides in bytes.
//
//	for i := range m {
//		for j := range n {
//			for k := range 8 * k8 {
//				y[i*ldy/4+j] += x[i*ldx/4+k] * w[j*8*k8+k]
//			}
//		}
//	}
func (l *Lib) Linear() *wasmasm.Func {
	return l.once(key{op: "linear"}, func() *wasmasm.Func {
		panel, row := l.panel(), l.row()
		width, panelK := l.panels()
		f := l.m.Func("")
		x, w, y, m, n, k8, ldx, ldy := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		block, px, first := f.LocalI32(), f.LocalI32(), f.LocalI32()
		chunk, left, size, pw, py, j, panelBytes := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		panelBytes.Set(k8.Mul(i32(2 * panelK)))
		f.If(m.And(i32(1)), func() {
			last := m.Sub(i32(1))
			f.Call(row, x.Add(last.Mul(ldx.I32)), w, y.Add(last.Mul(ldy.I32)), n, k8, panelBytes)
		})
		m.Set(m.ShrU(i32(1))) // pairs of rows from here on
		f.While(m.I32, func() {
			block.Set(m.Min(i32(maxPairs)))
			// Chunks of k of equal size, as few as fit the cache.
			left.Set(k8.I32)
			chunk.Set(k8.Add(i32(maxChunk8 - 1)).DivU(i32(maxChunk8)))
			chunk.Set(k8.Add(chunk.I32).Sub(i32(1)).DivU(chunk.I32))
			px.Set(x.I32)
			first.Set(w.I32)
			f.While(left.I32, func() {
				size.Set(chunk.Min(left.I32))
				pw.Set(first.I32)
				py.Set(y.I32)
				j.Set(n.I32)
				f.While(j.I32, func() {
					f.Call(panel, px, pw, py, block, size, ldx, ldy, j.Min(i32(width)))
					pw.Set(pw.Add(panelBytes.I32))
					py.Set(py.Add(i32(4 * width)))
					j.Set(j.Sub(j.Min(i32(width))))
				})
				px.Set(px.Add(size.Shl(i32(5))))
				first.Set(first.Add(size.Mul(i32(2 * panelK))))
				left.Set(left.Sub(size.I32))
			})
			x.Set(x.Add(block.Mul(ldx.Shl(i32(1)))))
			y.Set(y.Add(block.Mul(ldy.Shl(i32(1)))))
			m.Set(m.Sub(block.I32))
		})
		return f
	})
}

// panel emits panel(x, w, y, pairs, k8, ldx, ldy, cols): pairs of rows of X
// against the first cols rows of one panel. One call per panel, not one loop over
// all: V8 swaps in optimised code only between calls.
func (l *Lib) panel() *wasmasm.Func {
	return l.once(key{op: "panel"}, func() *wasmasm.Func {
		width, panelK := l.panels()
		f := l.m.Func("")
		x, w, y, pairs, k8, ldx, ldy, cols := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p0, p1, pw, k := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		acc := l.newTile(f, 2, width)
		x0, x1, wj := f.LocalV128(), f.LocalV128(), f.LocalV128()
		turn := func(groups int) { // groups of 8 k
			end := uint32(32*groups - 16)
			f.Drop(p0.LoadV128(end))
			f.Drop(p1.LoadV128(end))
			f.Drop(pw.LoadV128(uint32(2*panelK*groups - 16)))
			for s := range 2 * groups {
				x0.Set(p0.LoadV128(uint32(16 * s)))
				x1.Set(p1.LoadV128(uint32(16 * s)))
				for j := range width {
					wj.Set(pw.LoadV128(uint32(panelK*s + 16*j)))
					// The weight is the left operand: its register is free
					// after its second use, which saves a move.
					acc.madd(0, j, wj.V128, x0.V128)
					acc.madd(1, j, wj.V128, x1.V128)
				}
			}
			p0.Set(p0.Add(i32(32 * groups)))
			p1.Set(p1.Add(i32(32 * groups)))
			pw.Set(pw.Add(i32(2 * panelK * groups)))
			k.Set(k.Sub(i32(1)))
		}
		rows(f, pairs, func() {
			acc.clear()
			p0.Set(x.I32)
			p1.Set(x.Add(ldx.I32))
			pw.Set(w.I32)
			k.Set(k8.DivU(i32(unroll)))
			f.While(k.I32, func() { turn(unroll) })
			k.Set(k8.And(i32(unroll - 1)))
			f.While(k.I32, func() { turn(1) })
			acc.addTo(0, y.I32, cols.I32)
			acc.addTo(1, y.Add(ldy.I32), cols.I32)
		}, step{x, ldx.Shl(i32(1))}, step{y, ldy.Shl(i32(1))})
		return f
	})
}

// row emits row(x, w, y, n, k8, panelBytes): one row of X against all panels, one
// after the other: a single stream of weights, which is what prefetchers follow
// best (two streams reached 60 % of its bandwidth beyond the last-level cache).
func (l *Lib) row() *wasmasm.Func {
	return l.once(key{op: "row"}, func() *wasmasm.Func {
		width, panelK := l.panels()
		f := l.m.Func("")
		x, w, y, n, k8, panelBytes := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		px, pw, k := f.LocalI32(), f.LocalI32(), f.LocalI32()
		acc := l.newTile(f, 1, width)
		xk := f.LocalV128()
		turn := func(groups int) { // groups of 8 k
			f.Drop(px.LoadV128(uint32(32*groups - 16)))
			f.Drop(pw.LoadV128(uint32(2*panelK*groups - 16)))
			for s := range 2 * groups {
				xk.Set(px.LoadV128(uint32(16 * s)))
				for j := range width {
					acc.madd(0, j, pw.LoadV128(uint32(panelK*s+16*j)), xk.V128)
				}
			}
			px.Set(px.Add(i32(32 * groups)))
			pw.Set(pw.Add(i32(2 * panelK * groups)))
			k.Set(k.Sub(i32(1)))
		}
		f.While(n.I32, func() {
			acc.clear()
			px.Set(x.I32)
			pw.Set(w.I32)
			k.Set(k8.DivU(i32(rowUnroll)))
			f.While(k.I32, func() { turn(rowUnroll) })
			k.Set(k8.And(i32(rowUnroll - 1)))
			f.While(k.I32, func() { turn(1) })
			acc.addTo(0, y.I32, n.I32)
			w.Set(w.Add(panelBytes.I32))
			y.Set(y.Add(i32(4 * width)))
			n.Set(n.Sub(n.Min(i32(width))))
		})
		return f
	})
}

// Unproject emits unproject(x, w, y, n, k8): one row through a matrix that is
// stored the other way round, W[n × k] in panels.
//
//	for j := range n {
//		for k := range 8 * k8 {
//			y[k] += x[j] * w[j*8*k8+k]
//		}
//	}
func (l *Lib) Unproject() *wasmasm.Func {
	return l.once(key{op: "unproject"}, func() *wasmasm.Func {
		width, panelK := l.panels()
		f := l.m.Func("")
		x, w, y, n, k8 := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		py, k := f.LocalI32(), f.LocalI32()
		xj := make([]wasmasm.V128Var, width)
		for j := range xj {
			xj[j] = f.LocalV128()
		}
		f.While(n.I32, func() {
			for j := range xj {
				// Rows beyond the last do not count, and x may end where the memory does.
				xj[j].Set(wasmasm.SplatF32(0))
				f.If(n.GtU(i32(j)), func() { xj[j].Set(x.LoadF32(uint32(4 * j)).Splat()) })
			}
			py.Set(y.I32)
			k.Set(k8.Shl(i32(1)))
			rows(f, k, func() {
				sum := py.LoadV128(0)
				for j := range xj {
					sum = sum.F32x4Add(w.LoadV128(uint32(16 * j)).F32x4Mul(xj[j].V128))
				}
				f.StoreV128(py, 0, sum)
			}, step{py, i32(16)}, step{w, i32(panelK)})
			x.Set(x.Add(i32(4 * width)))
			n.Set(n.Sub(n.Min(i32(width))))
		})
		return f
	})
}
