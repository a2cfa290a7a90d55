package space

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/arch"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// tiny is a space small enough to enumerate in which every rule binds: heads
// that do not divide, d_inner too narrow, d_model without any layer (60: no
// d_inner passes), several clusters, and decoder parameters on both sides of
// both bounds.
func tiny() Space {
	return Space{
		Name: "tiny", Backbone: arch.GPT2, Vocab: 1000, MaxLen: 64, Cutoffs: []int{100, 500, 2000},
		NLayer: Choices{1, 2}, DModel: Choices{8, 12, 16, 60}, DInner: Choices{16, 24, 32}, NHead: Choices{2, 3, 8},
		DivVal: Choices{1, 2, 4}, InnerRatio: 1.7,
		MinDecoderParams: 800, MaxDecoderParams: 4000,
	}
}

// enumerate lists the architectures of s by their IDs, from the rules alone.
func enumerate(s Space) map[string]arch.Architecture {
	all := map[string]arch.Architecture{}
	divVals := s.DivVal
	if len(divVals) == 0 {
		divVals = Choices{1}
	}
	for _, d := range s.DModel {
		var layers []arch.Layer
		for _, inner := range s.DInner {
			for _, h := range s.NHead {
				fits := d%h == 0
				if s.Backbone == arch.TransformerXL {
					fits = h <= d
				}
				if s.MaxInnerRatio != 0 && inner > int(s.MaxInnerRatio*float64(d)) {
					continue
				}
				if fits && (s.InnerRatio == 0 || inner > int(s.InnerRatio*float64(d))) {
					layers = append(layers, arch.Layer{Heads: h, DInner: inner})
				}
			}
		}
		stacks := [][]arch.Layer{nil}
		for n := 1; n <= s.NLayer[len(s.NLayer)-1]; n++ {
			var deeper [][]arch.Layer
			for _, stack := range stacks {
				for _, l := range layers {
					if !s.Shared || len(stack) == 0 || l == stack[0] {
						deeper = append(deeper, append(slices.Clone(stack), l))
					}
				}
			}
			stacks = deeper
			if !slices.Contains(s.NLayer, n) {
				continue
			}
			for _, stack := range stacks {
				for _, v := range divVals {
					a := arch.Architecture{
						Backbone: s.Backbone, Vocab: s.Vocab, DModel: d, DivVal: v, Cutoffs: s.Cutoffs,
						MaxLen: s.MaxLen, MemLen: s.MemLen, Layers: stack,
					}
					if a.Validate() != nil {
						continue // the last embedding cluster would have no width
					}
					n := a.DecoderParams()
					if n >= s.MinDecoderParams && (s.MaxDecoderParams == 0 || n <= s.MaxDecoderParams) {
						all[a.ID()] = a
					}
				}
			}
		}
	}
	return all
}

// capped is tiny with d_inner bounded from both sides: at 8 only 16 is left, at 12
// only 24, at 16 only 32.
func capped() Space {
	s := tiny()
	s.Name, s.MaxInnerRatio = "capped", 2.1
	return s
}

func unbounded(s Space) Space {
	s.MinDecoderParams, s.MaxDecoderParams = 0, 0
	return s
}

func TestSampleReachesExactlyTheSpace(t *testing.T) {
	oneCluster := tiny()
	oneCluster.Cutoffs = nil
	shared := tiny()
	shared.Shared = true
	xl := tiny()
	xl.Backbone, xl.MaxLen, xl.MemLen = arch.TransformerXL, 0, 16
	for name, s := range map[string]Space{
		"tiny": tiny(), "one cluster": oneCluster, "shared": shared, "transformer-xl": xl, "unbounded": unbounded(tiny()),
		"capped": capped(),
	} {
		t.Run(name, func(t *testing.T) {
			want := enumerate(s)
			if len(want) < 20 {
				t.Fatalf("only %d architectures: the test would show little", len(want))
			}
			r := newRand(1)
			got := map[string]bool{}
			for range 300 * len(want) {
				if len(got) == len(want) {
					break
				}
				a, err := s.Sample(r)
				if err != nil {
					t.Fatal(err)
				}
				got[a.ID()] = true
			}
			for id := range got {
				if _, ok := want[id]; !ok {
					t.Errorf("sampled %s, which is not in the space", id)
				}
			}
			for id, a := range want {
				if !got[id] {
					t.Errorf("never sampled %v (%s)", a, id)
				}
				if err := s.Contains(a); err != nil {
					t.Errorf("Contains(%v): %v", a, err)
				}
			}
			// What is in the space but for the bounds is not contained.
			for id, a := range enumerate(unbounded(s)) {
				if _, in := want[id]; !in && s.Contains(a) == nil {
					t.Errorf("Contains(%v) = nil, but it is out of bounds", a)
				}
			}
		})
	}
}

