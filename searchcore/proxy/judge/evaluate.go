package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

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
	baseline, err := proxy.Parse("decoder_params")
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, s := range sets {
		all := append(slices.Clone(proxies), baseline)
		scores := scored(s, all)
		for p, list := range scores {
			if i := slices.IndexFunc(list, func(x float64) bool { return !finite([]float64{x}) }); i >= 0 {
				return nil, fmt.Errorf("proxy %.80s: its value %v for model %q of set %q is not finite", all[p].Name, list[i], s.Models[i].ID, s.Name)
			}
		}
		e := newExam(s)
		draws := e.draw(scores, resamples, rand.New(rand.NewPCG(seed, 0)))
		last := len(proxies)
		for p := range proxies {
			for m, metric := range metrics {
				results = append(results, Result{
					Set: s.Name, Proxy: proxies[p].Name, Metric: metric.Name, Size: e.size(metric),
					Estimate: estimate(draws, func(d [][]float64) float64 { return d[p][m] }),
					Gain:     estimate(draws, func(d [][]float64) float64 { return d[p][m] - d[last][m] }),
				})
			}
		}
	}
	return results, nil
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
