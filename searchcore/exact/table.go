package exact

import (
	"fmt"
	"math"

	"litefront/searchcore/space"
)

// Terms is a quantity of a frame's architectures that adds up over their layers.
type Terms struct {
	Constant int64   // what does not depend on the layers
	Layers   []int64 // what each layer of space.Frame.Layers adds, in that order
}

// of returns the sum for the layers with these indices.
func (t Terms) of(layers []int) int64 {
	sum := t.Constant
	for _, l := range layers {
		sum += t.Layers[l]
	}
	return sum
}

func (t Terms) plus(u Terms) Terms {
	sum := Terms{t.Constant + u.Constant, make([]int64, len(t.Layers))}
	for i := range sum.Layers {
		sum.Layers[i] = t.Layers[i] + u.Layers[i]
	}
	return sum
}

func (t Terms) times(n int64) Terms {
	product := Terms{n * t.Constant, make([]int64, len(t.Layers))}
	for i := range product.Layers {
		product.Layers[i] = n * t.Layers[i]
	}
	return product
}

// Times is a time of a frame's architectures, in femtoseconds (10⁻¹² ms). The unit
// is that fine so that a table can be whole multiples of what one multiply-add or one
// byte takes: architectures that take equally long then do so exactly, and are not
// told apart by what rounding did to their layers.
type Times struct {
	Terms
	// Excess comes on top where its sum is above 0, such as for the weights that a
	// cache does not hold. Without layers there is none.
	Excess Terms
}

// Ms returns the time in milliseconds, rounded to nanoseconds, of the architecture
// with these layers, given by their indices in space.Frame.Layers.
func (t Times) Ms(layers []int) float64 { return ms(t.fs(layers)) }

func ms(fs int64) float64 { return math.Round(float64(fs)/1e6) / 1e6 }

func (t Times) fs(layers []int) int64 {
	fs := t.of(layers)
	if len(t.Excess.Layers) > 0 {
		fs += max(0, t.Excess.of(layers))
	}
	return fs
}

// stacks are those whose times matter: of these depths, with decoder parameters of at
// least low.
type stacks struct {
	depths []int
	params Terms
	low    int64
}

// sums lists what the time of stacks grows with: it is the larger of two sums, or the
// one that always is.
func (t Times) sums(of stacks) []Terms {
	if len(t.Excess.Layers) == 0 {
		return []Terms{t.Terms}
	}
	with := t.Terms.plus(t.Excess)
	switch {
	case of.least(t.Excess) > 0:
		return []Terms{with}
	case of.least(t.Excess.times(-1)) > 0:
		return []Terms{t.Terms}
	}
	return []Terms{t.Terms, with}
}

// least is a lower bound on the sums of terms over the stacks. Where layers with more
// parameters have more of it, so do stacks with at least low (Lagrange, with the rate
// between the smallest layer and the largest as multiplier).
func (of stacks) least(terms Terms) float64 {
	smallest, largest := extremes(of.params.Layers)
	rate := 0.0
	if p := of.params.Layers[largest] - of.params.Layers[smallest]; p > 0 {
		rate = max(0, float64(terms.Layers[largest]-terms.Layers[smallest])/float64(p))
	}
	layer, beyond := math.Inf(1), math.Inf(1)
	for i, x := range terms.Layers {
		layer = min(layer, float64(x))
		beyond = min(beyond, float64(x)-rate*float64(of.params.Layers[i]))
	}
	constant, low := float64(terms.Constant), rate*float64(of.low-of.params.Constant)
	least := math.Inf(1)
	for _, n := range of.depths {
		n := float64(n)
		size := math.Abs(constant) + math.Abs(low) + n*math.Abs(layer) + n*math.Abs(beyond)
		least = min(least, constant+max(n*layer, n*beyond+low)-1e-9*size) // more than rounding may do
	}
	return least
}

// extremes returns the indices of the lowest and the highest of list.
func extremes(list []int64) (lowest, highest int) {
	for i, x := range list {
		if x < list[lowest] {
			lowest = i
		}
		if x > list[highest] {
			highest = i
		}
	}
	return lowest, highest
}

// Table tells the times of a frame's architectures, at any depth.
type Table struct {
	Prefill, Decode Times
}

// responseFs is the time to read the prompt and decode so many tokens.
func (t Table) responseFs(layers []int, tokens int) int64 {
	return t.Prefill.fs(layers) + int64(tokens)*t.Decode.fs(layers)
}

// sums lists what that time of stacks grows with.
func (t Table) sums(of stacks, tokens int) (list []Terms) {
	for _, x := range t.Prefill.sums(of) {
		for _, y := range t.Decode.sums(of) {
			list = append(list, x.plus(y.times(int64(tokens))))
		}
	}
	return list
}

// maxFs bounds each term, 10 s, and maxResponseFs the time of a whole response, 1000 s:
// sums stay in range.
const (
	maxFs         = 1e16
	maxResponseFs = 1e18
)

// validate reports what of t does not fit frame f, stacks of up to depth layers, and
// responses of so many tokens.
func (t Table) validate(f space.Frame, depth, tokens int) error {
	for _, of := range []struct {
		name     string
		terms    Terms
		optional bool
	}{
		{"prefill", t.Prefill.Terms, false}, {"prefill excess", t.Prefill.Excess, true},
		{"decode", t.Decode.Terms, false}, {"decode excess", t.Decode.Excess, true},
	} {
		if of.optional && len(of.terms.Layers) == 0 {
			continue
		}
		if len(of.terms.Layers) != len(f.Layers) {
			return fmt.Errorf("table: %s has terms for %d layers; the frame has %d", of.name, len(of.terms.Layers), len(f.Layers))
		}
		for _, fs := range append([]int64{of.terms.Constant}, of.terms.Layers...) {
			if fs < -maxFs || fs > maxFs {
				return fmt.Errorf("table: %s has the term %d fs; allowed are -%d to %d", of.name, fs, int64(maxFs), int64(maxFs))
			}
		}
	}
	most := t.Prefill.most(depth) + float64(tokens)*t.Decode.most(depth)
	if most > maxResponseFs {
		return fmt.Errorf("table: prefill and %d times decode may add up to %.3g fs; allowed are %g", tokens, most, float64(maxResponseFs))
	}
	return nil
}

// most is what no sum over up to depth layers exceeds in size.
func (t Times) most(depth int) (fs float64) {
	for _, terms := range []Terms{t.Terms, t.Excess} {
		fs += math.Abs(float64(terms.Constant))
		var layer float64
		for _, x := range terms.Layers {
			layer = max(layer, math.Abs(float64(x)))
		}
		fs += float64(depth) * layer
	}
	return fs
}
