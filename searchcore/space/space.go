// Package space defines search spaces: which architectures a search may
// propose, how one is drawn at random, and how one is made from others.
//
// A space is a set of genes (depth, width, per-layer dimensions, embedding
// factor), each with the values it may take, and rules that tie them together.
// Only genes that have an effect exist: layers beyond the depth have none, nor
// has a div_val that changes nothing. Spaces come from presets or from TOML.
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
	// Bounds on the decoder parameters; 0 means no bound.
	MinDecoderParams int64 `json:"min_decoder_params,omitempty" toml:"min_decoder_params"`
	MaxDecoderParams int64 `json:"max_decoder_params,omitempty" toml:"max_decoder_params"`
}

// Choices are the values that one gene may take.
type Choices []int
