package view

import "litefront/ui/store"

// Renewal offers a newer build of the page. What there is to say the page writes into
// the element "renewal", as it does with the status.
type Renewal struct {
	Store *store.Store
	Page  Page
}
