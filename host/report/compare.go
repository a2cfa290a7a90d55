package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/results"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Entry is a study to compare, and what to call it.
type Entry struct {
	Name  string
	Study *study.Study
}

// CompareOptions say how studies are compared.
type CompareOptions struct {
	// Objectives are names from package objective. None means those of the studies,
	// which must then have the same.
	Objectives []string
	// Reference is the point that the hypervolume is measured from, a value for
	// each objective in its unit. None means the worst value of each objective over
	// the feasible trials of all studies.
	Reference []float64
}

// Comparison sets studies side by side: strategies, devices or seeds. Its
// hypervolumes are shares of that of the frontier of all studies together, from
// one reference point, over the device time that measuring took. They are those of
// what was measured: what a strategy only predicts does not count. References
// beside the searches do not count, and the time of trials that failed is not
// known.
type Comparison struct {
	objectives objective.Set
	studies    []*compared
	document   comparison
}

// comparison is a Comparison as JSON.
type comparison struct {
	Objectives []string     `json:"objectives"`
	Reference  []maybe      `json:"reference"` // in the objectives' units; null without a feasible trial
	Union      int          `json:"union"`     // size of the frontier of all studies together
	Studies    []*compared  `json:"studies"`
	Overlaps   []overlap    `json:"overlaps"`
	Attainment []attainment `json:"attainment"`
	Notes      []string     `json:"notes"` // what to know before believing the numbers
}

// compared is one of the studies.
type compared struct {
	Name        string  `json:"name"`
	Study       string  `json:"study"`
	Strategy    string  `json:"strategy"`
	Seed        uint64  `json:"seed"`
	Device      string  `json:"device"`
	Measured    int     `json:"measured"`
	Frontier    int     `json:"frontier"`
	Seconds     float64 `json:"seconds"`     // of the device
	Hypervolume maybe   `json:"hypervolume"` // at the end, as a share of the union's
	// Reached are the seconds after which the shares in levels were reached.
	Reached []maybe `json:"reached"`
	Curve   []step  `json:"curve"`

	started trial.Started
	view    view
	ended   []point
	costs   [][]float64 // of the frontier, scaled
}

// levels are the shares of the union's hypervolume whose time is told.
var levels = []float64{0.90, 0.95, 0.99}

// step is the hypervolume from a time on.
type step struct {
	Seconds     float64 `json:"seconds"`
	Hypervolume maybe   `json:"hypervolume"`
}

// overlap says how the frontiers of two studies lie to each other.
type overlap struct {
	Of           int     `json:"of"` // indices of studies, from 0
	Against      int     `json:"against"`
	NotDominated float64 `json:"not_dominated"` // share of Of's members that none of Against's dominates; 0 for an empty frontier
	Common       int     `json:"common"`        // architectures on both
}

// maybe is a number that may be unknown: NaN, and null as JSON.
type maybe float64

func (m maybe) known() bool { return !math.IsNaN(float64(m)) }

// MarshalJSON writes a number or null.
func (m maybe) MarshalJSON() ([]byte, error) {
	if !m.known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(m))
}

// maxOverlaps bounds the studies whose frontiers are laid over each other in
// pairs.
const maxOverlaps = 12

// Compare sets studies side by side. It is an error if there is none, if two
// differ in their objectives (and none are given), constraints, workload or
// protocol, since then their values do not compare, or if the reference is not
// worse than what was found.
func Compare(entries []Entry, o CompareOptions) (*Comparison, error) {
	if len(entries) == 0 {
		return nil, errors.New("compare: no study given; at least 1 is needed")
	}
	c := &Comparison{}
	for _, e := range entries {
		v, err := newView(e.Study, Cut{Objectives: o.Objectives})
		if err != nil {
			return nil, err
		}
		s := &compared{
			Name: e.Name, Study: v.Started.Study, Strategy: v.Started.Strategy, Seed: v.Started.Seed, Device: v.devices(),
			Frontier: len(v.Frontier), started: v.Started, view: v, ended: v.Ended(),
		}
		s.Measured = len(s.ended)
		c.studies = append(c.studies, s)
		if err := checkComparable(c.studies[0], s, len(o.Objectives) > 0); err != nil {
			return nil, err
		}
	}
	c.objectives = c.studies[0].view.Objectives
	if err := c.hypervolumes(o.Reference); err != nil {
		return nil, err
	}
	c.overlaps()
	c.attainments()
	c.notes()
	c.document.Studies = c.studies
	for _, o := range c.objectives {
		c.document.Objectives = append(c.document.Objectives, o.Name)
	}
	return c, nil
}

// checkComparable demands that values of a and b mean the same.
func checkComparable(a, b *compared, recut bool) error {
	for _, d := range results.Differences(a.started.Setup, b.started.Setup) {
		if !recut || d.Field != results.FieldObjectives {
			return fmt.Errorf("compare: %s has %s %s, %s has %s; they must be the same", a.Name, d.Field, d.A, b.Name, d.B)
		}
	}
	return nil
}

