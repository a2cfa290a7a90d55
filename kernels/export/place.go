package export

import (
	"encoding/binary"
	"math"

	"litefront/searchcore/graph"
)

// Place returns the weight region of the linear memory that g plans, and the
// offset in bytes at which it belongs there: every tensor at its planned place
// and in its packed layout, padding zero. With it in memory, the module of g
// runs without init.
func Place(g *graph.Graph, w Weights) (image []byte, offset int64, err error) {
	if err := w.check(g); err != nil {
		return nil, 0, err
	}
	offset, end := weightRegion(g)
	image = make([]byte, end-offset)
	for _, t := range weightTensors(g) {
		at := image[t.Offset-offset:]
		for i, v := range w[t.Name] {
			index := t.Index(i/t.Cols.Len, i%t.Cols.Len)
			binary.LittleEndian.PutUint32(at[4*index:], math.Float32bits(v))
		}
	}
	return image, offset, nil
}

// weightRegion is where the weights of g lie in linear memory.
func weightRegion(g *graph.Graph) (start, end int64) {
	start = math.MaxInt64
	for _, t := range weightTensors(g) {
		start, end = min(start, t.Offset), max(end, t.Offset+t.Bytes())
	}
	return start, end
}
