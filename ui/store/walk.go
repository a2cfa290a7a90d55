package store

import (
	"cmp"
	"fmt"
	"slices"

	"litefront/searchcore/objective"
)

// Step is a way to go from one point of the chart to another.
type Step int

// The steps, along the horizontal axis.
const (
	First Step = iota
	Previous
	Next
	Last
)

// Walk selects another measured point of the chart. It stays at the ends; where no
// point is selected, it begins at the end that the step comes from.
func (s *Store) Walk(step Step) {
	order := s.walk()
	if len(order) == 0 {
		return
	}
	last, at := len(order)-1, slices.Index(order, s.selected)
	switch {
	case step == First, step == Next && at < 0:
		at = 0
	case step == Last, step == Previous && at < 0:
		at = last
	case step == Previous:
		at = max(at-1, 0)
	case step == Next:
		at = min(at+1, last)
	}
	s.Select(order[at])
}

// place is where a trial, or whatever the number means, is in the chart.
type place struct {
	number int
	x, y   float64
}

// walk lists the measured trials that the chart shows, from left to right.
func (s *Store) walk() []int {
	var places []place
	for _, n := range s.order {
		x, known := s.Read(s.trials[n], s.Axes.X)
		y, too := s.Read(s.trials[n], s.Axes.Y)
		if known && too && (!s.Log || x.Value > 0 && y.Value > 0) {
			places = append(places, place{n, x.Value, y.Value})
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y), cmp.Compare(a.number, b.number))
	})
	numbers := make([]int, len(places))
	for i, p := range places {
		numbers[i] = p.number
	}
	return numbers
}

// Point tells the selected point to those who hear the page; empty for none.
func (s *Store) Point() string {
	t := s.Selected()
	if t == nil {
		return ""
	}
	text := fmt.Sprintf("Candidate %d, %s", t.Number, t.Name)
	if t.Predicted {
		text = "Predicted candidate, " + t.Name
	}
	shown := objective.Set{s.Axes.X, s.Axes.Y}
	if s.Third.By != ThirdNone {
		shown = append(shown, s.Third.Objective)
	}
	for _, o := range shown {
		if r, known := s.Read(t, o); known {
			text += ", " + Label(o) + " " + o.Format(r.Value)
		}
	}
	return text + ". " + s.Fate(t)
}

// Fate says what became of a trial.
func (s *Store) Fate(t *Trial) string {
	switch {
	case t.Predicted && t.Outside == "":
		return "Not measured: a model fitted to the measured candidates puts it on the frontier."
	case t.Failure != "":
		return "Not measured: " + t.Failure + "."
	case t.Overlay():
		return "A reference beside the search."
	case t.Violates != "":
		return "Breaks the constraint " + t.Violates + "."
	case t.Outside != "":
		return "Outside the bound that is shown: " + t.Outside + "."
	case t.OnFrontier && s.Bounded():
		return "On the frontier within the bounds that are shown."
	case t.OnFrontier:
		return "On the frontier: no candidate beats it in all objectives."
	}
	return "Dominated: another candidate is at least as good in all objectives."
}
