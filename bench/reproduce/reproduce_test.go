//go:build !wasm

package main

import (
	"slices"
	"strings"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
)

func TestDepths(t *testing.T) {
	got, err := depths("1,12,4")
	if err != nil || !slices.Equal(got, []int{1, 12, 4}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "0", "16", "1,,2", "1,1", "x"} {
		if _, err := depths(text); err == nil || !strings.Contains(err.Error(), "layers") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

// The published counts: 16 layers have 134.4M and 54.6M decoder parameters.
func TestBaselines(t *testing.T) {
	for backbone, want := range map[arch.Backbone]float64{arch.GPT2: 134.4, arch.TransformerXL: 54.6} {
		b, err := familyOf(backbone)
		if err != nil {
			t.Fatal(err)
		}
		a, err := b.model(16)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(a.DecoderParams()) / 1e6; got < want-0.05 || got > want+0.05 {
			t.Errorf("%s: 16 layers have %.2fM decoder parameters, want %.1fM", b.title, got, want)
		}
	}
}

// The model of least memory has at least the baseline's parameters and less memory;
// the pairs say by how much.
func TestSmallest(t *testing.T) {
	b, err := familyOf(arch.GPT2)
	if err != nil {
		t.Fatal(err)
	}
	sp, err := b.space()
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := b.smallest(sp, []int{1, 8})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		base, err := b.model(p.Layers)
		if err != nil {
			t.Fatal(err)
		}
		var bytes [2]int64
		for i, a := range []arch.Architecture{base, p.Model} {
			g, err := graph.Build(a, workload)
			if err != nil {
				t.Fatal(err)
			}
			bytes[i] = g.Memory.TotalBytes
		}
		if p.Model.DecoderParams() < base.DecoderParams() || p.Ratio.Value != float64(bytes[0])/float64(bytes[1]) || p.Ratio.Value <= 1 {
			t.Errorf("%d layers: %v with %d decoder parameters instead of %d is %v× smaller", p.Layers, p.Model, p.Model.DecoderParams(), base.DecoderParams(), p.Ratio.Value)
		}
	}
	if pairs[0].Ratio.Value < pairs[1].Ratio.Value {
		t.Errorf("memory gains %v at 1 layer and %v at 8: it must shrink as the decoder grows", pairs[0].Ratio, pairs[1].Ratio)
	}
}

func TestJudgeTakesTheWorst(t *testing.T) {
	at := func(x float64) ratio { return ratio{x, x, x} }
	r := &results{Families: []family{
		{Backbone: arch.TransformerXL, Engines: []engine{{Name: "e", Pairs: []pair{{Layers: 1, Objective: decode, Ratio: at(0.1)}}}}},
		{Backbone: arch.GPT2,
			Peak: []pair{{Layers: 4, Objective: peak, Ratio: at(1.9)}, {Layers: 8, Objective: peak, Ratio: at(1.2)}},
			Engines: []engine{{Name: "e", Pairs: []pair{
				{Layers: 1, Objective: decode, Ratio: at(3)},
				{Layers: 2, Objective: decode, Ratio: at(2.1)},
				{Layers: 4, Objective: decode, Ratio: at(1.4)},
				{Layers: 12, Objective: prefill, Ratio: at(0.96)},
			}}}},
	}}
	var got []bool
	for _, v := range r.judge() {
		got = append(got, v.pass)
	}
	if want := []bool{true, false, true, false}; !slices.Equal(got, want) {
		t.Errorf("reached %v, want %v: decode to 17M and 40M, memory, prefill", got, want)
	}
}

// What is rendered holds the numbers that it was given.
func TestPage(t *testing.T) {
	b, err := familyOf(arch.GPT2)
	if err != nil {
		t.Fatal(err)
	}
	model, err := b.model(4)
	if err != nil {
		t.Fatal(err)
	}
	r := &results{Rounds: 7, Train: 20, Families: []family{{
		Backbone: arch.GPT2,
		Peak:     []pair{{2, peak, model, ratio{1.75, 1.75, 1.75}}},
		Engines:  []engine{{"made up", "an engine", []pair{{2, decode, model, ratio{1.5, 1.25, 2.5}}}}},
	}}}
	var text strings.Builder
	if err := page(&text, r, correlations{}, r.judge()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"for 7 rounds", "fitted to 20 designed",
		// Two layers take 16.8M multiply-adds, four 33.6M; the vocabulary with its
		// projections 53.6M, attention 0.5M a layer: 71.3 over 89.0.
		"### GPT-2, made up\n", "| 2 | 16.8M | - | **1.50×** [1.25, 2.50] (0.80×) | - | 1.75× |\n",
		"| missed | made up, decoding with the vocabulary up to 17M decoder parameters: at least 1.50×",
		"| decode_ms | made up | 2 | 4 layers, d_model 1024, d_inner 2048, 16 heads | 33.6M |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in the page", want)
		}
	}
}
