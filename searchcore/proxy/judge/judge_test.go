package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/arch"
	"litefront/searchcore/proxy"
)

// published reads the sets that LiteTransformerSearch's authors trained.
func published(t testing.TB) []Set {
	t.Helper()
	var table Table
	for _, name := range []string{"lts_random_wt103.csv", "lts_pareto_lm1b.csv"} {
		f, err := os.Open(filepath.Join("..", "..", "arch", "testdata", name))
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

// named returns one of the published sets.
func named(t testing.TB, name string) Set {
	t.Helper()
	for _, s := range published(t) {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no set %s", name)
	return Set{}
}

// toy is a set whose models have the given perplexities and, by one layer of
// width D each, growing decoder parameters.
func toy(name string, ppl ...float64) Set {
	s := Set{Name: name}
	for i, p := range ppl {
		s.Models = append(s.Models, Model{ID: fmt.Sprint(i), Perplexity: p, Arch: arch.Architecture{
			Backbone: arch.GPT2, Vocab: 1000, DModel: 64, DEmbed: 64, DivVal: 1, MaxLen: 192,
			Layers: []arch.Layer{{Heads: 2, DInner: 100 * (i + 1)}},
		}})
	}
	return s
}

func TestSpearmanByHand(t *testing.T) {
	// Differences of ranks 1, 1, 1, 1, 0: 1 - 6·4/(5·24) = 0.8.
	if got := spearman([]float64{1, 2, 3, 4, 5}, []float64{20, 10, 40, 30, 50}); math.Abs(got-0.8) > 1e-12 {
		t.Errorf("got %v, want 0.8", got)
	}
	// Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5.
	if got, want := spearman([]float64{1, 2, 2, 3}, []float64{1, 2, 3, 4}), 4.5/math.Sqrt(4.5*5); math.Abs(got-want) > 1e-12 {
		t.Errorf("with a tie %v, want %v", got, want)
	}
	if got := spearman([]float64{1, 1, 1}, []float64{1, 2, 3}); !math.IsNaN(got) {
		t.Errorf("of a constant %v", got)
	}
}

func TestKendallByHand(t *testing.T) {
	tests := []struct {
		x, y []float64
		want float64
	}{
		{[]float64{1, 2, 3, 4}, []float64{1, 2, 4, 3}, 4.0 / 6}, // 5 concordant, 1 discordant
		{[]float64{1, 2, 2, 3}, []float64{1, 2, 3, 4}, 5 / math.Sqrt(5*6)},
		{[]float64{1, 2, 2, 3}, []float64{1, 2, 2, 3}, 1},
		{[]float64{3, 2, 1}, []float64{1, 2, 3}, -1},
		{[]float64{1, 1, 1}, []float64{1, 2, 3}, math.NaN()},
	}
	for _, tt := range tests {
		for name, got := range map[string]float64{"pairs": allPairs(tt.x, tt.y), "sorted": tau(tt.x, tt.y)} {
			if math.Abs(got-tt.want) > 1e-12 || math.IsNaN(got) != math.IsNaN(tt.want) {
				t.Errorf("%v, %v: by %s %v, want %v", tt.x, tt.y, name, got, tt.want)
			}
		}
	}
}

// allPairs is Kendall's tau-b by looking at every pair.
func allPairs(x, y []float64) float64 {
	var k kendall
	for i := range x {
		for j := range i {
			k.add(x[i]-x[j], y[i]-y[j], 1)
		}
	}
	return k.tau()
}

func TestKendallSortedIsKendallByPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Map(rapid.IntRange(0, 9), func(n int) float64 { return float64(n) }) // ties are frequent
		x := rapid.SliceOfN(value, 2, 60).Draw(t, "x")
		y := rapid.SliceOfN(value, len(x), len(x)).Draw(t, "y")
		if got, want := tau(x, y), allPairs(x, y); math.Abs(got-want) > 1e-12 || math.IsNaN(got) != math.IsNaN(want) {
			t.Fatalf("%v, %v: %v, want %v", x, y, got, want)
		}
	})
}

