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
	// Excess, if not nil, is what comes on top for an architecture of so many layers
	// and decoder parameters, such as for the weights that a cache does not hold.
	Excess func(layers int, decoderParams int64) int64
}

// Ms returns the time in milliseconds, rounded to nanoseconds, of the architecture
// with these layers, given by their indices in space.Frame.Layers, and so many decoder
// parameters.
func (t Times) Ms(layers []int, decoderParams int64) float64 {
	fs := t.of(layers)
	if t.Excess != nil {
		fs += t.Excess(len(layers), decoderParams)
	}
	return math.Round(float64(fs)/1e6) / 1e6
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
		name  string
		terms Terms
	}{{"prefill", t.Prefill.Terms}, {"decode", t.Decode.Terms}} {
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
