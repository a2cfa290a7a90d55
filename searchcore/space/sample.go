package space

import (
	"fmt"
	"math/rand/v2"

	"litefront/searchcore/arch"
)

// maxSamples bounds how many architectures Sample draws until one is within the
// bounds on the decoder parameters.
const maxSamples = 1 << 15

// Sample draws a random architecture of s, in canonical form.
//
// The draw is unbiased in this sense: gene after gene, in the order of the
// package comment, a value is drawn uniformly from those that are valid given
// the genes before it; when the whole is outside the bounds on the decoder
// parameters, all of it is drawn again. Nothing is ever repaired. So all depths
// are equally likely, up to the bounds, although deep architectures outnumber
// shallow ones by orders of magnitude.
//
// An error says that s is not valid, or that nothing within the bounds was found
// in 32,768 draws.
func (s Space) Sample(r *rand.Rand) (arch.Architecture, error) {
	ws, err := s.widths()
	if err != nil {
		return arch.Architecture{}, err
	}
	for range maxSamples {
		g := genotype{nLayer: pick(r, s.NLayer)}
		w := pick(r, ws)
		g.dModel = w.dModel
		g.divVal = pick(r, w.divVal)
		g.layers = make([]arch.Layer, s.layerGenes(g.nLayer))
		for i := range g.layers {
			g.layers[i] = w.sampleLayer(r)
		}
		if a := s.express(g); s.inBounds(a) {
			return a, nil
		}
	}
	return arch.Architecture{}, fmt.Errorf("space: none of %d random architectures has decoder parameters within min_decoder_params %d, max_decoder_params %d",
		maxSamples, s.MinDecoderParams, s.MaxDecoderParams)
}

func (w width) sampleLayer(r *rand.Rand) arch.Layer {
	return arch.Layer{DInner: pick(r, w.dInner), Heads: pick(r, w.nHead)}
}

// pick draws one of the values, each equally likely.
func pick[T any](r *rand.Rand, values []T) T { return values[r.IntN(len(values))] }
