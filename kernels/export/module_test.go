package export_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"litefront/kernels"
	"litefront/kernels/export"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// TestDescribe reads a module's weights as a stranger would, by nothing but the
// description: after init they are the seeded ones, and the image has the same
// and zeros everywhere else. Those of an int8 module are half a step off at most.
func TestDescribe(t *testing.T) {
	type axis struct{ Len, Group, Stride int }
	for i, a := range draw(t, 24) {
		precision := trial.Precisions()[i%2]
		t.Run(fmt.Sprintf("%02d %s %v", i, precision, a), func(t *testing.T) {
			g := buildIn(t, a, precision)
			m, err := kernels.Compile(g, kernels.Features{})
			if err != nil {
				t.Fatal(err)
			}
			data, err := export.Describe(g, m, "weights.bin")
			if err != nil {
				t.Fatal(err)
			}
			var d struct {
				SHA256 string
				Memory struct {
					Total int `json:"total_bytes"`
				}
				Exports        []struct{ Name string }
				Tokens, Logits struct{ Offset, Count int }
				Weights        struct {
					File          string
					Offset, Bytes int
					Tensors       []struct {
						Name, Type            string
						Offset, Bytes, Scales int
						Rows, Cols            axis
						Packed                bool
					}
				}
			}
			if err := json.Unmarshal(data, &d); err != nil {
				t.Fatal(err)
			}
			p := run(t, g)
			p.call("init", seed)
			if d.SHA256 != m.SHA256 || d.Weights.File != "weights.bin" || d.Tokens.Count != a.MaxLen || d.Logits.Count != a.Vocab ||
				d.Memory.Total != int(p.mod.Memory().Size()) {
				t.Errorf("described is %+v", d)
			}
			var names []string
			for _, f := range d.Exports {
				names = append(names, f.Name)
			}
			for name := range p.mod.ExportedFunctionDefinitions() {
				if !slices.Contains(names, name) {
					t.Errorf("export %s is not described", name)
				}
			}

			memory, _ := p.mod.Memory().Read(0, p.mod.Memory().Size())
			weights := export.Seeded(g, seed)
			image, offset, err := export.Place(g, weights, graph.Panel)
			if err != nil {
				t.Fatal(err)
			}
			if int(offset) != d.Weights.Offset || len(image) != d.Weights.Bytes {
				t.Fatalf("the image is %d bytes at %d, described are %d at %d", len(image), offset, d.Weights.Bytes, d.Weights.Offset)
			}
			seen := map[int]bool{} // addresses of bytes
			see := func(at, n int) {
				for i := range n {
					seen[at+i] = true
				}
			}
			for _, w := range d.Weights.Tensors {
				index := func(x axis, i int) int { return i/x.Group*x.Stride + i%x.Group }
				ld := w.Cols.Len / w.Cols.Group * w.Cols.Stride
				if matrix := w.Packed && precision == trial.I8; matrix != (w.Type == "i8") || matrix != (w.Scales != 0) {
					t.Fatalf("%s is described as %+v", w.Name, w)
				}
				for i, want := range weights[w.Name] {
					r, c := index(w.Rows, i/w.Cols.Len), index(w.Cols, i%w.Cols.Len)
					if w.Type == "i8" {
						ld := (ld + 15) / 16 * 16
						at, scales := w.Offset+r/5*5*ld+c/16*80+r%5*16+c%16, w.Scales+4*r
						if at >= w.Offset+w.Bytes || seen[at] {
							t.Fatalf("%s: entry %d is not at %d", w.Name, i, at)
						}
						for _, m := range []struct {
							bytes []byte
							start int
						}{{memory, 0}, {image, d.Weights.Offset}} {
							scale := math.Float32frombits(binary.LittleEndian.Uint32(m.bytes[scales-m.start:]))
							if got := float32(int8(m.bytes[at-m.start])) * scale; math.Abs(float64(got-want)) > 0.5001*float64(scale) {
								t.Fatalf("%s: entry %d is %g, want %g", w.Name, i, got, want)
							}
						}
						see(at, 1)
						see(scales, 4)
						continue
					}
					at := w.Offset + 4*(r*ld+c)
					if w.Packed {
						at = w.Offset + 4*(r/5*5*ld+c/4*20+r%5*4+c%4)
					}
					bits := math.Float32bits(want)
					if at+4 > w.Offset+w.Bytes || seen[at] ||
						binary.LittleEndian.Uint32(memory[at:]) != bits || binary.LittleEndian.Uint32(image[at-d.Weights.Offset:]) != bits {
						t.Fatalf("%s: entry %d is not at %d, or not in both", w.Name, i, at)
					}
					see(at, 4)
				}
			}
			for i, b := range image {
				if at := d.Weights.Offset + i; b != 0 && !seen[at] {
					t.Fatalf("the image has %x at %d, between the tensors", b, i)
				}
			}
		})
	}
}
