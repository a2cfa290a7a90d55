// Package space defines search spaces: which architectures a search may
// propose, how one is drawn at random, and how one is made from others.
//
// A space is a set of genes (depth, width, per-layer dimensions, embedding
// factor), each with the values it may take, and rules that tie them together.
// Only genes that have an effect exist: layers beyond the depth have none, nor
// has a div_val that changes nothing. Spaces come from presets or from TOML.
//
// The genes have an order: n_layer, d_model, div_val, and then d_inner and
// n_head of each layer. The values valid for a gene depend only on the genes
// before it, which is what makes sampling without bias, and repairing a child
// gene by gene, possible.
package space

import "litefront/searchcore/arch"

// Space is a search space. The zero value is empty; start from [Preset] or
// [ParseTOML]. Its JSON form is part of every study's journal.
type Space struct {
	Name     string        `json:"name" toml:"name"`
	Backbone arch.Backbone `json:"arch_type" toml:"arch_type"`
	Vocab    int           `json:"vocab_size" toml:"vocab_size"`
	MaxLen   int           `json:"max_sequence_length,omitempty" toml:"max_sequence_length"`
	MemLen   int           `json:"mem_len,omitempty" toml:"mem_len"`
	Cutoffs  []int         `json:"cutoffs,omitempty" toml:"cutoffs"`

	// The genes' values, each ascending and without repeats.
	NLayer Choices `json:"n_layer" toml:"n_layer"`
	DModel Choices `json:"d_model" toml:"d_model"`
	DInner Choices `json:"d_inner" toml:"d_inner"`
	NHead  Choices `json:"n_head" toml:"n_head"`
	DivVal Choices `json:"div_val,omitempty" toml:"div_val"` // none means 1

	// Shared says that all layers have the same d_inner and n_head.
	Shared bool `json:"shared,omitempty" toml:"shared"`
	// InnerRatio r > 0 demands d_inner > ⌊r·d_model⌋ (LTS uses 1.7 for its own
	// runs: narrower feed-forward blocks collapsed in training).
	InnerRatio float64 `json:"inner_ratio,omitempty" toml:"inner_ratio"`
	// MaxInnerRatio r > 0 demands d_inner ≤ ⌊r·d_model⌋.
	MaxInnerRatio float64 `json:"max_inner_ratio,omitempty" toml:"max_inner_ratio"`
	// Bounds on the decoder parameters; 0 means no bound.
	MinDecoderParams int64 `json:"min_decoder_params,omitempty" toml:"min_decoder_params"`
	MaxDecoderParams int64 `json:"max_decoder_params,omitempty" toml:"max_decoder_params"`
}

// architecture is the member of s with these genes, not yet canonical.
func (s Space) architecture(dModel, divVal int, layers ...arch.Layer) arch.Architecture {
	return arch.Architecture{
		Backbone: s.Backbone,
		Vocab:    s.Vocab,
		DModel:   dModel,
		DivVal:   divVal,
		Cutoffs:  s.Cutoffs,
		MaxLen:   s.MaxLen,
		MemLen:   s.MemLen,
		Layers:   layers,
	}
}

// inBounds reports whether a's decoder parameters are within the bounds.
func (s Space) inBounds(a arch.Architecture) bool {
	n := a.DecoderParams()
	return n >= s.MinDecoderParams && (s.MaxDecoderParams == 0 || n <= s.MaxDecoderParams)
}
