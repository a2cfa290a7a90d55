// Package study runs one search by ask and tell. Ask hands out a trial, whoever
// measures it tells the result, and the study keeps the frontier of what has
// been told.
//
// Every change of a study is an event. An event is first checked, then appended
// to the study's [Journal], then applied, then announced; [Replay] checks and
// applies recorded events in the same way and recomputes nothing, and so does
// [Study.Accept] with events that come one by one. So the journal
// is the only truth: after a crash a study goes on where its journal ends, and
// proposes what it would have proposed without the crash.
//
// The package sits between the strategies (package evolve) and whoever measures
// (kernels/measure), and knows neither clocks nor files.
package study

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/pareto"
	"litefront/searchcore/trial"
)

// Journal keeps a study's events.
type Journal interface {
	// Append adds e at the end. When it returns nil, e survives a crash; when it
	// returns an error, e is not in the journal.
	Append(e trial.Event) error
}

// Strategy decides what is measured next. It holds no generator and hears of
// everything in the order of the journal, so that a replay restores it.
type Strategy interface {
	// Propose returns the next candidate, drawn from r alone. It changes nothing,
	// so that asking again with the same generator gives the same. The error is
	// trial.ErrWait, trial.ErrExhausted or trial.ErrConverged when there is none.
	Propose(r *rand.Rand) (trial.Proposal, error)
	// Asked records that p, which Propose once returned, was handed out.
	Asked(p trial.Proposal)
	// Told gives the costs, all minimised, of an architecture that was handed
	// out. They are nil if it gave no usable result: it failed, or broke a
	// constraint. The measurement is nil only if it failed.
	Told(archID string, costs []float64, m *trial.Measurement)
}

// Predictor is a Strategy that computes a frontier beyond what was measured.
type Predictor interface {
	Strategy
	// Predicted returns the frontier by what the strategy was told so far, as it
	// proposes from it; nil as long as it was told too little.
	Predicted() *trial.Predicted
	// Generation tells one prediction from the next; it is 0 as long as there is none,
	// and costs next to nothing.
	Generation() int
}

// Prober is a Strategy that can tell before a study starts that it will not get far.
type Prober interface {
	Strategy
	// Probe reports why, in one line. It may take a second.
	Probe() error
}

// OpOverlay is the Origin.Op of architectures that were enqueued: references,
// measured beside the search, that neither guide it nor enter its frontier.
const OpOverlay = "overlay"

// Study is a search under way. It is not safe for concurrent use.
type Study struct {
	started  trial.Started
	problem  *problem
	strategy Strategy
	journal  Journal
	watch    func(trial.Event)

	seq           int64
	trials        []*Record           // by number, from 1
	asked         map[candidate]int   // number of the trial
	proposals     int                 // trials that the strategy proposed
	moves         []move              // what the strategy was told, in order
	reconstrained int                 // how often the constraints changed
	generation    int                 // of the prediction announced last
	orphans       []*Record           // asked in an earlier session and never told
	queue         []arch.Architecture // overlays that are still to be asked
	settings      map[string]string
	measured      int
	failed        int
	frontier      pareto.Archive
	pivots        []float64 // of the hypervolume, per objective
}

// candidate is what may be asked only once: an architecture, in the search or
// beside it.
type candidate struct {
	archID  string
	overlay bool
}

func candidateOf(p trial.Proposal) candidate {
	return candidate{p.Arch.ID(), p.Origin.Op == OpOverlay}
}

// New starts a study and records that. The name is the study's, code is the
// version of the running program; both are one line. A nil journal keeps
// nothing. The function watch, if not nil, is called with each event once it is
// recorded, and with the frontier whenever that changed; it must not call back
// into the study.
func New(name, code string, setup trial.Setup, j Journal, watch func(trial.Event)) (*Study, error) {
	if err := Check(setup); err != nil {
		return nil, err
	}
	started := trial.Started{Study: name, Code: code, Setup: setup}
	s, err := restore(started)
	if err != nil {
		return nil, err
	}
	if p, ok := s.strategy.(Prober); ok {
		if err := p.Probe(); err != nil {
			return nil, err
		}
	}
	s.journal, s.watch = j, watch
	if err := s.record(trial.Event{Kind: trial.KindStarted, Started: &started}); err != nil {
		return nil, err
	}
	return s, nil
}

// Check reports why [New] would refuse a setup, as far as that can be told at once;
// what a strategy tries out is New's.
func Check(setup trial.Setup) error {
	p, err := newProblem(setup)
	if err != nil {
		return err
	}
	if !slices.Contains(Strategies(), setup.Strategy) {
		return errStrategy(setup.Strategy)
	}
	return p.probe()
}

