package space

import (
	"slices"
	"testing"

	"litefront/searchcore/arch"
)

// TestFramesAreTheSpace checks that frames, depths and layers make up exactly the
// architectures of a space, bounds aside.
func TestFramesAreTheSpace(t *testing.T) {
	xl := tiny()
	xl.Backbone, xl.MaxLen, xl.MemLen = arch.TransformerXL, 0, 8
	shared := tiny()
	shared.Shared = true
	for _, s := range []Space{tiny(), xl, shared} {
		s.MinDecoderParams, s.MaxDecoderParams = 0, 0
		want := enumerate(s)
		frames, err := s.Frames()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		count := 0
		add := func(a arch.Architecture) {
			count++
			got[a.ID()] = true
			if _, ok := want[a.ID()]; !ok {
				t.Errorf("%v is not in the space", a)
			}
		}
		for _, f := range frames {
			for _, l := range f.Layers {
				add(f.Architecture(l))
				for _, k := range f.Layers {
					if !s.Shared || k == l {
						add(f.Architecture(l, k))
					}
				}
			}
			if !slices.IsSortedFunc(f.Layers, func(a, b arch.Layer) int {
				return slices.Compare([]int{a.DInner, a.Heads}, []int{b.DInner, b.Heads})
			}) {
				t.Errorf("the layers of d_model %d are not sorted", f.DModel)
			}
		}
		if len(got) != len(want) || count != len(want) {
			t.Errorf("frames make %d architectures, %d of them different; the space has %d", count, len(got), len(want))
		}
	}
	if _, err := (Space{}).Frames(); err == nil {
		t.Error("no error for an empty space")
	}
}
