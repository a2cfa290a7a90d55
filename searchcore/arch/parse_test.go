package arch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// hfConfig is what recent versions of transformers write for GPT-2.
const hfConfig = `{
  "_name_or_path": "gpt2",
  "activation_function": "gelu_new",
  "architectures": ["GPT2LMHeadModel"],
  "attn_pdrop": 0.1,
  "bos_token_id": 50256,
  "embd_pdrop": 0.1,
  "eos_token_id": 50256,
  "initializer_range": 0.02,
  "layer_norm_epsilon": 1e-05,
  "model_type": "gpt2",
  "n_ctx": 1024,
  "n_embd": 768,
  "n_head": 12,
  "n_inner": null,
  "n_layer": 12,
  "n_positions": 1024,
  "reorder_and_upcast_attn": false,
  "resid_pdrop": 0.1,
  "scale_attn_by_inverse_layer_idx": false,
  "scale_attn_weights": true,
  "summary_activation": null,
  "summary_first_dropout": 0.1,
  "summary_proj_to_labels": true,
  "summary_type": "cls_index",
  "summary_use_proj": true,
  "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}},
  "torch_dtype": "float32",
  "transformers_version": "4.41.2",
  "use_cache": true,
  "vocab_size": 50257
}`

// hfMedium is the older form in which gpt2-medium is published.
const hfMedium = `{
  "activation_function": "gelu_new",
  "architectures": ["GPT2LMHeadModel"],
  "attn_pdrop": 0.1,
  "bos_token_id": 50256,
  "embd_pdrop": 0.1,
  "eos_token_id": 50256,
  "initializer_range": 0.02,
  "layer_norm_epsilon": 1e-05,
  "model_type": "gpt2",
  "n_ctx": 1024,
  "n_embd": 1024,
  "n_head": 16,
  "n_layer": 24,
  "n_positions": 1024,
  "n_special": 0,
  "predict_special_tokens": true,
  "resid_pdrop": 0.1,
  "summary_activation": null,
  "summary_first_dropout": 0.1,
  "summary_proj_to_labels": true,
  "summary_type": "cls_index",
  "summary_use_proj": true,
  "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}},
  "vocab_size": 50257
}`

// hfDistil is the form in which distilgpt2 is published.
const hfDistil = `{
  "_num_labels": 1,
  "activation_function": "gelu_new",
  "architectures": ["GPT2LMHeadModel"],
  "attn_pdrop": 0.1,
  "bos_token_id": 50256,
  "embd_pdrop": 0.1,
  "eos_token_id": 50256,
  "id2label": {"0": "LABEL_0"},
  "initializer_range": 0.02,
  "label2id": {"LABEL_0": 0},
  "layer_norm_epsilon": 1e-05,
  "model_type": "gpt2",
  "n_ctx": 1024,
  "n_embd": 768,
  "n_head": 12,
  "n_layer": 6,
  "n_positions": 1024,
  "resid_pdrop": 0.1,
  "summary_activation": null,
  "summary_first_dropout": 0.1,
  "summary_proj_to_labels": true,
  "summary_type": "cls_index",
  "summary_use_proj": true,
  "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}},
  "vocab_size": 50257
}`

// TestPublishedModels compares with the sizes that transformers counts in the
// published weights, output tied.
func TestPublishedModels(t *testing.T) {
	for _, test := range []struct {
		name, config string
		params       int64
	}{
		{"gpt2", hfConfig, 124_439_808},
		{"gpt2, all by default", `{"model_type": "gpt2"}`, 124_439_808},
		{"gpt2-medium", hfMedium, 354_823_168},
		{"gpt2-large", `{"model_type": "gpt2", "n_embd": 1280, "n_layer": 36, "n_head": 20}`, 774_030_080},
		{"gpt2-xl", `{"model_type": "gpt2", "n_embd": 1600, "n_layer": 48, "n_head": 25, "output_past": true}`, 1_557_611_200},
		{"distilgpt2", hfDistil, 81_912_576},
	} {
		a, err := Parse([]byte(test.config))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if got := a.TotalParams(); got != test.params {
			t.Errorf("%s: %v has %d parameters, want %d", test.name, a, got, test.params)
		}
	}
}

