// Package archtest draws small architectures for tests, and knows what they compute.
package archtest

import (
	"math"
	"math/rand/v2"
	"slices"

	"litefront/kernels"
	"litefront/kernels/ref"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
)

// GPT2 draws architectures with every awkward dimension: odd widths, head
// widths that are no multiple of anything, projections.
func GPT2(r *rand.Rand, maxLen int) arch.Architecture {
	heads := 1 + r.IntN(5)
	a := arch.Architecture{
		Backbone: arch.GPT2,
		Vocab:    1 + r.IntN(300),
		DModel:   heads * (6 + r.IntN(18)), // a norm over fewer is ill-conditioned
		MaxLen:   maxLen,
	}
	switch r.IntN(3) {
	case 0:
		a.DEmbed = 1 + r.IntN(70)
	case 1:
		a.DivVal = 4
	}
	for range 1 + r.IntN(4) {
		h := heads
		for r.IntN(2) == 0 || a.DModel%h != 0 {
			h = 1 + r.IntN(heads)
		}
		a.Layers = append(a.Layers, arch.Layer{Heads: h, DInner: 1 + r.IntN(150)})
	}
	return a
}

// TransformerXL draws Transformer-XL with as awkward dimensions: heads that do not fill
// the width, clusters with and without tables of their own, any memory.
func TransformerXL(r *rand.Rand) arch.Architecture {
	a := arch.Architecture{
		Backbone: arch.TransformerXL,
		Vocab:    1 + r.IntN(300),
		DModel:   8 + r.IntN(80),
		MemLen:   r.IntN(21),
		DivVal:   []int{1, 2, 4}[r.IntN(3)],
	}
	if r.IntN(3) == 0 {
		a.DEmbed = 16 + r.IntN(70)
	}
	Cluster(r, &a)
	for range 1 + r.IntN(4) {
		a.Layers = append(a.Layers, arch.Layer{Heads: 1 + r.IntN(6), DInner: 1 + r.IntN(150)})
	}
	return a
}

// Cluster divides the vocabulary into up to four clusters.
func Cluster(r *rand.Rand, a *arch.Architecture) {
	for n, cut := r.IntN(4), 0; n > 0; n-- {
		if cut += 1 + r.IntN(80); cut < a.Vocab {
			a.Cutoffs = append(a.Cutoffs, cut)
		}
	}
	for a.DivVal > 1 && a.Clusters()[len(a.Cutoffs)].Width < 1 {
		a.DivVal--
	}
}

// Reference returns what kernels/ref makes of g's seeded weights: a row of logits after
// each of the tokens.
func Reference(g *graph.Graph, seed uint32, tokens []int) ([][]float64, error) {
	return ref.Logits(g.Arch, func(name string) []float32 {
		i := slices.IndexFunc(g.Tensors, func(t *graph.Tensor) bool { return t.Name == name })
		if i < 0 {
			return nil
		}
		return kernels.Weights(g, g.Tensors[i], seed)
	}, tokens)
}

// MaxError is the largest difference as a share of the largest logit, or of what
// logits usually are if all are small by chance.
func MaxError(got []float32, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	scale, worst := 0.1, 0.0
	for i, w := range want {
		scale = max(scale, math.Abs(w))
		d := math.Abs(float64(got[i]) - w)
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst / scale
}

// Wide are architectures large enough for every form that kernels take: long rows, wide
// heads, many columns.
func Wide(maxLen int) []arch.Architecture {
	return []arch.Architecture{
		{Backbone: arch.GPT2, Vocab: 300, DModel: 64, MaxLen: maxLen, Layers: []arch.Layer{{Heads: 1, DInner: 8200}}},
		{Backbone: arch.GPT2, Vocab: 700, DModel: 640, DEmbed: 200, MaxLen: maxLen, Layers: []arch.Layer{{Heads: 2, DInner: 300}}},
		{Backbone: arch.TransformerXL, Vocab: 500, DModel: 520, MemLen: 150, Layers: []arch.Layer{{Heads: 3, DInner: 100}, {Heads: 1, DInner: 40}}},
	}
}
