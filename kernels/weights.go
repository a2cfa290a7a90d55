package kernels

import (
	"hash/fnv"
	"math"
	"strings"

	"litefront/kernels/ops"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// Distribution is the range that a tensor's seeded weights are drawn from,
// uniformly: offset ± scale. Matrices keep the variance of a normalised input
// (1/fan-in), those that write to the residual stream shrink with depth as in
// GPT-2, so activations stay finite and free of denormals at any depth; gains and
// biases are spread enough that leaving one out shows.
func Distribution(g *graph.Graph, t *graph.Tensor) (scale, offset float32) {
	uniform := math.Sqrt(3 / float64(t.Cols.Len)) // a uniform ±a has variance a²/3
	switch {
	case t.Name == profileInputs:
		return float32(math.Sqrt(3)), 0 // as a norm leaves them, whatever Cols is
	case strings.HasPrefix(t.Name, "wte") || t.Name == "wpe":
		return 0.05, 0
	case strings.HasSuffix(t.Name, ".bias"):
		return 0.05, 0
	case strings.Contains(t.Name, "ln_"): // gain of a norm
		return 0.1, 1
	case strings.HasSuffix(t.Name, ".o.weight"), strings.HasSuffix(t.Name, ".proj.weight"):
		return float32(uniform / math.Sqrt(2*float64(len(g.Arch.Layers)))), 0
	default:
		return float32(uniform), 0
	}
}

// TensorSeed is mixed into the seed of t; it makes the tensors of one module differ.
func TensorSeed(t *graph.Tensor) uint32 {
	h := fnv.New32a()
	h.Write([]byte(t.Name))
	return h.Sum32()
}

// Weights returns the seeded weights that init(seed) gives t, row-major in its
// logical shape: those of the same seed are the same in every precision, before
// quantised weights are rounded.
func Weights(g *graph.Graph, t *graph.Tensor, seed uint32) []float32 {
	out := make([]float32, t.Rows.Len*t.Cols.Len)
	ReadWeights(out, g, t, seed, 0)
	return out
}

// ReadWeights fills x with those of [Weights] from the one with the index first on.
func ReadWeights(x []float32, g *graph.Graph, t *graph.Tensor, seed uint32, first int) {
	scale, offset := Distribution(g, t)
	seed ^= TensorSeed(t)
	r, c := first/t.Cols.Len, first%t.Cols.Len
	for i := range x {
		x[i] = ops.Random(seed, t.Rows.At(r)*t.Cols.Size()+t.Cols.At(c), scale, offset)
		if c++; c == t.Cols.Len {
			r, c = r+1, 0
		}
	}
}

// init emits init(seed): every weight tensor is filled, its padding cleared, and what
// is still untouched of the memory becomes the operating system's business now, not
// in the first run: it cost a small model's first prefill 5 % of its time.
func (e *emitter) init(ready *wasmasm.Func) {
	f := e.m.Func("init")
	seed := f.ParamI32()
	for _, t := range e.g.Tensors {
		if t.Kind != graph.Weight {
			continue
		}
		scale, offset := Distribution(e.g, t)
		own := func(t *graph.Tensor) wasmasm.I32 { return seed.Xor(i32(int(int32(TensorSeed(t))))) }
		fill := func(t *graph.Tensor, scale, offset float32) {
			f.Call(e.lib.Fill(), at(t), i32(int(t.Bytes()/16)), own(t), wasmasm.ConstF32(scale), wasmasm.ConstF32(offset))
		}
		panels := func(rows int) wasmasm.I32 { return i32((t.Rows.Size() + rows - 1) / rows) }
		switch {
		case t.Format == graph.I8:
			f.Call(e.lib.FillI8(), at(t), panels(graph.Panel), k8(t), k16(t), own(t), wasmasm.ConstF32(scale))
			fill(t.Scales, 0, scale/127)
		case t.Packed:
			f.Call(e.lib.FillPanels(), at(t), panels(e.panel), k8(t), own(t), wasmasm.ConstF32(scale))
		default:
			fill(t, scale, offset)
		}
		e.clearPadding(f, t)
	}
	start, end := int64(math.MaxInt64), int64(0)
	for _, t := range e.g.Tensors {
		if t.Kind == graph.Cache || t.Kind == graph.Activation {
			start, end = min(start, t.Offset), max(end, t.Offset+t.Bytes())
		}
	}
	f.Call(e.lib.Touch(), i32(int(start)), i32(int((end-start+ops.TouchBytes-1)/ops.TouchBytes)))
	f.Call(ready)
}

// clearPadding zeroes what lies beyond each group of rows and of columns, so
// that sums over padded dimensions are sums over the real ones.
func (e *emitter) clearPadding(f *wasmasm.Func, t *graph.Tensor) {
	rows, cols := t.Rows, t.Cols
	block := func(row, rowEnd, col, colEnd int) {
		if row == rowEnd || col == colEnd {
			return
		}
		switch {
		case t.Format == graph.I8:
			f.Call(e.lib.ClearI8(), at(t), k16(t), i32(row), i32(rowEnd), i32(col), i32(colEnd))
		case t.Packed:
			f.Call(e.lib.Clear(), at(t), k8(t), i32(row), i32(rowEnd), i32(col), i32(colEnd))
		default:
			f.Call(e.lib.Zero(), at(t).Add(i32(4*(row*t.Stride()+col))), i32(rowEnd-row), i32(colEnd-col), i32(t.Stride()))
		}
	}
	for g := range rows.Groups() {
		block(g*rows.Stride+rows.Group, (g+1)*rows.Stride, 0, cols.Size())
	}
	last := cols.Groups() - 1
	for g := range last {
		block(0, rows.Size(), g*cols.Stride+cols.Group, (g+1)*cols.Stride)
	}
	block(0, rows.Size(), last*cols.Stride+cols.Group, t.Stride())
	if t.Format == graph.I8 { // what fills up the last panel
		block(rows.Size(), int(t.Bytes())/t.Stride(), 0, t.Stride())
	}
}
