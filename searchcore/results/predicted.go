package results

import (
	"slices"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Predicted is the status of a member of the frontier that a model of the device
// predicts and nobody measured. It is its standing, too, unless it breaks a constraint
// of the cut or something else, measured or predicted, surpasses it.
const Predicted = "predicted"

// Predict adds the members of the frontier that the study's strategy predicts. They
// have the numbers -1, -2, ... in the strategy's order: the farthest from what was
// measured first.
func (v *View) Predict(s *study.Study) {
	v.Prediction = s.Predicted()
	if v.Prediction == nil {
		return
	}
	for i, p := range v.Prediction.Points {
		m := p.Measurement(v.Started.Workload)
		point := NewPoint(v.Started, study.Record{
			Trial:  trial.Trial{Number: -1 - i, Proposal: trial.Proposal{Arch: p.Arch}},
			Status: Predicted,
		})
		point.candidate.Measurement = &m
		v.judge(&point)
		v.Predicted = append(v.Predicted, point)
	}
	// Of equal points the first stays: what was measured.
	for _, p := range v.front(slices.Concat(v.Frontier, v.Predicted)) {
		if p.Status == Predicted {
			v.Predicted[-1-p.Number].OnFrontier = true
		}
	}
}

// PredictedMembers returns the first predicted points that are on the frontier, up to
// limit, sorted as it is.
func (v *View) PredictedMembers(limit int) []Point {
	var members []Point
	for _, p := range v.Predicted {
		if p.OnFrontier && len(members) < limit {
			members = append(members, p)
		}
	}
	v.sort(members)
	return members
}
