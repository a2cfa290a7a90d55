package space

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"litefront/searchcore/arch"
)

// Reach is what the members of a space have, which may be less than what its
// genes list.
type Reach struct {
	// The values that members have. A value is left out only if no member can have
	// it; where the bounds on the decoder parameters fall into a gap between two
	// counts, one may be listed that no member has. Values of div_val that compute
	// the same thing count as had by the same members.
	NLayer, DModel, DInner, NHead, DivVal Choices
	// Bounded says that the bounds on the decoder parameters exclude architectures
	// that all other rules allow.
	Bounded bool
	// Extremes are members: for each d_model, n_head and div_val, at the least and
	// the greatest depth, or at all if layers are shared, those with the fewest and
	// the most parameters within the bounds. There is at least one.
	Extremes []arch.Architecture
	// Exact says that no member has fewer or more parameters than the extremes.
	// Otherwise they are the ones found nearest to the bounds, layer by layer.
	Exact bool
}

// Reach returns what the members of s have. An error says that s is not valid, or
// that no member was found within the bounds on the decoder parameters.
func (s Space) Reach() (Reach, error) {
	ws, err := s.widths()
	if err != nil {
		return Reach{}, err
	}
	var r Reach
	genes := newGeneSets()
	for _, w := range ws {
		constant, small, large := s.layerParams(w)
		for _, n := range s.NLayer {
			r.Bounded = r.Bounded || constant+int64(n)*small < s.MinDecoderParams || constant+int64(n)*large > s.upper()
		}
		s.markGenes(genes, w, small, large)
		for _, h := range w.nHead {
			r.Extremes = append(r.Extremes, s.extremes(w, h)...)
		}
	}
	if len(r.Extremes) == 0 {
		return Reach{}, fmt.Errorf("space: no architecture was found with decoder parameters within min_decoder_params %d, max_decoder_params %d",
			s.MinDecoderParams, s.MaxDecoderParams)
	}
	r.Exact = s.Shared || !r.Bounded
	r.NLayer, r.DModel, r.DInner, r.NHead, r.DivVal = genes.nLayer.sorted(), genes.dModel.sorted(), genes.dInner.sorted(), genes.nHead.sorted(), genes.divVal.sorted()
	return r, nil
}

// ReachSteps says about how many times [Space.Reach] counts a layer's parameters, from
// the number of the genes' values alone.
func (s Space) ReachSteps() float64 {
	const search = 2 * 2 * 10 // for an extreme, per layer: of the fewest and the most at two depths, by bisection
	layers := slices.Max(s.NLayer)
	if s.MinDecoderParams > 0 || s.MaxDecoderParams > 0 { // any depth may be the first with a member
		layers = 0
		for _, n := range s.NLayer {
			layers += n
		}
	}
	perWidth := len(s.NHead) * (len(s.DInner)*len(s.NLayer) + search*layers)
	if s.Shared {
		perWidth = len(s.NHead) * (len(s.DInner) + search) * len(s.NLayer)
	}
	return float64(len(s.DModel)) * float64(perWidth)
}

type valueSet map[int]bool

func (v valueSet) sorted() Choices { return slices.Sorted(maps.Keys(v)) }

type geneSets struct{ nLayer, dModel, dInner, nHead, divVal valueSet }

func newGeneSets() geneSets {
	return geneSets{valueSet{}, valueSet{}, valueSet{}, valueSet{}, valueSet{}}
}

// markGenes marks the values that some member of one d_model may have, small and
// large being the decoder parameters of its smallest and largest layer.
func (s Space) markGenes(g geneSets, w width, small, large int64) {
	for _, h := range w.nHead {
		for _, inner := range w.dInner {
			if g.dModel[w.dModel] && g.nHead[h] && g.dInner[inner] && len(g.nLayer) == len(s.NLayer) {
				continue // nothing left to find
			}
			constant, params := s.oneLayerParams(w, arch.Layer{Heads: h, DInner: inner})
			for _, n := range s.NLayer {
				low, high := params+int64(n-1)*small, params+int64(n-1)*large
				if s.Shared {
					low, high = int64(n)*params, int64(n)*params
				}
				if constant+high < s.MinDecoderParams || constant+low > s.upper() {
					continue
				}
				g.nLayer[n], g.dModel[w.dModel], g.nHead[h], g.dInner[inner] = true, true, true, true
			}
		}
	}
	for _, v := range s.divVals() {
		a := s.architecture(w.dModel, v, arch.Layer{Heads: 1, DInner: 1})
		if g.dModel[w.dModel] && a.Validate() == nil {
			g.divVal[v] = true
		}
	}
}

// extremes returns the members with one d_model and one n_head in all layers
// that have the fewest and the most decoder parameters, at the least and the
// greatest depth that has any, or at all if layers are shared.
func (s Space) extremes(w width, heads int) (members []arch.Architecture) {
	depths := func(order []int) {
		for _, n := range order {
			found := slices.Concat(s.stack(w, heads, n, false), s.stack(w, heads, n, true))
			members = append(members, found...)
			if len(found) > 0 && !s.Shared {
				return
			}
		}
	}
	if depths(s.NLayer); s.Shared {
		return members
	}
	deepest := slices.Clone(s.NLayer)
	slices.Reverse(deepest)
	depths(deepest)
	return members
}

// stack builds the members with n layers of the given heads that have the most
// decoder parameters within the bounds, or the fewest: layer by layer, each as
// large, or as small, as the bound lets it be while those to come are at their
// smallest, or largest. There is one for each div_val, and none if the result is
// beyond the other bound.
func (s Space) stack(w width, heads, n int, most bool) (members []arch.Architecture) {
	layer := func(i int) arch.Layer { return arch.Layer{Heads: heads, DInner: w.dInner[i]} }
	params := func(i int) int64 {
		_, p := s.oneLayerParams(w, layer(i))
		return p
	}
	last := len(w.dInner) - 1
	total, first := s.oneLayerParams(w, layer(0))
	if !most {
		first = params(last)
	}
	total += int64(n) * first
	g := genotype{nLayer: n, dModel: w.dModel, layers: make([]arch.Layer, s.layerGenes(n))}
	copies := int64(n / len(g.layers)) // layers that one gene stands for
	for k := range g.layers {
		// The first choice that reaches the lower bound, or passes the upper one.
		i := sort.Search(last+1, func(i int) bool {
			changed := total + copies*(params(i)-first)
			if most {
				return changed > s.upper()
			}
			return changed >= s.MinDecoderParams
		})
		if most {
			i--
		}
		if i < 0 || i > last {
			return nil
		}
		g.layers[k] = layer(i)
		total += copies * (params(i) - first)
	}
	for _, v := range w.divVal {
		g.divVal = v
		if a := s.express(g); s.inBounds(a) {
			members = append(members, a)
		}
	}
	return members
}
