package proxy_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/arch"
	"litefront/searchcore/proxy"
	"litefront/searchcore/proxy/judge"
)

// published reads the sets that LiteTransformerSearch's authors trained.
func published(t *testing.T) []judge.Set {
	t.Helper()
	var table judge.Table
	for _, name := range []string{"lts_random_wt103.csv", "lts_pareto_lm1b.csv"} {
		f, err := os.Open(filepath.Join("..", "arch", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := table.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	return table.Sets
}

// gpt2 has two layers that every term of the closed form sees differently.
func gpt2() arch.Architecture {
	return arch.Architecture{
		Backbone: arch.GPT2, Vocab: 1000, DModel: 64, DEmbed: 32, MaxLen: 256,
		Layers: []arch.Layer{{Heads: 2, DInner: 128}, {Heads: 4, DInner: 256}},
	}
}

func TestQualityByHand(t *testing.T) {
	a := gpt2()
	layer := func(inner float64) float64 { return 4*64*64 + 4*64 + 2*64*inner + inner + 64 + 4*64 }
	discount := func(heads, dim float64) float64 {
		return math.Round(math.Exp(-0.5*(1/heads+1/dim))*(1<<20)) / (1 << 20)
	}
	sum := layer(128)*discount(2, 32) + layer(256)*discount(4, 16)
	global := math.Exp(-100*math.Sqrt(1.0/(64*64)+1.0/(32*32)) - 3.0/2)
	got := proxy.Form{Width: 100, Depth: 3, Heads: 0.5}.Quality(a)
	if want := sum * global; math.Abs(got/want-1) > 1e-12 {
		t.Errorf("quality %v, want %v", got, want)
	}
	if got, want := (proxy.Form{}).Quality(a), float64(a.DecoderParams()-2*64); got != want {
		t.Errorf("without discounts %v, want the layers' parameters %v", got, want)
	}
}

// arbitrary draws valid architectures, extreme ones among them.
var arbitrary = rapid.Custom(func(t *rapid.T) arch.Architecture {
	a := arch.Architecture{
		Backbone: rapid.SampledFrom([]arch.Backbone{arch.GPT2, arch.TransformerXL}).Draw(t, "backbone"),
		Vocab:    rapid.IntRange(1, 300000).Draw(t, "vocab"),
		DModel:   8 * rapid.IntRange(1, 1000).Draw(t, "d_model/8"),
		DEmbed:   rapid.IntRange(0, 2000).Draw(t, "d_embed"),
		MaxLen:   192,
	}
	for range rapid.IntRange(1, 24).Draw(t, "n_layer") {
		a.Layers = append(a.Layers, arch.Layer{
			Heads:  rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "n_head"),
			DInner: rapid.IntRange(1, 8192).Draw(t, "d_inner"),
		})
	}
	return a.Canonical()
})

// TestQualityProperties checks what solvers and searches rely on.
func TestQualityProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := arbitrary.Draw(t, "a")
		q := proxy.Quality(a)
		if !(q > 0 && q < float64(a.DecoderParams())) {
			t.Fatalf("quality %v of %v is not between 0 and its %d decoder parameters", q, a, a.DecoderParams())
		}
		// More parameters at equal shape are never worse.
		larger := a
		larger.Layers = slices.Clone(a.Layers)
		larger.Layers[rapid.IntRange(0, len(a.Layers)-1).Draw(t, "layer")].DInner += rapid.IntRange(1, 1000).Draw(t, "more")
		if !(proxy.Quality(larger) > q) {
			t.Fatalf("%v has quality %v, the smaller %v has %v", larger, proxy.Quality(larger), a, q)
		}
		// What all layers share does not depend on any of them, and each layer's
		// part not on the others.
		form := proxy.Fitted()
		if form.Global(larger) != form.Global(a) {
			t.Fatalf("%v and %v differ in what layers share", larger, a)
		}
		alone := a
		alone.Layers = a.Layers[:1]
		if form.Layer(alone, 0) != form.Layer(a, 0) {
			t.Fatalf("the first layer of %v counts %v, alone %v", a, form.Layer(a, 0), form.Layer(alone, 0))
		}
		// The order of layers makes no difference.
		reversed := a
		reversed.Layers = slices.Clone(a.Layers)
		slices.Reverse(reversed.Layers)
		if r := proxy.Quality(reversed); r != q {
			t.Fatalf("%v has quality %v, reversed %v", a, q, r)
		}
	})
}

// The corners that decoder parameters run into are worse than plain shapes of the
// same size.
func TestQualityPenalisesCorners(t *testing.T) {
	model := func(layers, d, inner, heads int) arch.Architecture {
		return arch.Architecture{Backbone: arch.GPT2, Vocab: 50264, DModel: d, MaxLen: 192,
			Layers: slices.Repeat([]arch.Layer{{Heads: heads, DInner: inner}}, layers)}
	}
	plain := model(8, 512, 1088, 8)
	for name, corner := range map[string]arch.Architecture{
		"narrow with wide feed-forward blocks": model(16, 128, 4032, 8),
		"two layers":                           model(2, 960, 2816, 8),
		"one head":                             model(8, 512, 1088, 1),
	} {
		if ratio := float64(corner.DecoderParams()) / float64(plain.DecoderParams()); ratio < 0.97 {
			t.Errorf("%s: has %v times the decoder parameters", name, ratio)
		}
		if q := proxy.Quality(corner); q > 0.8*proxy.Quality(plain) {
			t.Errorf("%s: quality %.3g, plain %.3g", name, q, proxy.Quality(plain))
		}
	}
}

