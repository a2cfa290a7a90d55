package view

import "litefront/ui/store"

// Drop is what shows over the page while files are dragged.
type Drop struct {
	Store *store.Store
}