// Ask hands out a trial: one that an earlier session left unfinished, with a
// new token; else an enqueued architecture; else what the strategy proposes. It
// returns trial.ErrWait when an outstanding trial must be told first,
// trial.ErrExhausted when nothing is left, and trial.ErrConverged when nothing
// left would be worth it.
func (s *Study) Ask() (trial.Trial, error) {
	t, err := s.next()
	s.announcePrediction() // to propose, a strategy takes in what it was told
	if err != nil {
		return trial.Trial{}, err
	}
	if err := s.record(trial.Event{Kind: trial.KindAsked, Asked: &t}); err != nil {
		return trial.Trial{}, err
	}
	return t, nil
}

// Again hands out an outstanding trial once more, with a new token: whoever had it is
// not expected to tell it any more.
func (s *Study) Again(number int) (trial.Trial, error) {
	if number < 1 || number > len(s.trials) {
		return trial.Trial{}, fmt.Errorf("trial %d was never asked", number)
	}
	t := s.trials[number-1].again()
	if err := s.record(trial.Event{Kind: trial.KindAsked, Asked: &t}); err != nil {
		return trial.Trial{}, err
	}
	return t, nil
}

// Queued is how many trials [Study.Ask] hands out before the strategy proposes more:
// those that earlier sessions left, and what was enqueued.
func (s *Study) Queued() int { return len(s.orphans) + len(s.queue) }

// again is another attempt at the trial of r.
func (r *Record) again() trial.Trial {
	return trial.Trial{Number: r.Number, Token: token(r.Number, r.attempt+1), Proposal: r.Proposal}
}

func (s *Study) next() (trial.Trial, error) {
	if len(s.orphans) > 0 {
		return s.orphans[0].again(), nil
	}
	number := len(s.trials) + 1
	t := trial.Trial{Number: number, Token: token(number, 1)}
	if len(s.queue) > 0 {
		t.Proposal = trial.Proposal{Arch: s.queue[0], Origin: trial.Origin{Op: OpOverlay}}
		return t, nil
	}
	// Seeded by the count of proposals, not of trials, so that overlays do not
	// alter the search.
	r := rand.New(rand.NewPCG(s.started.Seed, uint64(s.proposals+1)))
	var err error
	t.Proposal, err = s.strategy.Propose(r)
	return t, err
}

// Enqueue has a measured beside the search, before anything else is proposed.
// An architecture that was enqueued before, in this session or recorded by an
// earlier one, is not measured again. The queue itself is not recorded: a
// session that resumes the study enqueues its references once more.
func (s *Study) Enqueue(a arch.Architecture) error {
	if err := a.Validate(); err != nil {
		return err
	}
	a = a.Canonical()
	if _, err := s.problem.plan(a); err != nil {
		return err
	}
	id := a.ID()
	queued := slices.ContainsFunc(s.queue, func(q arch.Architecture) bool { return q.ID() == id })
	if s.asked[candidate{id, true}] == 0 && !queued {
		s.queue = append(s.queue, a)
	}
	return nil
}

// Tell ends an outstanding trial with its measurement. The token is the one the
// trial was handed out with. An error means that nothing changed.
func (s *Study) Tell(number int, token string, m trial.Measurement) error {
	values, err := s.values(number, token, m)
	if err != nil {
		return err
	}
	return s.record(trial.Event{Kind: trial.KindMeasured, Measured: &trial.Measured{
		Number: number, Token: token, Values: values, Measurement: m,
	}})
}

// Takes reports why Tell would refuse a measurement; it changes nothing.
func (s *Study) Takes(number int, token string, m trial.Measurement) error {
	_, err := s.values(number, token, m)
	return err
}

// values are the objectives of an outstanding trial that m is a measurement of.
func (s *Study) values(number int, token string, m trial.Measurement) ([]float64, error) {
	r, err := s.outstanding(number, token)
	if err != nil {
		return nil, err
	}
	if err := s.checkMeasurement(r, m); err != nil {
		return nil, err
	}
	values, err := s.problem.values(r.Arch, &m)
	if err != nil {
		return nil, fmt.Errorf("trial %d: %w", number, err)
	}
	return values, nil
}

// Fail ends an outstanding trial without a result. Of the reason, the first
// line is kept. An error means that nothing changed.
func (s *Study) Fail(number int, token, reason string) error {
	return s.record(trial.Event{Kind: trial.KindFailed, Failed: &trial.Failed{
		Number: number, Token: token, Reason: firstLine(reason),
	}})
}

