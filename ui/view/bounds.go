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
		if position, err := strconv.Atoi(event.PropString("target", "value")); err == nil {
			c.Store.SetBound(objective, position)
		}
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
