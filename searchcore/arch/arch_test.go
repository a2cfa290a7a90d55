package arch

import (
	"strings"
	"testing"
)

// small returns a valid GPT-2 of two layers, to be changed by tests.
func small() Architecture {
	return Architecture{
		Backbone: GPT2, Vocab: 1000, DModel: 64, MaxLen: 128,
		Layers: []Layer{{Heads: 2, DInner: 128}, {Heads: 4, DInner: 192}},
	}
}

// smallXL is its Transformer-XL counterpart, with three clusters.
func smallXL() Architecture {
	return Architecture{
		Backbone: TransformerXL, Vocab: 1000, DModel: 64, DEmbed: 32, DivVal: 4,
		Cutoffs: []int{100, 500, 5000}, MemLen: 192,
		Layers: []Layer{{Heads: 3, DInner: 128}, {Heads: 4, DInner: 192}},
	}
}

// changed returns a after a change.
func changed(a Architecture, change func(*Architecture)) Architecture {
	change(&a)
	return a
}

// checkOneLine fails unless err is one line that contains every word.
func checkOneLine(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that names %q", words)
	}
	if strings.ContainsAny(err.Error(), "\n\r") {
		t.Errorf("error has several lines: %q", err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not name %q", err, word)
		}
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		arch   Architecture
		change func(*Architecture)
		want   []string // words of the error; nil if valid
	}{
		{"gpt2", small(), func(*Architecture) {}, nil},
		{"transformer-xl", smallXL(), func(*Architecture) {}, nil},
		{"zero value", Architecture{}, func(*Architecture) {}, []string{"arch_type", `""`, "gpt2", "transformer-xl"}},
		{"backbone", small(), func(a *Architecture) { a.Backbone = "ber\nt" }, []string{"arch_type", "ber t", "gpt2"}},
		{"no layers", small(), func(a *Architecture) { a.Layers = nil }, []string{"n_layer 0", "1 to 256"}},
		{"most layers", small(), func(a *Architecture) { a.Layers = layersOf(256, Layer{1, 1}) }, nil},
		{"too many layers", small(), func(a *Architecture) { a.Layers = layersOf(257, Layer{1, 1}) }, []string{"n_layer 257", "256"}},
		{"no vocabulary", small(), func(a *Architecture) { a.Vocab = 0 }, []string{"vocab_size 0", "1 to 16777216"}},
		{"most tokens", small(), func(a *Architecture) { a.Vocab = 1 << 24 }, nil},
		{"too many tokens", small(), func(a *Architecture) { a.Vocab = 1<<24 + 1 }, []string{"vocab_size 16777217"}},
		{"no width", small(), func(a *Architecture) { a.DModel = 0 }, []string{"d_model 0", "1 to 65536"}},
		{"widest", small(), func(a *Architecture) { a.DModel = 65536 }, nil},
		{"too wide", small(), func(a *Architecture) { a.DModel = 65537 }, []string{"d_model 65537"}},
		{"negative d_embed", small(), func(a *Architecture) { a.DEmbed = -1 }, []string{"d_embed -1", "0 to 65536"}},
		{"too large d_embed", small(), func(a *Architecture) { a.DEmbed = 65537 }, []string{"d_embed 65537"}},
		{"negative div_val", small(), func(a *Architecture) { a.DivVal = -1 }, []string{"div_val -1", "0 to 64"}},
		{"too large div_val", small(), func(a *Architecture) { a.DivVal = 65 }, []string{"div_val 65"}},
		{"no positions", small(), func(a *Architecture) { a.MaxLen = 0 }, []string{"max_sequence_length 0", "1 to 1048576"}},
		{"too many positions", small(), func(a *Architecture) { a.MaxLen = 1<<20 + 1 }, []string{"max_sequence_length 1048577"}},
		{"memory in gpt2", small(), func(a *Architecture) { a.MemLen = 1 }, []string{"mem_len 1", "0 for gpt2"}},
		{"negative memory", smallXL(), func(a *Architecture) { a.MemLen = -1 }, []string{"mem_len -1", "0 to 131072"}},
		{"most memory", smallXL(), func(a *Architecture) { a.MemLen = 1 << 17 }, nil},
		{"too much memory", smallXL(), func(a *Architecture) { a.MemLen = 1<<17 + 1 }, []string{"mem_len 131073"}},
		{"positions in transformer-xl", smallXL(), func(a *Architecture) { a.MaxLen = -7 }, nil},
		{"no d_inner", small(), func(a *Architecture) { a.Layers[1].DInner = 0 }, []string{"d_inner[1] 0", "1 to 1048576"}},
		{"too large d_inner", small(), func(a *Architecture) { a.Layers[0].DInner = 1<<20 + 1 }, []string{"d_inner[0] 1048577"}},
		{"no heads", small(), func(a *Architecture) { a.Layers[0].Heads = 0 }, []string{"n_head[0] 0", "1 to 64"}},
		{"more heads than width", smallXL(), func(a *Architecture) { a.Layers[1].Heads = 65 }, []string{"n_head[1] 65", "1 to 64"}},
		{"heads must divide in gpt2", small(), func(a *Architecture) { a.Layers[1].Heads = 3 }, []string{"n_head[1] 3", "divide d_model 64"}},
		{"zero cutoff", smallXL(), func(a *Architecture) { a.Cutoffs = []int{0} }, []string{"cutoffs[0] 0", "positive"}},
		{"repeated cutoff", smallXL(), func(a *Architecture) { a.Cutoffs = []int{5, 5} }, []string{"cutoffs[1] 5", "ascending"}},
		{"descending beyond the vocabulary", smallXL(), func(a *Architecture) { a.Cutoffs = []int{5, 3000, 2000} }, []string{"cutoffs[2] 2000"}},
		{"too many cutoffs", smallXL(), func(a *Architecture) { a.Cutoffs = make([]int, 65) }, []string{"cutoffs 65", "64"}},
		{"narrowest cluster", smallXL(), func(a *Architecture) { a.DEmbed = 16 }, nil},
		{"cluster without width", smallXL(), func(a *Architecture) { a.DEmbed = 15 }, []string{"div_val 4", "cluster 2", "d_embed 15", "at least 1"}},
		{"dead cluster needs no width", smallXL(), func(a *Architecture) { a.DEmbed, a.Vocab = 4, 400 }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := changed(test.arch, test.change).Validate()
			if test.want != nil {
				checkOneLine(t, err, test.want...)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestString(t *testing.T) {
	tests := []struct {
		arch Architecture
		want string
	}{
		{Architecture{Backbone: GPT2, DModel: 320, Layers: []Layer{{2, 576}, {2, 576}, {2, 576}, {2, 576}}}, "gpt2 L4 d320 D576 h2"},
		{Architecture{Backbone: GPT2, DModel: 320, Layers: []Layer{{2, 2176}, {2, 3072}, {2, 2496}}}, "gpt2 L3 d320 D2176|3072|2496 h2"},
		{Architecture{Backbone: TransformerXL, DModel: 64, Layers: []Layer{{2, 128}, {4, 128}}}, "transformer-xl L2 d64 D128 h2|4"},
		{Architecture{Backbone: GPT2}, "gpt2 L0 d0 D h"},
	}
	for _, test := range tests {
		if got := test.arch.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
