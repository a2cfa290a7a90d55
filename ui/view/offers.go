package view

import (
	"strings"

	"litefront/ui/store"
)

// Offers lists what this browser offers, and what follows from what is missing.
type Offers struct {
	Store *store.Store
}

func (c *Offers) meaning(o store.Offer) string {
	return strings.TrimSpace(o.Follows + " " + o.Remedy)
}
