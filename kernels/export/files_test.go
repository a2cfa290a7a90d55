package export_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"litefront/kernels/export"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// The size of a file is known before it is written, and weights that are made one
// tensor at a time are the same.
func TestFiles(t *testing.T) {
	files := []string{export.ConfigFile, export.SafetensorsFile, export.PyTorchFile, export.ONNXFile, export.ModuleFile, export.DescriptionFile, export.ImageFile}
	for _, a := range draw(t, 12) {
		for _, p := range trial.Precisions() {
			g := buildIn(t, a, p)
			for _, name := range files {
				var whole, streamed bytes.Buffer
				if err := export.WriteFile(&whole, g, export.Seeded(g, seed), name); err != nil {
					t.Fatalf("%v: %s: %v", a, name, err)
				}
				if err := export.WriteFile(&streamed, g, export.SeededSource(g, seed), name); err != nil {
					t.Fatalf("%v: %s: %v", a, name, err)
				}
				if !bytes.Equal(whole.Bytes(), streamed.Bytes()) {
					t.Errorf("%v: %s differs where weights are made a tensor at a time", a, name)
				}
				size, err := export.Size(g, name)
				if err != nil || size != int64(whole.Len()) {
					t.Errorf("%v: %s has %d bytes, Size says %d, %v", a, name, whole.Len(), size, err)
				}
			}
		}
	}
	g := build(t, draw(t, 12)[0])
	const want = `file "model.exe" must be one of config.json, model.safetensors, `
	_, sized := export.Size(g, "model.exe")
	for _, err := range []error{sized, export.WriteFile(&bytes.Buffer{}, g, export.Weights{}, "model.exe"), export.CheckFile("model.exe")} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s…", err, want)
		}
	}
}

// Where nothing is given the source has nothing, and whoever writes says so.
func TestSeededSource(t *testing.T) {
	g := build(t, draw(t, 12)[0])
	s := export.SeededSource(g, seed)
	if s.Len("other") != 0 {
		t.Error("there is a tensor that the model lacks")
	}
	i := slices.IndexFunc(g.Tensors, func(t *graph.Tensor) bool { return t.Kind == graph.Weight })
	name := g.Tensors[i].Name
	want := export.Seeded(g, seed)[name]
	if len(want) == 0 || len(want) != s.Len(name) {
		t.Errorf("%s has %d values, Len says %d", name, len(want), s.Len(name))
	}
	for _, first := range []int{0, 1, len(want) / 2, len(want) - 1} { // any piece of it
		x := make([]float32, min(50, len(want)-first))
		if err := s.Read(x, name, first); err != nil || !slices.Equal(x, want[first:][:len(x)]) {
			t.Errorf("%s from %d on: %v, %v", name, first, x, err)
		}
	}
}
