package view

import (
	"fmt"

	"github.com/vugu/vugu"

	"litefront/searchcore/trial"
	"litefront/ui/store"
)

// Frontier is the table of candidates: the frontier's members, unless the user asks
// for others.
type Frontier struct {
	Store    *store.Store
	choosing bool // the columns are
}

func (c *Frontier) rows() []*store.Trial {
	rows, _ := c.Store.Rows()
	return rows
}

// left counts the candidates that are not drawn.
func (c *Frontier) left() int {
	rows, total := c.Store.Rows()
	return total - len(rows)
}

func (c *Frontier) moreLabel() string {
	return fmt.Sprintf("Show %d more of %d", min(c.left(), store.PageRows), c.left())
}

// empty reports whether the user asked for what there is none of.
func (c *Frontier) empty() bool {
	asked := c.Store.Table.Group != store.GroupFrontier || c.Store.Table.Filter != "" || c.Store.Bounded()
	return c.Store.Study != nil && asked && len(c.rows()) == 0
}

func (c *Frontier) expanded() string { return fmt.Sprint(c.choosing) }

func (c *Frontier) heading() string {
	if c.Store.Table.Group != store.GroupFrontier || c.Store.Table.Filter != "" {
		_, total := c.Store.Rows()
		return fmt.Sprintf("%s (%d)", groupHeadings[c.Store.Table.Group], total)
	}
	heading := groupHeadings[store.GroupFrontier]
	if c.Store.Bounded() {
		heading += " within the bounds"
	}
	n := len(c.Store.Frontier())
	if _, total := c.Store.Predicted(); total > 0 {
		heading += fmt.Sprintf(" (%d measured; %d predicted in all)", n, total)
	} else if n > 0 {
		heading += fmt.Sprintf(" (%d)", n)
	}
	if n := c.Store.Infeasible(); n > 0 {
		heading += fmt.Sprintf("; %d infeasible", n)
	}
	return heading
}

var groupHeadings = map[string]string{
	store.GroupFrontier:   "Frontier",
	store.GroupAll:        "All candidates",
	store.GroupInfeasible: "Infeasible candidates",
	store.GroupFailed:     "Failed candidates",
	store.GroupPredicted:  "Predicted candidates",
}

// header is that of a column.
type header struct {
	column string // as Store.SortBy takes it
	text   string
	class  string
	order  string // value of aria-sort
}

func (c *Frontier) headers() []header {
	head := func(column, text, class string) header {
		order := "none"
		if c.Store.Table.Sort == column {
			order = "ascending"
			if c.Store.Table.Descending {
				order = "descending"
			}
		}
		return header{column, text, class, order}
	}
	list := []header{head(store.ColumnArch, "architecture", "arch"), head(store.ColumnStanding, "standing", "word")}
	for _, o := range c.Store.Columns() {
		list = append(list, head(o.Name, label(o), "number"))
	}
	return append(list, head(store.ColumnVerdict, "verdict", "word"))
}

// ties is empty where the frontier has no neighbours to compare.
func (c *Frontier) ties() string {
	if c.Store.Ties() == "" {
		return ""
	}
	return "Ties on the frontier: " + c.Store.Ties() + ". ~ marks a tie with the next better member."
}

func (c *Frontier) selected(t *store.Trial) string { return fmt.Sprint(t == c.Store.Selected()) }

func (c *Frontier) choose(t *store.Trial, event vugu.DOMEvent) {
	if !ticks(event) {
		guard(c.Store, func() { c.Store.Select(t.Number) })
	}
}

func (c *Frontier) key(t *store.Trial, event vugu.DOMEvent) {
	if k := event.PropString("key"); (k == "Enter" || k == " ") && !ticks(event) {
		c.choose(t, event)
		event.PreventDefault()
	}
}

// ticks reports whether an event that reaches a row is of the checkbox in it. That
// acts on its click: a click that reaches the row has the page drawn, checkbox
// included, before the checkbox's change is told.
func ticks(event vugu.DOMEvent) bool { return event.PropString("target", "type") == "checkbox" }

// verdict is how a measurement's verdict is shown.
type verdict struct{ name, mark, meaning string }

// verdictOf is that of a candidate's measurement, or why there is none.
func verdictOf(t *store.Trial) verdict {
	switch {
	case t.Failure != "":
		return verdict{"failed", "✗ " + t.Failure, t.Failure}
	case t.Predicted:
		return verdict{"", "not measured", ""}
	}
	v := verdicts[t.Measurement.Verdict]
	return verdict{string(t.Measurement.Verdict), v.mark, v.meaning}
}

// verdicts says for each verdict how it is marked, and what it means.
var verdicts = map[trial.Verdict]struct{ mark, meaning string }{
	trial.OK:      {"✓ ok", "The intervals are tight and the device was steady."},
	trial.Noisy:   {"≈ noisy", "The time for this candidate ended before its intervals were tight."},
	trial.Drifted: {"↯ drifted", "The device was slower than usual, or the page in the background, and repeating the measurement did not help, or there was no time for it."},
}