func TestSizeCounts(t *testing.T) {
	shared := tiny()
	shared.Shared = true
	xl := tiny()
	xl.Backbone, xl.MaxLen, xl.MemLen, xl.Cutoffs = arch.TransformerXL, 0, 16, nil
	for _, s := range []Space{tiny(), shared, xl, capped()} {
		want := big.NewInt(int64(len(enumerate(unbounded(s)))))
		if got := s.Size(); got.Cmp(want) != 0 {
			t.Errorf("Size() = %v, want %v", got, want)
		}
	}
	if got := (Space{}).Size(); got.Sign() != 0 {
		t.Errorf("Size() of the empty space = %v, want 0", got)
	}
}

// sumPowers is Σ kⁿ for n in lo..hi.
func sumPowers(k int64, lo, hi int) *big.Int {
	sum := new(big.Int)
	for n := lo; n <= hi; n++ {
		sum.Add(sum, new(big.Int).Exp(big.NewInt(k), big.NewInt(int64(n)), nil))
	}
	return sum
}

// TestPresetSizes checks the published sizes, which leave the rule on d_inner
// aside, and the exact counts with it.
func TestPresetSizes(t *testing.T) {
	for _, p := range []struct {
		name     string
		lo, hi   int
		exponent int // of the published size, 10^exponent
	}{
		{"lts-gpt2", 2, 15, 35},
		{"lts-transformer-xl", 2, 16, 37},
	} {
		s, err := Preset(p.name)
		if err != nil {
			t.Fatal(err)
		}
		// 14 widths, 62 d_inner, 3 n_head; one div_val.
		free := s
		free.InnerRatio = 0
		want := sumPowers(62*3, p.lo, p.hi)
		want.Mul(want, big.NewInt(14))
		if got := free.Size(); got.Cmp(want) != 0 {
			t.Errorf("%s without inner_ratio: Size() = %v, want %v", p.name, got, want)
		}
		if digits := len(want.String()); digits != p.exponent+1 {
			t.Errorf("%s: %d digits, published are about 10^%d", p.name, digits, p.exponent)
		}
		ruled := new(big.Int)
		for d := int64(128); d <= 960; d += 64 {
			layers := int64(0)
			for inner := int64(128); inner <= 4032; inner += 64 {
				if inner > 17*d/10 {
					layers += 3
				}
			}
			ruled.Add(ruled, sumPowers(layers, p.lo, p.hi))
		}
		if got := s.Size(); got.Cmp(ruled) != 0 {
			t.Errorf("%s: Size() = %v, want %v", p.name, got, ruled)
		}
	}
	s, err := Preset("archai-gpt2")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Size(), big.NewInt(10*14*14*3); got.Cmp(want) != 0 {
		t.Errorf("archai-gpt2: Size() = %v, want %v", got, want)
	}
}