func TestParseHuggingFace(t *testing.T) {
	a, err := Parse([]byte(`{"model_type": "gpt2", "vocab_size": 500, "n_ctx": 32, "n_embd": 24, "n_layer": 2,
		"n_head": 3, "n_inner": 40, "activation_function": "gelu_pytorch_tanh", "layer_norm_epsilon": 0.00001, "pruned_heads": {}}`))
	want := Architecture{Backbone: GPT2, Vocab: 500, DModel: 24, MaxLen: 32, Layers: layersOf(2, Layer{Heads: 3, DInner: 40})}
	if err != nil || a.ID() != want.ID() {
		t.Errorf("got %+v (%v), want %+v", a, err, want)
	}
}

func TestParseErrors(t *testing.T) {
	hf := func(member string) string { return `{"model_type": "gpt2", ` + member + `}` }
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"too long", `{"arch_type": "gpt2"` + strings.Repeat(" ", 1<<20), []string{"bytes", "1048576"}},
		{"neither form", `{"d_model": 64}`, []string{"arch_type is missing", "model_type"}},
		{"not JSON", "n_layer = 4", []string{"JSON"}},
		{"both forms", `{"arch_type": "gpt2", "model_type": "gpt2"}`, []string{`unknown key "model_type"`}},
		{"other model", `{"model_type": "bert"}`, []string{`model_type "bert"`, `"gpt2"`}},
		{"model_type of wrong type", `{"model_type": ["gpt2"]}`, []string{"model_type", "string"}},
		{"unknown key", hf(`"rotary": true`), []string{`unknown key "rotary"`, "true"}},
		{"duplicate key", hf(`"n_embd": 768, "n_embd": 64`), []string{`"n_embd"`, "once"}},
		{"activation", hf(`"activation_function": "relu"`), []string{`activation_function "relu"`, `"gelu_new" or "gelu_pytorch_tanh"`}},
		{"exact gelu", hf(`"activation_function": "gelu"`), []string{`activation_function "gelu"`}},
		{"epsilon", hf(`"layer_norm_epsilon": 1e-6`), []string{"layer_norm_epsilon 1e-6", "0.00001"}},
		{"unscaled", hf(`"scale_attn_weights": false`), []string{"scale_attn_weights false", "true"}},
		{"scaled by layer", hf(`"scale_attn_by_inverse_layer_idx": true`), []string{"scale_attn_by_inverse_layer_idx true", "false"}},
		{"cross-attention", hf(`"add_cross_attention": true`), []string{"add_cross_attention true", "false"}},
		{"encoder-decoder", hf(`"is_encoder_decoder": 0`), []string{"is_encoder_decoder 0", "false"}},
		{"untied", hf(`"tie_word_embeddings": false`), []string{"tie_word_embeddings false", "true"}},
		{"pruned", hf(`"pruned_heads": {"0": [1]}`), []string{`pruned_heads {"0": [1]}`, "{} or null"}},
		{"lengths disagree", hf(`"n_ctx": 512, "n_positions": 1024`), []string{"n_ctx 512", "n_positions 1024"}},
		{"no width", hf(`"n_embd": 0`), []string{"n_embd 0", "1 to 65536"}},
		{"width null", hf(`"n_embd": null`), []string{"n_embd null", "integer"}},
		{"default heads exceed the width", hf(`"n_embd": 8`), []string{"n_head 12", "1 to 8"}},
		{"heads do not divide", hf(`"n_head": 5`), []string{"n_head[0] 5", "768"}},
		{"no inner width", hf(`"n_inner": 0`), []string{"n_inner 0", "1 to 1048576"}},
		{"no layers", hf(`"n_layer": 0`), []string{"n_layer 0", "1 to 256"}},
		{"absurd depth", hf(`"n_layer": 2147483647`), []string{"n_layer 2147483647", "1 to 256"}},
		{"vocabulary", hf(`"vocab_size": -1`), []string{"vocab_size -1", "1 to 16777216"}},
		{"positions", hf(`"n_positions": 1048577`), []string{"n_positions 1048577", "1 to 1048576"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.text))
			checkOneLine(t, err, test.want...)
		})
	}
}

