package judge

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"litefront/searchcore/proxy"
)

// Metric is a way to compare a proxy with the truth within one set.
type Metric struct {
	Name        string
	Description string

	top  float64 // share of the models, best first; 0 for pairs of equal size
	near float64 // how much larger in decoder parameters one of a pair may be
	rank bool    // Spearman, else Kendall
}

// metrics lists the metrics in the order in which people see them.
var metrics = []Metric{
	{Name: "spearman", Description: "Spearman, all models", top: 1, rank: true},
	{Name: "kendall", Description: "Kendall, all models", top: 1},
	{Name: "spearman_top50", Description: "Spearman, the half of lowest perplexity", top: 0.5, rank: true},
	{Name: "kendall_top50", Description: "Kendall, the half of lowest perplexity", top: 0.5},
	{Name: "spearman_top30", Description: "Spearman, the 30 % of lowest perplexity", top: 0.3, rank: true},
	{Name: "kendall_top30", Description: "Kendall, the 30 % of lowest perplexity", top: 0.3},
	{Name: "spearman_top10", Description: "Spearman, the 10 % of lowest perplexity", top: 0.1, rank: true},
	{Name: "kendall_top10", Description: "Kendall, the 10 % of lowest perplexity", top: 0.1},
	{Name: "kendall_within2", Description: "Kendall, pairs within 2 % of equal decoder parameters", near: 0.02},
	{Name: "kendall_within10", Description: "Kendall, pairs within 10 % of equal decoder parameters", near: 0.1},
}

// Metrics returns every metric, in the order in which to list them.
//
// The top share of n models is the ⌈share·n⌉ of lowest perplexity, at least 2;
// equal perplexities stay in the table's order. Two models are within a share of
// equal size if the difference of their decoder parameters is at most that share
// of the larger's. Kendall is tau-b over the pairs, so a pair that is tied in the
// proxy alone counts against it.
func Metrics() []Metric { return slices.Clone(metrics) }

// The metrics that a default must win.
const (
	Top30    = "spearman_top30"
	Within10 = "kendall_within10"
)

// pair is two models of a set, by index.
type pair struct{ i, j int32 }

// exam is a set with what metrics need, once for all proxies and resamples.
type exam struct {
	quality []float64 // -perplexity
	order   []int     // models, best first
	near    map[float64][]pair
}

func newExam(s Set) *exam {
	e := &exam{near: map[float64][]pair{}}
	params := make([]float64, len(s.Models))
	for i, m := range s.Models {
		e.quality = append(e.quality, -m.Perplexity)
		e.order = append(e.order, i)
		params[i] = float64(m.Arch.DecoderParams())
	}
	slices.SortStableFunc(e.order, func(i, j int) int {
		switch {
		case e.quality[i] > e.quality[j]:
			return -1
		case e.quality[i] < e.quality[j]:
			return 1
		}
		return 0
	})
	for _, m := range metrics {
		if m.near == 0 {
			continue
		}
		for i := range params {
			for j := range i {
				if math.Abs(params[i]-params[j]) <= m.near*max(params[i], params[j]) {
					e.near[m.near] = append(e.near[m.near], pair{int32(i), int32(j)})
				}
			}
		}
	}
	return e
}

// value computes m for a proxy's scores, each model taken as often as counts
// says. A model is no pair with a copy of itself. NaN if it is not defined.
func (e *exam) value(m Metric, scores, counts []float64) float64 {
	if m.near > 0 {
		var k kendall
		for _, p := range e.near[m.near] {
			if n := counts[p.i] * counts[p.j]; n > 0 {
				k.add(scores[p.i]-scores[p.j], e.quality[p.i]-e.quality[p.j], n)
			}
		}
		return k.tau()
	}
	models, times := e.best(m.top, counts)
	var x, y []float64
	for at, i := range models {
		for range int(times[at]) {
			x, y = append(x, scores[i]), append(y, e.quality[i])
		}
	}
	if m.rank {
		return spearman(x, y)
	}
	return tau(x, y) // copies of a model are tied in both, and tell nothing
}

// best lists the models of the top share of the sample that counts says, and how
// often each is in it.
func (e *exam) best(share float64, counts []float64) (models []int, times []float64) {
	left := max(math.Ceil(share*floats.Sum(counts)), 2)
	for _, i := range e.order {
		if n := min(counts[i], left); n > 0 {
			models, times = append(models, i), append(times, n)
			left -= n
		}
	}
	return models, times
}

// size is how many models or pairs m compares.
func (e *exam) size(m Metric) int {
	if m.near > 0 {
		return len(e.near[m.near])
	}
	models, _ := e.best(m.top, ones(len(e.order)))
	return len(models)
}

func ones(n int) []float64 {
	counts := make([]float64, n)
	floats.AddConst(1, counts)
	return counts
}

// finite reports whether a proxy has a score for every model.
func finite(scores []float64) bool {
	return !slices.ContainsFunc(scores, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

// scored computes the scores of all proxies on a set.
func scored(s Set, proxies []proxy.Proxy) [][]float64 {
	scores := make([][]float64, len(proxies))
	for i, p := range proxies {
		scores[i] = p.Scores(s.archs())
	}
	return scores
}
