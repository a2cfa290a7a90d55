package space

import (
	"slices"

	"litefront/searchcore/arch"
)

// genotype is an architecture as its genes. With Space.Shared, layers has one
// element for all layers, else one for each.
type genotype struct {
	nLayer, dModel, divVal int
	layers                 []arch.Layer
}

// layerGenes is the number of layers that have genes of their own.
func (s Space) layerGenes(nLayer int) int {
	if s.Shared {
		return 1
	}
	return nLayer
}

// genes returns the genotype of a, which s contains.
func (s Space) genes(a arch.Architecture) genotype {
	a = a.Canonical()
	return genotype{
		nLayer: len(a.Layers),
		dModel: a.DModel,
		divVal: a.DivVal,
		layers: slices.Clone(a.Layers[:s.layerGenes(len(a.Layers))]),
	}
}

// express returns the architecture with the genes g, in canonical form.
func (s Space) express(g genotype) arch.Architecture {
	layers := g.layers
	if s.Shared {
		layers = slices.Repeat(layers, g.nLayer)
	}
	return s.architecture(g.dModel, g.divVal, layers...).Canonical()
}