// hypervolumes fixes the reference point and computes each study's hypervolume
// over time.
func (c *Comparison) hypervolumes(reference []float64) error {
	var all [][]float64
	for _, s := range c.studies {
		for _, p := range s.ended {
			if p.Feasible() {
				all = append(all, c.objectives.Costs(p.Judged))
			}
		}
	}
	b := pareto.BoxOf(all, len(c.objectives))
	if reference != nil {
		if len(reference) != len(c.objectives) {
			return fmt.Errorf("reference: %d values for %d objectives; give one for each", len(reference), len(c.objectives))
		}
		b.Reference = c.objectives.Costs(reference)
		for k, o := range c.objectives {
			if best := b.Best[k]; !(b.Reference[k] > best) && !math.IsInf(best, 1) || math.IsInf(b.Reference[k], 0) {
				return fmt.Errorf("reference: %s %v must be a number worse than the best value %v", o.Name, reference[k], c.value(k, best))
			}
		}
	}
	for k := range c.objectives {
		v := maybe(math.NaN())
		if len(all) > 0 || reference != nil {
			v = maybe(c.value(k, b.Reference[k]))
		}
		c.document.Reference = append(c.document.Reference, v)
	}
	var union [][]float64
	for _, i := range pareto.Front(all) {
		union = append(union, all[i])
	}
	c.document.Union = len(union)
	total := b.Volume(b.Scaled(union))
	for _, s := range c.studies {
		s.curve(c.objectives, b, total)
	}
	return nil
}

// value turns a cost back into the value of the k-th objective.
func (c *Comparison) value(k int, cost float64) float64 {
	return c.objectives[k : k+1].Costs([]float64{cost})[0] // a negation is its own inverse
}

// curve computes the hypervolume after each result that changed it.
func (s *compared) curve(objectives objective.Set, b pareto.Box, total float64) {
	var front pareto.Archive
	share := func() maybe {
		var members [][]float64
		for _, m := range front.Members() {
			members = append(members, m.Costs)
		}
		return maybe(b.Volume(members) / total)
	}
	ms := 0.0
	s.Curve = []step{{0, maybe(0 / total)}}
	for _, p := range s.ended {
		ms += p.Measurement.SpentMs
		if p.Feasible() && front.Add(p.Number, b.Scaled([][]float64{objectives.Costs(p.Judged)})[0]) {
			s.Curve = append(s.Curve, step{ms / 1000, share()})
		}
	}
	s.Seconds = ms / 1000
	s.Hypervolume = s.Curve[len(s.Curve)-1].Hypervolume
	for _, m := range front.Members() {
		s.costs = append(s.costs, m.Costs)
	}
	for _, level := range levels {
		s.Reached = append(s.Reached, s.reached(level))
	}
}

// reached returns the seconds after which the hypervolume had the level.
func (s *compared) reached(level float64) maybe {
	for _, p := range s.Curve {
		if float64(p.Hypervolume) >= level {
			return maybe(p.Seconds)
		}
	}
	return maybe(math.NaN())
}

// End returns the device seconds that the i-th study took, and its hypervolume then,
// as a share of that of all together; NaN where that is 0.
func (c *Comparison) End(i int) (seconds, share float64) {
	s := c.studies[i]
	return s.Seconds, float64(s.Hypervolume)
}

// Reached returns the device seconds after which the i-th study had this share of the
// hypervolume of all together; NaN if it never had.
func (c *Comparison) Reached(i int, share float64) float64 {
	return float64(c.studies[i].reached(share))
}

// at returns the hypervolume after so many seconds.
func (s *compared) at(seconds float64) float64 {
	share := s.Curve[0].Hypervolume
	for _, p := range s.Curve {
		if p.Seconds > seconds {
			break
		}
		share = p.Hypervolume
	}
	return float64(share)
}

func (c *Comparison) overlaps() {
	c.document.Overlaps = []overlap{}
	if len(c.studies) > maxOverlaps {
		return
	}
	for i, a := range c.studies {
		for j, b := range c.studies {
			if i != j {
				c.document.Overlaps = append(c.document.Overlaps, overlapOf(i, a, j, b))
			}
		}
	}
}

func overlapOf(i int, a *compared, j int, b *compared) overlap {
	o := overlap{Of: i, Against: j, NotDominated: pareto.NotDominated(a.costs, b.costs)}
	ids := map[string]bool{}
	for _, p := range a.view.Frontier {
		ids[p.Arch.ID()] = true
	}
	for _, p := range b.view.Frontier {
		if ids[p.Arch.ID()] {
			o.Common++
		}
	}
	return o
}

// notes says what keeps the numbers from meaning what they seem to.
func (c *Comparison) notes() {
	c.document.Notes = []string{}
	note := func(format string, args ...any) {
		c.document.Notes = append(c.document.Notes, fmt.Sprintf(format, args...))
	}
	var devices []string
	left := 0
	for _, s := range c.studies {
		for _, p := range s.ended {
			if name := deviceName(p.Measurement.Device); !slices.Contains(devices, name) {
				devices = append(devices, name)
			}
			if p.Judged == nil {
				left++
			}
		}
	}
	measured := slices.ContainsFunc(c.objectives, func(o objective.Objective) bool { return !o.Static() })
	if len(devices) > 1 && measured {
		note("latencies of different devices do not compare: %s", strings.Join(devices, "; "))
	}
	if left > 0 {
		note("%d trials are left out: not all objectives can be computed for them", left)
	}
	if n := len(c.studies); n > maxOverlaps {
		note("overlaps are told of up to %d studies, not of %d", maxOverlaps, n)
	}
}

// JSON writes the comparison as one object.
func (c *Comparison) JSON(w io.Writer) error { return results.WriteJSON(w, c.document) }
