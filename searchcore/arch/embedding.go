package arch

// Cluster is a run of tokens whose embeddings have the same width.
type Cluster struct {
	Start, End int // tokens Start <= t < End
	Width      int // columns of each token's embedding: ⌊d_embed / div_val^i⌋ for cluster i
}

// Clusters lists the embedding clusters, which partition the vocabulary in
// order: one, and one more for each cutoff below the vocabulary's size. With a
// DivVal of 1 all have the same width and share one embedding matrix.
func (a Architecture) Clusters() []Cluster {
	start, width := 0, a.embedWidth()
	var clusters []Cluster
	for _, cut := range a.Cutoffs {
		if cut < a.Vocab {
			clusters = append(clusters, Cluster{start, cut, width})
			start, width = cut, width/a.divVal()
		}
	}
	return append(clusters, Cluster{start, a.Vocab, width})
}

// Projected reports whether embeddings pass through a projection to DModel. If
// so, each cluster has its own Width × DModel matrix, but with a DivVal of 1 all
// clusters share one. Projections have no bias.
func (a Architecture) Projected() bool {
	return a.embedWidth() != a.DModel || a.divVal() > 1
}

// HeadDim returns the width of one attention head of the given layer, counted
// from 0: ⌊DModel / Heads⌋. Only in Transformer-XL can the heads together be
// narrower than DModel.
func (a Architecture) HeadDim(layer int) int {
	return a.DModel / a.Layers[layer].Heads
}

// embedWidth is DEmbed with its default resolved.
func (a Architecture) embedWidth() int {
	if a.DEmbed == 0 {
		return a.DModel
	}
	return a.DEmbed
}

// divVal is DivVal with its default resolved.
func (a Architecture) divVal() int { return max(a.DivVal, 1) }
