package view

import "litefront/ui/store"

// Chart holds the element that the chart draws into, and chooses what it shows.
type Chart struct {
	Store *store.Store
	Page  Page
}
