package view

import (
	"fmt"
	"strconv"
	"time"

	"litefront/ui/store"
)

// Progress says how far the study is.
type Progress struct {
	Store *store.Store
	Since time.Duration // since the worker last told its progress
}

func (c *Progress) now() store.Progress { return c.Store.Progress(c.Since) }

func (c *Progress) tiles() []row {
	p := c.now()
	minute, hypervolume, left := "–", "–", "–"
	if p.PerMinute > 0 {
		minute = strconv.FormatFloat(p.PerMinute, 'f', 0, 64)
	}
	if p.Hypervolume > 0 {
		hypervolume = strconv.FormatFloat(p.Hypervolume, 'f', 3, 64)
	}
	if p.LeftKnown {
		left = p.Left.Round(time.Second).String()
	}
	return []row{
		{"measured", strconv.Itoa(p.Measured)},
		{"failed", strconv.Itoa(p.Failed)},
		{"a minute", minute},
		{"hypervolume", hypervolume},
		{"left", left},
	}
}

func (c *Progress) percent() string { return fmt.Sprintf("%.0f", 100*c.now().Share) }

func (c *Progress) lastFailure() string {
	if text := c.now().LastFailure; text != "" {
		return "Last failure: " + text
	}
	return ""
}
