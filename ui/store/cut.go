package store

import (
	"cmp"
	"slices"
	"strconv"

	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
)

// Bound is how far the page lets an objective go: another look at what was measured.
// The study and its constraints stay as they are.
//
// It is set by a slider over the values that measured candidates reach. At its loosest
// end it bounds nothing.
type Bound struct {
	Objective objective.Objective
	Text      string // such as "≤ 12.3 ms", or "any"
	Position  int    // of the slider: 0 for the smallest value
	Last      int    // position of the largest value; -1 if nothing was measured
}

// bound is a bound that is set.
type bound struct {
	value      float64 // that a candidate reached
	constraint objective.Constraint
}

// reach are the distinct values of objectives that measured candidates reach,
// ascending, by the objective's name.
type reach struct {
	measured int // of the store's results, whose values are in
	values   map[string][]float64
}

// Bounds returns a bound for each of [Store.Objectives].
func (s *Store) Bounds() []Bound {
	if s.Study == nil {
		return nil
	}
	var list []Bound
	for _, o := range s.Objectives() {
		values := s.reached(o)
		b := Bound{Objective: o, Text: "any", Position: loosest(o, len(values)), Last: len(values) - 1}
		if set, ok := s.bounds[o.Name]; ok {
			b.Text = boundText(o, set.value)
			at, _ := slices.BinarySearch(values, set.value)
			b.Position = min(at, b.Last)
		}
		list = append(list, b)
	}
	return list
}

func (s *Store) reached(o objective.Objective) []float64 {
	if s.reach.values == nil {
		s.reach.values = make(map[string][]float64)
	}
	for ; s.reach.measured < len(s.results); s.reach.measured++ {
		for _, o := range s.Objectives() {
			r, known := s.Read(s.results[s.reach.measured], o)
			if at, there := slices.BinarySearch(s.reach.values[o.Name], r.Value); known && !there {
				s.reach.values[o.Name] = slices.Insert(s.reach.values[o.Name], at, r.Value)
			}
		}
	}
	return s.reach.values[o.Name]
}

// loosest is the position of n that bounds nothing.
func loosest(o objective.Objective, n int) int {
	if o.Direction == objective.Maximize {
		return 0
	}
	return n - 1
}

func boundText(o objective.Objective, value float64) string {
	if o.Direction == objective.Maximize {
		return "≥ " + o.Format(value)
	}
	return "≤ " + o.Format(value)
}

// SetBound moves the slider of an objective; a position that it does not have changes
// nothing.
func (s *Store) SetBound(name string, position int) {
	i := slices.IndexFunc(s.Objectives(), func(o objective.Objective) bool { return o.Name == name })
	if i < 0 || s.Study == nil {
		return
	}
	o := s.Objectives()[i]
	values := s.reached(o)
	if position < 0 || position >= len(values) {
		return
	}
	op := "<="
	if o.Direction == objective.Maximize {
		op = ">="
	}
	c, err := objective.ParseConstraint(name + op + strconv.FormatFloat(values[position], 'g', -1, 64))
	if err != nil {
		return // no value that was measured makes a wrong one
	}
	delete(s.bounds, name)
	if position != loosest(o, len(values)) {
		s.bounds[name] = bound{values[position], c}
	}
	s.cut()
}

// ClearBounds shows the study's own frontier again.
func (s *Store) ClearBounds() {
	clear(s.bounds)
	s.cut()
}

// Bounded reports whether a bound is set.
func (s *Store) Bounded() bool { return len(s.bounds) > 0 }

// standings count measured candidates of the search.
type standings struct {
	version              int // of the store, when they were counted
	measured, infeasible int
}

// stand counts them anew if anything may have changed: drawing asks several times.
func (s *Store) stand() standings {
	if s.standings.version != s.Version {
		s.standings = standings{version: s.Version, measured: len(s.results)}
		for _, t := range s.results {
			if t.Infeasible() {
				s.standings.infeasible++
			}
		}
	}
	return s.standings
}

// Infeasible counts the candidates of the search that were measured and break a
// constraint or a bound.
func (s *Store) Infeasible() int { return s.stand().infeasible }

// Within counts the measured candidates of the search, and those of them that keep
// the study's constraints and the page's bounds.
func (s *Store) Within() (within, measured int) {
	n := s.stand()
	return n.measured - n.infeasible, n.measured
}

// cut judges all trials by the bounds, and shows the frontier of those that keep them:
// a member of the study's frontier need not be on it, and what only others dominate
// that break a bound may be.
func (s *Store) cut() {
	limits := s.limits()
	for _, t := range s.predicted {
		t.Outside = s.outside(t, limits)
	}
	for _, t := range s.trials {
		t.Outside = s.outside(t, limits)
	}
	s.Version++
	if !s.Bounded() {
		s.place(s.reported)
		return
	}
	var kept []*Trial
	var costs [][]float64
	for _, t := range s.results {
		if !t.Infeasible() {
			kept = append(kept, t)
			costs = append(costs, s.objectives.Costs(t.Values))
		}
	}
	front := pareto.Front(costs)
	slices.SortFunc(front, func(i, j int) int {
		return cmp.Or(cmp.Compare(costs[j][0], costs[i][0]), cmp.Compare(kept[i].Number, kept[j].Number))
	})
	numbers := make([]int, len(front))
	for i, at := range front {
		numbers[i] = kept[at].Number
	}
	s.place(numbers)
}

// limit is a bound that is set, as trials are judged by it.
type limit struct {
	constraint objective.Constraint
	text       string // for people
}

func (s *Store) limits() (list []limit) {
	for _, o := range s.Objectives() {
		if set, ok := s.bounds[o.Name]; ok {
			list = append(list, limit{set.constraint, Label(o) + " " + boundText(o, set.value)})
		}
	}
	return list
}

// outside is the first limit that a trial breaks, for people; empty for none.
func (s *Store) outside(t *Trial, limits []limit) string {
	for _, l := range limits {
		if r, known := s.Read(t, l.constraint.Objective); known && !l.constraint.Satisfied(r.Value) {
			return l.text
		}
	}
	return ""
}
