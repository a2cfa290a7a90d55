package ops

import (
	"math"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// Attention emits attention(q, keys, values, y, scores, m, pos): causal
// attention of m queries at positions pos, pos+1, ... over a cache of keys
// [position × head·dim] and values [head·dim × position], each head's dim padded.
// scores is a scratch of graph.AttentionRows × context floats: no more of the
// scores than that exists at a time.
//
//	for h := range heads {
//		for i := range m {
//			p := softmax(keys[:pos+i+1, h]·q[i, h] / sqrt(dim))
//			y[i, h] = values[h, :pos+i+1]·p
//		}
//	}
func (l *Lib) Attention(heads, dim, context int) *wasmasm.Func {
	return l.once(key{op: "attention", dims: [3]int{heads, dim, context}}, func() *wasmasm.Func {
		width := graph.Pad(dim)
		ld, ldc := heads*width, graph.Pad(context)
		byKeys, byValues, zero := l.Gemm(ld), l.Gemm(ldc), l.Zero()
		softmax := l.Softmax(ldc, 1/math.Sqrt(float64(dim)))
		f := l.m.Func("")
		q, keys, values := f.ParamI32(), f.ParamI32(), f.ParamI32()
		y, scores, m, pos := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		h, i, block, n8, row := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		h.Set(i32(heads))
		rows(f, h, func() {
			i.Set(i32(0))
			f.Loop(func(next wasmasm.Label) {
				block.Set(m.Sub(i.I32).Min(i32(graph.AttentionRows)))
				n := pos.Add(i.I32).Add(block.I32) // positions the last row sees
				n8.Set(n.Add(i32(graph.Lane - 1)).ShrU(i32(3)))
				row.Set(i.Mul(i32(4 * ld)))
				f.MemoryFill(scores.I32, i32(0), block.Sub(i32(1)).Mul(i32(4*ldc)).Add(n8.Shl(i32(5))))
				f.Call(byKeys, q.Add(row.I32), keys, scores, block, n, i32(width/graph.Lane), i32(ldc))
				f.Call(softmax, scores, block, pos.Add(i.I32).Add(i32(1)), n8)
				f.Call(zero, y.Add(row.I32), block, i32(width), i32(ld))
				f.Call(byValues, scores, values, y.Add(row.I32), block, i32(width), n8, i32(ld))
				i.Set(i.Add(i32(graph.AttentionRows)))
				next.BrIf(i.LtU(m.I32))
			})
		}, step{q, i32(4 * width)}, step{keys, i32(4 * width)}, step{values, i32(4 * width * ldc)},
			step{y, i32(4 * width)})
		return f
	})
}
