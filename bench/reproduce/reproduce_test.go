//go:build !wasm

package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"litefront/bench/contest"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
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

// A goal that no pair could show is told, too.
func TestJudge(t *testing.T) {
	at := func(x float64) ratio { return ratio{x, x, x} }
	words := func(r *results) (list []string) {
		verdicts, err := r.judge()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range verdicts {
			list = append(list, v.engine+" "+v.word())
		}
		return list
	}
	const none = "not measured"
	for _, c := range []struct {
		name string
		r    results
		want []string // decode to 17M and 40M, memory, prefill
	}{
		{"nothing measured", results{}, []string{
			"wazero " + none, "chromium " + none, "wazero " + none, "chromium " + none, "any engine " + none, "wazero " + none, "chromium " + none}},
		{"the worst counts", results{Families: []family{
			{Backbone: arch.TransformerXL, Engines: []engine{{Name: "wazero", Pairs: []pair{{Layers: 1, Objective: decode, Ratio: at(0.1)}}}}},
			{Backbone: arch.GPT2,
				Peak: []pair{{Layers: 4, Objective: peak, Ratio: at(1.9)}, {Layers: 8, Objective: peak, Ratio: at(1.2)}},
				Engines: []engine{
					{Name: "wazero", Pairs: []pair{
						{Layers: 1, Objective: decode, Ratio: at(3)},
						{Layers: 2, Objective: decode, Ratio: at(2.1)},
						{Layers: 4, Objective: decode, Ratio: at(1.4)},
						{Layers: 12, Objective: prefill, Ratio: at(0.96)},
					}},
					{Name: "chromium", Pairs: []pair{{Layers: 4, Objective: decode, Ratio: at(1.6)}}},
				}},
		}}, []string{
			"wazero reached", "chromium " + none, "wazero missed", "chromium reached", "any engine reached", "wazero missed", "chromium " + none}},
	} {
		if got := words(&c.r); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// What is on the disk is taken over with the same settings only, and a table of
// another device is measured again.
func TestResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	same := settings{"v1", []int{1, 2}, 7, 20, 800}
	anew := func(s settings) *results { return &results{settings: s} }
	if r := anew(same); r.resume(path) != nil || r.Families != nil {
		t.Errorf("no file: got %+v", r)
	}
	device := trial.Device{Name: "a", Features: []string{"simd128"}, TimerStepNs: 40}
	b := allBaselines[0]
	model, err := b.model(3)
	if err != nil {
		t.Fatal(err)
	}
	f := family{Backbone: b.backbone, Peak: []pair{{1, peak, model, ratio{3, 3, 3}}}}
	f.put(engine{"wazero", "title", device, []pair{{1, decode, model, ratio{2, 1, 3}}}})
	kept := &results{same, []family{f}}
	if err := contest.Write(path, kept); err != nil {
		t.Fatal(err)
	}
	r := anew(same)
	if err := r.resume(path); err != nil || !reflect.DeepEqual(r, kept) {
		t.Errorf("got %+v, %v; want %+v", r, err, kept)
	}
	for _, other := range []settings{
		{"v2", []int{1, 2}, 7, 20, 800}, {"v1", []int{1}, 7, 20, 800}, {"v1", []int{1, 2}, 8, 20, 800},
		{"v1", []int{1, 2}, 7, 21, 800}, {"v1", []int{1, 2}, 7, 20, 801},
	} {
		if r := anew(other); r.resume(path) != nil || r.Families != nil {
			t.Errorf("%+v takes over %+v", other, r.Families)
		}
	}

	got := r.family(b.backbone)
	later, elsewhere := device, device
	later.TimerStepNs, elsewhere.Name = 50, "b"
	if !got.holds("wazero", later) || got.holds("chromium", device) || got.holds("wazero", elsewhere) {
		t.Errorf("what %+v holds is another thing", got)
	}
	got.put(engine{Name: "wazero", Device: elsewhere})
	if len(got.Engines) != 1 || !got.holds("wazero", elsewhere) {
		t.Errorf("measured elsewhere, it holds %+v", got.Engines)
	}

	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := anew(same).resume(path); err == nil || !strings.Contains(err.Error(), "-fresh") {
		t.Errorf("torn file: error %v", err)
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
	r := &results{settings{Rounds: 7, Train: 20}, []family{{
		Backbone: arch.GPT2,
		Peak:     []pair{{2, peak, model, ratio{1.75, 1.75, 1.75}}},
		Engines:  []engine{{Name: "wazero", Title: "an engine", Pairs: []pair{{2, decode, model, ratio{1.5, 1.25, 2.5}}}}},
	}}}
	verdicts, err := r.judge()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := page(&text, r, correlations{}, verdicts); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"for 7 rounds", "fitted to 20 designed",
		// Two layers take 16.8M multiply-adds, four 33.6M; the vocabulary with its
		// projections 53.6M, attention 0.5M a layer: 71.3 over 89.0.
		"### GPT-2, wazero\n", "| 2 | 16.8M | - | **1.50×** [1.25, 2.50] (0.80×) | - | 1.75× |\n",
		"| not measured | chromium, prefill up to 140M decoder parameters (goal 0.97×) |",
		"| missed | wazero, decoding with the vocabulary up to 17M decoder parameters: at least 1.50×",
		"| decode_ms | wazero | 2 | 4 layers, d_model 1024, d_inner 2048, 16 heads | 33.6M |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in the page", want)
		}
	}
}
