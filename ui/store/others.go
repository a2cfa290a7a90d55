package store

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"litefront/kernels/search"
	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/results"
	"litefront/searchcore/trial"
)

// MaxOthers bounds the studies that are laid over the one shown.
const MaxOthers = 4

// Other is another study, whose frontier is drawn over that of the study shown. The
// page holds it until it is reloaded, and nobody keeps it.
type Other struct {
	// Slot is from 0 to MaxOthers-1, and stays: its colour and its line, by which
	// people know it.
	Slot     int
	Study    trial.Started
	Device   *trial.Device // of the first measured trial; nil for none
	Devices  int           // that measured it
	Measured int           // candidates of its search

	objectives  objective.Set // of its frontier
	best, worst []float64     // costs that its feasible trials reach; nil for none
	front       [][]float64   // costs of its frontier
	members     []otherMember
}

// otherMember is a member of another study's frontier.
type otherMember struct {
	number int
	values map[string]float64 // by the objective's name
}

// Number is what people call it: the study shown is 1.
func (o *Other) Number() int { return o.Slot + 2 }

// Others returns the studies that are laid over the one shown, by their numbers.
func (s *Store) Others() []*Other { return s.others }

// CanOverlay reports whether another study could be read now. Reading one would
// disturb a search.
func (s *Store) CanOverlay() bool {
	p := s.Phase()
	return (p == Idle || p == Paused) && !s.Waiting() && len(s.others) < MaxOthers
}

// Overlay takes the file of a study to lay over the one shown.
func (s *Store) Overlay(text string) (search.Command, bool) {
	switch {
	case s.dead || !s.answered:
	case isConfig(text):
		s.Fail("the file is a model's configuration; what is laid over this study is another study's journal")
	case len(s.others) == MaxOthers:
		s.Fail(fmt.Sprintf("%d studies are overlaid, which is as many as the chart can tell apart: remove one first", MaxOthers))
	case s.takes(text, "overlaying"):
		c := search.Command{Do: search.DoRead, Journal: text}
		for _, o := range s.comparedBy() {
			c.Objectives = append(c.Objectives, o.Name)
		}
		return s.sending(c), true
	}
	return search.Command{}, false
}

// comparedBy are the objectives by which frontiers are compared: those of the study
// shown, or where there is none, of the first that was laid over it.
func (s *Store) comparedBy() objective.Set {
	if s.Study == nil && len(s.others) > 0 {
		return s.others[0].objectives
	}
	return s.objectives
}

// RemoveOther takes a study away from the chart.
func (s *Store) RemoveOther(slot int) {
	s.others = slices.DeleteFunc(s.others, func(o *Other) bool { return o.Slot == slot })
	s.othersChanged()
}

func (s *Store) othersChanged() {
	s.othersVersion++
	s.Version++
}

// addOther takes what the worker read of another study.
func (s *Store) addOther(e search.Other) error {
	if len(s.others) == MaxOthers {
		return fmt.Errorf("a study to overlay, which are %d already", MaxOthers)
	}
	objectives, err := objective.ParseSet(e.Objectives)
	if err != nil {
		return err
	}
	if len(e.Frontier) > maxTrials {
		return fmt.Errorf("a frontier of %d members; at most %d are allowed", len(e.Frontier), maxTrials)
	}
	o := &Other{Study: e.Started, Devices: e.Devices, Measured: e.Measured, objectives: objectives}
	o.Study.Study, o.Study.Strategy, o.Study.Space.Name = line(e.Started.Study, maxText), line(e.Started.Strategy, 80), line(e.Started.Space.Name, 80)
	if e.Device != nil {
		o.Device = cleanDevice(*e.Device)
	}
	for _, corner := range []struct {
		values []float64
		costs  *[]float64
	}{{e.Best, &o.best}, {e.Worst, &o.worst}} {
		if len(corner.values) == 0 && len(e.Frontier) == 0 {
			continue
		}
		if *corner.costs = objectives.Costs(corner.values); *corner.costs == nil || slices.ContainsFunc(corner.values, unusable) {
			return fmt.Errorf("extremes %v of another study's objectives", corner.values)
		}
	}
	for _, p := range e.Frontier {
		values := make([]float64, len(objectives))
		for k, by := range objectives {
			v, known := p.Values[by.Name]
			if !known {
				return fmt.Errorf("trial %d of another study has no %s", p.Number, by.Name)
			}
			values[k] = v
		}
		for name, v := range p.Values {
			if unusable(v) {
				return fmt.Errorf("trial %d of another study: %.40s %v must be finite and not negative", p.Number, name, v)
			}
		}
		o.front = append(o.front, objectives.Costs(values))
		o.members = append(o.members, otherMember{p.Number, p.Values})
	}
	for slices.ContainsFunc(s.others, func(other *Other) bool { return other.Slot == o.Slot }) {
		o.Slot++
	}
	s.others = append(s.others, o)
	slices.SortFunc(s.others, func(a, b *Other) int { return a.Slot - b.Slot })
	s.othersChanged()
	return nil
}

func unusable(v float64) bool { return !usable(v) }

// drawnOther is another study as the chart takes it.
type drawnOther struct {
	Name   string       `json:"name"`
	Slot   int          `json:"slot"`
	Points [][3]float64 `json:"points"` // trial, x, y
	Line   []int        `json:"line"`   // indices of points
}

// otherDrawings are the others as JSON, and what that was made of: it is handed to the
// chart with every change of the study.
type otherDrawings struct {
	axes    [2]string
	version int
	text    json.RawMessage
}

