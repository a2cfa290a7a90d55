package view

import (
	"fmt"

	"litefront/searchcore/importance"
	"litefront/searchcore/objective"
	"litefront/ui/store"
)

// Importance shows what each dimension of the architectures explains of the
// objectives.
type Importance struct {
	Store *store.Store
}

func (c *Importance) rows() []importance.Row {
	rows, _ := c.Store.Importance()
	return rows
}

func (c *Importance) objectives() objective.Set {
	_, objectives := c.Store.Importance()
	return objectives
}

// few says why there are no rows.
func (c *Importance) few() string {
	if _, measured := c.Store.Within(); measured >= importance.MinPoints {
		return "The measured candidates differ in no dimension."
	}
	return fmt.Sprintf("Too few candidates are measured to tell: it takes %d.", importance.MinPoints)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

// shareBar is a bar of a hundred units for the whole.
func shareBar(share float64) string { return fmt.Sprintf("M0 0h%.1fv6H0z", 100*share) }
