package view

import (
	"fmt"
	"strconv"
	"strings"

	"litefront/ui/store"
)

// Volume plots how the hypervolume grew.
type Volume struct {
	Store *store.Store
}

// The dimensions of the plot, in its own units.
const (
	plotWidth  = 400
	plotHeight = 100
)

// ends are the hypervolumes at the ends of the vertical axis; false without any.
func (c *Volume) ends() (low, high float64, ok bool) {
	steps, _ := c.Store.Hypervolume()
	if len(steps) == 0 {
		return 0, 0, false
	}
	return steps[0].Hypervolume, steps[len(steps)-1].Hypervolume, true
}

// now is the current value; empty as long as there is none.
func (c *Volume) now() string {
	_, high, ok := c.ends()
	if !ok {
		return ""
	}
	_, n := c.Store.Hypervolume()
	return fmt.Sprintf("now %s, after %d candidates", volume(high), n)
}

func (c *Volume) high() string { _, high, _ := c.ends(); return volume(high) }
func (c *Volume) low() string  { low, _, _ := c.ends(); return volume(low) }

func (c *Volume) last() string {
	_, n := c.Store.Hypervolume()
	return fmt.Sprintf("%d candidates", n)
}

func (c *Volume) label() string {
	low, high, _ := c.ends()
	_, n := c.Store.Hypervolume()
	return fmt.Sprintf("Hypervolume against candidates: from %s after the first on the frontier to %s after %d", volume(low), volume(high), n)
}

func volume(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }

// line is a staircase: the hypervolume stays until a candidate adds to it.
func (c *Volume) line() string {
	steps, n := c.Store.Hypervolume()
	low, high, ok := c.ends()
	if !ok {
		return ""
	}
	x := func(candidates int) int { return plotWidth * (candidates - 1) / max(n-1, 1) }
	y := func(v float64) float64 {
		if high == low {
			return 0
		}
		return plotHeight * (high - v) / (high - low)
	}
	var d strings.Builder
	for i, s := range steps {
		switch {
		case i == 0:
			fmt.Fprintf(&d, "M%d %.1f", x(s.Candidates), y(s.Hypervolume))
		case i+1 < len(steps) && x(steps[i+1].Candidates) == x(s.Candidates): // too close to tell apart
		default:
			fmt.Fprintf(&d, "H%dV%.1f", x(s.Candidates), y(s.Hypervolume))
		}
	}
	fmt.Fprintf(&d, "H%d", plotWidth)
	return d.String()
}
