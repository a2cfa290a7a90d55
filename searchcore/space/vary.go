package space

import (
	"math/rand/v2"
	"slices"

	"litefront/searchcore/arch"
)

// Mutate returns a child of a in which each gene was drawn anew, with
// probability p, uniformly from the values valid for it (the old one among
// them). A smaller depth drops layers from the end, a larger one appends layers
// drawn as by [Space.Sample]. Genes that the mutation left invalid, such as a
// d_inner too narrow for the new d_model, are then drawn anew as well; no other
// gene changes.
//
// The child is canonical and obeys every rule of s but the bounds on the decoder
// parameters, which [Space.Contains] tells. An error says that s does not
// contain a.
func (s Space) Mutate(r *rand.Rand, a arch.Architecture, p float64) (arch.Architecture, error) {
	return s.mutate(r, a, p, func(int) int { return 1 })
}

// MutateBlocks is Mutate on contiguous blocks of layers instead of single ones:
// where a gene of a block mutates, all its layers get the same new value. A block
// is of any length, equally likely, that the layers left allow. This is the
// block-wise mutation of TF-TAS and T-Razor (Zhou et al. 2022, 2024).
func (s Space) MutateBlocks(r *rand.Rand, a arch.Architecture, p float64) (arch.Architecture, error) {
	return s.mutate(r, a, p, func(left int) int { return 1 + r.IntN(left) })
}

// mutate takes layers in blocks of so many of those that are left.
func (s Space) mutate(r *rand.Rand, a arch.Architecture, p float64, length func(left int) int) (arch.Architecture, error) {
	ws, err := s.parents(a)
	if err != nil {
		return arch.Architecture{}, err
	}
	mutates := func() bool { return r.Float64() < p }
	g := s.genes(a)
	if mutates() {
		g.nLayer = pick(r, s.NLayer)
	}
	if mutates() {
		g.dModel = pick(r, ws).dModel
	}
	w := widthOf(ws, g.dModel)
	if mutates() {
		g.divVal = pick(r, w.divVal)
	}
	g.layers = g.layers[:min(len(g.layers), s.layerGenes(g.nLayer))]
	for rest := g.layers; len(rest) > 0; {
		block := rest[:length(len(rest))]
		rest = rest[len(block):]
		if mutates() {
			inner := pick(r, w.dInner)
			for i := range block {
				block[i].DInner = inner
			}
		}
		if mutates() {
			heads := pick(r, w.nHead)
			for i := range block {
				block[i].Heads = heads
			}
		}
	}
	for len(g.layers) < s.layerGenes(g.nLayer) {
		g.layers = append(g.layers, w.sampleLayer(r))
	}
	repair(r, &g, w)
	return s.express(g), nil
}

// Crossover returns a child that has each gene from a or from b, with
// probability 1/2 each; the genes of a layer that only one of them has come from
// that one. Genes that do not go together are repaired as in [Space.Mutate], and
// the same holds of the child. An error says that s does not contain a or b.
func (s Space) Crossover(r *rand.Rand, a, b arch.Architecture) (arch.Architecture, error) {
	ws, err := s.parents(a, b)
	if err != nil {
		return arch.Architecture{}, err
	}
	either := func(x, y int) int {
		if r.IntN(2) == 0 {
			return x
		}
		return y
	}
	ga, gb := s.genes(a), s.genes(b)
	g := genotype{
		nLayer: either(ga.nLayer, gb.nLayer),
		dModel: either(ga.dModel, gb.dModel),
		divVal: either(ga.divVal, gb.divVal),
	}
	g.layers = make([]arch.Layer, s.layerGenes(g.nLayer))
	for i := range g.layers {
		switch {
		case i >= len(gb.layers):
			g.layers[i] = ga.layers[i]
		case i >= len(ga.layers):
			g.layers[i] = gb.layers[i]
		default:
			g.layers[i].DInner = either(ga.layers[i].DInner, gb.layers[i].DInner)
			g.layers[i].Heads = either(ga.layers[i].Heads, gb.layers[i].Heads)
		}
	}
	repair(r, &g, widthOf(ws, g.dModel))
	return s.express(g), nil
}

// repair draws anew, uniformly, the genes of g that are not valid for its
// d_model, and only those.
func repair(r *rand.Rand, g *genotype, w width) {
	fix := func(gene *int, valid []int) {
		if !slices.Contains(valid, *gene) {
			*gene = pick(r, valid)
		}
	}
	fix(&g.divVal, w.divVal)
	for i := range g.layers {
		fix(&g.layers[i].DInner, w.dInner)
		fix(&g.layers[i].Heads, w.nHead)
	}
}

// parents validates s, checks that it contains all of as, and returns its
// widths.
func (s Space) parents(as ...arch.Architecture) ([]width, error) {
	ws, err := s.widths()
	if err != nil {
		return nil, err
	}
	for _, a := range as {
		if err := s.Contains(a); err != nil {
			return nil, err
		}
	}
	return ws, nil
}

func widthOf(ws []width, dModel int) width {
	return ws[slices.IndexFunc(ws, func(w width) bool { return w.dModel == dModel })]
}
