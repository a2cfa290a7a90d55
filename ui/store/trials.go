package store

import (
	"slices"

	"litefront/searchcore/graph"
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
	Outside        string // the bound of the page that it breaks, for people
	OnFrontier     bool   // on that which is shown
	Tied           bool   // with the next better member of the frontier, by predicted perplexity
	// Predicted says that nobody measured it: its times are those of a fitted
	// model, and its Measurement has no samples.
	Predicted bool

	searched int // how many trials of the search had ended when it had, this one included

	id       string               // of the architecture, once asked for
	planned  *objective.Candidate // what is known without measuring, once asked for
	readings []reading            // once asked for, and measured
}

// reading is what a measured trial tells of an objective.
type reading struct {
	objective string // its name
	Reading
	known bool
}

// ArchID is the architecture's ID.
func (t *Trial) ArchID() string {
	if t.id == "" {
		t.id = t.Arch.ID()
	}
	return t.id
}

// Infeasible reports whether the trial breaks a constraint of the study or a bound of
// the page.
func (t *Trial) Infeasible() bool { return t.Violates != "" || t.Outside != "" }

// Standing is what became of the trial, in a word.
func (t *Trial) Standing() string {
	switch {
	case t.Predicted:
		return GroupPredicted
	case t.Failure != "":
		return GroupFailed
	case t.Measurement == nil:
		return "under way"
	case t.Overlay():
		return "reference"
	case t.Infeasible():
		return GroupInfeasible
	case t.OnFrontier:
		return GroupFrontier
	}
	return "dominated"
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
	t.Measurement, t.readings = &m, nil
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

// Frontier returns the members of the frontier by the first objective, from worst to
// best: the worker's, or that under the page's bounds.
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

// Select shows the details of a trial; the number of none that has ended, or is
// predicted, selects nothing.
func (s *Store) Select(number int) {
	if t := s.Trial(number); t == nil || t.Measurement == nil && t.Failure == "" {
		number = 0
	}
	if s.selected != number {
		s.selected = number
		s.Version++
	}
}

// Selected returns the selected trial, or nil.
func (s *Store) Selected() *Trial { return s.Trial(s.selected) }

// Objectives returns what the page shows of each candidate unless told otherwise: the
// decoder parameters first and the peak memory last, and between them the study's
// other objectives.
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
	// A drawing asks for those of all trials, and a measurement stays as it is.
	i := slices.IndexFunc(t.readings, func(r reading) bool { return r.objective == o.Name })
	if i < 0 {
		i = len(t.readings)
		r, known = s.read(t, o)
		t.readings = append(t.readings, reading{o.Name, r, known})
	}
	return t.readings[i].Reading, t.readings[i].known
}

func (s *Store) read(t *Trial, o objective.Objective) (r Reading, known bool) {
	c := objective.Candidate{Arch: t.Arch, Workload: s.Study.Workload, Measurement: t.Measurement}
	// The plan's total is the memory that the module was found to have.
	c.Memory.TotalBytes = t.Measurement.MemoryBytes
	var err error
	if i := slices.IndexFunc(s.objectives, func(other objective.Objective) bool { return other.Name == o.Name }); i >= 0 {
		r.Value = t.Values[i]
	} else {
		if o.Name == "weight_mb" || o.Name == "kv_mb" || o.Name == "flops" {
			c = s.plan(t)
		}
		if r.Value, err = o.Value(c); err != nil {
			return Reading{}, false
		}
	}
	r.Low, r.High = r.Value, r.Value
	if !o.Static() {
		if r.Low, r.High, err = o.Interval(c); err != nil || !usable(r.Low) || !usable(r.High) {
			return Reading{}, false
		}
	}
	return r, true
}

// plan is what is known of a trial without measuring it. It is made when first asked
// for, since it takes a while, and stays. Values of what cannot be planned are negative, so unknown.
func (s *Store) plan(t *Trial) objective.Candidate {
	if t.planned == nil {
		c := objective.Candidate{Arch: t.Arch, Memory: graph.Memory{TotalBytes: -1, WeightBytes: -1, KVBytes: -1}, FLOPs: -1}
		if g, err := graph.Build(t.Arch, s.Study.Workload); err == nil {
			c = objective.NewCandidate(g, nil)
		}
		t.planned = &c
	}
	return *t.planned
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
