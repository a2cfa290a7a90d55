package view

import (
	"fmt"

	"github.com/vugu/vugu"

	"litefront/searchcore/trial"
	"litefront/ui/store"
)

// Frontier is the table of the frontier's members.
type Frontier struct {
	Store *store.Store
	all   bool
}

// maxRows bounds the rows that are drawn unasked: each costs time in every
// render, which the search would have to share.
const maxRows = 100

func (c *Frontier) rows() []*store.Trial {
	members := c.Store.Frontier()
	if len(members) > maxRows && !c.all {
		// The best by the first objective come last.
		members = members[len(members)-maxRows:]
	}
	return members
}

func (c *Frontier) more() bool { return len(c.Store.Frontier()) > maxRows && !c.all }

func (c *Frontier) heading() string {
	heading := "Frontier"
	n := len(c.Store.Frontier())
	if _, total := c.Store.Predicted(); total > 0 {
		heading = fmt.Sprintf("Frontier (%d measured; %d predicted in all)", n, total)
	} else if n > 0 {
		heading = fmt.Sprintf("Frontier (%d)", n)
	}
	if n := c.Store.Infeasible(); n > 0 {
		heading += fmt.Sprintf("; %d infeasible", n)
	}
	return heading
}

// ties is empty where the frontier has no neighbours to compare.
func (c *Frontier) ties() string {
	if c.Store.Ties() == "" {
		return ""
	}
	return "Ties on the frontier: " + c.Store.Ties() + ". ~ marks a tie with the next better member."
}

func (c *Frontier) selected(t *store.Trial) string { return fmt.Sprint(t == c.Store.Selected()) }

func (c *Frontier) choose(t *store.Trial) {
	guard(c.Store, func() { c.Store.Select(t.Number) })
}

func (c *Frontier) key(t *store.Trial, event vugu.DOMEvent) {
	if k := event.PropString("key"); k == "Enter" || k == " " {
		c.choose(t)
		event.PreventDefault()
	}
}

// verdicts says for each verdict how it is marked, and what it means.
var verdicts = map[trial.Verdict]struct{ mark, meaning string }{
	trial.OK:      {"✓ ok", "The intervals are tight and the device was steady."},
	trial.Noisy:   {"≈ noisy", "The time for this candidate ended before its intervals were tight."},
	trial.Drifted: {"↯ drifted", "The device was slower than usual, also when the measurement was repeated."},
}