func TestScores(t *testing.T) {
	a := gpt2()
	wide := a
	wide.DModel, wide.DEmbed = 128, 128
	for _, p := range proxy.All() {
		if p.Name == "" || p.Description == "" || p.Source == "" || p.Needs == "" {
			t.Errorf("proxy %q lacks a description, its source or what it needs", p.Name)
		}
		scores := p.Scores([]arch.Architecture{a, wide})
		if p.Name == "n_layer" {
			if scores[0] != 2 || scores[1] != 2 {
				t.Errorf("n_layer scores %v", scores)
			}
		} else if !(scores[1] > scores[0]) {
			t.Errorf("%s: scores %v; the wider model of the same depth should be ahead", p.Name, scores)
		}
		again, err := proxy.Parse(p.Name)
		if err != nil || again.Name != p.Name {
			t.Errorf("Parse(%q) = %q, %v", p.Name, again.Name, err)
		}
	}
	if _, err := proxy.Parse("beauty"); err == nil || !strings.HasPrefix(err.Error(), `proxy "beauty" is unknown; use one of decoder_params, `) {
		t.Errorf("an unknown proxy gives %v", err)
	}
	if p, _ := proxy.Parse("depth_width"); p.Scores([]arch.Architecture{a})[0] != 12*2*64*64 {
		t.Error("depth_width is not 12·n_layer·d_model²")
	}
	// Ranks by decoder_params, width and n_layer: 1+1+1.5 and 2+2+1.5.
	if p, _ := proxy.Parse("rank_sum"); !slices.Equal(p.Scores([]arch.Architecture{a, wide}), []float64{3.5, 5.5}) {
		t.Error("rank_sum is not 3.5 and 5.5")
	}
}

func TestRanks(t *testing.T) {
	if got, want := proxy.Ranks([]float64{3, 1, 3, -2, 3}), []float64{4, 2, 4, 1, 4}; !slices.Equal(got, want) {
		t.Errorf("ranks %v, want %v", got, want)
	}
}

// TestFrozen refits what the package holds as constants.
func TestFrozen(t *testing.T) {
	sets := published(t)
	form, err := judge.Fit(sets)
	if err != nil {
		t.Fatal(err)
	}
	frozen := proxy.Fitted()
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"width", frozen.Width, form.Width}, {"depth", frozen.Depth, form.Depth}, {"heads", frozen.Heads, form.Heads}} {
		if math.Abs(c.got/c.want-1) > 0.01 {
			t.Errorf("coefficient of %s is %v, fitted %v", c.name, c.got, c.want)
		}
	}
	calibrations, err := judge.Calibrate(frozen, sets, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(calibrations) != len(proxy.Calibrations()) {
		t.Fatalf("%d calibrations, want %d", len(proxy.Calibrations()), len(calibrations))
	}
	for i, got := range proxy.Calibrations() {
		want := calibrations[i]
		if got.Corpus != want.Corpus || got.Backbone != want.Backbone {
			t.Errorf("calibration %d is of %s, %s; want %s, %s", i, got.Corpus, got.Backbone, want.Corpus, want.Backbone)
		}
		for name, pair := range map[string][2]float64{
			"intercept": {got.Intercept, want.Intercept}, "slope": {got.Slope, want.Slope}, "margin": {got.Margin, want.Margin},
			"lowest quality": {got.MinQuality, want.MinQuality}, "highest quality": {got.MaxQuality, want.MaxQuality},
		} {
			if math.Abs(pair[0]/pair[1]-1) > 0.005 {
				t.Errorf("%s, %s: %s is %v, fitted %v", got.Corpus, got.Backbone, name, pair[0], pair[1])
			}
		}
	}
	for _, s := range sets {
		var as []arch.Architecture
		for _, m := range s.Models {
			as = append(as, m.Arch)
		}
		got := proxy.Ranges(s.Name)
		for i, want := range proxy.Extremes(as) {
			for end := range want {
				if math.Abs(got[i][end]/want[end]-1) > 0.001 {
					t.Errorf("%s: range %d is %v, the models' %v", s.Name, i, got[i], want)
				}
			}
		}
	}
}

