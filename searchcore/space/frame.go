package space

import "litefront/searchcore/arch"

// Frame is what all layers of an architecture share, with the layers that go with
// it: at any depth of n_layer, and up to the bounds on the decoder parameters, all
// combinations of these layers (with [Space.Shared], of n times the same layer) are
// architectures of the space, and the space has no others.
type Frame struct {
	DModel, DivVal int
	Layers         []arch.Layer // by d_inner, then n_head, both ascending

	space Space
}

// Frames lists the frames of s, by d_model, then div_val. An error says that s is
// not valid.
func (s Space) Frames() ([]Frame, error) {
	ws, err := s.widths()
	if err != nil {
		return nil, err
	}
	var frames []Frame
	for _, w := range ws {
		var layers []arch.Layer
		for _, inner := range w.dInner {
			for _, h := range w.nHead {
				layers = append(layers, arch.Layer{Heads: h, DInner: inner})
			}
		}
		for _, v := range w.divVal {
			frames = append(frames, Frame{w.dModel, v, layers, s})
		}
	}
	return frames, nil
}

// Architecture returns the architecture with these layers, in canonical form.
func (f Frame) Architecture(layers ...arch.Layer) arch.Architecture {
	return f.space.architecture(f.DModel, f.DivVal, layers...).Canonical()
}
