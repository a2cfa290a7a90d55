package space

import (
	"fmt"
	"strings"

	"litefront/searchcore/arch"
)

// presets builds the published search spaces of LiteTransformerSearch
// (Javaheripi et al. 2022): the two of the paper's runs and the one of the
// authors' later rewrite. Each call makes new ones, so that no caller shares
// their slices.
func presets() []Space {
	return []Space{
		{
			Name:             "lts-gpt2",
			Backbone:         arch.GPT2,
			Vocab:            50264,
			MaxLen:           1024,
			Cutoffs:          []int{59997, 99997, 639997},
			NLayer:           stepped(2, 15, 1),
			DModel:           stepped(128, 960, 64),
			DInner:           stepped(128, 4032, 64),
			NHead:            Choices{2, 4, 8},
			DivVal:           Choices{4},
			InnerRatio:       1.7,
			MinDecoderParams: 6e6,
			MaxDecoderParams: 100e6,
		},
		{
			Name:             "lts-transformer-xl",
			Backbone:         arch.TransformerXL,
			Vocab:            267735,
			MemLen:           192,
			Cutoffs:          []int{19997, 39997, 199997},
			NLayer:           stepped(2, 16, 1),
			DModel:           stepped(128, 960, 64),
			DInner:           stepped(128, 4032, 64),
			NHead:            Choices{2, 4, 8},
			DivVal:           Choices{4},
			InnerRatio:       1.7,
			MinDecoderParams: 4e6,
			MaxDecoderParams: 100e6,
		},
		{
			Name:             "archai-gpt2",
			Backbone:         arch.GPT2,
			Vocab:            50257,
			MaxLen:           1024,
			NLayer:           stepped(1, 10, 1),
			DModel:           stepped(128, 960, 64),
			DInner:           stepped(128, 960, 64),
			NHead:            Choices{2, 4, 8},
			Shared:           true,
			MinDecoderParams: 1e6,
			MaxDecoderParams: 1e9,
		},
	}
}

// Presets lists the names of the preset spaces.
func Presets() []string {
	var names []string
	for _, s := range presets() {
		names = append(names, s.Name)
	}
	return names
}

// Preset returns the preset space of that name; an error lists the names there
// are. See [Presets].
func Preset(name string) (Space, error) {
	for _, s := range presets() {
		if s.Name == name {
			return s, nil
		}
	}
	return Space{}, fmt.Errorf("space: no preset %q; there are %s", name, strings.Join(Presets(), ", "))
}
