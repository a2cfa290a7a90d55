package view

import (
	"fmt"
	"strings"

	"litefront/ui/store"
)

// latest is how fast the device was last, and at its slowest; false if no sentinel ran.
func (c *Progress) latest() (last, worst store.Pace, ok bool) {
	paces := c.Store.Paces()
	for _, p := range paces {
		if p.Slowdown > worst.Slowdown {
			worst = p
		}
		last = p
	}
	return last, worst, len(paces) > 0
}

// slow reports whether the device is slower than it should be.
func (c *Progress) slow() bool {
	last, _, ok := c.latest()
	return ok && last.Slowdown > store.SlowdownLimit()
}

// pace says how fast the device is, by the sentinels of the last measured candidate;
// empty if there were none.
func (c *Progress) pace() string {
	last, worst, ok := c.latest()
	if !ok {
		return ""
	}
	text := told(last)
	if worst.Number != last.Number {
		text += fmt.Sprintf(" Slowest lately was %.2f×, at candidate %d.", worst.Slowdown, worst.Number)
	}
	return text
}

// told says how fast the device was at the last candidate, and why.
func told(last store.Pace) string {
	text := fmt.Sprintf("The device took %.2f× its best time at the last candidate", last.Slowdown)
	if last.Drifted {
		text += ", which is marked ↯ drifted"
	}
	switch {
	case last.Background:
		text += ": this tab was in the background."
	case last.Drifted, last.Slowdown > store.SlowdownLimit():
		text += ": it is throttled by heat or saving power, or other programs are running."
	default:
		text += ": steady."
	}
	return text
}

func (c *Progress) paceLabel() string {
	return fmt.Sprintf("Slowdown of the device at each of the last %d candidates, from 1× to %.2f×; the dashed line is what counts as steady", len(c.Store.Paces()), c.paceTop())
}

// The dimensions of the plot of the pace, in its own units.
const (
	paceWidth  = 400
	paceHeight = 30
)

// paceTop is the slowdown at the top of the plot. At the bottom the device is at its
// best.
func (c *Progress) paceTop() float64 {
	_, worst, _ := c.latest()
	return max(worst.Slowdown, store.SlowdownLimit())
}

func paceY(slowdown, top float64) float64 {
	return paceHeight * (1 - max(slowdown-1, 0)/(top-1))
}

func (c *Progress) paceLimit() string {
	return fmt.Sprintf("M0 %.1fH%d", paceY(store.SlowdownLimit(), c.paceTop()), paceWidth)
}

func (c *Progress) paceLine() string {
	paces, top := c.Store.Paces(), c.paceTop()
	var d strings.Builder
	for i, p := range paces {
		x := paceWidth * float64(i) / float64(max(len(paces)-1, 1))
		if i == 0 {
			fmt.Fprintf(&d, "M%.1f %.1f", x, paceY(p.Slowdown, top))
		} else {
			fmt.Fprintf(&d, "L%.1f %.1f", x, paceY(p.Slowdown, top))
		}
	}
	if len(paces) == 1 {
		fmt.Fprintf(&d, "H%d", paceWidth)
	}
	return d.String()
}
