package space

import (
	"fmt"
	"slices"

	"litefront/searchcore/arch"
)

// Contains returns nil when a is an architecture of s, else one line that names
// the first rule that a breaks. How a is spelled does not matter: it is compared
// in canonical form.
func (s Space) Contains(a arch.Architecture) error {
	if err := a.Validate(); err != nil {
		return err
	}
	a = a.Canonical()
	if err := s.containsFrame(a); err != nil {
		return err
	}
	if !slices.Contains(s.NLayer, len(a.Layers)) {
		return fmt.Errorf("space: n_layer %d is not among the values of %s", len(a.Layers), s.Name)
	}
	if !slices.Contains(s.DModel, a.DModel) {
		return fmt.Errorf("space: d_model %d is not among the values of %s", a.DModel, s.Name)
	}
	w, err := s.width(a.DModel)
	if err != nil {
		return fmt.Errorf("space: d_model %d admits no layer in %s: %w", a.DModel, s.Name, err)
	}
	if !slices.Contains(w.divVal, a.DivVal) {
		return fmt.Errorf("space: div_val %d is not among the values of %s", a.DivVal, s.Name)
	}
	for i, l := range a.Layers {
		switch {
		case l.DInner <= s.narrow(a.DModel):
			return fmt.Errorf("space: layer %d: d_inner %d must exceed ⌊%v·d_model⌋ = %d", i+1, l.DInner, s.InnerRatio, s.narrow(a.DModel))
		case l.DInner > s.wide(a.DModel):
			return fmt.Errorf("space: layer %d: d_inner %d must be at most ⌊%v·d_model⌋ = %d", i+1, l.DInner, s.MaxInnerRatio, s.wide(a.DModel))
		case !slices.Contains(w.dInner, l.DInner):
			return fmt.Errorf("space: layer %d: d_inner %d is not among the values of %s", i+1, l.DInner, s.Name)
		case !slices.Contains(w.nHead, l.Heads):
			return fmt.Errorf("space: layer %d: n_head %d is not among the values of %s", i+1, l.Heads, s.Name)
		case s.Shared && l != a.Layers[0]:
			return fmt.Errorf("space: layer %d differs from layer 1; all layers of %s are the same", i+1, s.Name)
		}
	}
	if !s.inBounds(a) {
		return fmt.Errorf("space: %d decoder parameters; %s has min_decoder_params %d, max_decoder_params %d (0: no bound)",
			a.DecoderParams(), s.Name, s.MinDecoderParams, s.MaxDecoderParams)
	}
	return nil
}

// containsFrame checks what is the same for all architectures of s. a is
// canonical.
func (s Space) containsFrame(a arch.Architecture) error {
	frame := s.architecture(a.DModel, a.DivVal, a.Layers...).Canonical()
	for _, f := range []struct {
		name      string
		got, want any
		same      bool
	}{
		{"arch_type", a.Backbone, s.Backbone, a.Backbone == s.Backbone},
		{"vocab_size", a.Vocab, frame.Vocab, a.Vocab == frame.Vocab},
		{"max_sequence_length", a.MaxLen, frame.MaxLen, a.MaxLen == frame.MaxLen},
		{"mem_len", a.MemLen, frame.MemLen, a.MemLen == frame.MemLen},
		{"cutoffs", a.Cutoffs, frame.Cutoffs, slices.Equal(a.Cutoffs, frame.Cutoffs)},
		{"d_embed", a.DEmbed, frame.DEmbed, a.DEmbed == frame.DEmbed},
	} {
		if !f.same {
			return fmt.Errorf("space: %s %v; %s has %v", f.name, f.got, s.Name, f.want)
		}
	}
	return nil
}
