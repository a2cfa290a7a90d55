package arch

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

const (
	hfModelType = "model_type"
	hfGPT2      = "gpt2"
	hfTransfoXL = "transfo-xl"
)

// hfClass is a class of Hugging Face's transformers that reads config.json.
type hfClass struct {
	config string // its name
	// dims are the names that describe the architecture.
	dims []string
	// fixed are the names whose value changes the computation, and the values under
	// which it is the one that the backbone stands for. Left out, each has the first.
	fixed map[string][]any
	// ignored are the other names that it has written over the years: like those of
	// its base class, none changes the logits of a language model at inference.
	ignored []string
}

// hfIgnored are those of the base class.
var hfIgnored = strings.Fields(`
	architectures transformers_version torch_dtype dtype name_or_path _name_or_path _commit_hash
	attn_implementation _attn_implementation _attn_implementation_autoset _attn_implementation_internal
	use_cache output_past chunk_size_feed_forward is_decoder
	torchscript use_bfloat16 tf_legacy_loss gradient_checkpointing
	tokenizer_class prefix
	bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id decoder_start_token_id
	finetuning_task task_specific_params problem_type num_labels _num_labels id2label label2id
	output_attentions output_hidden_states output_scores return_dict return_dict_in_generate
	cross_attention_hidden_size tie_encoder_decoder
	max_length min_length do_sample early_stopping num_beams num_beam_groups num_return_sequences
	diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty
	no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids exponential_decay_length_penalty
	forced_bos_token_id forced_eos_token_id suppress_tokens begin_suppress_tokens remove_invalid_values
`)

var gpt2Config = hfClass{
	config: "GPT2Config",
	dims:   []string{hfModelType, "vocab_size", "n_positions", "n_ctx", "n_embd", "n_layer", "n_head", "n_inner"},
	fixed: map[string][]any{
		"activation_function":             {"gelu_new", "gelu_pytorch_tanh"}, // two names of the same tanh form
		"layer_norm_epsilon":              {1e-5},
		"scale_attn_weights":              {true},
		"scale_attn_by_inverse_layer_idx": {false},
		"add_cross_attention":             {false},
		"is_encoder_decoder":              {false},
		"tie_word_embeddings":             {true},
		"pruned_heads":                    {map[string]any{}, nil},
	},
	ignored: strings.Fields(`
		reorder_and_upcast_attn resid_pdrop embd_pdrop attn_pdrop initializer_range
		n_special predict_special_tokens
		summary_type summary_use_proj summary_activation summary_proj_to_labels summary_first_dropout
	`),
}

// check refuses every name that c does not know, and every value that makes
// another computation.
func (c hfClass) check(o *object) {
	for _, key := range o.keys {
		allowed, fixed := c.fixed[key]
		switch {
		case fixed:
			o.oneOf(key, allowed)
		case !slices.Contains(c.dims, key) && !slices.Contains(c.ignored, key) && !slices.Contains(hfIgnored, key) && o.err == nil:
			o.err = fmt.Errorf("architecture: unknown key %q with value %s, must be one that transformers' %s writes",
				clip(key), clip(string(o.values[key])), c.config)
		}
	}
}

// fromHuggingFace reads a config.json of transformers.
func fromHuggingFace(o *object) (Architecture, error) {
	var a Architecture
	switch o.text(hfModelType) {
	case hfGPT2:
		a = fromGPT2Config(o)
	case hfTransfoXL:
		a = fromTransfoXLConfig(o)
	default:
		o.fail(hfModelType, fmt.Sprintf("%q or %q", hfGPT2, hfTransfoXL))
	}
	if o.err != nil {
		return Architecture{}, o.err
	}
	if err := a.Validate(); err != nil {
		return Architecture{}, err
	}
	return a.Canonical(), nil
}

// fromGPT2Config reads with the defaults of transformers' GPT2Config.
func fromGPT2Config(o *object) Architecture {
	gpt2Config.check(o)
	a := Architecture{
		Backbone: GPT2,
		Vocab:    o.within("vocab_size", 50257, maxVocab),
		DModel:   o.within("n_embd", 768, maxDModel),
		MaxLen:   o.positions(),
	}
	layer := Layer{Heads: o.within("n_head", 12, a.DModel)}
	if value, ok := o.values["n_inner"]; !ok || string(value) == "null" {
		layer.DInner = 4 * a.DModel
	} else {
		layer.DInner = o.within("n_inner", 0, maxDInner)
	}
	a.Layers = slices.Repeat([]Layer{layer}, o.within("n_layer", 12, maxLayers))
	return a
}