func TestHuggingFaceConfig(t *testing.T) {
	a := Architecture{Backbone: GPT2, Vocab: 50257, DModel: 320, DEmbed: 320, DivVal: 1, MaxLen: 1024,
		Cutoffs: []int{59997}, Layers: layersOf(4, Layer{Heads: 2, DInner: 576})}
	tokens := map[int]any{50256: nil, 50257: 50256.0} // vocabulary to end-of-text
	for vocab, token := range tokens {
		a.Vocab = vocab
		data, err := a.HuggingFaceConfig()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(data, []byte("{\n  \"")) {
			t.Errorf("not indented: %s", data)
		}
		var members map[string]any
		if err := json.Unmarshal(data, &members); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(members["architectures"]) != "[GPT2LMHeadModel]" || members["n_inner"] != 576.0 || members["eos_token_id"] != token {
			t.Errorf("%s", data)
		}
		if back, err := Parse(data); err != nil || back.ID() != a.ID() {
			t.Errorf("read back as %+v (%v), want %+v", back, err, a)
		}
	}
}

func TestHuggingFaceConfigRefuses(t *testing.T) {
	plain := func(change func(*Architecture)) Architecture {
		a := small()
		a.Layers = layersOf(2, Layer{Heads: 2, DInner: 128})
		change(&a)
		return a
	}
	if _, err := plain(func(*Architecture) {}).HuggingFaceConfig(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		arch Architecture
		want []string
	}{
		{plain(func(a *Architecture) { a.DModel = 0 }), []string{"d_model 0"}},
		{smallXL(), []string{"TransfoXLLMHeadModel", "d_inner 128|192"}},
		{changed(uniformXL(), func(a *Architecture) { a.Layers[1].Heads = 4 }), []string{"TransfoXLLMHeadModel", "n_head 3|4"}},
		{changed(uniformXL(), func(a *Architecture) { a.DModel = 63 }), []string{"TransfoXLLMHeadModel", "d_model 63", "even"}},
		{plain(func(a *Architecture) { a.Cutoffs = []int{10} }), []string{"2 clusters"}},
		{plain(func(a *Architecture) { a.DEmbed = 32 }), []string{"d_embed 32", "d_model 64"}},
		{plain(func(a *Architecture) { a.DivVal = 2 }), []string{"div_val 2"}},
		{plain(func(a *Architecture) { a.Layers[1].DInner = 192 }), []string{"d_inner 128|192"}},
		{plain(func(a *Architecture) { a.Layers[1].Heads = 4 }), []string{"n_head 2|4"}},
	} {
		_, err := test.arch.HuggingFaceConfig()
		checkOneLine(t, err, test.want...)
	}
}

// uniformXL is what a stock class can express.
func uniformXL() Architecture {
	a := smallXL()
	a.Layers = layersOf(2, Layer{Heads: 3, DInner: 128})
	return a
}

// hfXL is uniformXL as transformers' TransfoXLConfig writes it.
const hfXL = `{
  "adaptive": true,
  "architectures": ["TransfoXLLMHeadModel"],
  "attn_type": 0,
  "clamp_len": -1,
  "cutoffs": [100, 500],
  "d_embed": 32,
  "d_head": 21,
  "d_inner": 128,
  "d_model": 64,
  "div_val": 4,
  "dropatt": 0.0,
  "dropout": 0.1,
  "eos_token_id": 0,
  "init": "normal",
  "init_range": 0.01,
  "init_std": 0.02,
  "layer_norm_epsilon": 1e-05,
  "mem_len": 192,
  "model_type": "transfo-xl",
  "n_head": 3,
  "n_layer": 2,
  "pre_lnorm": false,
  "proj_init_std": 0.01,
  "proj_share_all_but_first": true,
  "same_length": false,
  "sample_softmax": -1,
  "tie_projs": [true, true, true],
  "transformers_version": "4.35.0",
  "untie_r": true,
  "vocab_size": 1000
}`

