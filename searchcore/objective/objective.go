// Package objective names what a search trades off: counts of parameters and
// operations, latencies and memory, each with its unit, its direction and its value for a candidate.
// A study lists objectives by name, turns values into costs for package pareto,
// and may bound any objective by a constraint.
//
// An objective is one row of the table in table.go; adding one is adding a row.
package objective

import (
	"fmt"
	"math"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Direction says which values of an objective are better.
type Direction string

// The directions.
const (
	Minimize Direction = "minimize"
	Maximize Direction = "maximize"
)

// Objective is one thing that a search optimises or bounds. Take objectives
// from [Parse], [ParseSet] or [All]; the zero value has no values.
type Objective struct {
	Name        string
	Unit        string // "ms", "MiB", or empty for a count
	Direction   Direction
	Description string // one sentence for people

	// One of the two is set. measured takes from each timing the number that
	// pick selects.
	static   func(Candidate) float64
	measured func(c Candidate, pick func(trial.Stat) float64) float64
}

// Candidate is what objectives are computed from; take it from [NewCandidate].
type Candidate struct {
	Arch     arch.Architecture
	Workload trial.Workload
	Memory   graph.Memory // the plan for Arch under Workload
	FLOPs    int64        // of one response; see graph.Graph.ResponseWork
	// Measurement is nil as long as the candidate was not measured.
	Measurement *trial.Measurement
}

// NewCandidate is the candidate that g computes, with its measurement if there is
// one.
func NewCandidate(g *graph.Graph, m *trial.Measurement) Candidate {
	return Candidate{Arch: g.Arch, Workload: g.Workload, Memory: g.Memory, FLOPs: g.ResponseWork().FLOPs(), Measurement: m}
}

// Static reports whether the objective is known before a candidate is measured.
func (o Objective) Static() bool { return o.measured == nil }

// Value returns the objective of c in its unit; latencies as [LatencyMs] takes
// them. It is an error if the objective must be measured and c was not, or if
// the value is no finite number of at least 0.
func (o Objective) Value(c Candidate) (float64, error) {
	v, err := o.of(c, func(s trial.Stat) float64 { return LatencyMs(c.Measurement.Protocol, s) })
	if err != nil {
		return 0, err
	}
	return v, o.Check(v)
}

// Check reports why v is no value that o can have: none is negative or infinite.
func (o Objective) Check(v float64) error {
	if !(v >= 0) || math.IsInf(v, 1) {
		return fmt.Errorf("%s: value %v must be a finite number of at least 0", o.Name, v)
	}
	return nil
}

// Interval returns the bounds of the 95 % confidence interval of Value, as the
// measurement reports them. For a sum of timings it adds up their bounds, which
// errs on the wide side. For static objectives both bounds are the value. It is
// an error if the objective must be measured and c was not.
func (o Objective) Interval(c Candidate) (low, high float64, err error) {
	low, err = o.of(c, func(s trial.Stat) float64 { return s.LowMs })
	if err != nil {
		return 0, 0, err
	}
	high, err = o.of(c, func(s trial.Stat) float64 { return s.HighMs })
	return low, high, err
}

// of returns the objective of c, with pick's number for each timing.
func (o Objective) of(c Candidate, pick func(trial.Stat) float64) (float64, error) {
	if o.Static() {
		return o.static(c), nil
	}
	if c.Measurement == nil {
		return 0, fmt.Errorf("%s: not known before measuring", o.Name)
	}
	return o.measured(c, pick), nil
}

// LatencyMs returns the milliseconds that stand for s: the median, or the mean
// under the protocol "lts", as the paper reports it.
func LatencyMs(protocol string, s trial.Stat) float64 {
	if protocol == trial.LTS {
		return s.MeanMs
	}
	return s.MedianMs
}
