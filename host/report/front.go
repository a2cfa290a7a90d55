package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"litefront/searchcore/objective"
	"litefront/searchcore/results"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// FrontOptions say what a [Front] lists.
type FrontOptions struct {
	Cut
	Sort  string // objective to sort by, best first; empty for the first one, best last, as a [Table] is
	Limit int    // the best trials to list; 0 for all
	All   bool   // dominated, infeasible and reference trials too, marked as such
	// Predicted lists what the study's strategy predicts as well, marked as such: what
	// is surpassed, or breaks a constraint of the cut, only with All.
	Predicted bool
}

// Front is the frontier of a study under a cut.
type Front struct {
	view   view
	sort   objective.Objective
	points []point
	below  []point // predicted members that the table adds below
}

// NewFront returns the frontier of s. An error is one line that says what is
// wrong with o.
func NewFront(s *study.Study, o FrontOptions) (*Front, error) {
	v, err := newView(s, o.Cut)
	if err != nil {
		return nil, err
	}
	if o.Limit < 0 {
		return nil, fmt.Errorf("limit %d must be at least 1, or 0 for all", o.Limit)
	}
	v.Predict(s)
	f := &Front{view: v, sort: v.Objectives[0], points: slices.Clone(v.Frontier)}
	if o.Sort != "" {
		if f.sort, err = objective.Parse(o.Sort); err != nil {
			return nil, fmt.Errorf("sort: %w", err)
		}
	}
	if o.All {
		f.points = append(v.Ended(), v.Measured(true)...)
	}
	switch {
	case !o.Predicted:
		f.below = v.PredictedMembers(maxPredicted)
	case o.All:
		f.points = append(f.points, v.Predicted...)
	default:
		f.points = append(f.points, v.PredictedMembers(len(v.Predicted))...)
	}
	slices.SortStableFunc(f.points, func(a, b point) int { return cmp.Compare(f.cost(a), f.cost(b)) })
	if o.Limit > 0 && o.Limit < len(f.points) {
		f.points = f.points[:o.Limit]
	}
	if o.Sort == "" {
		slices.SortStableFunc(f.points, func(a, b point) int { return cmp.Compare(f.cost(b), f.cost(a)) })
	}
	return f, nil
}

// cost is what points are sorted by; what is not known counts as worst.
func (f *Front) cost(p point) float64 {
	r, known := f.view.Read(p, f.sort)
	if !known {
		return math.Inf(1)
	}
	return objective.Set{f.sort}.Costs([]float64{r.Value})[0]
}

// Members returns the listed trials that are on the frontier, measured or predicted.
// Predicted ones have negative numbers, and the status "predicted".
func (f *Front) Members() []study.Record {
	var members []study.Record
	for _, p := range f.points {
		if p.OnFrontier {
			members = append(members, p.Record)
		}
	}
	return members
}

// Table writes the list as [Table] does, with the objective that it is sorted by.
func (f *Front) Table(w io.Writer) error {
	return f.view.writeTable(w, f.points, f.below, &f.sort)
}

// CSV writes the list with the columns of the files of [WriteDir].
func (f *Front) CSV(w io.Writer) error { return f.view.CSV(w, f.points) }

// frontDocument is a Front as JSON.
type frontDocument struct {
	Started     trial.Started `json:"started"`
	Device      *trial.Device `json:"device"`      // of the first measured trial; null if there is none
	Objectives  []string      `json:"objectives"`  // in the order of values
	Constraints []string      `json:"constraints"` // beside those of started
	Trials      []listed      `json:"trials"`
}

type listed struct {
	Standing string `json:"standing"` // frontier, predicted, dominated, infeasible, reference, or unknown by these objectives
	results.Result
	Prediction *times `json:"prediction,omitempty"` // of what was not measured
}

// times are those of a trial.Prediction.
type times struct {
	Prefill trial.Estimate `json:"prefill"`
	Decode  trial.Estimate `json:"decode"`
}

// JSON writes the list as one object, with all raw samples.
func (f *Front) JSON(w io.Writer) error {
	d := frontDocument{Started: f.view.Started, Device: f.view.Device(), Objectives: []string{}, Constraints: []string{}, Trials: []listed{}}
	for _, o := range f.view.Objectives {
		d.Objectives = append(d.Objectives, o.Name)
	}
	for _, c := range f.view.Constraints {
		d.Constraints = append(d.Constraints, c.String())
	}
	for i, r := range results.List(f.points) {
		l := listed{Standing: f.points[i].Standing(), Result: r}
		if f.points[i].Status == results.Predicted {
			p := f.view.Prediction.Points[-1-r.Number]
			l.Prediction = &times{p.Prefill, p.Decode}
		}
		d.Trials = append(d.Trials, l)
	}
	return results.WriteJSON(w, d)
}