// TestMetricsByHand judges decoder_params on a set where it is right but for one
// pair of neighbours.
func TestMetricsByHand(t *testing.T) {
	s := toy("gpt2 toy", 50, 40, 30, 20, 22, 10)
	e := newExam(s)
	scores := scored(s, []proxy.Proxy{mustParse(t, "decoder_params")})[0]
	for _, tt := range []struct {
		metric string
		size   int
		want   float64
	}{
		{"spearman", 6, 1 - 6*2.0/(6*35)},
		{"kendall", 6, (14.0 - 1) / 15},
		{"spearman_top50", 3, 0.5}, // 22, 20, 10: the first two the wrong way round
		{"kendall_top50", 3, 1.0 / 3},
		{"spearman_top30", 2, 1}, // of 1.8 models
		{"kendall_top10", 2, 1},
	} {
		for _, m := range metrics {
			if m.Name == tt.metric {
				if got := e.value(m, scores, ones(6)); math.Abs(got-tt.want) > 1e-12 {
					t.Errorf("%s is %v, want %v", m.Name, got, tt.want)
				}
				if got := e.size(m); got != tt.size {
					t.Errorf("%s compares %d, want %d", m.Name, got, tt.size)
				}
			}
		}
	}
}

// TestNearPairs compares with a second look at every pair.
func TestNearPairs(t *testing.T) {
	s := named(t, "random_GPT2_wt103")
	e := newExam(s)
	for _, share := range []float64{0.02, 0.1} {
		n := 0
		for i, a := range s.Models {
			for _, b := range s.Models[:i] {
				small, large := a.Arch.DecoderParams(), b.Arch.DecoderParams()
				if small > large {
					small, large = large, small
				}
				if float64(small) >= (1-share)*float64(large) {
					n++
				}
			}
		}
		if got := len(e.near[share]); got != n {
			t.Errorf("within %v: %d pairs, want %d", share, got, n)
		}
	}
}

// A resample that takes every model as often as the table has it is the table.
func TestResamplesCountModels(t *testing.T) {
	s := named(t, "pareto_GPT2_lm1b_corei7")
	e := newExam(s)
	scores := scored(s, []proxy.Proxy{mustParse(t, "quality")})[0]
	twice := ones(len(s.Models))
	for i := range twice {
		twice[i] = 2
	}
	for _, m := range metrics {
		once, doubled := e.value(m, scores, ones(len(s.Models))), e.value(m, scores, twice)
		// Doubling the models keeps tau; it moves a top share by rounding alone, and
		// ranks by ties of copies.
		if m.near > 0 || m.Name == "kendall" {
			if math.Abs(once-doubled) > 1e-12 {
				t.Errorf("%s is %v, every model twice %v", m.Name, once, doubled)
			}
		} else if math.Abs(once-doubled) > 0.1 {
			t.Errorf("%s is %v, every model twice %v", m.Name, once, doubled)
		}
	}
}