func (s *Store) drawOthers() json.RawMessage {
	axes := [2]string{s.Axes.X.Name, s.Axes.Y.Name}
	if d := &s.otherDrawings; d.text == nil || d.axes != axes || d.version != s.othersVersion {
		list := []drawnOther{}
		for _, o := range s.others {
			drawn := drawnOther{Name: fmt.Sprintf("study %d", o.Number()), Slot: o.Slot, Points: [][3]float64{}}
			var places []place
			for _, m := range o.members {
				x, known := m.values[s.Axes.X.Name]
				y, too := m.values[s.Axes.Y.Name]
				if known && too && x <= math.MaxFloat32 && y <= math.MaxFloat32 {
					places = append(places, place{len(places), x, y})
					drawn.Points = append(drawn.Points, [3]float64{float64(m.number), x, y})
				}
			}
			drawn.Line = s.staircase(places)
			list = append(list, drawn)
		}
		text, err := json.Marshal(list)
		if err != nil {
			panic(err) // the values are finite
		}
		*d = otherDrawings{axes, s.othersVersion, text}
	}
	return s.otherDrawings.text
}

// Side is a study beside the others.
type Side struct {
	Number   int    // the study shown is 1
	Name     string // of the study
	Other    *Other // nil for the study shown
	Measured int
	Frontier int
	// Hypervolume is a share of that of the frontier of all together; NaN where that
	// is 0.
	Hypervolume float64
	// Dominated are the shares of its frontier that each side's frontier dominates;
	// NaN for its own, and if it has none.
	Dominated []float64
	// Problem is why it is not compared; empty if it is.
	Problem string
}

// Sides compares the study shown with those that are laid over it, as `litefront
// compare` does: hypervolumes are measured from the worst value of each objective over
// the feasible candidates of all. The reference is told in words. There are no sides
// unless another study is overlaid.
func (s *Store) Sides() (sides []Side, reference string) {
	if len(s.others) == 0 {
		return nil, ""
	}
	constraints := fmt.Sprint(s.constraints)
	c := &s.sides
	if c.list == nil || c.results != len(s.results) || c.others != s.othersVersion || c.constraints != constraints || !slices.Equal(c.reported, s.reported) {
		c.results, c.others, c.constraints, c.reported = len(s.results), s.othersVersion, constraints, slices.Clone(s.reported)
		c.list, c.reference = s.beside()
	}
	return s.sides.list, s.sides.reference
}

// besides are sides, and what they were made of: it takes long, and most of what the
// chart shows is not part of it.
type besides struct {
	results, others int
	constraints     string
	reported        []int
	list            []Side
	reference       string
}

func (s *Store) beside() (sides []Side, reference string) {
	by := s.comparedBy()
	var corners, union [][]float64
	var fronts [][][]float64
	add := func(side Side, front [][]float64, reach ...[]float64) {
		side.Frontier = len(front)
		sides, fronts = append(sides, side), append(fronts, front)
		corners, union = append(corners, reach...), append(union, front...)
	}
	if s.Study != nil {
		var feasible, front [][]float64
		measured := 0
		for _, n := range s.order {
			if t := s.trials[n]; t.Measurement != nil && !t.Overlay() {
				measured++
				if t.Violates == "" {
					feasible = append(feasible, by.Costs(t.Values))
				}
			}
		}
		for _, n := range s.reported {
			front = append(front, by.Costs(s.trials[n].Values))
		}
		add(Side{Number: 1, Name: s.Study.Study, Measured: measured}, front, feasible...)
	}
	for _, o := range s.others {
		side := Side{Number: o.Number(), Name: o.Study.Study, Other: o, Measured: o.Measured}
		if !sameObjectives(o.objectives, by) {
			side.Problem = "Its frontier is by other objectives: remove it and overlay it again."
			add(side, nil)
			continue
		}
		var reach [][]float64
		if o.best != nil {
			reach = [][]float64{o.best, o.worst}
		}
		add(side, o.front, reach...)
	}
	box := pareto.BoxOf(corners, len(by))
	volume := func(front [][]float64) float64 { return box.Volume(box.Scaled(front)) }
	total := volume(union)
	for i := range sides {
		sides[i].Hypervolume = volume(fronts[i]) / total
		for j := range sides {
			share := math.NaN()
			if i != j && len(fronts[i]) > 0 {
				share = 1 - pareto.NotDominated(fronts[i], fronts[j])
			}
			sides[i].Dominated = append(sides[i].Dominated, share)
		}
	}
	if len(corners) == 0 {
		return sides, ""
	}
	var values []string
	for k, v := range by.Costs(box.Reference) {
		values = append(values, Label(by[k])+" "+by[k].Format(v))
	}
	return sides, strings.Join(values, ", ")
}

func sameObjectives(a, b objective.Set) bool {
	return slices.EqualFunc(a, b, func(x, y objective.Objective) bool { return x.Name == y.Name })
}

// Warnings say what to know before believing a comparison of another study with the
// first.
func (s *Store) Warnings(o *Other) (list []string) {
	first := s.others[0].Study
	if s.Study != nil {
		first = *s.Study
	}
	for _, d := range results.Differences(first.Setup, o.Study.Setup) {
		switch d.Field {
		case results.FieldObjectives:
			list = append(list, "It was searched by other objectives.")
		case results.FieldConstraints:
			list = append(list, "Its constraints differ: each frontier keeps its own.")
		default:
			list = append(list, "Its "+d.Field+" differs: the numbers do not compare.")
		}
	}
	if fmt.Sprint(first.Space) != fmt.Sprint(o.Study.Space) {
		list = append(list, "It is of another search space.")
	}
	return list
}
