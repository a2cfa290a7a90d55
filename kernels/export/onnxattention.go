package export

import (
	"math"

	"litefront/searchcore/graph"
)

// attention is softmax(q·kᵀ/√d_head + mask)·v of every head, over the past too.
//
// Transformer-XL adds to each score that of the distance. Keys and values of its
// memory are zero: they have no score but that, and add nothing to the sum, so
// that the memory is in the softmax only.
func (b *onnxBuilder) attention(o graph.Op, q string) string {
	present := func(what string, t *graph.Tensor) string {
		name := presentName(o.Layer, what)
		b.body.named(name, "Concat", []string{pastName(o.Layer, what), b.split(o, b.get(t))}, onnxInt("axis", 2))
		return name
	}
	k, v := present("key", o.Keys), present("value", o.Values)
	kT := b.body.node("Transpose", []string{k}, onnxInts("perm", 0, 1, 3, 2))
	scores := b.node("MatMul", b.queries(o, q), kT)
	memory := int64(b.g.Arch.MemLen)
	if memory > 0 {
		scores = b.node("Pad", scores, b.ints(0, 0, 0, memory, 0, 0, 0, 0))
	}
	if o.Kind == graph.RelativeAttention {
		scores = b.node("Add", scores, b.relativeScores(o))
	}
	p := b.body.node("Softmax", []string{b.node("Add", scores, b.mask())}, onnxInt("axis", -1))
	if memory > 0 {
		p = b.slice(p, 3, memory, math.MaxInt64)
	}
	y := b.body.node("Transpose", []string{b.node("MatMul", p, v)}, onnxInts("perm", 0, 2, 1, 3))
	return b.node("Reshape", y, b.ints(-1, int64(o.Heads*o.Dim)))
}

// split is [n, heads·d_head] as [1, heads, n, d_head].
func (b *onnxBuilder) split(o graph.Op, x string) string {
	x = b.node("Reshape", x, b.ints(1, -1, int64(o.Heads), int64(o.Dim)))
	return b.body.node("Transpose", []string{x}, onnxInts("perm", 0, 2, 1, 3))
}

func (b *onnxBuilder) queries(o graph.Op, q string) string {
	return b.node("Mul", b.split(o, q), b.float(1/math.Sqrt(float64(o.Dim))))
}

// relativeScores are [1, heads, n, memory + total]: the products of each row's
// query with the key of its distance to each column.
//
// The keys come in the order of falling distance, the last of them 0, which fits
// the last row; those of row i are n-1-i columns to the left. With a column before
// them, the rows of all of them, one after the other, are shifted by one column
// more from each row to the next (Dai et al. 2019). What enters from the row below
// is behind the mask.
func (b *onnxBuilder) relativeScores(o graph.Op) string {
	distances := b.once("distances", func() string { return b.node("Sub", b.ints(-int64(b.g.Arch.MemLen)), onnxTotal) })
	rT := b.body.node("Transpose", []string{b.split(o, b.get(o.RelKeys))}, onnxInts("perm", 0, 1, 3, 2))
	rT = b.node("Slice", rT, distances, b.ints(math.MaxInt64), b.ints(3))
	x := b.node("MatMul", b.queries(o, b.get(o.RelQueries)), rT)
	shape := b.node("Shape", x)
	x = b.node("Pad", x, b.ints(0, 0, 0, 1, 0, 0, 0, 0))
	x = b.node("Reshape", x, b.ints(1, int64(o.Heads), -1))
	x = b.node("Slice", x, b.node("Shape", onnxTokens), b.ints(math.MaxInt64), b.ints(2))
	return b.node("Reshape", x, shape)
}

// mask is [n, memory + total]: 0 where a row's position sees a column's, -∞
// elsewhere.
func (b *onnxBuilder) mask() string {
	return b.once("mask", func() string {
		past, total := b.node("Squeeze", onnxPast), b.node("Squeeze", onnxTotal)
		first, one := b.node("Squeeze", b.ints(-int64(b.g.Arch.MemLen))), b.node("Squeeze", b.ints(1))
		rows := b.node("Unsqueeze", b.node("Range", past, total, one), b.ints(1))
		columns := b.node("Range", first, total, one)
		return b.node("Where", b.node("LessOrEqual", columns, rows), b.float(0), b.float(math.Inf(-1)))
	})
}

// sinusoid is [rows, d]: those of the distances rows-1 to 0, all sines before all
// cosines, which are sines a quarter turn ahead. Angles are in double precision,
// for a float has few bits left behind the point of a large one.
func (b *onnxBuilder) sinusoid(rows, d int) string {
	frequencies, phases, half := make([]float64, d), make([]float64, d), (d+1)/2
	for c := range d {
		frequencies[c] = math.Pow(10000, -2*float64(c%half)/float64(d))
		if c >= half {
			phases[c] = math.Pi / 2
		}
	}
	last, step := b.node("Squeeze", b.ints(int64(rows-1))), b.node("Squeeze", b.ints(-1))
	distances := b.body.node("Cast", []string{b.node("Range", last, step, step)}, onnxInt("to", onnxDouble))
	distances = b.node("Unsqueeze", distances, b.ints(1))
	angles := b.node("Mul", distances, b.doubles("frequencies", frequencies))
	sines := b.node("Sin", b.node("Add", angles, b.doubles("phases", phases)))
	return b.body.node("Cast", []string{sines}, onnxInt("to", onnxFloat))
}
