// Package arch describes decoder-only Transformer architectures as plain
// values: what a search proposes, a compiler turns into a module, and a journal
// remembers. It counts parameters, gives every architecture one name (its ID),
// and reads and writes the configuration files people already have.
//
// The package knows nothing of devices, latency or search; everything else in
// the program imports it.
package arch

// Backbone names a family of Transformer decoders. It is the value of
// "arch_type" in configuration files.
type Backbone string

// The supported backbones.
const (
	// GPT2 is the pre-norm decoder of Radford et al. (2019): learned positions,
	// GELU, causal self-attention.
	GPT2 Backbone = "gpt2"
	// TransformerXL is the decoder of Dai et al. (2019): segment memory and
	// relative positions.
	TransformerXL Backbone = "transformer-xl"
)

// Layer is one decoder layer: the two dimensions that a search may choose for
// each layer apart.
type Layer struct {
	Heads  int // attention heads, at least 1
	DInner int // width of the feed-forward block, at least 1
}

// Architecture is one decoder-only Transformer. It is a value: compare
// architectures by [Architecture.ID], never by field, since several spellings
// can compute the same thing ([Architecture.Canonical] picks one).
type Architecture struct {
	Backbone Backbone
	Vocab    int // tokens in the vocabulary
	DModel   int // width of the residual stream
	// DEmbed is the width of the first embedding cluster; 0 means DModel. A
	// projection maps it to DModel when they differ or when DivVal > 1.
	DEmbed int
	// DivVal divides the embedding width from one cluster to the next (adaptive
	// embedding, Baevski and Auli 2019); 0 means 1.
	DivVal int
	// Cutoffs are the first token of each further embedding cluster, ascending.
	// Those at or above Vocab have no effect.
	Cutoffs []int
	MaxLen  int // learned positions (GPT-2 only; 0 for Transformer-XL)
	MemLen  int // segment memory in tokens (Transformer-XL only; 0 for GPT-2)
	Layers  []Layer
}
