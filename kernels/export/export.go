// Package export takes an architecture home: the WebAssembly module with a
// description of its memory, an ONNX model, Hugging Face's config.json and
// safetensors, and a PyTorch model to train. [OpenSafetensors] and [PlaceIn] bring
// trained weights back into a module.
//
// Formats that list operations (ONNX) walk the graph; formats that list tensors
// (safetensors) walk the architecture. Nothing here opens a file.
package export

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"litefront/kernels"
	"litefront/searchcore/graph"
)

// Weights are a model's tensors by name, row-major in their logical shape. Names
// and shapes are those of the weight tensors of a [graph.Graph]: matrices are
// out-major, vectors have one row.
type Weights map[string][]float32

// Source gives a model's tensors a piece at a time, under the names and in the shapes
// of [Weights], which are one: whoever needs no more of them at once never holds them.
type Source interface {
	// Len returns how many values a tensor has; 0 if there is none of that name.
	Len(name string) int
	// Read fills x with values of a tensor, from the one with the index first on. The
	// tensor has them.
	Read(x []float32, name string, first int) error
}

// Len implements [Source].
func (w Weights) Len(name string) int { return len(w[name]) }

// Read implements [Source].
func (w Weights) Read(x []float32, name string, first int) error {
	copy(x, w[name][first:])
	return nil
}

// whole returns all values of a tensor.
func whole(w Source, name string) ([]float32, error) {
	x := make([]float32, w.Len(name))
	return x, w.Read(x, name, 0)
}

// Fit reports a model whose weights, in f32, exceed a limit in bytes.
func Fit(g *graph.Graph, limit int64) error {
	var bytes int64
	for _, t := range weightTensors(g) {
		bytes += 4 * int64(t.Rows.Len) * int64(t.Cols.Len)
	}
	if bytes > limit {
		return fmt.Errorf("%d bytes of weights are needed; the limit is %d", bytes, limit)
	}
	return nil
}

// Seeded returns the weights that the module of g gives itself in init(seed).
func Seeded(g *graph.Graph, seed uint32) Weights {
	w := Weights{}
	for _, t := range weightTensors(g) {
		w[t.Name] = kernels.Weights(g, t, seed)
	}
	return w
}

// SeededSource is [Seeded] made whenever some of it is asked for: all of a large model
// at once are more memory than a browser should give.
func SeededSource(g *graph.Graph, seed uint32) Source {
	s := seeded{g, seed, map[string]*graph.Tensor{}}
	for _, t := range weightTensors(g) {
		s.tensors[t.Name] = t
	}
	return s
}

type seeded struct {
	g       *graph.Graph
	seed    uint32
	tensors map[string]*graph.Tensor
}

func (s seeded) Len(name string) int {
	t := s.tensors[name]
	if t == nil {
		return 0
	}
	return t.Rows.Len * t.Cols.Len
}

func (s seeded) Read(x []float32, name string, first int) error {
	kernels.ReadWeights(x, s.g, s.tensors[name], s.seed, first)
	return nil
}

// check reports the first tensor of g that w lacks or has in another size.
func check(w Source, g *graph.Graph) error {
	for _, t := range weightTensors(g) {
		if err := checkLen(w, t.Name, t.Rows.Len*t.Cols.Len); err != nil {
			return err
		}
	}
	return nil
}

func checkLen(w Source, name string, want int) error {
	if got := w.Len(name); got != want {
		return fmt.Errorf("weights: %q has %d values, needed are %d", name, got, want)
	}
	return nil
}

func weightTensors(g *graph.Graph) (list []*graph.Tensor) {
	for _, t := range g.Tensors {
		if t.Kind == graph.Weight {
			list = append(list, t)
		}
	}
	return list
}

// writeFloats writes x as little-endian floats.
func writeFloats(w io.Writer, x []float32) error {
	var buffer [16 << 10]byte
	for len(x) > 0 {
		n := min(len(x), len(buffer)/4)
		for i, v := range x[:n] {
			binary.LittleEndian.PutUint32(buffer[4*i:], math.Float32bits(v))
		}
		if _, err := w.Write(buffer[:4*n]); err != nil {
			return err
		}
		x = x[n:]
	}
	return nil
}

// transpose returns the [cols][rows] transpose of x, [rows][cols].
func transpose(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	for r := range rows {
		for c, v := range x[r*cols : (r+1)*cols] {
			y[c*rows+r] = v
		}
	}
	return y
}