func TestPresets(t *testing.T) {
	if got, want := Presets(), []string{"lts-gpt2", "lts-transformer-xl", "archai-gpt2"}; !slices.Equal(got, want) {
		t.Errorf("Presets() = %q, want %q", got, want)
	}
	for _, name := range Presets() {
		s, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.DModel[0] = 7
		s.NHead[0] = 7
		if again, _ := Preset(name); again.DModel[0] == 7 || again.NHead[0] == 7 {
			t.Errorf("%s: presets share memory", name)
		}
	}
	_, err := Preset("gpt5")
	if want := `space: no preset "gpt5"; there are lts-gpt2, lts-transformer-xl, archai-gpt2`; err == nil || err.Error() != want {
		t.Errorf("Preset(gpt5): %v, want %s", err, want)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for _, s := range append(presets(), tiny(), capped()) {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var got Space
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, s) {
			t.Errorf("%s: read back as %+v", data, got)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Space)
		want   string // part of the error
	}{
		{"name missing", func(s *Space) { s.Name = "" }, `name ""; allowed are 1 to 64 bytes`},
		{"name long", func(s *Space) { s.Name = strings.Repeat("x", 65) }, "allowed are 1 to 64 bytes"},
		{"backbone", func(s *Space) { s.Backbone = "rnn" }, `"rnn"`},
		{"vocabulary", func(s *Space) { s.Vocab = 0 }, "vocab_size 0"},
		{"positions", func(s *Space) { s.MaxLen = 0 }, "max_sequence_length 0"},
		{"cutoffs", func(s *Space) { s.Cutoffs = []int{5, 5} }, "cutoffs"},
		{"no values", func(s *Space) { s.DInner = nil }, "d_inner has no values"},
		{"zero value", func(s *Space) { s.NHead = Choices{0, 2} }, "n_head has the value 0; allowed are integers from 1"},
		{"unsorted", func(s *Space) { s.DModel = Choices{16, 8} }, "d_model has 8 after 16; the values must ascend"},
		{"repeat", func(s *Space) { s.DivVal = Choices{2, 2} }, "div_val has 2 after 2"},
		{"many values", func(s *Space) { s.DInner = stepped(1, 513, 1) }, "d_inner has 513 values; at most 512"},
		{"deep", func(s *Space) { s.NLayer = Choices{1, 100000} }, "n_layer 100000"},
		{"wide", func(s *Space) { s.DInner = Choices{32, 1 << 30} }, "d_inner"},
		{"negative ratio", func(s *Space) { s.InnerRatio = -1 }, "inner_ratio -1; allowed are 0 (no bound) to"},
		{"negative maximum", func(s *Space) { s.MaxInnerRatio = -1 }, "max_inner_ratio -1; allowed are 0 (no bound) to"},
		{"huge maximum", func(s *Space) { s.MaxInnerRatio = math.Inf(1) }, "max_inner_ratio +Inf; allowed are 0 (no bound) to"},
		{"ratios crossed", func(s *Space) { s.MaxInnerRatio = 1.7 }, "inner_ratio 1.7 must be below max_inner_ratio 1.7"},
		{"all too wide", func(s *Space) { s.InnerRatio, s.MaxInnerRatio = 0, 0.2 }, "with d_model 8: every d_inner exceeds ⌊0.2·d_model⌋ = 1"},
		{"none between", func(s *Space) { s.DModel, s.InnerRatio, s.MaxInnerRatio = Choices{8}, 2.1, 2.9 }, "no d_inner exceeds ⌊2.1·d_model⌋ = 16 and is at most ⌊2.9·d_model⌋ = 23"},
		{"negative bound", func(s *Space) { s.MaxDecoderParams = -1 }, "max_decoder_params -1; allowed are 0"},
		{"no d_inner", func(s *Space) { s.InnerRatio = 9 }, "empty: no d_model admits a layer; with d_model 8: no d_inner exceeds ⌊9·d_model⌋ = 72"},
		{"no n_head", func(s *Space) { s.NHead = Choices{7} }, "empty: no d_model admits a layer; with d_model 8: "},
		{"no div_val", func(s *Space) { s.DivVal = Choices{64} }, "empty: no d_model admits a layer; with d_model 8: "},
		{"too few", func(s *Space) { s.MinDecoderParams = 1e9; s.MaxDecoderParams = 0 }, "empty: no architecture meets min_decoder_params 1000000000, max_decoder_params 0; decoder parameters range from"},
		{"too many", func(s *Space) { s.MinDecoderParams = 0; s.MaxDecoderParams = 10 }, "empty: no architecture meets"},
		{"bounds crossed", func(s *Space) { s.MinDecoderParams, s.MaxDecoderParams = 2000, 1000 }, "min_decoder_params 2000 exceeds max_decoder_params 1000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tiny()
			tt.change(&s)
			err := s.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("Validate() = %v, want %s", err, tt.want)
			}
			if _, sampleErr := s.Sample(newRand(1)); sampleErr == nil || sampleErr.Error() != err.Error() {
				t.Errorf("Sample: %v, want %v", sampleErr, err)
			}
		})
	}
	if err := tiny().Validate(); err != nil {
		t.Errorf("Validate() = %v, want nil", err)
	}
}

