package view

import (
	"strconv"

	"litefront/ui/store"
)

// Join has this page measure for its host. How it goes the page writes into the element
// "join-status", as it does with the status.
type Join struct {
	Store *store.Store
	Page  Page
}

// about says what measuring for a host is.
func (c *Join) about() string {
	study := "this page's host"
	if f := c.Store.Fleet.State; f != nil && f.Study != "" {
		study = "the study “" + f.Study + "”"
	}
	return "This device times models for " + study + ". It sends the times and what kind of device it is, and nothing else. Keep this page in view: in the background it pauses."
}

func (c *Join) label() string {
	if c.Store.Join.Ended != "" || c.Store.Join.Known {
		return "Measure again"
	}
	return "Measure for this study"
}

func (c *Join) pauseLabel() string {
	if c.Store.Join.Paused {
		return "Resume"
	}
	return "Pause"
}

func (c *Join) facts() []row {
	j := c.Store.Join
	if !j.Active && j.Status.Done+j.Status.Failed == 0 {
		return nil
	}
	times, speed, screen := "–", "–", "may switch off, which pauses this"
	if j.Status.PrefillMs > 0 {
		times = ms(j.Status.PrefillMs) + " ms for the prompt, " + ms(j.Status.DecodeMs) + " ms for each token after it"
	}
	if j.Status.Slowdown > 0 {
		speed = strconv.FormatFloat(j.Status.Slowdown, 'f', 2, 64) + "× its best time"
	}
	if j.Awake {
		screen = "stays on"
	}
	facts := []row{
		{"jobs done", strconv.Itoa(j.Status.Done)},
		{"failed", strconv.Itoa(j.Status.Failed)},
		{"model", dash(j.Status.Arch)},
		{"last times", times},
		{"device took", speed},
		{"class", dash(j.Status.Class)},
		{"last error", dash(j.Status.Error)},
	}
	if j.Active {
		facts = append(facts, row{"screen", screen})
	}
	return facts
}

func dash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}
