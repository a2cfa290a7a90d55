package results

import (
	"encoding/json"
	"io"

	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// document is the study as JSON.
type document struct {
	Started  trial.Started `json:"started"`
	Device   *trial.Device `json:"device"` // of the first measured trial; null if there is none
	Frontier []Result      `json:"frontier"`
	// Infeasible are the measured trials that break a constraint.
	Infeasible []Result `json:"infeasible"`
	Overlays   []Result `json:"overlays"` // those that were measured
	// Predicted is what an event tells of the frontier that the strategy predicts;
	// null if it predicts none.
	Predicted *trial.Predicted `json:"predicted"`
}

// Result is a measured trial, or a predicted one, under the names that events use.
type Result struct {
	Number      int                `json:"trial"`
	ArchID      string             `json:"arch_id"`
	Arch        arch.Architecture  `json:"arch"`
	Origin      trial.Origin       `json:"origin"`
	Values      []float64          `json:"values"` // in the order of the objectives
	Violates    string             `json:"violates,omitempty"`
	Measurement *trial.Measurement `json:"measurement"` // null if it is predicted
}

// JSON writes setup, device, frontier, infeasible trials and overlays with all raw
// samples, and what is predicted, as one object.
func (v *View) JSON(w io.Writer) error {
	return WriteJSON(w, document{
		Started:    v.Started,
		Device:     v.Device(),
		Frontier:   List(v.Frontier),
		Infeasible: List(v.Infeasible()),
		Overlays:   List(v.Measured(true)),
		Predicted:  v.Prediction,
	})
}

// WriteJSON writes a document of results, indented.
func WriteJSON(w io.Writer, document any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(document)
}

// List is points as JSON has them.
func List(points []Point) []Result {
	list := make([]Result, len(points))
	for i, p := range points {
		list[i] = Result{p.Number, p.Arch.ID(), p.Arch, p.Origin, p.Judged, p.Violates, p.Measurement}
	}
	return list
}
