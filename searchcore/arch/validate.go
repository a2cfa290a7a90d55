package arch

import "fmt"

// The limits of [Architecture.Validate]. They keep every size and count the
// program computes within int64, and what a message from outside can ask for
// within reason.
const (
	maxLayers  = 256
	maxVocab   = 1 << 24
	maxDModel  = 1 << 16
	maxDInner  = 1 << 20
	maxMaxLen  = 1 << 20
	maxMemLen  = 1 << 17
	maxDivVal  = 64
	maxCutoffs = 64
)

// Validate reports the first field that is out of range, under the name it has
// in JSON and with what is allowed:
//
//   - arch_type is a supported backbone;
//   - n_layer is 1 to 256, vocab_size 1 to 2^24, d_model 1 to 2^16;
//   - each d_inner is 1 to 2^20; each n_head is 1 to d_model, and for GPT-2
//     divides it;
//   - max_sequence_length is 1 to 2^20 for GPT-2, ignored for Transformer-XL;
//   - mem_len is 0 for GPT-2, 0 to 2^17 for Transformer-XL;
//   - d_embed is 0 (d_model) or up to 2^16, div_val 0 (1) or up to 64;
//   - cutoffs, at most 64, are positive and strictly ascending, and every
//     embedding cluster keeps a width of at least 1.
//
// The counts and accessors of this package are meant for valid architectures.
func (a Architecture) Validate() error {
	if a.Backbone != GPT2 && a.Backbone != TransformerXL {
		return fmt.Errorf("architecture: arch_type %q must be %q or %q", clip(string(a.Backbone)), GPT2, TransformerXL)
	}
	for _, f := range []struct {
		name            string
		value, min, max int
	}{
		{"n_layer", len(a.Layers), 1, maxLayers},
		{"vocab_size", a.Vocab, 1, maxVocab},
		{"d_model", a.DModel, 1, maxDModel},
		{"d_embed", a.DEmbed, 0, maxDModel},
		{"div_val", a.DivVal, 0, maxDivVal},
		{"number of cutoffs", len(a.Cutoffs), 0, maxCutoffs},
	} {
		if err := inRange(f.name, f.value, f.min, f.max); err != nil {
			return err
		}
	}
	for _, check := range []func() error{a.validateLengths, a.validateLayers, a.validateClusters} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (a Architecture) validateLengths() error {
	if a.Backbone == TransformerXL {
		return inRange("mem_len", a.MemLen, 0, maxMemLen)
	}
	if a.MemLen != 0 {
		return fmt.Errorf("architecture: mem_len %d must be 0 for %s", a.MemLen, a.Backbone)
	}
	return inRange("max_sequence_length", a.MaxLen, 1, maxMaxLen)
}

func (a Architecture) validateLayers() error {
	for i, l := range a.Layers {
		if err := inRange(fmt.Sprintf("d_inner[%d]", i), l.DInner, 1, maxDInner); err != nil {
			return err
		}
		if err := inRange(fmt.Sprintf("n_head[%d]", i), l.Heads, 1, a.DModel); err != nil {
			return err
		}
		if a.Backbone == GPT2 && a.DModel%l.Heads != 0 {
			return fmt.Errorf("architecture: n_head[%d] %d must divide d_model %d", i, l.Heads, a.DModel)
		}
	}
	return nil
}

func (a Architecture) validateClusters() error {
	floor := 0
	for i, cut := range a.Cutoffs {
		if cut <= floor {
			return fmt.Errorf("architecture: cutoffs[%d] %d must be above %d: cutoffs are positive and ascending", i, cut, floor)
		}
		floor = cut
	}
	for i, c := range a.Clusters() {
		if c.Width < 1 {
			return fmt.Errorf("architecture: div_val %d must leave every embedding cluster a width of at least 1, but cluster %d of d_embed %d gets 0",
				a.DivVal, i, a.embedWidth())
		}
	}
	return nil
}

func inRange(name string, value, low, high int) error {
	if value < low || value > high {
		return fmt.Errorf("architecture: %s %d must be %d to %d", name, value, low, high)
	}
	return nil
}
