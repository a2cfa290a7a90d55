package view

import (
	"litefront/kernels/search"
	"litefront/ui/store"
)

// Controls are the buttons that drive the search.
type Controls struct {
	Store *store.Store
	Page  Page
}

func (c *Controls) phase() store.Phase { return c.Store.Phase() }

// running reports whether there is a search to pause or to continue.
func (c *Controls) running() bool {
	return c.phase() == store.Searching || c.phase() == store.Paused
}

func (c *Controls) startLabel() string {
	if c.Store.Study != nil {
		return "Continue"
	}
	return "Start"
}

func (c *Controls) pauseLabel() string {
	switch {
	case c.Store.Waiting() && c.Store.Measuring() == "" && !c.Store.Join.Active:
		return "One moment…"
	case c.phase() == store.Paused:
		return "Continue"
	}
	return "Pause"
}

// resting reports whether the kept study may be exchanged.
func (c *Controls) resting() bool {
	p := c.phase()
	return (p == store.Idle || p == store.Paused) && !c.Store.Waiting()
}

func (c *Controls) act(action func() (search.Command, bool)) { act(c.Store, c.Page, action) }

// report saves a file that reports on the study.
func (c *Controls) report(file string) {
	c.act(func() (search.Command, bool) { return c.Store.Report(file) })
}

func (c *Controls) pauseOrContinue() {
	if c.phase() == store.Paused {
		c.act(c.Store.Start)
		return
	}
	c.act(c.Store.Pause)
}
