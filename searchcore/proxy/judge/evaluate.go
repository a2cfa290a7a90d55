package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"litefront/searchcore/proxy"
)

// Estimate is a number with its 95 % bootstrap interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Result is one proxy on one set by one metric.
type Result struct {
	Set    string `json:"set"`
	Proxy  string `json:"proxy"`
	Metric string `json:"metric"`
	Size   int    `json:"size"` // models, or pairs of them
	// Estimate is nil where the metric is not defined: too few models, or a proxy
	// that is the same for all.
	Estimate *Estimate `json:"estimate"`
	// Gain is the difference from decoder_params on the same models; nil where
	// either is not defined.
	Gain *Estimate `json:"gain"`
}

// Evaluate judges proxies on sets by every metric, against decoder_params.
// Intervals are percentiles over resamples of each set's models, the same ones
// for all proxies; equal seeds give equal results. It is an error if there is no
// set, or one whose perplexities cannot rank anything, or if a proxy has no score
// for a model.
func Evaluate(sets []Set, proxies []proxy.Proxy, resamples int, seed uint64) ([]Result, error) {
	if err := check(sets); err != nil {
		return nil, err
	}
	var results []Result
	for _, s := range sets {
		e, draws, err := examine(s, proxies, resamples, rand.New(rand.NewPCG(seed, 0)))
		if err != nil {
			return nil, err
		}
		for p := range proxies {
			for m, metric := range metrics {
				results = append(results, result(draws, p, m, s.Name, proxies[p].Name, e.size(metric)))
			}
		}
	}
	return results, nil
}

// MeanOfSets is the Set of what [EvaluateMean] returns.
const MeanOfSets = "mean of all sets"

// EvaluateMean judges closed forms on the sets that their fits did not see, by the
// mean of each metric over these sets; the size is the sum of theirs. Each resample
// draws anew from the models of every set, on its own, so the intervals are those of
// a mean over these sets, and tell nothing of each one or of others. A metric that one
// set lacks is nil; seeds and errors are those of [Evaluate].
func EvaluateMean(folds []Fold[proxy.Form], resamples int, seed uint64) ([]Result, error) {
	var sets []Set
	var forms []proxy.Proxy
	for _, f := range folds {
		for _, s := range f.HeldOut {
			sets = append(sets, s)
			forms = append(forms, proxy.New("quality", "the closed form", "fitted without the set", f.Fitted.Quality))
		}
	}
	if err := check(sets); err != nil {
		return nil, err
	}
	var mean [][][]float64
	sizes := make([]int, len(metrics))
	r := rand.New(rand.NewPCG(seed, 0)) // for all sets, so that their resamples are independent
	for i, s := range sets {
		e, draws, err := examine(s, forms[i:i+1], resamples, r)
		if err != nil {
			return nil, err
		}
		for d := range draws {
			for p, values := range draws[d] {
				floats.Scale(1/float64(len(sets)), values)
				if i > 0 {
					floats.Add(values, mean[d][p])
				}
			}
		}
		mean = draws
		for m, metric := range metrics {
			sizes[m] += e.size(metric)
		}
	}
	var results []Result
	for m := range metrics {
		results = append(results, result(mean, 0, m, MeanOfSets, forms[0].Name, sizes[m]))
	}
	return results, nil
}

// examine draws from s for proxies and, as the last one, decoder_params.
func examine(s Set, proxies []proxy.Proxy, resamples int, r *rand.Rand) (*exam, [][][]float64, error) {
	baseline, err := proxy.Parse("decoder_params")
	if err != nil {
		return nil, nil, err
	}
	all := append(slices.Clone(proxies), baseline)
	scores := scored(s, all)
	for p, list := range scores {
		if i := slices.IndexFunc(list, func(x float64) bool { return !finite([]float64{x}) }); i >= 0 {
			return nil, nil, fmt.Errorf("proxy %.80s: its value %v for model %q of set %q is not finite", all[p].Name, list[i], s.Models[i].ID, s.Name)
		}
	}
	e := newExam(s)
	return e, e.draw(scores, resamples, r), nil
}

// result is what draws tell of the p-th proxy by the m-th metric.
func result(draws [][][]float64, p, m int, set, name string, size int) Result {
	last := len(draws[0]) - 1
	return Result{
		Set: set, Proxy: name, Metric: metrics[m].Name, Size: size,
		Estimate: estimate(draws, func(d [][]float64) float64 { return d[p][m] }),
		Gain:     estimate(draws, func(d [][]float64) float64 { return d[p][m] - d[last][m] }),
	}
}

// check refuses sets that nothing can be judged on.
func check(sets []Set) error {
	if len(sets) == 0 {
		return fmt.Errorf("no set; the tables have no rows")
	}
	for _, s := range sets {
		if len(s.Models) < 3 {
			return fmt.Errorf("set %q has %d trained models; ranking needs at least 3", s.Name, len(s.Models))
		}
		if !slices.ContainsFunc(s.Models, func(m Model) bool { return m.Perplexity != s.Models[0].Perplexity }) {
			return fmt.Errorf("set %q: every valid_ppl is %v; there is nothing to rank", s.Name, s.Models[0].Perplexity)
		}
	}
	return nil
}

// draw computes every metric of every proxy, [proxy][metric], on the models
// themselves and then on so many resamples of them.
func (e *exam) draw(scores [][]float64, resamples int, r *rand.Rand) [][][]float64 {
	n := len(e.order)
	draws := make([][][]float64, 1+resamples)
	for d := range draws {
		counts := ones(n)
		if d > 0 {
			clear(counts)
			for range n {
				counts[r.IntN(n)]++
			}
		}
		draws[d] = make([][]float64, len(scores))
		for p := range scores {
			for _, m := range metrics {
				draws[d][p] = append(draws[d][p], e.value(m, scores[p], counts))
			}
		}
	}
	return draws
}

// estimate takes the value from the first draw and the interval from the others,
// but those where it is not defined.
func estimate(draws [][][]float64, of func([][]float64) float64) *Estimate {
	value := of(draws[0])
	if math.IsNaN(value) {
		return nil
	}
	var sample []float64
	for _, d := range draws[1:] {
		if x := of(d); !math.IsNaN(x) {
			sample = append(sample, x)
		}
	}
	if len(sample) == 0 {
		return &Estimate{value, value, value}
	}
	slices.Sort(sample)
	return &Estimate{value, stat.Quantile(0.025, stat.Empirical, sample, nil), stat.Quantile(0.975, stat.Empirical, sample, nil)}
}
