package export

import (
	"encoding/binary"
	"math"

	"litefront/kernels/ops"
	"litefront/searchcore/graph"
)

// Place returns the weight region of the linear memory that g plans, and the
// offset in bytes at which it belongs there: every tensor at its planned place
// and in its packed layout, padding zero, matrices of an int8 module rounded by
// [ops.QuantizeRow]. With it in memory, the module of g with panels of floats of so
// many rows (kernels.Features.Panel) runs without init.
func Place(g *graph.Graph, w Source, panel int) (image []byte, offset int64, err error) {
	if err := check(w, g); err != nil {
		return nil, 0, err
	}
	offset, end := weightRegion(g)
	image = make([]byte, end-offset)
	for _, t := range weightTensors(g) {
		at := image[t.Offset-offset:]
		if t.Format == graph.I8 {
			quantize(at, image[t.Scales.Offset-offset:], t, w.Tensor(t.Name))
			continue
		}
		for i, v := range w.Tensor(t.Name) {
			index := t.Index(i/t.Cols.Len, i%t.Cols.Len, panel)
			binary.LittleEndian.PutUint32(at[4*index:], math.Float32bits(v))
		}
	}
	return image, offset, nil
}

// quantize writes a matrix of int8 to at and its rows' scales to scales.
func quantize(at, scales []byte, t *graph.Tensor, w []float32) {
	for r := range t.Rows.Len {
		q, scale := ops.QuantizeRow(w[r*t.Cols.Len : (r+1)*t.Cols.Len])
		for c, v := range q {
			at[t.Index(r, c, graph.Panel)] = byte(v)
		}
		binary.LittleEndian.PutUint32(scales[4*t.Rows.At(r):], math.Float32bits(scale))
	}
}

// weightRegion is where the weights of g and their scales lie in linear memory.
func weightRegion(g *graph.Graph) (start, end int64) {
	start = math.MaxInt64
	for _, t := range g.Tensors {
		if t.Kind == graph.Weight || t.Kind == graph.Scale {
			start, end = min(start, t.Offset), max(end, t.Offset+t.Bytes())
		}
	}
	return start, end
}
