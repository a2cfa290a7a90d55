package search

import (
	"context"
	"time"

	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Request is a search as it crosses a boundary: to the edge guest, to a
// browser's worker. It holds everything but the target, the journal and those
// who watch.
type Request struct {
	Name  string      `json:"name"` // of the study
	Code  string      `json:"code"` // version of the running program
	Setup trial.Setup `json:"setup"`
	// Journal is what earlier sessions recorded; with it the search goes on where
	// they ended, under the recorded setup.
	Journal []trial.Event `json:"journal,omitempty"`
	// Reconstrain has the constraints of Setup replace those of a study that goes on.
	Reconstrain bool `json:"reconstrain,omitempty"`

	Budget   string              `json:"budget"` // as ParseBudget reads it
	Overlays []arch.Architecture `json:"overlays,omitempty"`
	// TrialTimeMs is the time to spend on a candidate; 0 means the default.
	TrialTimeMs float64 `json:"trial_time_ms,omitempty"`
}

// Open starts or resumes the study, records a budget and constraints that changed
// and enqueues the overlays.
func (q Request) Open(j study.Journal, watch func(trial.Event)) (s *study.Study, err error) {
	b, err := ParseBudget(q.Budget)
	if err != nil {
		return nil, err
	}
	if len(q.Journal) > 0 {
		s, err = study.Replay(q.Journal, j, watch)
	} else {
		s, err = study.New(q.Name, q.Code, q.Setup, j, watch)
	}
	if err != nil {
		return nil, err
	}
	for _, a := range q.Overlays { // which records nothing, before what does
		if err := s.Enqueue(a); err != nil {
			return nil, err
		}
	}
	if now := study.ConstraintsValue(q.Setup.Constraints); q.Reconstrain && now != study.ConstraintsValue(s.Started().Constraints) {
		if err := s.Set(study.SettingConstraints, now); err != nil {
			return nil, err
		}
	}
	if s.Settings()["budget"] != b.String() {
		err = s.Set("budget", b.String())
	}
	return s, err
}

// Run opens the study and searches on target. The study is returned also when
// the search failed; it is nil if it could not be opened.
func (q Request) Run(ctx context.Context, target measure.Target, j study.Journal, watch func(trial.Event)) (*study.Study, trial.Done, error) {
	workload := q.Setup.Workload
	if len(q.Journal) > 0 && q.Journal[0].Started != nil {
		workload = q.Journal[0].Started.Workload
	}
	if err := measure.CheckWorkload(target, workload); err != nil { // before anything is recorded
		return nil, trial.Done{}, err
	}
	s, err := q.Open(j, watch)
	if err != nil {
		return nil, trial.Done{}, err
	}
	o := measure.DefaultOptions()
	setup := s.Started().Setup
	o.Protocol, o.MemoryLimit, o.Code = setup.Protocol, setup.MemoryLimit, q.Code
	if q.TrialTimeMs != 0 {
		o.Budget = time.Duration(q.TrialTimeMs * float64(time.Millisecond))
	}
	local, err := measure.Local(target, o)
	if err != nil {
		return s, trial.Done{}, err
	}
	defer local.Close()
	for _, t := range s.Trials() {
		if t.Measurement != nil {
			local.Remember(*t.Measurement)
		}
	}
	b, err := ParseBudget(q.Budget)
	if err != nil {
		return s, trial.Done{}, err
	}
	done, err := Run(ctx, s, local, b, target.Now, watch)
	return s, done, err
}

// Check reports why the study of q could not be started, and starts nothing.
func (q Request) Check() error {
	_, err := q.Open(nil, nil)
	return err
}
