package report

import (
	"fmt"
	"slices"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// predicted is the status of a member of the frontier that a model of the device
// predicts and nobody measured. It is its standing, too, unless it breaks a constraint
// of the cut or something else, measured or predicted, surpasses it.
const predicted = "predicted"

// predict adds the members of the frontier that the study's strategy predicts. They
// have the numbers -1, -2, ... in the strategy's order: the most useful first.
func (v *view) predict(s *study.Study) {
	v.prediction = s.Predicted()
	if v.prediction == nil {
		return
	}
	for i, p := range v.prediction.Points {
		m := p.Measurement(v.started.Workload)
		point := v.newPoint(study.Record{
			Trial:  trial.Trial{Number: -1 - i, Proposal: trial.Proposal{Arch: p.Arch}},
			Status: predicted,
		})
		point.candidate.Measurement = &m
		v.judge(&point)
		v.predicted = append(v.predicted, point)
	}
	// Of equal points the first stays: what was measured.
	for _, p := range v.front(slices.Concat(v.frontier, v.predicted)) {
		if p.Status == predicted {
			v.predicted[-1-p.Number].onFrontier = true
		}
	}
}

// predictedMembers returns the first predicted points that are on the frontier, up to
// limit, sorted as it is.
func (v *view) predictedMembers(limit int) []point {
	var members []point
	for _, p := range v.predicted {
		if p.onFrontier && len(members) < limit {
			members = append(members, p)
		}
	}
	v.sort(members)
	return members
}

// fit says in one line what the predictions rest on, and how far earlier ones came
// true.
func (v *view) fit() string {
	text := fmt.Sprintf("predicted: by a model that was fitted to %d measurements; the frontier that it computes has %d members",
		v.prediction.Fitted, v.prediction.Total)
	if v.prediction.Checked > 0 {
		text += fmt.Sprintf("; of the last %d latencies that were predicted before they were measured, %d lie in their intervals",
			v.prediction.Checked, v.prediction.Within)
	}
	return text
}
