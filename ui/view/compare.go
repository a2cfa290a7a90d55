package view

import (
	"fmt"

	"litefront/searchcore/objective"
	"litefront/ui/store"
)

// Compare shows candidates side by side.
type Compare struct {
	Store *store.Store
}

func (c *Compare) trials() []*store.Trial { return c.Store.Compared() }

// drawings are those of the candidates, all in the scale of the widest layer.
func (c *Compare) drawings() []Drawing {
	widest := 0
	for _, t := range c.trials() {
		widest = max(widest, widestInner(t.Arch.Layers))
	}
	var list []Drawing
	for _, t := range c.trials() {
		list = append(list, draw(t.Arch.Layers, widest))
	}
	return list
}

// comparison is a line of the table: what it compares, and a cell for each candidate.
type comparison struct {
	name  string
	cells []cell
}

type cell struct{ value, interval, ratio string }

func (c *Compare) lines() []comparison {
	var lines []comparison
	for _, o := range objective.All() {
		lines = append(lines, c.objective(o))
	}
	return append(lines,
		c.words("compiling the module", func(t *store.Trial) string { return once(t, t.Measurement.CompileMs) }),
		c.words("filling its weights", func(t *store.Trial) string { return once(t, t.Measurement.InitMs) }),
		c.words("verdict", func(t *store.Trial) string { return verdictOf(t).mark }),
		c.words("standing", (*store.Trial).Standing),
	)
}

func (c *Compare) objective(o objective.Objective) comparison {
	l := comparison{name: label(o)}
	for i, t := range c.trials() {
		entry := cell{value: value(c.Store, t, o), interval: interval(c.Store, t, o)}
		own, known := c.Store.Read(t, o)
		first, too := c.Store.Read(c.trials()[0], o)
		if i > 0 && known && too && first.Value > 0 {
			entry.ratio = fmt.Sprintf("%.2f×", own.Value/first.Value)
		}
		l.cells = append(l.cells, entry)
	}
	return l
}

func (c *Compare) words(name string, of func(*store.Trial) string) comparison {
	l := comparison{name: name}
	for _, t := range c.trials() {
		l.cells = append(l.cells, cell{value: of(t)})
	}
	return l
}

// once is a time that was taken once, if the candidate was measured.
func once(t *store.Trial, v float64) string {
	if t.Predicted {
		return "–"
	}
	return ms(v) + " ms"
}
