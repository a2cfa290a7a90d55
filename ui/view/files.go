package view

import (
	"litefront/kernels/search"
	"litefront/ui/store"
)

// Files offers the files of the selected candidate as a model.
type Files struct {
	Store *store.Store
	Page  Page
}

// note says why there is nothing to take, or what else there is to know.
func (c *Files) note() string {
	if c.Store.Phase() == store.Searching {
		return "Pause the search to take files home: making them would disturb what it measures."
	}
	return c.Store.ConfigNote()
}

// about says how large a file is and what, or why it cannot be had.
func (c *Files) about(f store.ModelFile) string {
	if f.Problem != "" {
		return f.Problem
	}
	return store.Size(f.Bytes) + ": " + f.About
}

func (c *Files) take(file string) {
	act(c.Store, c.Page, func() (search.Command, bool) { return c.Store.TakeModel(file) })
}
