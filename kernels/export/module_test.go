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
)

// TestDescribe reads a module's weights as a stranger would, by nothing but the
// description: after init they are the seeded ones, and the image has the same
// and zeros everywhere else.
func TestDescribe(t *testing.T) {
	type axis struct{ Len, Group, Stride int }
	for i, a := range draw(t, 12) {
		t.Run(fmt.Sprintf("%02d %v", i, a), func(t *testing.T) {
			g := build(t, a)
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
						Name          string
						Offset, Bytes int
						Rows, Cols    axis
						Packed        bool
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
			image, offset, err := export.Place(g, weights)
			if err != nil {
				t.Fatal(err)
			}
			if int(offset) != d.Weights.Offset || len(image) != d.Weights.Bytes {
				t.Fatalf("the image is %d bytes at %d, described are %d at %d", len(image), offset, d.Weights.Bytes, d.Weights.Offset)
			}
			seen := map[int]bool{}
			for _, w := range d.Weights.Tensors {
				index := func(x axis, i int) int { return i/x.Group*x.Stride + i%x.Group }
				ld := w.Cols.Len / w.Cols.Group * w.Cols.Stride
				for i, want := range weights[w.Name] {
					r, c := index(w.Rows, i/w.Cols.Len), index(w.Cols, i%w.Cols.Len)
					at := w.Offset + 4*(r*ld+c)
					if w.Packed {
						at = w.Offset + 4*(r/5*5*ld+c/4*20+r%5*4+c%4)
					}
					bits := math.Float32bits(want)
					if at+4 > w.Offset+w.Bytes || seen[at] ||
						binary.LittleEndian.Uint32(memory[at:]) != bits || binary.LittleEndian.Uint32(image[at-d.Weights.Offset:]) != bits {
						t.Fatalf("%s: entry %d is not at %d, or not in both", w.Name, i, at)
					}
					seen[at] = true
				}
			}
			for i := 0; i < len(image); i += 4 {
				if bits := binary.LittleEndian.Uint32(image[i:]); bits != 0 && !seen[d.Weights.Offset+i] {
					t.Fatalf("the image has %x at %d, between the tensors", bits, i)
				}
			}
		})
	}
}
