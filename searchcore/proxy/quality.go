package proxy

import (
	"cmp"
	"math"

	"litefront/searchcore/arch"
)

// Form is the closed form of quality: decoder parameters, discounted for shapes
// that make poor use of them. With n_l the parameters of layer l, h_l its heads,
// d_model and d_embed the widths of the residual stream and the first embedding
// cluster, and L the number of layers, it is
//
//	(Σ_l n_l·exp(-Heads·(1/h_l + 1/⌊d_model/h_l⌋))) · exp(-Width·√(1/d_model² + 1/d_embed²) - Depth/L)
//
// Each discount vanishes as its resource grows: a narrow stream or embedding, a
// shallow stack, few heads or thin ones are bottlenecks, and plenty of either
// gains nothing more. At a given shape, quality grows with the decoder
// parameters. docs/quality.md tells where the form comes from.
type Form struct {
	Width float64 // in columns, at least 0
	Depth float64 // in layers, at least 0
	Heads float64 // at least 0
}

// Fitted is the form with the coefficients that package judge fits to the
// published sets of trained models, rounded.
func Fitted() Form { return Form{Width: 227, Depth: 2.08, Heads: 0.63} }

// Quality is the fitted form's value for a valid architecture, in decoder
// parameters of an ideal shape; above 0.
func Quality(a arch.Architecture) float64 { return Fitted().Quality(a) }

// Quality is the form's value for a valid architecture: Global times the sum of
// Layer over the layers. The order of the layers makes no difference.
func (f Form) Quality(a arch.Architecture) float64 {
	sum := 0.0
	for i := range a.Layers {
		sum += f.Layer(a, i)
	}
	return f.Global(a) * sum
}

// Resolution is what the discounts of layers are whole multiples of. So are the values
// of [Form.Layer], whose sums up to 2³³ parameters are therefore exact, whatever is
// added first: architectures that are equally good are so to the last bit.
const Resolution = 0x1p-20

// Layer is what layer i of a contributes, which depends on the layer, the
// backbone and d_model alone. So solvers that choose layer by layer can add it up.
func (f Form) Layer(a arch.Architecture, i int) float64 {
	discount := math.Exp(-f.Heads * (1/float64(a.Layers[i].Heads) + 1/float64(a.HeadDim(i))))
	return float64(a.LayerParams(i)) * math.Round(discount/Resolution) * Resolution
}

// Global is the factor, above 0 and at most 1, that the number of layers and the
// widths of stream and embedding leave of the sum over the layers.
func (f Form) Global(a arch.Architecture) float64 {
	return math.Exp(-f.Width/narrowest(a) - f.Depth/float64(len(a.Layers)))
}

// narrowest is a smooth minimum of d_model and d_embed: 1/√(1/d_model² + 1/d_embed²).
func narrowest(a arch.Architecture) float64 {
	return 1 / math.Hypot(1/float64(a.DModel), 1/embedWidth(a))
}

// embedWidth is d_embed with its default resolved.
func embedWidth(a arch.Architecture) float64 { return float64(cmp.Or(a.DEmbed, a.DModel)) }
