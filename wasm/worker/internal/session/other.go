package session

import (
	"fmt"
	"slices"

	"litefront/kernels/search"
	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/results"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// readOther tells another study, and leaves the kept one as it is.
func (s *Session) readOther(c search.Command) error {
	_, st, err := parseStudy(c.Journal)
	if err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	other, err := otherOf(st, c.Objectives)
	if err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	s.post(search.Message{Other: other})
	return nil
}

// otherOf is what a page shows of a study by the objectives, or by its own if there are
// none.
func otherOf(st *study.Study, objectives []string) (*search.Other, error) {
	v, err := results.New(st, results.Cut{Objectives: objectives})
	if err != nil {
		return nil, err
	}
	o := &search.Other{Started: v.Started, Device: v.Device(), Objectives: []string{}, Frontier: []search.OtherPoint{}}
	for _, by := range v.Objectives {
		o.Objectives = append(o.Objectives, by.Name)
	}
	var devices []trial.Device
	var costs [][]float64
	for _, p := range v.Ended() {
		o.Measured++
		if !slices.ContainsFunc(devices, p.Measurement.Device.Same) {
			devices = append(devices, p.Measurement.Device)
		}
		if p.Feasible() {
			costs = append(costs, v.Objectives.Costs(p.Judged))
		}
	}
	o.Devices = len(devices)
	if len(costs) > 0 { // of which a negation is its own inverse
		b := pareto.BoxOf(costs, len(v.Objectives))
		o.Best, o.Worst = v.Objectives.Costs(b.Best), v.Objectives.Costs(b.Reference)
	}
	for _, p := range v.Frontier {
		values := make(map[string]float64)
		for _, by := range objective.All() {
			if r, known := v.Read(p, by); known {
				values[by.Name] = r.Value
			}
		}
		o.Frontier = append(o.Frontier, search.OtherPoint{Number: p.Number, Values: values})
	}
	return o, nil
}
