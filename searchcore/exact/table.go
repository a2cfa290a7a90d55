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
func (t Times) Ms(layers []int) float64 {
	fs := t.of(layers)
	if len(t.Excess.Layers) > 0 {
		fs += max(0, t.Excess.of(layers))
	}
	return math.Round(float64(fs)/1e6) / 1e6
}

// sums lists what the time grows with: it is the larger of the two.
func (t Times) sums() []Terms {
	if len(t.Excess.Layers) == 0 {
		return []Terms{t.Terms}
	}
	return []Terms{t.Terms, t.Terms.plus(t.Excess)}
}

// Table tells the times of a frame's architectures, at any depth.
type Table struct {
	Prefill, Decode Times
}

// maxFs bounds each term, 10 s: sums stay in range.
const maxFs = 1e16

// validate reports what of t does not fit frame f.
func (t Table) validate(f space.Frame) error {
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
	return nil
}
