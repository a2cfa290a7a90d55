package report

import (
	"encoding/json"
	"io"

	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// document is study.json.
type document struct {
	Started  trial.Started `json:"started"`
	Device   *trial.Device `json:"device"` // of the first measured trial; null if there is none
	Frontier []result      `json:"frontier"`
	// Infeasible are the measured trials that break a constraint.
	Infeasible []result `json:"infeasible"`
	Overlays   []result `json:"overlays"` // those that were measured
	// Predicted is what an event tells of the frontier that the strategy predicts;
	// null if it predicts none.
	Predicted *trial.Predicted `json:"predicted"`
}

// result is a measured trial, or a predicted one, under the names that events use.
type result struct {
	Number      int                `json:"trial"`
	ArchID      string             `json:"arch_id"`
	Arch        arch.Architecture  `json:"arch"`
	Origin      trial.Origin       `json:"origin"`
	Values      []float64          `json:"values"` // in the order of the objectives
	Violates    string             `json:"violates,omitempty"`
	Measurement *trial.Measurement `json:"measurement"` // null if it is predicted
}

func (v *view) studyJSON(w io.Writer) error {
	return writeJSON(w, document{
		Started:    v.started,
		Device:     v.device(),
		Frontier:   results(v.frontier),
		Infeasible: results(v.infeasible()),
		Overlays:   results(v.measured(true)),
		Predicted:  v.prediction,
	})
}

func writeJSON(w io.Writer, document any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(document)
}

func results(points []point) []result {
	list := make([]result, len(points))
	for i, p := range points {
		list[i] = result{p.Number, p.Arch.ID(), p.Arch, p.Origin, p.values, p.Violates, p.Measurement}
	}
	return list
}
