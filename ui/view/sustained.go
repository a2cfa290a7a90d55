package view

import (
	"fmt"
	"math"
	"strings"

	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/ui/store"
)

// Sustained runs candidates for long, and plots what is left of their speed.
type Sustained struct {
	Store *store.Store
	Page  Page
}

func (c *Sustained) running() bool { return c.Store.Measuring() == search.DoSustain }

func (c *Sustained) usable() bool {
	return c.Store.CanMeasure() && c.Store.SustainedInvalid == "" && len(c.Store.ToSustain()) > 0
}

func (c *Sustained) label() string {
	if n := len(c.Store.ToSustain()); n > 1 {
		return fmt.Sprintf("Run %d candidates", n)
	}
	return "Run"
}

// invalid is the value of aria-invalid, or nil for none.
func (c *Sustained) invalid() any {
	if c.Store.SustainedInvalid == "" {
		return nil
	}
	return "true"
}

// note says how far the run is, or why there is none.
func (c *Sustained) note() string {
	switch {
	case c.running():
		r := c.Store.Sustained()
		return fmt.Sprintf("Running: %.0f s of %.0f s.", r.AtMs()/1e3, r.AskedMs/1e3)
	case c.Store.Phase() == store.Searching:
		return "Pause the search to run candidates: both at once would disturb each other."
	case len(c.Store.ToSustain()) == 0:
		return "Select a candidate, or tick Compare at up to four."
	}
	return "From 10s to 600s. Leave this tab in front, and the device alone."
}

func (c *Sustained) percent() string {
	r := c.Store.Sustained()
	if r == nil {
		return "0"
	}
	return fmt.Sprintf("%.0f", min(100*r.AtMs()/r.AskedMs, 100))
}

func (c *Sustained) hidden() bool { return c.Store.Sustained() != nil && c.Store.Sustained().Hidden }

// lasting is the plot of one candidate.
type lasting struct {
	id, name, verdict, label string
	high, low, last          string // at the ends of the axes
	line, machine, first     string // paths; first is that of the first speed
}

// plots are those of all candidates, in one scale. There are none before the first
// seconds have passed.
func (c *Sustained) plots() (list []lasting) {
	r := c.Store.Sustained()
	if r == nil || len(r.Rounds) == 0 {
		return nil
	}
	low, high := 0.9, 1.0 // less would make hills of noise
	for _, curve := range append(r.Curves, r.Machine) {
		for _, p := range curve {
			low, high = min(low, p.Share), max(high, p.Share)
		}
	}
	low, high = math.Floor(10*low)/10, math.Ceil(10*high)/10
	y := func(share float64) float64 { return plotHeight * (high - share) / (high - low) }
	path := func(curve []measure.Speed) string {
		var d strings.Builder
		for i, p := range curve {
			step := "L"
			if i == 0 {
				step = "M"
			}
			fmt.Fprintf(&d, "%s%.1f %.1f", step, plotWidth*p.AtMs/r.AskedMs, y(p.Share))
		}
		return d.String()
	}
	for i, name := range r.Names {
		p := lasting{id: r.Archs[i].ArchID, name: name, verdict: r.Verdict(i), high: fmt.Sprintf("%.1f", high), low: fmt.Sprintf("%.1f", low),
			last: fmt.Sprintf("%.0f s", r.AskedMs/1e3), line: path(r.Curves[i]), machine: path(r.Machine),
			first: fmt.Sprintf("M0 %.1fH%d", y(1), plotWidth)}
		p.label = "Speed over time, of the candidate and of the machine itself. "
		if p.verdict != "" {
			p.label += p.verdict
		} else {
			p.label += fmt.Sprintf("Now %.2f of its first speed, the machine %.2f.", last(r.Curves[i]), last(r.Machine))
		}
		list = append(list, p)
	}
	return list
}

func last(curve []measure.Speed) float64 { return curve[len(curve)-1].Share }

func (c *Sustained) act(action func() (search.Command, bool)) { act(c.Store, c.Page, action) }
