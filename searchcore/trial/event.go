package trial

import (
	"fmt"
	"math"

	"litefront/searchcore/arch"
	"litefront/searchcore/space"
)

// EventVersion is the version of the event format that this program writes.
const EventVersion = 1

// Kind names what an Event tells.
type Kind string

// The kinds of Event. The first four and Setting change a study and are kept in
// its journal; the others are only shown: they follow from those, or belong to no
// study.
const (
	KindStarted   Kind = "started"
	KindAsked     Kind = "asked"
	KindMeasured  Kind = "measured"
	KindFailed    Kind = "failed"
	KindSetting   Kind = "setting"
	KindFrontier  Kind = "frontier"
	KindPredicted Kind = "predicted"
	KindProgress  Kind = "progress"
	KindDone      Kind = "done"
	KindProfile   Kind = "profile"
	KindRounds    Kind = "rounds"
	KindSustained Kind = "sustained"
)

// Event is the one message of the program: the CLI prints it, workers and
// devices send it, the journal is a list of it. Exactly one of the payloads is
// set, the one that Kind names.
type Event struct {
	V    int  `json:"v"`
	Kind Kind `json:"kind"`
	// Seq numbers the events of a journal from 1; 0 in events that are not kept.
	Seq int64 `json:"seq,omitempty"`

	Started   *Started   `json:"started,omitempty"`
	Asked     *Trial     `json:"asked,omitempty"`
	Measured  *Measured  `json:"measured,omitempty"`
	Failed    *Failed    `json:"failed,omitempty"`
	Setting   *Setting   `json:"setting,omitempty"`
	Frontier  *Frontier  `json:"frontier,omitempty"`
	Predicted *Predicted `json:"predicted,omitempty"`
	Progress  *Progress  `json:"progress,omitempty"`
	Done      *Done      `json:"done,omitempty"`
	Profile   *Profile   `json:"profile,omitempty"`
	Rounds    []Round    `json:"rounds,omitempty"` // of a sustained run, since the event before
	Sustained *Sustained `json:"sustained,omitempty"`
}

// Setup is everything that determines which candidates a study proposes.
type Setup struct {
	Space       space.Space `json:"space"`
	Workload    Workload    `json:"workload"`
	Objectives  []string    `json:"objectives"`            // names from package objective
	Constraints []string    `json:"constraints,omitempty"` // e.g. "peak_mb<=512"
	Strategy    string      `json:"strategy"`              // one of study.Strategies
	Protocol    string      `json:"protocol"`              // Litefront or LTS
	Seed        uint64      `json:"seed"`
	MemoryLimit int64       `json:"memory_limit"` // bytes of linear memory a candidate may need
	// Known are models of other devices, at most MaxKnown, from which the model of this
	// one starts. Only the strategy "exact" knows them.
	Known []DeviceModel `json:"known,omitempty"`
}

// Started opens a study.
type Started struct {
	Study string `json:"study"` // name of the study
	Code  string `json:"code"`  // version of the program that started it
	Setup
}

// Measured ends a trial with a result.
type Measured struct {
	Number int    `json:"trial"`
	Token  string `json:"token"`
	// Values are the study's objectives, in the order and the units of
	// Setup.Objectives.
	Values      []float64   `json:"values"`
	Measurement Measurement `json:"measurement"`
}

// Failed ends a trial without a result.
type Failed struct {
	Number int    `json:"trial"`
	Token  string `json:"token"`
	Reason string `json:"reason"` // one line
}

// Setting records a change of something that may change during a study.
type Setting struct {
	Name  string `json:"name"` // "budget"
	Value string `json:"value"`
}

// FrontierPoint is one member of the frontier.
type FrontierPoint struct {
	Number int       `json:"trial"`
	ArchID string    `json:"arch_id"`
	Values []float64 `json:"values"` // as in Measured
}

// Frontier is the whole frontier after it changed, sorted by the first
// objective from worst to best.
type Frontier struct {
	Points []FrontierPoint `json:"points"`
}

// Predicted is the frontier as a strategy computes it from a model of the device
// that it fitted to what was measured.
type Predicted struct {
	// Points are members that are not measured, spread over the frontier, at most
	// MaxPredicted.
	Points []Prediction `json:"points"`
	Total  int          `json:"total"`  // members of the computed frontier
	Fitted int          `json:"fitted"` // measurements that the model was fitted to
	// Checked counts the last latencies that were predicted before they were
	// measured, and Within those of them that lie in their 95 % intervals.
	Checked int `json:"checked"`
	Within  int `json:"within"`
}

// MaxPredicted bounds Predicted.Points.
const MaxPredicted = 200

// Validate reports in one line what of p cannot be: too many points, one that is no
// architecture, or a number that is negative or infinite.
func (p Predicted) Validate() error {
	if n := len(p.Points); n > MaxPredicted {
		return fmt.Errorf("%d predicted points; at most %d are allowed", n, MaxPredicted)
	}
	for _, n := range []int{p.Total, p.Fitted, p.Checked, p.Within} {
		if n < 0 {
			return fmt.Errorf("predicted: the count %d must not be negative", n)
		}
	}
	for i, point := range p.Points {
		if err := point.Arch.Validate(); err != nil {
			return fmt.Errorf("predicted point %d: %w", i, err)
		}
		for _, e := range []Estimate{point.Prefill, point.Decode} {
			for _, ms := range []float64{e.Ms, e.LowMs, e.HighMs} {
				if !(ms >= 0) || math.IsInf(ms, 1) {
					return fmt.Errorf("predicted point %d: %v ms must be finite and not negative", i, ms)
				}
			}
		}
	}
	return nil
}

// Prediction is a candidate that nobody measured.
type Prediction struct {
	Arch    arch.Architecture `json:"arch"`
	Prefill Estimate          `json:"prefill"`
	Decode  Estimate          `json:"decode"`
}

// Estimate is a time in milliseconds with its 95 % prediction interval.
type Estimate struct {
	Ms     float64 `json:"ms"`
	LowMs  float64 `json:"low_ms"`
	HighMs float64 `json:"high_ms"`
}

// Measurement is what measuring would give if the prediction came true, for
// whoever computes objectives. It has times and no samples.
func (p Prediction) Measurement(w Workload) Measurement {
	stat := func(e Estimate) Stat {
		return Stat{MedianMs: e.Ms, MeanMs: e.Ms, MinMs: e.Ms, LowMs: e.LowMs, HighMs: e.HighMs}
	}
	return Measurement{ArchID: p.Arch.ID(), Workload: w, Prefill: stat(p.Prefill), Decode: stat(p.Decode)}
}

// Progress says how far a study is.
type Progress struct {
	Asked       int     `json:"asked"`
	Measured    int     `json:"measured"`
	Failed      int     `json:"failed"`
	Hypervolume float64 `json:"hypervolume"` // of the frontier, between 0 and 1; see study.Progress
	ElapsedMs   float64 `json:"elapsed_ms"`  // spent so far: what earlier sessions measured, and this session
	LeftMs      float64 `json:"left_ms"`     // estimate; 0 when unknown
}

// Done ends a session of a study.
type Done struct {
	Reason   string `json:"reason"` // one of search's Done constants
	Measured int    `json:"measured"`
	Failed   int    `json:"failed"`
}