func mustParse(t testing.TB, name string) proxy.Proxy {
	t.Helper()
	p, err := proxy.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// find returns the result of a proxy on a set.
func find(t *testing.T, results []Result, set, name, metric string) Result {
	t.Helper()
	for _, r := range results {
		if r.Set == set && r.Proxy == name && r.Metric == metric {
			return r
		}
	}
	t.Fatalf("no result of %s on %s by %s", name, set, metric)
	return Result{}
}

// TestPublishedCorrelations reproduces what is known of decoder_params, and finds
// the closed form where it is to be.
func TestPublishedCorrelations(t *testing.T) {
	sets := published(t)
	results, err := Evaluate(sets, proxy.All(), 200, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(sets) * len(proxy.All()) * len(metrics); len(results) != want {
		t.Errorf("%d results, want %d", len(results), want)
	}
	for _, tt := range []struct {
		set, metric string
		want        float64
	}{
		{"random_GPT2_wt103", "spearman", 0.967},
		{"random_TransXL_wt103", "spearman", 0.974},
		{"random_GPT2_wt103", Top30, 0.82},
		{"random_TransXL_wt103", Top30, 0.66},
		{"random_GPT2_wt103", Within10, 0.16},
		{"random_TransXL_wt103", Within10, 0.17},
		{"pareto_GPT2_lm1b_corei7", Within10, 0.54},
		{"pareto_GPT2_lm1b_titanxp", Within10, 0.58},
	} {
		digits := 0.0005
		if tt.metric != "spearman" {
			digits = 0.005
		}
		r := find(t, results, tt.set, "decoder_params", tt.metric)
		if math.Abs(r.Estimate.Value-tt.want) > digits {
			t.Errorf("%s on %s is %v, published %v", tt.metric, tt.set, r.Estimate.Value, tt.want)
		}
		if *r.Gain != (Estimate{}) {
			t.Errorf("decoder_params gains %v over itself", *r.Gain)
		}
	}
	for _, r := range results {
		if r.Estimate == nil {
			continue
		}
		if e := *r.Estimate; !(-1 <= e.Low && e.Low <= e.High && e.High <= 1) {
			t.Errorf("%s of %s on %s: %+v", r.Metric, r.Proxy, r.Set, e)
		}
	}
}

// TestHeldOut judges the closed form on sets that it was not fitted on, once with
// each set held out and once with each corpus.
func TestHeldOut(t *testing.T) {
	for name, by := range map[string]func(Set) string{"set": BySet, "corpus": ByCorpus} {
		folds, err := Folds(published(t), by, Fit)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range folds {
			results, err := Evaluate(f.HeldOut, []proxy.Proxy{proxy.New("held out", "", "", f.Fitted.Quality)}, 200, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range f.HeldOut {
				for _, metric := range []string{Within10, Top30} {
					gain := *find(t, results, s.Name, "held out", metric).Gain
					// The random sets are large enough to tell. On the frontiers, of 11 or
					// 12 models in the top 30 %, decoder_params leaves nothing to gain.
					if random := strings.HasPrefix(s.Name, "random"); random && gain.Low <= 0 || gain.Value < -0.01 {
						t.Errorf("by %s: %s on %s gains %+v", name, metric, s.Name, gain)
					}
				}
			}
		}
	}
}

// The mean over held-out sets is that of their own results, and its interval is as
// narrow as that of independent resamples.
func TestEvaluateMean(t *testing.T) {
	sets := published(t)
	folds, err := Folds(sets, BySet, Fit)
	if err != nil {
		t.Fatal(err)
	}
	const resamples = 200
	mean, err := EvaluateMean(folds, resamples, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(mean) != len(metrics) {
		t.Fatalf("%d results, want one for each of %d metrics", len(mean), len(metrics))
	}
	type sum struct{ value, gain, square float64 }
	sums, sizes := map[string]sum{}, map[string]int{}
	n := float64(len(sets))
	for _, f := range folds {
		results, err := Evaluate(f.HeldOut, []proxy.Proxy{proxy.New("quality", "", "", f.Fitted.Quality)}, resamples, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			half := (r.Gain.High - r.Gain.Low) / 2
			s := sums[r.Metric]
			sums[r.Metric] = sum{s.value + r.Estimate.Value/n, s.gain + r.Gain.Value/n, s.square + half*half/(n*n)}
			sizes[r.Metric] += r.Size
		}
	}
	for _, r := range mean {
		want := sums[r.Metric]
		if r.Set != MeanOfSets || r.Proxy != "quality" || r.Size != sizes[r.Metric] {
			t.Errorf("%+v, want size %d", r, sizes[r.Metric])
		}
		if math.Abs(r.Estimate.Value-want.value) > 1e-12 || math.Abs(r.Gain.Value-want.gain) > 1e-12 {
			t.Errorf("%s: %v and gain %v, want %v and %v", r.Metric, r.Estimate.Value, r.Gain.Value, want.value, want.gain)
		}
		if half := (r.Gain.High - r.Gain.Low) / 2; math.Abs(half/math.Sqrt(want.square)-1) > 0.2 {
			t.Errorf("%s: interval of ±%.3f, by the sets' own ±%.3f", r.Metric, half, math.Sqrt(want.square))
		}
	}
	again, err := EvaluateMean(folds, resamples, 1)
	if err != nil || !reflect.DeepEqual(again, mean) {
		t.Errorf("the same seed gives other results, %v", err)
	}
}

// A set that is there twice, under two names, is resampled twice: its mean is more
// certain than it is.
func TestEvaluateMeanResamplesSetsIndependently(t *testing.T) {
	once := named(t, "pareto_TransXL_lm1b_titanxp")
	fold := func(sets ...Set) []Fold[proxy.Form] {
		return []Fold[proxy.Form]{{HeldOut: sets, Fitted: proxy.Fitted()}}
	}
	width := func(folds []Fold[proxy.Form]) (w float64) {
		results, err := EvaluateMean(folds, 500, 1)
		if err != nil {
			t.Fatal(err)
		}
		gain := find(t, results, MeanOfSets, "quality", Within10).Gain
		return gain.High - gain.Low
	}
	if ratio := width(fold(once, once)) / width(fold(once)); math.Abs(ratio-math.Sqrt2/2) > 0.08 {
		t.Errorf("twice the set has an interval of %.2f times its own, want 1/√2", ratio)
	}
}

func TestEvaluateMeanLacksWhatASetLacks(t *testing.T) {
	apart := toy("gpt2 apart", 50, 40, 30)
	for i := range apart.Models { // no two of nearly equal size
		apart.Models[i].Arch.Layers = slices.Repeat(apart.Models[i].Arch.Layers, 1<<i)
	}
	sets := []Set{apart, named(t, "pareto_GPT2_lm1b_corei7")}
	results, err := EvaluateMean([]Fold[proxy.Form]{{HeldOut: sets, Fitted: proxy.Fitted()}}, 20, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r := find(t, results, MeanOfSets, "quality", Within10); r.Estimate != nil || r.Gain != nil {
		t.Errorf("without pairs in one set: %+v", r)
	}
	if r := find(t, results, MeanOfSets, "quality", "spearman"); r.Estimate == nil || r.Gain == nil {
		t.Errorf("what both sets have is missing: %+v", r)
	}
	for _, folds := range [][]Fold[proxy.Form]{nil, {{HeldOut: []Set{toy("gpt2 few", 50, 40)}}}} {
		if _, err := EvaluateMean(folds, 10, 1); err == nil {
			t.Errorf("%v can be judged", folds)
		}
	}
}

func TestEqualSeedsGiveEqualResults(t *testing.T) {
	sets := published(t)[2:3]
	proxies := []proxy.Proxy{mustParse(t, "quality")}
	evaluate := func(seed uint64) []Result {
		results, err := Evaluate(sets, proxies, 50, seed)
		if err != nil {
			t.Fatal(err)
		}
		return results
	}
	if !reflect.DeepEqual(evaluate(1), evaluate(1)) {
		t.Error("the same seed gives other results")
	}
	if reflect.DeepEqual(evaluate(1), evaluate(2)) {
		t.Error("another seed gives the same results")
	}
}

// Fitting finds the coefficients that perplexities were made from.
func TestFitRecovers(t *testing.T) {
	want := proxy.Form{Width: 150, Depth: 3, Heads: 1}
	sets := published(t)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range sets {
		for j := range sets[i].Models {
			m := &sets[i].Models[j]
			m.Perplexity = math.Exp(float64(8+i) - 0.2*math.Log(want.Quality(m.Arch)) + 0.002*r.NormFloat64())
		}
	}
	got, err := Fit(sets)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got.Width/want.Width-1) > 0.02 || math.Abs(got.Depth/want.Depth-1) > 0.02 || math.Abs(got.Heads/want.Heads-1) > 0.1 {
		t.Errorf("fitted %+v, want %+v", got, want)
	}
}

func TestUnrankableSets(t *testing.T) {
	good := toy("gpt2 good", 50, 40, 30)
	for _, tt := range []struct {
		sets []Set
		want string
	}{
		{nil, "no set; the tables have no rows"},
		{[]Set{good, toy("gpt2 few", 50, 40)}, `set "gpt2 few" has 2 trained models; ranking needs at least 3`},
		{[]Set{toy("gpt2 ties", 30, 30, 30), good}, `set "gpt2 ties": every valid_ppl is 30; there is nothing to rank`},
	} {
		_, evalErr := Evaluate(tt.sets, proxy.All(), 10, 1)
		_, fitErr := Fit(tt.sets)
		_, calibrateErr := Calibrate(proxy.Fitted(), tt.sets, 1)
		for _, err := range []error{evalErr, fitErr, calibrateErr} {
			if err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		}
	}
	if _, err := Folds([]Set{good}, BySet, Fit); err == nil || !strings.Contains(err.Error(), "at least 2 sets") {
		t.Errorf("one set alone gives %v", err)
	}
	if _, err := Calibrate(proxy.Fitted(), []Set{good}, 1); err == nil || !strings.Contains(err.Error(), "needs at least 20") {
		t.Errorf("three models alone give %v", err)
	}
	infinite := proxy.New("1/0", "", "", func(arch.Architecture) float64 { return math.Inf(1) })
	if _, err := Evaluate([]Set{good}, []proxy.Proxy{infinite}, 10, 1); err == nil || err.Error() != `proxy 1/0: its value +Inf for model "0" of set "gpt2 good" is not finite` {
		t.Errorf("an infinite score gives %v", err)
	}
	// What cannot tell models apart has no correlation, which is no error.
	results, err := Evaluate([]Set{good}, []proxy.Proxy{mustParse(t, "n_layer")}, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r := find(t, results, good.Name, "n_layer", "spearman"); r.Estimate != nil || r.Gain != nil {
		t.Errorf("a constant proxy has %+v", r)
	}
}

// TestCoverage predicts models that neither the closed form nor the calibration
// has seen: each tenth of every set in turn, three times over.
func TestCoverage(t *testing.T) {
	sets := published(t)
	r := rand.New(rand.NewPCG(1, 1))
	within, all := map[string]float64{}, map[string]float64{}
	const repeats, folds = 3, 10
	for range repeats {
		fold := make([][]int, len(sets)) // of each model
		for i, s := range sets {
			fold[i] = make([]int, len(s.Models))
			for at, j := range r.Perm(len(s.Models)) {
				fold[i][j] = at % folds
			}
		}
		for k := range folds {
			var seen, unseen []Set
			for i, s := range sets {
				rest, held := s, s
				rest.Models, held.Models = nil, nil
				for j, m := range s.Models {
					if fold[i][j] == k {
						held.Models = append(held.Models, m)
					} else {
						rest.Models = append(rest.Models, m)
					}
				}
				seen, unseen = append(seen, rest), append(unseen, held)
			}
			form, err := Fit(seen)
			if err != nil {
				t.Fatal(err)
			}
			calibrations, err := Calibrate(form, seen, r.Uint64())
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range groups(unseen) {
				for _, c := range calibrations {
					if c.Corpus != g.corpus || c.Backbone != g.backbone {
						continue
					}
					name := c.Corpus + " " + string(c.Backbone)
					for _, m := range g.models {
						p := c.Predict(form, m.Arch)
						all[name]++
						if p.Low <= m.Perplexity && m.Perplexity <= p.High {
							within[name]++
						}
					}
				}
			}
		}
	}
	var sumWithin, sumAll float64
	for name, n := range all {
		t.Logf("%s: %.1f %% of %v", name, 100*within[name]/n, n)
		if share := within[name] / n; share < 0.87 || share > 0.93 {
			t.Errorf("%s: 90 %% intervals cover %.1f %%", name, 100*share)
		}
		sumWithin, sumAll = sumWithin+within[name], sumAll+n
	}
	t.Logf("all: %.1f %%", 100*sumWithin/sumAll)
}
