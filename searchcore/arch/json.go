package arch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// archai's gallery writes configurations under these names; the order is that of
// the canonical form.
const (
	keyBackbone = "arch_type"
	keyLayers   = "n_layer"
	keyDModel   = "d_model"
	keyDInner   = "d_inner"
	keyHeads    = "n_head"
	keyVocab    = "vocab_size"
	keyMaxLen   = "max_sequence_length"
	keyDEmbed   = "d_embed"
	keyDivVal   = "div_val"
	keyCutoffs  = "cutoffs"
	keyMemLen   = "mem_len"
)

// archaiKeys are the names that describe an architecture.
var archaiKeys = []string{
	keyBackbone, keyLayers, keyDModel, keyDInner, keyHeads, keyVocab, keyMaxLen,
	keyDEmbed, keyDivVal, keyCutoffs, keyMemLen,
}

// archaiIgnored are names in archai's files that matter in training only.
var archaiIgnored = []string{"dropatt", "dropout"}

// MarshalJSON writes the canonical form: compact JSON with the names of archai's
// gallery in a fixed order, d_inner and n_head always lists, and every value left
// out that equals its default. It does not validate.
func (a Architecture) MarshalJSON() ([]byte, error) {
	c := a.Canonical()
	if c.DEmbed == c.DModel {
		c.DEmbed = 0
	}
	if c.DivVal == 1 {
		c.DivVal = 0
	}
	return json.Marshal(struct {
		Backbone Backbone `json:"arch_type"`
		Layers   int      `json:"n_layer"`
		DModel   int      `json:"d_model"`
		DInner   []int    `json:"d_inner"`
		Heads    []int    `json:"n_head"`
		Vocab    int      `json:"vocab_size"`
		MaxLen   int      `json:"max_sequence_length,omitempty"`
		DEmbed   int      `json:"d_embed,omitempty"`
		DivVal   int      `json:"div_val,omitempty"`
		Cutoffs  []int    `json:"cutoffs,omitempty"`
		MemLen   int      `json:"mem_len,omitempty"`
	}{
		c.Backbone, len(c.Layers), c.DModel, c.perLayer(dInner), c.perLayer(heads),
		c.Vocab, c.MaxLen, c.DEmbed, c.DivVal, c.Cutoffs, c.MemLen,
	})
}

// UnmarshalJSON reads what MarshalJSON writes and what archai's gallery holds:
// keys in any order, d_inner and n_head a list or one integer for all layers,
// defaults given or left out, dropout rates ignored. Everything else, also a key
// that occurs twice, is an error of one line that names it. The result is
// canonical and valid; on an error a stays as it was.
func (a *Architecture) UnmarshalJSON(data []byte) error {
	o, err := parseObject(data)
	if err != nil {
		return err
	}
	read, err := fromArchai(o)
	if err != nil {
		return err
	}
	*a = read
	return nil
}

func fromArchai(o *object) (Architecture, error) {
	for _, key := range o.keys {
		if !slices.Contains(archaiKeys, key) && !slices.Contains(archaiIgnored, key) {
			return Architecture{}, fmt.Errorf("architecture: unknown key %q with value %s, must be one of %s",
				clip(key), clip(string(o.values[key])), strings.Join(archaiKeys, ", "))
		}
	}
	o.require(keyBackbone, keyLayers, keyDModel, keyDInner, keyHeads, keyVocab)
	a := Architecture{
		Backbone: Backbone(o.text(keyBackbone)),
		Vocab:    o.integer(keyVocab, 0),
		DModel:   o.integer(keyDModel, 0),
		DEmbed:   o.integer(keyDEmbed, 0),
		DivVal:   o.integer(keyDivVal, 0),
		Cutoffs:  o.integers(keyCutoffs),
		MaxLen:   o.integer(keyMaxLen, 0),
		MemLen:   o.integer(keyMemLen, 0),
	}
	if a.Backbone == GPT2 {
		o.require(keyMaxLen)
	}
	// The depth is checked before anything is made that long.
	n := o.integer(keyLayers, 0)
	if o.err == nil {
		o.err = inRange(keyLayers, n, 1, maxLayers)
	}
	if o.err != nil {
		return Architecture{}, o.err
	}
	inner, heads := o.perLayer(keyDInner, n), o.perLayer(keyHeads, n)
	if o.err != nil {
		return Architecture{}, o.err
	}
	a.Layers = makeLayers(inner, heads)
	if err := a.Validate(); err != nil {
		return Architecture{}, err
	}
	return a.Canonical(), nil
}

func makeLayers(inner, heads []int) []Layer {
	layers := make([]Layer, len(inner))
	for i := range layers {
		layers[i] = Layer{Heads: heads[i], DInner: inner[i]}
	}
	return layers
}
