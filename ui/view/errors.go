package view

import "litefront/ui/store"

// Errors are the messages that belong to no field. The page says the last one in
// the element "alert" to those who hear it: vugu writes texts anew in every render,
// and each time they would be read out.
type Errors struct {
	Store *store.Store
}
