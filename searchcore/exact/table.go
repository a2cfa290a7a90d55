package exact

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"litefront/searchcore/space"
)

// Terms is a quantity of a frame's architectures that adds up over their layers.
type Terms struct {
	Constant int64   // what does not depend on the layers
	Layers   []int64 // what each layer of space.Frame.Layers adds, in that order
}

// Times is a time of a frame's architectures in nanoseconds: the largest of one or
// more sums. So it may be any convex function of a sum, in pieces, such as that of a
// device that slows down for what its cache does not hold.
type Times []Terms

// Table tells the times of a frame's architectures, at any depth.
type Table struct {
	Prefill, Decode Times
}

// Ns returns the time of the architecture with these layers, given by their indices
// in space.Frame.Layers.
func (t Times) Ns(layers []int) int64 {
	var most int64
	for i, terms := range t {
		if n := terms.of(layers); i == 0 || n > most {
			most = n
		}
	}
	return most
}

// of returns the sum for layers.
func (t Terms) of(layers []int) int64 {
	sum := t.Constant
	for _, l := range layers {
		sum += t.Layers[l]
	}
	return sum
}

// plus returns t + n·u.
func (t Terms) plus(n int64, u Terms) Terms {
	sum := Terms{t.Constant + n*u.Constant, make([]int64, len(t.Layers))}
	for i := range sum.Layers {
		sum.Layers[i] = t.Layers[i] + n*u.Layers[i]
	}
	return sum
}

// plus returns t + n·u for n of at least 0.
func (t Times) plus(n int64, u Times) Times {
	var sum Times
	for _, x := range t {
		for _, y := range u {
			sum = append(sum, x.plus(n, y))
		}
	}
	return sum
}

// reached returns those of t that are the largest for some architecture of low to
// high layers, or may be.
func (t Times) reached(low, high int) Times {
	var list Times
	for i, x := range t {
		exceeded := slices.ContainsFunc(t[i+1:], func(y Terms) bool { return y.exceeds(x, low, high) }) ||
			slices.ContainsFunc(list, func(y Terms) bool { return y.exceeds(x, low, high) })
		if !exceeded {
			list = append(list, x)
		}
	}
	return list
}

// exceeds reports whether t is at least u for all architectures of low to high layers.
func (t Terms) exceeds(u Terms, low, high int) bool {
	least := int64(math.MaxInt64)
	for i := range t.Layers {
		least = min(least, t.Layers[i]-u.Layers[i])
	}
	for _, depth := range []int{low, high} {
		if t.Constant-u.Constant+int64(depth)*least < 0 {
			return false
		}
	}
	return true
}

const (
	maxNs    = 1e12 // bounds each term; sums and multiples of them stay in range
	maxTerms = 8    // bounds the sums of one time
)

// validate reports what of t does not fit frame f.
func (t Table) validate(f space.Frame) error {
	for _, of := range []struct {
		name  string
		times Times
	}{{"prefill", t.Prefill}, {"decode", t.Decode}} {
		if len(of.times) == 0 || len(of.times) > maxTerms {
			return fmt.Errorf("table: %s is the largest of %d sums; allowed are 1 to %d", of.name, len(of.times), maxTerms)
		}
		for _, terms := range of.times {
			if len(terms.Layers) != len(f.Layers) {
				return fmt.Errorf("table: %s has terms for %d layers; the frame has %d", of.name, len(terms.Layers), len(f.Layers))
			}
			for _, ns := range append([]int64{terms.Constant}, terms.Layers...) {
				if ns < -maxNs || ns > maxNs {
					return fmt.Errorf("table: %s has the term %d ns; allowed are -%d to %d", of.name, ns, int64(maxNs), int64(maxNs))
				}
			}
		}
	}
	return nil
}

var errNegative = errors.New("table: an architecture takes less than no time")
