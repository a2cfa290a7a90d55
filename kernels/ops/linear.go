package ops

import (
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// maxChunk is how many k the inner loops run over at a time: five rows of
// weights of this length stay in a first-level cache of 32 KiB.
const maxChunk = 1024

// Linear emits linear(x, w, y, m, n, ldy): Gemm over all of k, in chunks that
// stay in cache.
//
//	for i := range m {
//		for j := range n {
//			for k := range ld {
//				y[i*ldy+j] += x[i*ld+k] * w[j*ld+k]
//			}
//		}
//	}
func (l *Lib) Linear(ld int) *wasmasm.Func {
	return l.once(key{op: "linear", dims: [3]int{ld}}, func() *wasmasm.Func {
		gemm, gemv := l.Gemm(ld), l.Gemv(ld)
		f := l.m.Func("")
		x, w, y, m, n, ldy := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		f.IfElse(m.Eq(i32(1)), func() {
			f.Call(gemv, x, w, y, n, i32(ld/graph.Lane), i32(4))
		}, func() {
			chunks := (ld + maxChunk - 1) / maxChunk
			chunk := graph.Pad((ld + chunks - 1) / chunks)
			for k := 0; k < ld; k += chunk {
				f.Call(gemm, x.Add(i32(4*k)), w.Add(i32(4*k)), y, m, n, i32(min(chunk, ld-k)/graph.Lane), ldy)
			}
		})
		return f
	})
}

// Columns emits columns(w, x, y, n, m, ldy): as Linear with the result
// transposed, into columns that become zero first.
//
//	for j := range n {
//		for i := range m {
//			y[j*ldy+i] = w[j]·x[i]
//		}
//	}
func (l *Lib) Columns(ld int) *wasmasm.Func {
	return l.once(key{op: "columns", dims: [3]int{ld}}, func() *wasmasm.Func {
		zero, linear, gemv := l.Zero(), l.Linear(ld), l.Gemv(ld)
		f := l.m.Func("")
		w, x, y, n, m, ldy := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		f.Call(zero, y, n, m, ldy)
		f.IfElse(m.Eq(i32(1)), func() {
			f.Call(gemv, x, w, y, n, i32(ld/graph.Lane), ldy.Shl(i32(2)))
		}, func() {
			f.Call(linear, w, x, y, n, m, ldy)
		})
		return f
	})
}

// Unproject emits unproject(x, w, y, n): one row through a matrix that is stored
// the other way round, W [n × ld].
//
//	for j := range n {
//		for k := range ld {
//			y[k] += x[j] * w[j*ld+k]
//		}
//	}
func (l *Lib) Unproject(ld int) *wasmasm.Func {
	return l.once(key{op: "unproject", dims: [3]int{ld}}, func() *wasmasm.Func {
		f := l.m.Func("")
		x, w, y, n := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		p, k := f.LocalI32(), f.LocalI32()
		xj := f.LocalV128()
		rows(f, n, func() {
			xj.Set(x.LoadF32(0).Splat())
			p.Set(y.I32)
			k.Set(i32(ld / 4))
			rows(f, k, func() {
				f.StoreV128(p, 0, p.LoadV128(0).F32x4Add(xj.F32x4Mul(w.LoadV128(0))))
			}, step{p, i32(16)}, step{w, i32(16)})
		}, step{x, i32(4)})
		return f
	})
}