// positions reads n_positions, for which old files also write n_ctx.
func (o *object) positions() int {
	if !o.has("n_ctx") {
		return o.within("n_positions", 1024, maxMaxLen)
	}
	context := o.within("n_ctx", 0, maxMaxLen)
	if o.within("n_positions", context, maxMaxLen) != context {
		o.fail("n_ctx", "equal to n_positions "+clip(string(o.values["n_positions"])))
	}
	return context
}

// within reads an integer from 1 to high, or returns absent if there is no such
// key; after an error it returns 0.
func (o *object) within(key string, absent, high int) int {
	n := o.integer(key, absent)
	if o.err == nil {
		o.err = inRange(key, n, 1, high)
	}
	if o.err != nil {
		return 0
	}
	return n
}

// oneOf checks that key has one of the allowed values.
func (o *object) oneOf(key string, allowed []any) {
	var value any
	err := json.Unmarshal(o.values[key], &value)
	if err == nil && slices.ContainsFunc(allowed, func(a any) bool { return reflect.DeepEqual(a, value) }) {
		return
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		word, _ := json.Marshal(a) // constants: always encodable
		words[i] = string(word)
	}
	o.fail(key, strings.Join(words, " or "))
}

// HuggingFaceConfig writes a as the indented config.json of transformers' stock
// GPT2LMHeadModel or TransfoXLLMHeadModel; [Parse] reads it back to the same ID.
// What that class cannot express is refused with one line: layers that differ, for
// GPT-2 an adaptive embedding or one that is projected, for Transformer-XL an odd
// d_model.
func (a Architecture) HuggingFaceConfig() ([]byte, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	var class, reason string
	var config any
	switch a.Backbone {
	case GPT2:
		class, reason, config = "GPT2LMHeadModel", a.beyondGPT2(), a.gpt2Config()
	case TransformerXL:
		class, reason, config = "TransfoXLLMHeadModel", a.beyondTransfoXL(), a.transfoXLConfig()
	}
	switch inner, heads := a.perLayer(dInner), a.perLayer(heads); {
	case reason != "":
	case !allEqual(inner):
		reason = fmt.Sprintf("d_inner %s, must be the same for all layers", join(inner))
	case !allEqual(heads):
		reason = fmt.Sprintf("n_head %s, must be the same for all layers", join(heads))
	}
	if reason != "" {
		return nil, fmt.Errorf("architecture: %s cannot express %s", class, reason)
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

// beyondGPT2 is what GPT2LMHeadModel cannot express of a, layers aside.
func (a Architecture) beyondGPT2() string {
	switch {
	case len(a.Clusters()) > 1:
		return fmt.Sprintf("an embedding of %d clusters, must be 1", len(a.Clusters()))
	case a.Projected():
		return fmt.Sprintf("a projected embedding (d_embed %d, div_val %d), must be d_model %d and 1", a.embedWidth(), a.divVal(), a.DModel)
	}
	return ""
}

func (a Architecture) gpt2Config() any {
	config := struct {
		Architectures []string `json:"architectures"`
		ModelType     string   `json:"model_type"`
		Vocab         int      `json:"vocab_size"`
		Positions     int      `json:"n_positions"`
		DModel        int      `json:"n_embd"`
		Layers        int      `json:"n_layer"`
		Heads         int      `json:"n_head"`
		DInner        int      `json:"n_inner"`
		Activation    string   `json:"activation_function"`
		Epsilon       float64  `json:"layer_norm_epsilon"`
		Tied          bool     `json:"tie_word_embeddings"`
		BOS           *int     `json:"bos_token_id"`
		EOS           *int     `json:"eos_token_id"`
	}{
		Architectures: []string{"GPT2LMHeadModel"},
		ModelType:     hfGPT2,
		Vocab:         a.Vocab,
		Positions:     a.MaxLen,
		DModel:        a.DModel,
		Layers:        len(a.Layers),
		Heads:         a.Layers[0].Heads,
		DInner:        a.Layers[0].DInner,
		Activation:    "gelu_new",
		Epsilon:       1e-5,
		Tied:          true,
	}
	// GPT2Config's own default, but a smaller vocabulary has no such token.
	if endOfText := 50256; a.Vocab > endOfText {
		config.BOS, config.EOS = &endOfText, &endOfText
	}
	return config
}
