package store

import (
	"slices"

	"litefront/searchcore/objective"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Trial is a candidate as the page shows it.
type Trial struct {
	trial.Trial
	Name          string // the architecture in one line
	DecoderParams float64
	Values        []float64 // the study's objectives, once measured
	// Measurement is nil until the trial was measured. Its raw samples are left
	// out; their numbers are below.
	Measurement    *trial.Measurement
	PrefillSamples int
	DecodeSamples  int
	Failure        string // why it failed
	Violates       string // the constraint that it breaks
	OnFrontier     bool
	Tied           bool // with the next better member of the frontier, by predicted perplexity
	// Predicted says that nobody measured it: its times are those of a fitted
	// model, and its Measurement has no samples.
	Predicted bool
}

// Overlay reports whether the trial is a reference beside the search.
func (t *Trial) Overlay() bool { return t.Origin.Op == study.OpOverlay }

func (t *Trial) setMeasurement(m trial.Measurement) {
	t.PrefillSamples, t.DecodeSamples = len(m.Prefill.SamplesMs), len(m.Decode.SamplesMs)
	for _, stat := range []*trial.Stat{&m.Prefill, &m.Decode, &m.Compute, &m.Stream} {
		stat.SamplesMs = nil
	}
	m.Device = *cleanDevice(m.Device)
	m.ModuleSHA256, m.Code = line(m.ModuleSHA256, 64), line(m.Code, 80)
	t.Measurement = &m
}

// Trial returns the trial of that number, a predicted one where it is negative,
// or nil.
func (s *Store) Trial(number int) *Trial {
	if number < 0 && -number <= len(s.predicted) {
		return s.predicted[-number-1]
	}
	return s.trials[number]
}

// Predicted returns the members of the frontier that a fitted model predicts and
// nobody measured, and how many members that frontier has in all.
func (s *Store) Predicted() (shown []*Trial, total int) { return s.predicted, s.predictedTotal }

// Frontier returns the members of the frontier in the worker's order: by the
// first objective, from worst to best.
func (s *Store) Frontier() []*Trial {
	members := make([]*Trial, len(s.frontier))
	for i, n := range s.frontier {
		members[i] = s.trials[n]
	}
	return members
}

// Ties says how many neighbours on the frontier are, as proxy.Ties does; empty for
// none.
func (s *Store) Ties() string { return s.ties }

// Infeasible counts the candidates of the search that were measured and break a
// constraint.
func (s *Store) Infeasible() int {
	n := 0
	for _, t := range s.trials {
		if t.Violates != "" && !t.Overlay() {
			n++
		}
	}
	return n
}

// Select shows the details of a trial; a number without a measurement selects
// nothing.
func (s *Store) Select(number int) {
	if t := s.Trial(number); t == nil || t.Measurement == nil {
		number = 0
	}
	if s.selected != number {
		s.selected = number
		s.Version++
	}
}

// Selected returns the selected trial, or nil.
func (s *Store) Selected() *Trial { return s.Trial(s.selected) }

// Objectives returns the columns of the frontier's table: the decoder parameters
// first and the peak memory last, and between them the study's other objectives.
func (s *Store) Objectives() objective.Set {
	columns := objective.Set{decoderParams}
	for _, o := range s.objectives {
		if o.Name != decoderParams.Name && o.Name != peakMemory.Name {
			columns = append(columns, o)
		}
	}
	return append(columns, peakMemory)
}

// Reading is the value of an objective with its 95 % confidence interval, in the
// objective's unit. The bounds of what is not measured are its value.
type Reading struct{ Value, Low, High float64 }

// Read returns an objective of a measured trial. It reports false where the
// trial does not tell it, or not as a finite number.
func (s *Store) Read(t *Trial, o objective.Objective) (r Reading, known bool) {
	if s.Study == nil || t.Measurement == nil {
		return Reading{}, false
	}
	c := objective.Candidate{Arch: t.Arch, Workload: s.Study.Workload, Measurement: t.Measurement}
	// The plan's total is the memory that the module was found to have; its parts,
	// and the operations, are known for the study's objectives only.
	c.Memory.TotalBytes = t.Measurement.MemoryBytes
	var err error
	if i := slices.IndexFunc(s.objectives, func(other objective.Objective) bool { return other.Name == o.Name }); i >= 0 {
		r.Value = t.Values[i]
	} else if o.Name == "weight_mb" || o.Name == "kv_mb" || o.Name == "flops" {
		return Reading{}, false
	} else if r.Value, err = o.Value(c); err != nil {
		return Reading{}, false
	}
	r.Low, r.High = r.Value, r.Value
	if !o.Static() {
		if r.Low, r.High, err = o.Interval(c); err != nil || !usable(r.Low) || !usable(r.High) {
			return Reading{}, false
		}
	}
	return r, true
}

// The objectives that the page shows of every study.
var (
	decoderParams = mustObjective("decoder_params")
	peakMemory    = mustObjective("peak_mb")
)

func mustObjective(name string) objective.Objective {
	o, err := objective.Parse(name)
	if err != nil {
		panic(err)
	}
	return o
}
