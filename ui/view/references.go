package view

import "litefront/ui/store"

// References says which models wait to be measured beside the search.
type References struct {
	Store *store.Store
}
