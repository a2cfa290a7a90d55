package export

import (
	"encoding/binary"
	"io"
	"math"

	"litefront/kernels/ops"
	"litefront/searchcore/graph"
)

// Place returns the weight region of the linear memory that g plans, and the
// offset in bytes at which it belongs there, as [PlaceIn] writes it.
func Place(g *graph.Graph, w Source, panel int) (image []byte, offset int64, err error) {
	offset, end := weightRegion(g)
	r := region{make([]byte, end-offset), offset}
	if err := PlaceIn(r, g, w, panel); err != nil {
		return nil, 0, err
	}
	return r.bytes, offset, nil
}

// region is a part of a linear memory, from an address on.
type region struct {
	bytes []byte
	start int64
}

// WriteAt implements io.WriterAt.
func (r region) WriteAt(p []byte, at int64) (int, error) { return copy(r.bytes[at-r.start:], p), nil }

// PlaceIn writes weights into the linear memory that g plans: every tensor at its
// planned place and in its packed layout, matrices of an int8 module rounded by
// [ops.QuantizeRow]. Padding is left as it is, which must be zero, as in a memory that
// is new. Then the module of g with panels of floats of so many rows
// (kernels.Features.Panel) needs no init, only ready. Some blocks of [blockBytes] are
// all that is held of the weights.
func PlaceIn(memory io.WriterAt, g *graph.Graph, w Source, panel int) error {
	if err := check(w, g); err != nil {
		return err
	}
	for _, t := range weightTensors(g) {
		if err := place(memory, t, w, panel); err != nil {
			return err
		}
	}
	return nil
}

// blockBytes is about how much of a tensor is read and written at a time.
const blockBytes = 1 << 20

// place writes a tensor in blocks of stored rows, which for a packed one are whole
// panels: each lies in one piece.
func place(memory io.WriterAt, t *graph.Tensor, w Source, panel int) error {
	step, rowBytes := 1, t.Stride()*t.Format.Bytes()
	if t.Packed {
		step = panel
		if t.Format == graph.I8 {
			step = graph.Panel
		}
	}
	step *= max(1, blockBytes/(step*rowBytes))
	stored := int(t.Bytes()) / rowBytes
	var values []float32
	for start, row := 0, 0; start < stored && row < t.Rows.Len; start += step {
		first := row
		for row < t.Rows.Len && t.Rows.At(row) < start+step {
			row++
		}
		if n := (row - first) * t.Cols.Len; cap(values) < n {
			values = make([]float32, n)
		} else {
			values = values[:n]
		}
		if err := w.Read(values, t.Name, first*t.Cols.Len); err != nil {
			return err
		}
		rows := min(step, stored-start)
		b := block{t, panel, start, make([]byte, rows*rowBytes), make([]byte, 4*rows)}
		for i := first; i < row; i++ {
			b.set(i, values[(i-first)*t.Cols.Len:][:t.Cols.Len])
		}
		if _, err := memory.WriteAt(b.entries, t.Offset+int64(start*rowBytes)); err != nil {
			return err
		}
		if t.Format != graph.I8 {
			continue
		}
		if _, err := memory.WriteAt(b.scales, t.Scales.Offset+int64(4*start)); err != nil {
			return err
		}
	}
	return nil
}

// block is stored rows of a tensor as bytes, from the row start on, and the scales of
// those of an int8 one.
type block struct {
	t               *graph.Tensor
	panel, start    int
	entries, scales []byte
}

// set writes a row of the tensor.
func (b block) set(row int, values []float32) {
	base := b.start * b.t.Stride()
	if b.t.Format == graph.I8 {
		q, scale := ops.QuantizeRow(values)
		for c, v := range q {
			b.entries[b.t.Index(row, c, b.panel)-base] = byte(v)
		}
		binary.LittleEndian.PutUint32(b.scales[4*(b.t.Rows.At(row)-b.start):], math.Float32bits(scale))
		return
	}
	for c, v := range values {
		binary.LittleEndian.PutUint32(b.entries[4*(b.t.Index(row, c, b.panel)-base):], math.Float32bits(v))
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
