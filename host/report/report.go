// Package report turns a study into what people read: the frontier as a table
// for a terminal ([Table]), a folder of CSV, JSON and a plot ([WriteDir]), and
// for other questions to the same trials the frontier under a cut ([Front]) and
// the comparison of studies ([Compare]). It only reads studies, and the
// same study always gives the same bytes.
//
// Everywhere the decoder parameters are called a proxy, and a measured objective
// comes with its 95 % confidence interval, so that nobody takes a tie for a
// difference. What the study's strategy predicts, and nobody measured, is marked as
// predicted and comes with its 95 % prediction interval.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/proxy"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Cut is another look at a study than the one it was searched with. The zero
// value is the study as it is.
type Cut struct {
	Objectives  []string // names from package objective; none means the study's
	Constraints []string // as objective.ParseConstraint reads them; the study's own hold as well
}

// view is a study as all reports look at it.
type view struct {
	started     trial.Started
	objectives  objective.Set
	constraints []objective.Constraint // those of the cut
	points      []point                // all trials by number
	frontier    []point                // from worst to best by the first objective
	ties        proxy.Ties             // of the frontier

	// Both are empty before predict, or if the strategy predicts nothing.
	prediction *trial.Predicted
	predicted  []point // in the order of prediction.Points
}

// point is a trial, or a predicted one, with what its objectives are computed from.
type point struct {
	study.Record                     // Violates is the first broken constraint, those of the cut included
	candidate    objective.Candidate // of a predicted point, with what measuring it would give
	planned      bool                // candidate.Memory is known
	values       []float64           // by the view's objectives; nil if one is unknown
	onFrontier   bool
	tied         bool // with the next better member of the frontier, by predicted perplexity
}

func newView(s *study.Study, c Cut) (*view, error) {
	v := &view{started: s.Started()}
	names := c.Objectives
	if len(names) == 0 {
		names = v.started.Objectives
	}
	var err error
	if v.objectives, err = objective.ParseSet(names); err != nil {
		return nil, err
	}
	for _, text := range c.Constraints {
		bound, err := objective.ParseConstraint(text)
		if err != nil {
			return nil, err
		}
		v.constraints = append(v.constraints, bound)
	}
	for _, r := range s.Trials() {
		p := v.newPoint(r)
		v.judge(&p)
		v.points = append(v.points, p)
	}
	v.frontier = v.front(v.ended())
	v.ties = proxy.CompareNeighbours(archs(v.frontier))
	for i, p := range v.frontier {
		for _, p := range []*point{&v.points[p.Number-1], &v.frontier[i]} {
			p.onFrontier, p.tied = true, v.ties.Tied[i]
		}
	}
	return v, nil
}

func archs(points []point) []arch.Architecture {
	list := make([]arch.Architecture, len(points))
	for i, p := range points {
		list[i] = p.Arch
	}
	return list
}

// judge computes a measured or predicted point's values, and whether it keeps the
// constraints of the cut.
func (v *view) judge(p *point) {
	if p.candidate.Measurement == nil {
		return
	}
	values := make([]float64, len(v.objectives))
	for i, o := range v.objectives {
		r, known := v.read(*p, o)
		if !known {
			return
		}
		values[i] = r.value
	}
	p.values = values
	for _, c := range v.constraints {
		switch r, known := v.read(*p, c.Objective); {
		case !known:
			p.values = nil
		case p.Violates == "" && !c.Satisfied(r.value):
			p.Violates = c.String()
		}
	}
}

// ended returns the measured trials of the search in the order of their results:
// that of the journal.
func (v *view) ended() []point {
	points := v.measured(false)
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.Ended, b.Ended) })
	return points
}

// front returns the points that can be used and that no other dominates, from
// worst to best by the first objective; of equal ones the first.
func (v *view) front(points []point) []point {
	var feasible []point
	var costs [][]float64
	for _, p := range points {
		if p.feasible() {
			feasible = append(feasible, p)
			costs = append(costs, v.objectives.Costs(p.values))
		}
	}
	var front []point
	for _, i := range pareto.Front(costs) {
		front = append(front, feasible[i])
	}
	v.sort(front)
	return front
}

// sort orders points from worst to best by the first objective.
func (v *view) sort(points []point) {
	first := v.objectives[:1]
	slices.SortFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(first.Costs(b.values[:1])[0], first.Costs(a.values[:1])[0]), cmp.Compare(a.Number, b.Number))
	})
}

