package arch

// DecoderParams counts the parameters of the decoder layers: attention,
// feed-forward blocks and layer norms, with their biases, and GPT-2's final
// norm; no embeddings, positions, embedding projections or softmax. It is the
// quality proxy of LiteTransformerSearch (Javaheripi et al., NeurIPS 2022).
//
// With d = DModel, D = DInner and s = Heads·HeadDim of a layer, that is
//
//	GPT-2           Σ (4d² + 4d + 2dD + D + d + 4d) + 2d
//	Transformer-XL  Σ (5ds + 2s + 2dD + D + d + 4d)
//
// where Transformer-XL's fifth matrix projects the relative positions and 2s are
// the layer's content and position biases.
func (a Architecture) DecoderParams() int64 {
	var sum int64
	for i := range a.Layers {
		sum += a.LayerParams(i)
	}
	if a.Backbone == GPT2 {
		sum += 2 * int64(a.DModel) // final norm
	}
	return sum
}

// LayerParams counts the parameters of the given layer, counted from 0: its part
// of [Architecture.DecoderParams].
func (a Architecture) LayerParams(layer int) int64 {
	d, inner := int64(a.DModel), int64(a.Layers[layer].DInner)
	feedForward := 2*d*inner + inner + d
	norms := 4 * d
	return a.attentionParams(layer) + feedForward + norms
}

func (a Architecture) attentionParams(layer int) int64 {
	d := int64(a.DModel)
	if a.Backbone == GPT2 {
		return 4*d*d + 4*d
	}
	s := int64(a.Layers[layer].Heads) * int64(a.HeadDim(layer))
	return 5*d*s + 2*s
}

// TotalParams counts every tensor of the model once. Besides [Architecture.DecoderParams]
// these are
//
//   - each cluster's embeddings, (End-Start) × Width, which serve as the output
//     weights too;
//   - if [Architecture.Projected], each cluster's projection, Width × DModel,
//     also used for input and output alike; one for all when DivVal is 1;
//   - GPT-2's learned positions, MaxLen × DModel;
//   - of an adaptive softmax one bias per token, and for every cluster but the
//     first one row of d_embed weights and one bias in the head. Transformer-XL
//     always has one, GPT-2 if there are several clusters; otherwise the output
//     has no bias.
func (a Architecture) TotalParams() int64 {
	total := a.DecoderParams() + a.embeddingParams()
	if a.Backbone == GPT2 {
		total += int64(a.MaxLen) * int64(a.DModel)
	}
	if tails := int64(len(a.Clusters()) - 1); a.Backbone == TransformerXL || tails > 0 {
		total += int64(a.Vocab) + tails*(int64(a.embedWidth())+1)
	}
	return total
}

// embeddingParams counts embeddings and projections.
func (a Architecture) embeddingParams() int64 {
	var sum int64
	for i, c := range a.Clusters() {
		sum += int64(c.End-c.Start) * int64(c.Width)
		if a.Projected() && (i == 0 || a.divVal() > 1) {
			sum += int64(c.Width) * int64(a.DModel)
		}
	}
	return sum
}
