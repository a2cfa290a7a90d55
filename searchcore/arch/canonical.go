package arch

import "slices"

// Canonical returns the one spelling that stands for all architectures that
// compute the same thing: DEmbed and DivVal are explicit, cutoffs without effect
// are dropped (nil when none is left), MaxLen is 0 for Transformer-XL and MemLen
// for GPT-2, and DivVal is the smallest value that gives the same clusters. So
// with a single cluster, where DivVal only decides whether a projection exists,
// it is 2 if it alone asks for one and 1 otherwise.
//
// The result shares no memory with a. Canonical does not validate.
func (a Architecture) Canonical() Architecture {
	c := a
	c.DEmbed = a.embedWidth()
	c.Layers = append([]Layer(nil), a.Layers...)
	c.Cutoffs = nil
	for _, cut := range a.Cutoffs {
		if cut < a.Vocab {
			c.Cutoffs = append(c.Cutoffs, cut)
		}
	}
	switch a.Backbone {
	case TransformerXL:
		c.MaxLen = 0
	case GPT2:
		c.MemLen = 0
	}
	c.DivVal = c.smallestDivVal()
	return c
}

// smallestDivVal returns the smallest DivVal with the same clusters and the same
// answer to whether a projection exists. In practice that differs from DivVal
// only with a single cluster: ⌊d_embed/k⌋ tells one k from the next unless k is
// near d_embed's square root or above.
func (a Architecture) smallestDivVal() int {
	clusters, projected := a.Clusters(), a.Projected()
	b := a
	for b.DivVal = 1; b.DivVal < min(a.DivVal, maxDivVal); b.DivVal++ {
		if b.Projected() == projected && slices.Equal(b.Clusters(), clusters) {
			return b.DivVal
		}
	}
	return a.divVal()
}
