package arch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

const (
	xlSameLength = "same_length"
	xlClampLen   = "clamp_len"
	xlTieProjs   = "tie_projs"
	xlDHead      = "d_head"
)

var transfoXLConfig = hfClass{
	config: "TransfoXLConfig",
	dims: []string{hfModelType, keyVocab, keyCutoffs, keyDModel, keyDEmbed, keyHeads, xlDHead, keyDInner, keyDivVal, keyLayers, keyMemLen,
		xlTieProjs},
	fixed: map[string][]any{
		xlSameLength:          {false},     // a token sees all before it, not so many
		xlClampLen:            {0.0, -1.0}, // no distance counts as a shorter one
		"pre_lnorm":           {false},
		"attn_type":           {0.0}, // by relative positions
		"untie_r":             {true},
		"adaptive":            {true},
		"sample_softmax":      {-1.0},
		"layer_norm_epsilon":  {1e-5},
		"tie_weight":          {true},
		"tie_word_embeddings": {true},
		"add_cross_attention": {false},
		"is_encoder_decoder":  {false},
		"pruned_heads":        {map[string]any{}, nil},
	},
	// proj_share_all_but_first is what tie_projs is made of, where that is not given.
	ignored: strings.Fields(`
		proj_share_all_but_first trainer_compatible tgt_len ext_len dropout dropatt
		init init_range init_std proj_init_std
	`),
}

// fromTransfoXLConfig reads a config.json in which all is given: the defaults of
// transformers' TransfoXLConfig are another computation.
func fromTransfoXLConfig(o *object) Architecture {
	transfoXLConfig.check(o)
	o.require(keyVocab, keyCutoffs, keyDModel, keyDEmbed, keyHeads, xlDHead, keyDInner, keyDivVal, keyLayers, keyMemLen,
		xlSameLength, xlClampLen)
	a := Architecture{
		Backbone: TransformerXL,
		Vocab:    o.within(keyVocab, 0, maxVocab),
		DModel:   o.within(keyDModel, 0, maxDModel),
		DEmbed:   o.within(keyDEmbed, 0, maxDModel),
		DivVal:   o.within(keyDivVal, 0, maxDivVal),
		Cutoffs:  o.integers(keyCutoffs),
		MemLen:   o.integer(keyMemLen, 0),
	}
	layer := Layer{Heads: o.within(keyHeads, 0, a.DModel), DInner: o.within(keyDInner, 0, maxDInner)}
	a.Layers = slices.Repeat([]Layer{layer}, o.within(keyLayers, 0, maxLayers))
	if o.err != nil {
		return Architecture{}
	}
	if dim := a.HeadDim(0); o.integer(xlDHead, 0) != dim {
		o.fail(xlDHead, fmt.Sprintf("%d, d_model / n_head rounded down", dim))
	}
	if a.Projected() {
		o.require(xlTieProjs)
		var tied []bool
		if err := json.Unmarshal(o.values[xlTieProjs], &tied); err != nil || !slices.Equal(tied, a.tiedProjections()) {
			o.fail(xlTieProjs, fmt.Sprintf("a list of %d times true, one for each cluster", len(a.Cutoffs)+1))
		}
	}
	return a
}

// tiedProjections says for every cluster that its output has the projection of
// its input, as the weights themselves have.
func (a Architecture) tiedProjections() []bool {
	return slices.Repeat([]bool{true}, len(a.Cutoffs)+1)
}

// beyondTransfoXL is what TransfoXLLMHeadModel cannot express of a, layers aside.
func (a Architecture) beyondTransfoXL() string {
	if a.DModel%2 == 1 {
		return fmt.Sprintf("d_model %d, must be even", a.DModel)
	}
	return ""
}

func (a Architecture) transfoXLConfig() any {
	a = a.Canonical()
	return struct {
		Architectures  []string `json:"architectures"`
		ModelType      string   `json:"model_type"`
		Vocab          int      `json:"vocab_size"`
		Cutoffs        []int    `json:"cutoffs"`
		DModel         int      `json:"d_model"`
		DEmbed         int      `json:"d_embed"`
		DivVal         int      `json:"div_val"`
		Layers         int      `json:"n_layer"`
		Heads          int      `json:"n_head"`
		DHead          int      `json:"d_head"`
		DInner         int      `json:"d_inner"`
		MemLen         int      `json:"mem_len"`
		ClampLen       int      `json:"clamp_len"`
		SameLength     bool     `json:"same_length"`
		PreNorm        bool     `json:"pre_lnorm"`
		AttentionType  int      `json:"attn_type"`
		UntiedBiases   bool     `json:"untie_r"`
		Adaptive       bool     `json:"adaptive"`
		SampledSoftmax int      `json:"sample_softmax"`
		Epsilon        float64  `json:"layer_norm_epsilon"`
		Tied           bool     `json:"tie_word_embeddings"`
		TiedProjs      []bool   `json:"tie_projs"`
		EOS            int      `json:"eos_token_id"`
	}{
		Architectures:  []string{"TransfoXLLMHeadModel"},
		ModelType:      hfTransfoXL,
		Vocab:          a.Vocab,
		Cutoffs:        append([]int{}, a.Cutoffs...), // a list also if there is none
		DModel:         a.DModel,
		DEmbed:         a.DEmbed,
		DivVal:         a.DivVal,
		Layers:         len(a.Layers),
		Heads:          a.Layers[0].Heads,
		DHead:          a.HeadDim(0),
		DInner:         a.Layers[0].DInner,
		MemLen:         a.MemLen,
		UntiedBiases:   true,
		Adaptive:       true,
		SampledSoftmax: -1,
		Epsilon:        1e-5,
		Tied:           true,
		TiedProjs:      a.tiedProjections(),
	}
}
