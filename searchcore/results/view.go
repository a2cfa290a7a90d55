// Package results is a study as its reports look at it: trials with their standing,
// each objective with its interval, and what the study's strategy predicts, all under
// a cut; and as files, CSV and JSON. The command line and the page write the same of
// the same study.
package results

import (
	"cmp"
	"slices"

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

// View is a study under a cut. Its fields are for reading.
type View struct {
	Started     trial.Started
	Objectives  objective.Set
	Constraints []objective.Constraint // those of the cut
	Points      []Point                // all trials by number
	Frontier    []Point                // from worst to best by the first objective
	Ties        proxy.Ties             // of the frontier

	// Both are empty before Predict, or if the strategy predicts nothing.
	Prediction *trial.Predicted
	Predicted  []Point // in the order of Prediction.Points
}

// Point is a trial, or a predicted one, with what its objectives are computed from.
type Point struct {
	study.Record                     // Violates is the first broken constraint, those of the cut included
	candidate    objective.Candidate // of a predicted point, with what measuring it would give
	planned      bool                // candidate.Memory is known
	Judged       []float64           // by the view's objectives; nil if one is unknown
	OnFrontier   bool
	Tied         bool // with the next better member of the frontier, by predicted perplexity
}

// New looks at a study. An error is one line that says what is wrong with the cut.
func New(s *study.Study, c Cut) (*View, error) {
	v := &View{Started: s.Started()}
	names := c.Objectives
	if len(names) == 0 {
		names = v.Started.Objectives
	}
	var err error
	if v.Objectives, err = objective.ParseSet(names); err != nil {
		return nil, err
	}
	for _, text := range c.Constraints {
		bound, err := objective.ParseConstraint(text)
		if err != nil {
			return nil, err
		}
		v.Constraints = append(v.Constraints, bound)
	}
	for _, r := range s.Trials() {
		p := NewPoint(v.Started, r)
		v.judge(&p)
		v.Points = append(v.Points, p)
	}
	v.Frontier = v.front(v.Ended())
	v.Ties = proxy.CompareNeighbours(archs(v.Frontier))
	for i, p := range v.Frontier {
		for _, p := range []*Point{&v.Points[p.Number-1], &v.Frontier[i]} {
			p.OnFrontier, p.Tied = true, v.Ties.Tied[i]
		}
	}
	return v, nil
}

func archs(points []Point) []arch.Architecture {
	list := make([]arch.Architecture, len(points))
	for i, p := range points {
		list[i] = p.Arch
	}
	return list
}

// judge computes a measured or predicted point's values, and whether it keeps the
// constraints of the cut.
func (v *View) judge(p *Point) {
	if p.candidate.Measurement == nil {
		return
	}
	values := make([]float64, len(v.Objectives))
	for i, o := range v.Objectives {
		r, known := v.Read(*p, o)
		if !known {
			return
		}
		values[i] = r.Value
	}
	p.Judged = values
	for _, c := range v.Constraints {
		switch r, known := v.Read(*p, c.Objective); {
		case !known:
			p.Judged = nil
		case p.Violates == "" && !c.Satisfied(r.Value):
			p.Violates = c.String()
		}
	}
}

// Ended returns the measured trials of the search in the order of their results:
// that of the journal.
func (v *View) Ended() []Point {
	points := v.Measured(false)
	slices.SortFunc(points, func(a, b Point) int { return cmp.Compare(a.Ended, b.Ended) })
	return points
}

// front returns the points that can be used and that no other dominates, from
// worst to best by the first objective; of equal ones the first.
func (v *View) front(points []Point) []Point {
	var feasible []Point
	var costs [][]float64
	for _, p := range points {
		if p.Feasible() {
			feasible = append(feasible, p)
			costs = append(costs, v.Objectives.Costs(p.Judged))
		}
	}
	var front []Point
	for _, i := range pareto.Front(costs) {
		front = append(front, feasible[i])
	}
	v.sort(front)
	return front
}

// sort orders points from worst to best by the first objective.
func (v *View) sort(points []Point) {
	first := v.Objectives[:1]
	slices.SortFunc(points, func(a, b Point) int {
		return cmp.Or(cmp.Compare(first.Costs(b.Judged[:1])[0], first.Costs(a.Judged[:1])[0]), cmp.Compare(a.Number, b.Number))
	})
}

// Feasible reports whether the point may be on a frontier.
func (p Point) Feasible() bool { return p.Judged != nil && p.Violates == "" }

// Infeasible returns the measured trials of the search that break a constraint.
func (v *View) Infeasible() []Point {
	var points []Point
	for _, p := range v.Measured(false) {
		if p.Violates != "" {
			points = append(points, p)
		}
	}
	return points
}

// The standings of a measured trial; [Predicted] is one more.
const (
	OnFrontier = "frontier"
	Dominated  = "dominated"
	Infeasible = "infeasible"
	Reference  = "reference"
	Unknown    = "unknown" // an objective or a constraint cannot be computed from the journal
)

// Standing says what became of a measured or predicted point.
func (p Point) Standing() string {
	switch {
	case p.Overlay():
		return Reference
	case p.Violates != "":
		return Infeasible
	case p.Judged == nil:
		return Unknown
	case p.OnFrontier && p.Status == Predicted:
		return Predicted
	case p.OnFrontier:
		return OnFrontier
	}
	return Dominated
}

// NewPoint is a trial of a study that was started so, for [View.Read].
func NewPoint(started trial.Started, r study.Record) Point {
	p := Point{Record: r, candidate: objective.Candidate{
		Arch: r.Arch, Workload: started.Workload, Measurement: r.Measurement,
	}}
	// A journal of another version may hold what this one cannot build.
	if g, err := graph.Build(r.Arch, started.Workload); err == nil {
		p.planned, p.candidate = true, objective.NewCandidate(g, r.Measurement)
	}
	return p
}

// Measured returns the measured trials of the search, or the measured overlays.
func (v *View) Measured(overlay bool) []Point {
	var points []Point
	for _, p := range v.Points {
		if p.Status == study.Measured && p.Overlay() == overlay {
			points = append(points, p)
		}
	}
	return points
}

// Count returns how many trials have the status.
func (v *View) Count(status study.Status) int {
	n := 0
	for _, p := range v.Points {
		if p.Status == status {
			n++
		}
	}
	return n
}

// Reading is the value of an objective and its 95 % confidence interval. The
// bounds of a static objective are its value.
type Reading struct{ Value, Low, High float64 }

// Read returns an objective of p. A value that the study recorded is not
// computed again. It reports false if the objective is unknown, such as the
// latency of a trial that failed.
func (v *View) Read(p Point, o objective.Objective) (r Reading, known bool) {
	recorded := slices.Index(v.Started.Objectives, o.Name)
	var err error
	switch {
	case recorded >= 0 && p.Status == study.Measured:
		r.Value = p.Values[recorded]
	case p.planned:
		if r.Value, err = o.Value(p.candidate); err != nil {
			return Reading{}, false
		}
	default:
		return Reading{}, false
	}
	if o.Static() {
		r.Low, r.High = r.Value, r.Value
		return r, true
	}
	r.Low, r.High, err = o.Interval(p.candidate)
	return r, err == nil
}

// Device returns the device of the first measured trial, or nil.
func (v *View) Device() *trial.Device {
	for _, p := range v.Points {
		if p.Status == study.Measured {
			return &p.Measurement.Device
		}
	}
	return nil
}