func TestTransfoXL(t *testing.T) {
	if a, err := Parse([]byte(hfXL)); err != nil || a.ID() != uniformXL().ID() {
		t.Errorf("read as %+v (%v), want %+v", a, err, uniformXL())
	}
	for _, change := range []func(a *Architecture){
		func(a *Architecture) {},
		func(a *Architecture) { a.MemLen = 0 },
		func(a *Architecture) { a.DivVal, a.DEmbed = 1, 0 },
		func(a *Architecture) { a.DivVal, a.Cutoffs = 1, nil },
	} {
		a := changed(uniformXL(), change)
		data, err := a.HuggingFaceConfig()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Parse(data); err != nil || back.ID() != a.ID() {
			t.Errorf("%s is read back as %+v (%v), want %+v", data, back, err, a)
		}
	}
	// Unprojected, nothing is tied by the list.
	text := strings.NewReplacer(`"tie_projs": [true, true, true],`, "", `"div_val": 4`, `"div_val": 1`, `"d_embed": 32`, `"d_embed": 64`).Replace(hfXL)
	if _, err := Parse([]byte(text)); err != nil {
		t.Error(err)
	}
}

func TestTransfoXLErrors(t *testing.T) {
	for _, test := range []struct {
		old, new string
		want     []string
	}{
		{`"clamp_len": -1,`, ``, []string{"clamp_len is missing"}},
		{`"clamp_len": -1`, `"clamp_len": 1000`, []string{"clamp_len 1000", "0 or -1"}},
		{`"same_length": false`, `"same_length": true`, []string{"same_length true", "false"}},
		{`"same_length": false,`, ``, []string{"same_length is missing"}},
		{`"untie_r": true`, `"untie_r": false`, []string{"untie_r false"}},
		{`"attn_type": 0`, `"attn_type": 2`, []string{"attn_type 2"}},
		{`[true, true, true]`, `[false, true, true]`, []string{"tie_projs [false, true, true]", "3 times true"}},
		{`[true, true, true]`, `[true, true]`, []string{"tie_projs [true, true]", "3 times true"}},
		{`"tie_projs": [true, true, true],`, ``, []string{"tie_projs is missing"}},
		{`"d_head": 21`, `"d_head": 16`, []string{"d_head 16", "21"}},
		{`"n_head": 3`, `"n_head": [3, 4]`, []string{"n_head [3, 4]", "integer"}},
		{`"mem_len": 192`, `"mem_len": -1`, []string{"mem_len -1", "0 to 131072"}},
		{`"cutoffs": [100, 500]`, `"cutoffs": [500, 100]`, []string{"cutoffs[1] 100"}},
		{`"dropout": 0.1`, `"resid_pdrop": 0.1`, []string{`unknown key "resid_pdrop"`, "TransfoXLConfig"}},
		{`"transfo-xl"`, `"transformer-xl"`, []string{`model_type "transformer-xl"`, `"gpt2" or "transfo-xl"`}},
	} {
		if !strings.Contains(hfXL, test.old) {
			t.Fatalf("no %s", test.old)
		}
		_, err := Parse([]byte(strings.Replace(hfXL, test.old, test.new, 1)))
		checkOneLine(t, err, test.want...)
	}
}

func FuzzParse(f *testing.F) {
	for _, test := range golden {
		f.Add([]byte(test.json))
	}
	f.Add([]byte(hfConfig))
	f.Add([]byte(hfMedium))
	f.Add([]byte(hfDistil))
	f.Add([]byte(hfXL))
	f.Add([]byte(`{"arch_type":"gpt2","n_layer":2,"d_model":9,"d_inner":3,"n_head":3,"vocab_size":9,"max_sequence_length":1,"div_val":3,"cutoffs":[4,7,12],"dropatt":0.0}`))
	f.Add([]byte(`{"model_type":"gpt2","n_ctx":4,"n_embd":4,"n_head":2,"n_layer":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Parse(data)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 1000 {
				t.Errorf("not one short line: %q", err)
			}
			return
		}
		if err := a.Validate(); err != nil {
			t.Fatalf("parsed but not valid: %v", err)
		}
		canonical, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Parse(canonical); err != nil || back.ID() != a.ID() {
			t.Errorf("%s: read back as %+v (%v)", canonical, back, err)
		}
		if a.DecoderParams() <= 0 || a.TotalParams() <= a.DecoderParams() {
			t.Errorf("%s: counts %d of %d", canonical, a.DecoderParams(), a.TotalParams())
		}
		config, err := a.HuggingFaceConfig()
		if err != nil {
			return
		}
		if back, err := Parse(config); err != nil || back.ID() != a.ID() {
			t.Errorf("%s: read back as %+v (%v)", config, back, err)
		}
	})
}