// The bounds that Validate reports in its error are those that exist.
func TestValidateBoundsAreExact(t *testing.T) {
	for _, backbone := range []arch.Backbone{arch.GPT2, arch.TransformerXL} {
		s := unbounded(tiny())
		if s.Backbone = backbone; backbone == arch.TransformerXL {
			s.MaxLen = 0
		}
		var counts []int64
		for _, a := range enumerate(s) {
			counts = append(counts, a.DecoderParams())
		}
		lowest, highest := slices.Min(counts), slices.Max(counts)
		for _, tt := range []struct {
			lo, hi int64
			ok     bool
		}{
			{0, lowest, true}, {0, lowest - 1, false}, {highest, 0, true}, {highest + 1, 0, false},
		} {
			s.MinDecoderParams, s.MaxDecoderParams = tt.lo, tt.hi
			if err := s.Validate(); (err == nil) != tt.ok {
				t.Errorf("%s, bounds %d..%d: Validate() = %v, want ok %v", backbone, tt.lo, tt.hi, err, tt.ok)
			}
		}
	}
}

func TestSampleGivesUp(t *testing.T) {
	s := tiny()
	s.NLayer, s.DModel, s.DInner, s.NHead = Choices{1, 2}, Choices{8}, Choices{16, 32}, Choices{2}
	s.MinDecoderParams, s.MaxDecoderParams = 0, 0
	var counts []int64
	for _, a := range enumerate(s) {
		counts = append(counts, a.DecoderParams())
	}
	slices.Sort(counts)
	gap := counts[0] + 1 // between the two counts of one layer
	s.MinDecoderParams, s.MaxDecoderParams = gap, gap
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Sample(newRand(1)); err == nil {
		t.Errorf("sampled %v", a)
	}
}

func TestContainsNamesTheRule(t *testing.T) {
	base := arch.Architecture{
		Backbone: arch.GPT2, Vocab: 1000, DModel: 12, DivVal: 2, Cutoffs: []int{100, 500}, MaxLen: 64,
		Layers: []arch.Layer{{Heads: 2, DInner: 24}, {Heads: 3, DInner: 32}},
	}
	if err := tiny().Contains(base); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		change func(*arch.Architecture)
		want   string
	}{
		{func(a *arch.Architecture) { a.Backbone, a.MaxLen = arch.TransformerXL, 0 }, "arch_type transformer-xl; tiny has gpt2"},
		{func(a *arch.Architecture) { a.Vocab = 999 }, "vocab_size 999; tiny has 1000"},
		{func(a *arch.Architecture) { a.MaxLen = 65 }, "max_sequence_length 65; tiny has 64"},
		{func(a *arch.Architecture) { a.Cutoffs = []int{100} }, "cutoffs [100]; tiny has [100 500]"},
		{func(a *arch.Architecture) { a.DEmbed = 8 }, "d_embed 8; tiny has 12"},
		{func(a *arch.Architecture) { a.Layers = slices.Repeat(a.Layers, 2) }, "n_layer 4 is not among"},
		{func(a *arch.Architecture) { a.DModel, a.DEmbed = 18, 0; a.Layers[1].Heads = 2 }, "d_model 18 is not among"},
		{func(a *arch.Architecture) { a.DModel = 60; a.DEmbed = 0 }, "d_model 60 admits no layer in tiny: no d_inner exceeds"},
		{func(a *arch.Architecture) { a.DivVal = 3 }, "div_val 3 is not among"},
		{func(a *arch.Architecture) { a.Layers[1].DInner = 16 }, "layer 2: d_inner 16 must exceed ⌊1.7·d_model⌋ = 20"},
		{func(a *arch.Architecture) { a.Layers[0].DInner = 25 }, "layer 1: d_inner 25 is not among"},
		{func(a *arch.Architecture) { a.Layers[0].Heads = 4 }, "layer 1: n_head 4 is not among"},
		{func(a *arch.Architecture) { a.Layers[0].Heads = 5 }, "5"}, // does not divide d_model
		{func(a *arch.Architecture) {
			a.DModel = 16
			a.DEmbed = 0
			a.Layers[1].Heads = 2
			a.Layers[1].DInner = 32
			a.Layers[0].DInner = 32
		}, "decoder parameters; tiny has min_decoder_params 800"},
	} {
		a := base
		a.Layers = slices.Clone(base.Layers)
		tt.change(&a)
		err := tiny().Contains(a)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Contains(%v) = %v, want %s", a, err, tt.want)
		}
	}
	wide := base
	wide.Layers = []arch.Layer{{Heads: 2, DInner: 24}, {Heads: 3, DInner: 32}}
	if err := capped().Contains(wide); err == nil || !strings.Contains(err.Error(), "layer 2: d_inner 32 must be at most ⌊2.1·d_model⌋ = 25") {
		t.Errorf("Contains in a capped space = %v", err)
	}
	shared := tiny()
	shared.Shared = true
	if err := shared.Contains(base); err == nil || !strings.Contains(err.Error(), "layer 2 differs from layer 1") {
		t.Errorf("Contains in a shared space = %v", err)
	}
	spelled := base
	spelled.DEmbed, spelled.Cutoffs = 12, []int{100, 500, 1000, 77777}
	if err := tiny().Contains(spelled); err != nil {
		t.Errorf("Contains of another spelling: %v", err)
	}
}

