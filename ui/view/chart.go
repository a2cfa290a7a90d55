package view

import (
	"github.com/vugu/vugu"

	"litefront/ui/store"
)

// Chart holds the element that the chart draws into, and chooses what it shows. The
// page writes the selected point into the element "point", as it does with the status.
type Chart struct {
	Store *store.Store
	Page  Page
}

// steps are the keys that lead through the chart's points.
var steps = map[string]store.Step{
	"Home":       store.First,
	"ArrowLeft":  store.Previous,
	"ArrowDown":  store.Previous,
	"ArrowRight": store.Next,
	"ArrowUp":    store.Next,
	"End":        store.Last,
}

// thirdNames say by what marks show a third objective.
var thirdNames = map[string]string{
	store.ThirdNone:   "as usual",
	store.ThirdColour: "coloured by",
	store.ThirdSize:   "sized by",
}

// empty reports whether there is nothing to draw.
func (c *Chart) empty() bool { return c.Store.Progress(0).Measured == 0 && len(c.Store.Others()) == 0 }

func (c *Chart) key(event vugu.DOMEvent) {
	step, leads := steps[event.PropString("key")]
	for _, modifier := range []string{"altKey", "ctrlKey", "metaKey"} { // the browser's own
		leads = leads && !event.PropBool(modifier)
	}
	if leads {
		event.PreventDefault()
		guard(c.Store, func() { c.Store.Walk(step) })
	}
}
