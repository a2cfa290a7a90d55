// Package proxy predicts, without training, which of two language models is
// better. A [Proxy] scores architectures; [Quality] is the closed form that holds
// also among models of equal size, [Perplexities] turns it into perplexities with
// intervals, and [Outside] says when an architecture's shape is unlike all that
// proxies were tried on.
//
// How well each proxy ranks trained models is found by package judge, which also
// fits what is frozen here.
package proxy

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Proxy scores architectures; a higher score predicts a lower perplexity. Take
// proxies from [All] or [Parse], or make one with [New].
type Proxy struct {
	Name        string
	Description string // what the score is
	Source      string // where it comes from
	// Needs says what a score is computed from. One that needs the models it is
	// compared with is a place among them, and means nothing beyond.
	Needs string

	scores func([]arch.Architecture) []float64
}

// New returns a proxy that scores each architecture by itself.
func New(name, description, source string, score func(arch.Architecture) float64) Proxy {
	return Proxy{Name: name, Description: description, Source: source, Needs: "the architecture", scores: func(as []arch.Architecture) []float64 {
		scores := make([]float64, len(as))
		for i, a := range as {
			scores[i] = score(a)
		}
		return scores
	}}
}

// Scores returns the score of each of as, which are valid. A score is a finite
// number, or NaN for an architecture too large to be scored.
func (p Proxy) Scores(as []arch.Architecture) []float64 { return p.scores(as) }

// table lists the proxies in the order in which people see them.
var table = []Proxy{
	decoderParams,
	New("total_params", "all parameters, shared ones counted once", "the usual size of a model",
		func(a arch.Architecture) float64 { return float64(a.TotalParams()) }),
	New("flops", "floating-point operations of a prefill of 192 tokens", "the baseline of zero-cost proxies (White et al. 2022)", flops),
	layers,
	New("d_model", "width of the residual stream", "width alone",
		func(a arch.Architecture) float64 { return float64(a.DModel) }),
	New("depth_width", "12·n_layer·d_model²", "Kaplan et al. 2020, without the feed-forward widths",
		func(a arch.Architecture) float64 {
			return 12 * float64(len(a.Layers)) * float64(a.DModel) * float64(a.DModel)
		}),
	New("params_embed", "decoder_params·d_embed^0.28", "the exponent that the random sets favour",
		func(a arch.Architecture) float64 {
			return float64(a.DecoderParams()) * math.Pow(embedWidth(a), 0.28)
		}),
	ranked("rank_sum", "sum of the ranks by decoder_params, width and n_layer", "T-Razor's way to combine proxies (Zhou et al. 2024)",
		func(rank, _ float64) float64 { return rank }),
	ranked("log_rank_sum", "sum of the logarithms of the same ranks, over the number of models", "AZ-NAS's way to combine proxies (Lee and Ham 2024)",
		func(rank, n float64) float64 { return math.Log(rank / n) }),
	New("quality", "decoder parameters, discounted for narrow, shallow and few-headed shapes", "fitted to the published sets (docs/quality.md)", Quality),
}

// The components of the combinations by rank.
var (
	decoderParams = New("decoder_params", "parameters of the decoder layers", "LiteTransformerSearch (Javaheripi et al. 2022)",
		func(a arch.Architecture) float64 { return float64(a.DecoderParams()) })
	layers = New("n_layer", "number of layers", "depth alone",
		func(a arch.Architecture) float64 { return float64(len(a.Layers)) })
	width = New("width", "smooth minimum of d_model and d_embed", "", narrowest)
)

// All returns every proxy, in the order in which to list them.
func All() []Proxy { return slices.Clone(table) }

// Parse returns the proxy called name.
func Parse(name string) (Proxy, error) {
	names := make([]string, len(table))
	for i, p := range table {
		if names[i] = p.Name; p.Name == name {
			return p, nil
		}
	}
	return Proxy{}, fmt.Errorf("proxy %.40q is unknown; use one of %s", name, strings.Join(names, ", "))
}

// ranked combines proxies of different units by their ranks, 1 for the lowest
// score, of which term makes what is added up.
func ranked(name, description, source string, term func(rank, n float64) float64) Proxy {
	return Proxy{Name: name, Description: description, Source: source, Needs: "the models it is compared with", scores: func(as []arch.Architecture) []float64 {
		sum := make([]float64, len(as))
		for _, p := range []Proxy{decoderParams, width, layers} {
			for i, rank := range Ranks(p.Scores(as)) {
				sum[i] += term(rank, float64(len(as)))
			}
		}
		return sum
	}}
}

// Ranks returns the rank of each value, 1 for the smallest; equal values share
// the mean of their ranks.
func Ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case values[i] < values[j]:
			return -1
		case values[i] > values[j]:
			return 1
		}
		return 0
	})
	ranks := make([]float64, len(values))
	for first := 0; first < len(order); {
		end := first + 1
		for end < len(order) && values[order[end]] == values[order[first]] {
			end++
		}
		for _, i := range order[first:end] {
			ranks[i] = float64(first+1+end) / 2
		}
		first = end
	}
	return ranks
}

// flops counts a prefill of LTS's prompt; learned positions, if there are fewer,
// make no difference to it.
func flops(a arch.Architecture) float64 {
	w := trial.DefaultWorkload()
	if a.Backbone == arch.GPT2 {
		a.MaxLen = max(a.MaxLen, w.Context)
	}
	g, err := graph.Build(a, w)
	if err != nil {
		return math.NaN()
	}
	var work graph.Work
	for _, o := range g.Ops {
		work = work.Add(g.Work(o, 0, w.PromptLen))
	}
	return float64(work.FLOPs())
}