// chiSquare fails the test when counts is far from uniform over the cells: 5
// standard deviations of the statistic above its mean.
func chiSquare(t testing.TB, what string, counts map[int]int, cells []int) {
	t.Helper()
	total := 0
	for _, n := range counts {
		total += n
	}
	expected := float64(total) / float64(len(cells))
	statistic := 0.0
	for _, c := range cells {
		d := float64(counts[c]) - expected
		statistic += d * d / expected
	}
	freedom := float64(len(cells) - 1)
	if d := statistic - freedom; d*d > 25*2*freedom && d > 0 {
		t.Errorf("%s: chi-square %.1f with %v degrees of freedom; counts %v", what, statistic, freedom, counts)
	}
	if len(counts) > len(cells) {
		t.Errorf("%s: values besides %v: %v", what, cells, counts)
	}
}

func TestSampleIsUniformGeneByGene(t *testing.T) {
	s := unbounded(tiny())
	s.MaxInnerRatio = 3
	r := newRand(42)
	nLayer, dModel := map[int]int{}, map[int]int{}
	divVal := map[int]map[int]int{8: {}, 12: {}, 16: {}} // by d_model
	inner, heads := map[int]map[int]int{8: {}, 12: {}, 16: {}}, map[int]map[int]int{8: {}, 12: {}, 16: {}}
	for range 6000 {
		a, err := s.Sample(r)
		if err != nil {
			t.Fatal(err)
		}
		nLayer[len(a.Layers)]++
		dModel[a.DModel]++
		divVal[a.DModel][a.DivVal]++
		for _, l := range a.Layers {
			inner[a.DModel][l.DInner]++
			heads[a.DModel][l.Heads]++
		}
	}
	chiSquare(t, "n_layer", nLayer, []int{1, 2})
	chiSquare(t, "d_model", dModel, []int{8, 12, 16})
	for d, v := range map[int][]int{8: {1, 2}, 12: {1, 2}, 16: {1, 2, 4}} { // d/4² must be at least 1
		chiSquare(t, "div_val", divVal[d], v)
	}
	for d, v := range map[int][]int{8: {16, 24}, 12: {24, 32}, 16: {32}} { // 3·8 leaves 32 out
		chiSquare(t, "d_inner", inner[d], v)
	}
	for d, v := range map[int][]int{8: {2, 8}, 12: {2, 3}, 16: {2, 8}} {
		chiSquare(t, "n_head", heads[d], v)
	}
}

func TestMutationAtProbabilityOneIsUniform(t *testing.T) {
	s := unbounded(tiny())
	r := newRand(7)
	parent, err := s.Sample(r)
	if err != nil {
		t.Fatal(err)
	}
	nLayer, dModel, inner := map[int]int{}, map[int]int{}, map[int]int{}
	for range 4000 {
		a, err := s.Mutate(r, parent, 1)
		if err != nil {
			t.Fatal(err)
		}
		nLayer[len(a.Layers)]++
		dModel[a.DModel]++
		if a.DModel == 8 {
			for _, l := range a.Layers {
				inner[l.DInner]++
			}
		}
	}
	chiSquare(t, "n_layer", nLayer, []int{1, 2})
	chiSquare(t, "d_model", dModel, []int{8, 12, 16})
	chiSquare(t, "d_inner", inner, []int{16, 24, 32})
}

