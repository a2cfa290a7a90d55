package view

import (
	"fmt"
	"math"
	"strconv"

	"litefront/searchcore/trial"
	"litefront/ui/store"
)

// Others lists the studies that are laid over the one shown, and compares them.
type Others struct {
	Store *store.Store
	Page  Page
}

// note says what to do here, or why not now.
func (c *Others) note() string {
	const passing = "The page keeps none of this: after a reload it is gone."
	switch n := len(c.Store.Others()); {
	case c.Store.Phase() == store.Searching:
		return "Pause the search to overlay a study: reading it would disturb what is measured. " + passing
	case n == store.MaxOthers:
		return fmt.Sprintf("%d studies are as many as the chart can tell apart. ", n) + passing
	}
	return "Choose another study's journal to draw its frontier over this one's, up to " + strconv.Itoa(store.MaxOthers) + " of them. " + passing
}

func (c *Others) name(o *store.Other) string {
	return fmt.Sprintf("%d: %s", o.Number(), o.Study.Study)
}

// about says where and how it was searched.
func (c *Others) about(o *store.Other) string {
	device := "nothing measured yet"
	if o.Device != nil {
		device = deviceName(*o.Device)
	}
	if o.Devices > 1 {
		device += fmt.Sprintf(" and %d more", o.Devices-1)
	}
	return fmt.Sprintf("%s; %s of %s, %s, seed %d", device, o.Study.Strategy, o.Study.Space.Name, workload(o.Study.Workload), o.Study.Seed)
}

// workload says what a study's candidates are asked to do.
func workload(w trial.Workload) string {
	text := fmt.Sprintf("prompt of %d tokens, context of %d, %s", w.PromptLen, w.Context, w.Precision)
	if w.Threads > 1 {
		text += fmt.Sprintf(", %d threads", w.Threads)
	}
	return text
}

func (c *Others) sides() []store.Side {
	sides, _ := c.Store.Sides()
	return sides
}

func (c *Others) sideName(side store.Side) string {
	if side.Other == nil {
		return fmt.Sprintf("%d: this study", side.Number)
	}
	return c.name(side.Other)
}

func (c *Others) members(side store.Side) string {
	if side.Problem != "" {
		return side.Problem
	}
	return strconv.Itoa(side.Frontier)
}

// reference says how hypervolumes are measured.
func (c *Others) reference() string {
	_, reference := c.Store.Sides()
	if reference == "" {
		return ""
	}
	return "A hypervolume is a share of that of all frontiers together, from the worst value of each objective among all feasible candidates: " +
		reference + ". Latencies compare where device and workload are the same. Figures are those of litefront compare."
}

// share is a share in percent, or a dash if there is none.
func share(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return strconv.FormatFloat(100*v, 'f', 1, 64) + " %"
}