// feasible reports whether the point may be on a frontier.
func (p point) feasible() bool { return p.values != nil && p.Violates == "" }

// infeasible returns the measured trials of the search that break a constraint.
func (v *view) infeasible() []point {
	var points []point
	for _, p := range v.measured(false) {
		if p.Violates != "" {
			points = append(points, p)
		}
	}
	return points
}

// The standings of a measured trial; [predicted] is one more.
const (
	onFrontier = "frontier"
	dominated  = "dominated"
	infeasible = "infeasible"
	reference  = "reference"
	unknown    = "unknown" // an objective or a constraint cannot be computed from the journal
)

func (p point) standing() string {
	switch {
	case p.Overlay():
		return reference
	case p.Violates != "":
		return infeasible
	case p.values == nil:
		return unknown
	case p.onFrontier && p.Status == predicted:
		return predicted
	case p.onFrontier:
		return onFrontier
	}
	return dominated
}

func (v *view) newPoint(r study.Record) point {
	p := point{Record: r, candidate: objective.Candidate{
		Arch: r.Arch, Workload: v.started.Workload, Measurement: r.Measurement,
	}}
	// A journal of another version may hold what this one cannot build.
	if g, err := graph.Build(r.Arch, v.started.Workload); err == nil {
		p.planned, p.candidate = true, objective.NewCandidate(g, r.Measurement)
	}
	return p
}

// measured returns the measured trials of the search, or the measured overlays.
func (v *view) measured(overlay bool) []point {
	var points []point
	for _, p := range v.points {
		if p.Status == study.Measured && p.Overlay() == overlay {
			points = append(points, p)
		}
	}
	return points
}

// count returns how many trials have the status.
func (v *view) count(status study.Status) int {
	n := 0
	for _, p := range v.points {
		if p.Status == status {
			n++
		}
	}
	return n
}

// reading is the value of an objective and its 95 % confidence interval. The
// bounds of a static objective are its value.
type reading struct{ value, low, high float64 }

// read returns an objective of p. A value that the study recorded is not
// computed again. It reports false if the objective is unknown, such as the
// latency of a trial that failed.
func (v *view) read(p point, o objective.Objective) (r reading, known bool) {
	recorded := slices.Index(v.started.Objectives, o.Name)
	var err error
	switch {
	case recorded >= 0 && p.Status == study.Measured:
		r.value = p.Values[recorded]
	case p.planned:
		if r.value, err = o.Value(p.candidate); err != nil {
			return reading{}, false
		}
	default:
		return reading{}, false
	}
	if o.Static() {
		r.low, r.high = r.value, r.value
		return r, true
	}
	r.low, r.high, err = o.Interval(p.candidate)
	return r, err == nil
}

// label names an objective without its unit.
func label(o objective.Objective) string {
	name := strings.ReplaceAll(o.Name, "_", " ")
	switch o.Unit {
	case "ms":
		return strings.TrimSuffix(name, " ms")
	case "MiB":
		return strings.TrimSuffix(name, " mb") + " memory"
	}
	return name
}

// device returns the device of the first measured trial, or nil.
func (v *view) device() *trial.Device {
	for _, p := range v.points {
		if p.Status == study.Measured {
			return &p.Measurement.Device
		}
	}
	return nil
}

// devices says in a few words what measured the study. Latencies of different
// devices do not compare, so it says when there were several.
func (v *view) devices() string {
	var names []string
	for _, p := range v.points {
		if p.Status == study.Measured {
			if name := deviceName(p.Measurement.Device); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	switch n := len(names) - 1; n {
	case -1:
		return "nothing measured yet"
	case 0:
		return names[0]
	default:
		return fmt.Sprintf("%s and %d more", names[0], n)
	}
}

func deviceName(d trial.Device) string {
	name := printable(d.Name)
	if name == "" {
		name = "unnamed device"
	}
	var details []string
	for _, text := range []string{d.CPU, d.Engine} {
		if text = printable(text); text != "" {
			details = append(details, text)
		}
	}
	if len(details) == 0 {
		return name
	}
	return name + " (" + strings.Join(details, ", ") + ")"
}

// maxText bounds texts from outside, in characters.
const maxText = 60

// printable returns text from outside as terminals and XML can take it: no
// control characters, valid UTF-8, and short.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return clip(strings.TrimSpace(text), maxText)
}

// clip shortens text to n characters.
func clip(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}
