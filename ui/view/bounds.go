package view

import (
	"fmt"
	"strconv"

	"github.com/vugu/vugu"

	"litefront/ui/store"
)

// Bounds are sliders that cut the frontier anew among what was measured.
type Bounds struct {
	Store *store.Store
}

func (c *Bounds) move(objective string, event vugu.DOMEvent) {
	guard(c.Store, func() {
		position, err := strconv.Atoi(event.PropString("target", "value"))
		if err != nil {
			return
		}
		// There may be more values than when the slider was drawn; its end stays the end.
		if event.PropString("target", "max") == strconv.Itoa(position) {
			for _, b := range c.Store.Bounds() {
				if b.Objective.Name == objective {
					position = b.Last
				}
			}
		}
		c.Store.SetBound(objective, position)
	})
}

// note says what the bounds leave.
func (c *Bounds) note() string {
	within, measured := c.Store.Within()
	left := "A look at what was measured: chart and table follow at once, and the study's own constraints stay as they are."
	if !c.Store.Bounded() {
		return left
	}
	return fmt.Sprintf("%d of %d measured candidates are within, %d of them on the frontier. %s", within, measured, len(c.Store.Frontier()), left)
}
