package ops

import (
	"math"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// Attention emits attention(q, keys, values, y, scores, m, pos): causal
// attention of m queries at positions pos, pos+1, ... over a cache of keys
// [span × head·dim] and values [head·dim × span], each head's dim padded; y may be
// q. scores is a scratch of graph.AttentionRows × span floats: no more of the
// scores than that exists at a time.
//
//	for h := range heads {
//		for i := range m {
//			p := softmax(keys[:pos+i+1, h]·q[i, h] / sqrt(dim))
//			y[i, h] = values[h, :pos+i+1]·p
//		}
//	}
func (l *Lib) Attention(heads, dim, span int) *wasmasm.Func {
	return l.attention("attention", heads, dim, span, false, false)
}

// RelativeAttention emits attention(q, keys, values, y, scores, m, pos, rq, rkeys),
// which adds to every score what the position's distance alone makes of it (Dai et
// al. 2019): rq are queries like q, rkeys one key for each distance, in the order
// span-1, ..., 1, 0. A spare row precedes the scratch at scores.
//
//	for h := range heads {
//		for i := range m {
//			relative := rkeys[span-1-(pos+i):span, h]·rq[i, h] // distances pos+i to 0
//			p := softmax((keys[:pos+i+1, h]·q[i, h] + relative) / sqrt(dim))
//			y[i, h] = values[h, :pos+i+1]·p
//		}
//	}
func (l *Lib) RelativeAttention(heads, dim, span int) *wasmasm.Func {
	return l.attention("relative attention", heads, dim, span, true, false)
}

// SomeHeads is Attention, or RelativeAttention, for a share of the heads: all
// pointers but scores are at the first of them, and one more parameter after the
// others is how many there are.
func (l *Lib) SomeHeads(heads, dim, span int, relative bool) *wasmasm.Func {
	op := "some heads"
	if relative {
		op = "some relative heads"
	}
	return l.attention(op, heads, dim, span, relative, true)
}

func (l *Lib) attention(op string, heads, dim, span int, relative, some bool) *wasmasm.Func {
	return l.once(key{op: op, dims: [3]int{heads, dim, span}}, func() *wasmasm.Func {
		width := graph.Pad(dim)
		ld, lds := heads*width, graph.Pad(span)
		byKeys, byValues, zero := l.Gemm(ld), l.Gemm(lds), l.Zero()
		softmax := l.Softmax(lds, 1/math.Sqrt(float64(dim)))
		f := l.m.Func("")
		q, keys, values := f.ParamI32(), f.ParamI32(), f.ParamI32()
		y, scores, m, pos := f.ParamI32(), f.ParamI32(), f.ParamI32(), f.ParamI32()
		head := i32(4 * width)
		steps := []step{{q, head}, {keys, head}, {values, i32(4 * width * lds)}, {y, head}}
		var rq, rkeys wasmasm.I32Var
		if relative {
			rq, rkeys = f.ParamI32(), f.ParamI32()
			steps = append(steps, step{rq, head}, step{rkeys, head})
		}
		count := i32(heads)
		if some {
			count = f.ParamI32().I32
		}
		h, i, block, n, n8, row := f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32(), f.LocalI32()
		h.Set(count)
		rows(f, h, func() {
			i.Set(i32(0))
			f.Loop(func(next wasmasm.Label) {
				block.Set(m.Sub(i.I32).Min(i32(graph.AttentionRows)))
				n.Set(pos.Add(i.I32).Add(block.I32)) // positions the last row sees
				n8.Set(n.Add(i32(graph.Lane - 1)).ShrU(i32(3)))
				row.Set(i.Mul(i32(4 * ld)))
				f.MemoryFill(scores.I32, i32(0), block.Sub(i32(1)).Mul(i32(4*lds)).Add(n8.Shl(i32(5))))
				if relative {
					f.MemoryFill(scores.Sub(i32(4*lds)), i32(0), i32(4*lds))
					// All rows are multiplied by the distances n-1 to 0, but row r
					// sees only those from n-block+r on. With a stride one longer
					// than the scores' and a start block-1 earlier, each product
					// lands at its position; the first block-1-r of row r land at
					// the end of the row above, behind the positions that row sees.
					f.Call(byKeys, rq.Add(row.I32), rkeys.Add(i32(span).Sub(n.I32).Mul(i32(4*ld))),
						scores.Sub(block.Sub(i32(1)).Shl(i32(2))), block, n, i32(width/graph.Lane), i32(lds+1))
				}
				f.Call(byKeys, q.Add(row.I32), keys, scores, block, n, i32(width/graph.Lane), i32(lds))
				f.Call(softmax, scores, block, pos.Add(i.I32).Add(i32(1)), n8)
				f.Call(zero, y.Add(row.I32), block, i32(width), i32(ld))
				f.Call(byValues, scores, values, y.Add(row.I32), block, i32(width), n8, i32(ld))
				i.Set(i.Add(i32(graph.AttentionRows)))
				next.BrIf(i.LtU(m.I32))
			})
		}, steps...)
		return f
	})
}