// TestBlocksMutateTogether counts the blocks of mutants whose every gene was drawn
// anew. Lengths that are uniform in what is left make 1 + 1/2 + ... + 1/n blocks of
// n layers on average.
func TestBlocksMutateTogether(t *testing.T) {
	s, err := Preset("lts-gpt2")
	if err != nil {
		t.Fatal(err)
	}
	s = unbounded(s)
	s.NLayer, s.DModel = Choices{12}, Choices{128} // 59 d_inner: neighbouring blocks hardly ever agree
	r := newRand(11)
	parent := mustSample(t, s, r)
	const draws = 3000
	blocks := 0
	for range draws {
		a, err := s.MutateBlocks(r, parent, 1)
		if err != nil {
			t.Fatal(err)
		}
		blocks++
		for i := range a.Layers[1:] {
			if a.Layers[i] != a.Layers[i+1] {
				blocks++
			}
		}
	}
	want := 0.0
	for n := 1; n <= 12; n++ {
		want += 1 / float64(n)
	}
	if got := float64(blocks) / draws; math.Abs(got-want) > 0.1 {
		t.Errorf("%.2f blocks on average, want %.2f", got, want)
	}
}

// drawSpace draws a valid space: a preset, or one whose genes are random.
func drawSpace(t *rapid.T) Space {
	choices := func(name string, hi int) Choices {
		c := rapid.SliceOfNDistinct(rapid.IntRange(1, hi), 1, 4, rapid.ID[int]).Draw(t, name)
		slices.Sort(c)
		return c
	}
	all := append(presets(), tiny(), capped())
	if i := rapid.IntRange(0, len(all)).Draw(t, "preset"); i < len(all) {
		return all[i]
	}
	s := Space{
		Name: "drawn", Vocab: 500, Cutoffs: rapid.SampledFrom([][]int{nil, {700}, {50, 200}}).Draw(t, "cutoffs"),
		NLayer: choices("n_layer", 6), DModel: choices("d_model", 40), DInner: choices("d_inner", 90),
		NHead: choices("n_head", 8), DivVal: choices("div_val", 5),
		Shared:        rapid.Bool().Draw(t, "shared"),
		InnerRatio:    rapid.SampledFrom([]float64{0, 1, 1.7}).Draw(t, "inner_ratio"),
		MaxInnerRatio: rapid.SampledFrom([]float64{0, 2, 3.5}).Draw(t, "max_inner_ratio"),
	}
	if s.Backbone = rapid.SampledFrom([]arch.Backbone{arch.GPT2, arch.TransformerXL}).Draw(t, "arch_type"); s.Backbone == arch.GPT2 {
		s.MaxLen = 32
	} else {
		s.MemLen = 8
	}
	if s.Validate() != nil {
		t.Skip("empty space")
	}
	return s
}

func mustSample(t rapid.TB, s Space, r *rand.Rand) arch.Architecture {
	a, err := s.Sample(r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func checkMember(t rapid.TB, s Space, a arch.Architecture) {
	if err := s.Contains(a); err != nil {
		t.Fatalf("%v: %v", a, err)
	}
	if !reflect.DeepEqual(a, a.Canonical()) {
		t.Fatalf("%+v is not canonical", a)
	}
}

func TestVariationProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpace(t)
		seed := rapid.Uint64().Draw(t, "seed")
		p := rapid.Float64Range(0, 1).Draw(t, "p")
		r := newRand(seed)
		a, b := mustSample(t, s, r), mustSample(t, s, r)
		checkMember(t, s, a)
		checkChildren(t, s, a, b, p, r)

		r = newRand(seed)
		if mustSample(t, s, r).ID() != a.ID() || mustSample(t, s, r).ID() != b.ID() {
			t.Fatal("the same seed drew other architectures")
		}
	})
}

// TestVariationNeedsRepair varies enough architectures of a space whose d_model
// limits every other gene that each kind of repair takes place.
func TestVariationNeedsRepair(t *testing.T) {
	for _, s := range []Space{unbounded(tiny()), unbounded(capped())} {
		r := newRand(5)
		for range 300 {
			checkChildren(t, s, mustSample(t, s, r), mustSample(t, s, r), 0.3, r)
		}
	}
}

