package view

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"litefront/kernels/search"
	"litefront/searchcore/trial"
	"litefront/ui/store"
)

// Profile tells where memory and time of the selected candidate go.
type Profile struct {
	Store *store.Store
	Page  Page
}

// portion is a line of a table of shares.
type portion struct {
	name, about, value, interval string
	share                        float64
	whisker                      string // the share's interval, as a path over its bar
	rate                         string
}

func (c *Profile) memory() (list []portion) {
	parts := c.Store.MemoryParts()
	var total int64
	for _, p := range parts {
		total += p.Bytes
	}
	for _, p := range parts {
		list = append(list, portion{name: p.Name, about: strings.TrimSpace(fmt.Sprintf("%d %s", p.Tensors, p.Kind)),
			value: store.Size(p.Bytes), share: float64(p.Bytes) / float64(total)})
	}
	return list
}

func (c *Profile) hidden() bool { return c.Store.Profile() != nil && c.Store.Profile().Hidden }

func (c *Profile) running() bool { return c.Store.Measuring() == search.DoProfile }

// note says what the button does, or why not now.
func (c *Profile) note() string {
	switch {
	case c.running():
		return "Measuring: each kind of operation runs by itself, until its time is known."
	case c.Store.Phase() == store.Searching:
		return "Pause the search to measure it: both at once would disturb each other."
	case c.Store.Profile() != nil:
		return "Each kind of operation, over all layers. Small print is the 95 % confidence interval of the median, which the line over each bar shows too."
	}
	return "Times each kind of operation by itself, which takes some seconds."
}

// phase is the table of prefill or of decoding.
type phase struct {
	id, title string
	ops       []portion
}

func (c *Profile) phases() []phase {
	p := c.Store.Profile()
	if p == nil {
		return nil
	}
	return []phase{
		phaseOf("profile-prefill", fmt.Sprintf("A prefill of %d tokens", p.Workload.PromptLen), p.Prefill),
		phaseOf("profile-decode", fmt.Sprintf("A decoding step at %d", p.Workload.DecodePos()), p.Decode),
	}
}

func phaseOf(id, title string, p trial.PhaseProfile) phase {
	f := phase{id: id, title: fmt.Sprintf("%s: %s ms [%s, %s]; its parts add up to %s ms", title, fine(p.Whole.MedianMs), fine(p.Whole.LowMs), fine(p.Whole.HighMs), fine(p.SumMs))}
	for _, o := range p.ByTime() {
		f.ops = append(f.ops, portion{name: o.Name, about: fmt.Sprintf("× %d", o.Count), value: fine(o.Time.MedianMs),
			interval: fine(o.Time.LowMs) + " – " + fine(o.Time.HighMs), share: o.Share, whisker: whisker(o.Time.LowMs/p.SumMs, o.Time.HighMs/p.SumMs), rate: ms(o.GFLOPS)})
	}
	return f
}

// fine writes v with three digits, also where it is far below 1: parts of a decoding
// step take microseconds.
func fine(v float64) string {
	decimals := 2
	if v > 0 {
		decimals -= int(math.Floor(math.Log10(v)))
	}
	return strconv.FormatFloat(v, 'f', min(max(decimals, 0), 6), 64)
}

// whisker is the line from one share to another over a bar of a hundred units.
func whisker(low, high float64) string {
	return fmt.Sprintf("M%.1f 3H%.1f", 100*low, 100*min(high, 1))
}

func (c *Profile) act(action func() (search.Command, bool)) { act(c.Store, c.Page, action) }