// Set records a setting, such as the budget. The study itself uses only
// [SettingConstraints].
func (s *Study) Set(name, value string) error {
	if name == SettingConstraints {
		if err := s.try(value); err != nil {
			return err
		}
	}
	return s.record(trial.Event{Kind: trial.KindSetting, Setting: &trial.Setting{Name: name, Value: value}})
}

// Accept records an event that was made elsewhere, by a study in a sandbox that
// this one mirrors: it is checked as [Replay] checks, then kept, applied and
// announced as if this study had made it. An error means that nothing changed;
// the journal's is returned as it is.
func (s *Study) Accept(e trial.Event) error {
	if err := s.check(e); err != nil {
		return fmt.Errorf("event %d: %w", e.Seq, err)
	}
	return s.keep(e)
}

// record numbers, checks, keeps, applies and announces one event.
func (s *Study) record(e trial.Event) error {
	e.V, e.Seq = trial.EventVersion, s.seq+1
	if err := s.check(e); err != nil {
		return err
	}
	return s.keep(e)
}

// keep appends an event that check let pass to the journal, applies and
// announces it.
func (s *Study) keep(e trial.Event) error {
	if s.journal != nil {
		if err := s.journal.Append(e); err != nil {
			return err
		}
	}
	changed := s.apply(e)
	if s.watch == nil {
		return nil
	}
	s.watch(e)
	if changed {
		s.watch(trial.Event{V: trial.EventVersion, Kind: trial.KindFrontier, Frontier: s.frontierEvent()})
	}
	return nil
}

// announcePrediction tells a predicted frontier that is new.
func (s *Study) announcePrediction() {
	predictor, ok := s.strategy.(Predictor)
	if !ok || s.watch == nil {
		return
	}
	n := predictor.Generation()
	if n == 0 || n == s.generation {
		return
	}
	s.generation = n
	if p := predictor.Predicted(); p != nil {
		s.watch(trial.Event{V: trial.EventVersion, Kind: trial.KindPredicted, Predicted: p})
	}
}

// outstanding returns the trial if token is that of its current attempt and it
// has not ended.
func (s *Study) outstanding(number int, token string) (*Record, error) {
	if number < 1 || number > len(s.trials) {
		return nil, fmt.Errorf("trial %d was never asked", number)
	}
	r := s.trials[number-1]
	if r.Status != Outstanding {
		return nil, fmt.Errorf("trial %d has ended already: %s", number, r.Status)
	}
	if token != r.Token {
		return nil, fmt.Errorf("trial %d: token %q is stale or unknown; the current one is %q", number, token, r.Token)
	}
	return r, nil
}

// maxMs bounds the times of a measurement: sums of them cannot overflow.
const maxMs = 1e9

var errInterrupted = errors.New("an interrupted measurement is no result")

// checkMeasurement demands that m is a result of this trial of this study.
func (s *Study) checkMeasurement(r *Record, m trial.Measurement) error {
	var err error
	switch want := s.started.Setup; {
	case m.ArchID != r.Arch.ID():
		err = fmt.Errorf("arch_id %q is not the trial's %q", m.ArchID, r.Arch.ID())
	case m.Workload != want.Workload:
		err = fmt.Errorf("workload %+v is not the study's %+v", m.Workload, want.Workload)
	case m.Protocol != want.Protocol:
		err = fmt.Errorf("protocol %q is not the study's %q", m.Protocol, want.Protocol)
	case !(m.SubmitMs >= 0 && m.SubmitMs < maxMs):
		err = fmt.Errorf("submit_ms %v must be at least 0 and below %g", m.SubmitMs, maxMs)
	case !(m.SpentMs >= 0 && m.SpentMs < maxMs):
		err = fmt.Errorf("spent_ms %v must be at least 0 and below %g", m.SpentMs, maxMs)
	case m.Prefill.MedianMs < 0:
		err = fmt.Errorf("median_ms %v of prefill must be at least 0", m.Prefill.MedianMs)
	case m.Decode.MedianMs < 0:
		err = fmt.Errorf("median_ms %v of decode must be at least 0", m.Decode.MedianMs)
	case m.MemoryBytes < 0:
		err = fmt.Errorf("memory_bytes %d must be at least 0", m.MemoryBytes)
	case m.Verdict == trial.Interrupted:
		err = errInterrupted
	case m.Verdict != trial.OK && m.Verdict != trial.Noisy && m.Verdict != trial.Drifted:
		err = fmt.Errorf("verdict %q must be %q, %q or %q", m.Verdict, trial.OK, trial.Noisy, trial.Drifted)
	}
	if err != nil {
		return fmt.Errorf("trial %d: measurement: %w", r.Number, err)
	}
	return nil
}