func TestPerplexities(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 50264, DModel: 512, MaxLen: 192,
		Layers: slices.Repeat([]arch.Layer{{Heads: 8, DInner: 1536}}, 5)}
	list := proxy.Perplexities(a)
	if len(list) != 2 || list[0].Corpus != "WikiText-103" || list[1].Corpus != "LM1B" {
		t.Fatalf("predictions %+v, want one for each corpus", list)
	}
	for _, p := range list {
		if !(1 < p.Low && p.Low < p.Perplexity && p.Perplexity < p.High) || p.Extrapolated {
			t.Errorf("prediction %+v", p)
		}
		if !p.Ties(p) {
			t.Errorf("%+v is better than itself", p)
		}
	}
	if list[0].Ties(list[1]) {
		t.Error("perplexities on different corpora are called a tie")
	}
	small := a
	small.Layers = a.Layers[:2]
	if p := proxy.Perplexities(small)[0]; p.Ties(list[0]) || p.Perplexity < list[0].Perplexity {
		t.Errorf("two of five layers: %+v, all: %+v", p, list[0])
	}
	// Too large, and an unseen shape of a size that was seen.
	huge, flat := a, a
	huge.Layers = slices.Repeat([]arch.Layer{{Heads: 8, DInner: 1 << 17}}, 16)
	flat.Layers = slices.Repeat([]arch.Layer{{Heads: 8, DInner: 100}}, 8)
	for _, a := range []arch.Architecture{huge, flat} {
		for _, p := range proxy.Perplexities(a) {
			if !p.Extrapolated {
				t.Errorf("%v: %+v is not called an extrapolation", a, p)
			}
		}
	}
	// Of a shape that was seen on one corpus only.
	narrow := a
	narrow.DModel, narrow.Layers = 128, slices.Repeat([]arch.Layer{{Heads: 8, DInner: 2048}}, 16)
	if list := proxy.Perplexities(narrow); list[0].Extrapolated || !list[1].Extrapolated {
		t.Errorf("%v: %+v; d_model 128 was seen on WikiText-103 alone", narrow, list)
	}
	if list := proxy.Perplexities(arch.Architecture{Backbone: "other"}); list != nil {
		t.Errorf("another backbone has predictions %v", list)
	}
}

func TestPredictionString(t *testing.T) {
	p := proxy.Prediction{Corpus: "LM1B", Perplexity: 38.94, Low: 37.01, High: 40.95}
	if got, want := p.String(), "38.9, 90 % [37.0, 41.0]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.Extrapolated = true
	if got, want := p.String(), "38.9, 90 % [37.0, 41.0]; outside the calibrated range"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Ties are those that a look at every pair finds, in any order.
func TestCompareNeighbours(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(arbitrary, 0, 12).Draw(t, "list")
		for i := range list {
			list[i].Backbone = arch.GPT2
		}
		predictions := make([]proxy.Prediction, len(list))
		for i, a := range list {
			predictions[i] = proxy.Perplexities(a)[0]
		}
		ties := proxy.CompareNeighbours(list)
		overlaps := 0
		for i, p := range predictions {
			better := -1
			for j, q := range predictions {
				ahead := q.Perplexity < p.Perplexity || q.Perplexity == p.Perplexity && j < i
				if ahead && (better < 0 || q.Perplexity >= predictions[better].Perplexity) {
					better = j
				}
			}
			tied := better >= 0 && p.Low <= predictions[better].High
			if ties.Tied[i] != tied {
				t.Fatalf("model %d of %v: tied %v, want %v", i, predictions, ties.Tied[i], tied)
			}
			if tied {
				overlaps++
			}
		}
		if neighbours := max(0, len(list)-1); ties.Neighbours != neighbours || ties.Overlaps != overlaps || len(ties.Tied) != len(list) {
			t.Fatalf("%+v, want %d neighbours and %d overlaps", ties, neighbours, overlaps)
		}
	})
}

func TestTiesString(t *testing.T) {
	a := gpt2()
	larger := a
	larger.Layers = slices.Repeat(a.Layers, 4)
	list := []arch.Architecture{a, larger, a}
	if got, want := proxy.CompareNeighbours(list).String(), "of 2 neighbours by predicted perplexity (WikiText-103), 90 % intervals of 1 overlap"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, list := range [][]arch.Architecture{nil, list[:1], {{Backbone: "other"}, {Backbone: "other"}}} {
		if got := proxy.CompareNeighbours(list); got.String() != "" || len(got.Tied) != len(list) {
			t.Errorf("%d models without neighbours: %q, %v", len(list), got, got.Tied)
		}
	}
}

func TestOutside(t *testing.T) {
	for _, s := range published(t) {
		for _, m := range s.Models {
			if v := proxy.Outside(m.Arch); len(v.Departures) > 0 {
				t.Errorf("%s %s: %v, of a set that it is in", s.Name, m.ID, v)
			}
		}
	}
	// d_inner/d_model 64 is twice what random_GPT2_wt103 has, and no other is nearer.
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 50264, DModel: 64, MaxLen: 192,
		Layers: slices.Repeat([]arch.Layer{{Heads: 4, DInner: 4096}}, 4)}
	v := proxy.Outside(a)
	if v.Set != "random_GPT2_wt103" || len(v.Departures) != 1 || v.Factor() != 2 {
		t.Errorf("%v is nearest to %q, off by %v×: %v", a, v.Set, v.Factor(), v)
	}
	if want := "d_inner/d_model 64 (validated 1.71 to 32, off by 2.00×); of all sets the nearest is random_GPT2_wt103"; v.String() != want {
		t.Errorf("got  %s\nwant %s", v, want)
	}
}