// checkChildren checks mutants and crossovers of a and b.
func checkChildren(t rapid.TB, s Space, a, b arch.Architecture, p float64, r *rand.Rand) {
	same, err := s.Mutate(r, a, 0)
	if err != nil || same.ID() != a.ID() {
		t.Fatalf("Mutate(%v, 0) = %v, %v", a, same, err)
	}
	same, err = s.MutateBlocks(r, a, 0)
	if err != nil || same.ID() != a.ID() {
		t.Fatalf("MutateBlocks(%v, 0) = %v, %v", a, same, err)
	}
	mutant, err := s.MutateBlocks(r, a, p)
	if err != nil {
		t.Fatal(err)
	}
	checkMember(t, unbounded(s), mutant)
	same, err = s.Crossover(r, a, a)
	if err != nil || same.ID() != a.ID() {
		t.Fatalf("Crossover(%v, itself) = %v, %v", a, same, err)
	}
	mutant, err = s.Mutate(r, a, p)
	if err != nil {
		t.Fatal(err)
	}
	checkMember(t, unbounded(s), mutant)
	child, err := s.Crossover(r, a, b)
	if err != nil {
		t.Fatal(err)
	}
	checkMember(t, unbounded(s), child)
	checkInherited(t, s, child, a, b)
}

// checkInherited checks that each gene of child is a's or b's, unless neither
// value is valid at the child's d_model.
func checkInherited(t rapid.TB, s Space, child, a, b arch.Architecture) {
	w, err := s.width(child.DModel)
	if err != nil {
		t.Fatal(err)
	}
	inherited := func(name string, got int, valid []int, parents ...int) {
		if slices.Contains(parents, got) {
			return
		}
		for _, v := range parents {
			if slices.Contains(valid, v) && len(parents) == 1 {
				t.Fatalf("%s = %d, but the only parent's %d is valid", name, got, v)
			}
		}
		if !slices.ContainsFunc(parents, func(v int) bool { return !slices.Contains(valid, v) }) {
			t.Fatalf("%s = %d, from neither of %v, which are both valid", name, got, parents)
		}
	}
	inherited("n_layer", len(child.Layers), s.NLayer, len(a.Layers), len(b.Layers))
	inherited("d_model", child.DModel, s.DModel, a.DModel, b.DModel)
	inherited("div_val", child.DivVal, w.divVal, a.DivVal, b.DivVal)
	for i, l := range child.Layers {
		var inner, heads []int
		for _, p := range []arch.Architecture{a, b} {
			switch {
			case s.Shared:
				inner, heads = append(inner, p.Layers[0].DInner), append(heads, p.Layers[0].Heads)
			case i < len(p.Layers):
				inner, heads = append(inner, p.Layers[i].DInner), append(heads, p.Layers[i].Heads)
			}
		}
		inherited("d_inner", l.DInner, w.dInner, inner...)
		inherited("n_head", l.Heads, w.nHead, heads...)
	}
}

func TestMutationRepairsOnlyWhatBroke(t *testing.T) {
	s, err := Preset("lts-gpt2")
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.width(960)
	if err != nil {
		t.Fatal(err)
	}
	g := genotype{nLayer: 2, dModel: 960, divVal: 2, layers: []arch.Layer{{Heads: 2, DInner: 128}, {Heads: 8, DInner: 4032}}}
	repair(newRand(3), &g, w)
	if g.layers[0].DInner <= 1632 || g.layers[0].Heads != 2 || g.layers[1] != (arch.Layer{Heads: 8, DInner: 4032}) || g.divVal != 2 {
		t.Errorf("repaired to %+v", g)
	}
}

func TestParentsFromElsewhereAreRefused(t *testing.T) {
	gpt2, _ := Preset("lts-gpt2")
	archai, _ := Preset("archai-gpt2")
	a, err := gpt2.Sample(newRand(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archai.Mutate(newRand(1), a, 0.3); err == nil {
		t.Error("Mutate took an architecture of another space")
	}
	if _, err := archai.Crossover(newRand(1), a, arch.Architecture{}); err == nil {
		t.Error("Crossover took an architecture of another space")
	}
	if _, err := (Space{}).Mutate(newRand(1), a, 0.3); err == nil {
		t.Error("the empty space mutated an architecture")
	}
}

func BenchmarkSample(b *testing.B) {
	s, _ := Preset("lts-gpt2")
	r := newRand(1)
	for b.Loop() {
		if _, err := s.Sample(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMutate(b *testing.B) {
	s, _ := Preset("lts-gpt2")
	r := newRand(1)
	a, err := s.Sample(r)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Mutate(r, a, 0.3); err != nil {
			b.Fatal(err)
		}
	}
}
