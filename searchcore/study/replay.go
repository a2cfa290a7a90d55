package study

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// Replay restores a study from its recorded events, which it announces to
// nobody; j and watch serve what comes after, as for [New]. It proposes,
// draws and measures nothing: what was recorded is applied in its order.
// A sequence that no study can have written is refused.
//
// Trials that were asked and never told are handed out again by [Study.Ask].
func Replay(events []trial.Event, j Journal, watch func(trial.Event)) (*Study, error) {
	if len(events) == 0 {
		return nil, errors.New("no events to replay")
	}
	first := events[0]
	if first.Started == nil {
		return nil, fmt.Errorf("event %d: kind %q where a study must begin with %q", first.Seq, first.Kind, trial.KindStarted)
	}
	s, err := restore(*first.Started)
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", first.Seq, err)
	}
	for _, e := range events { // with no journal and nobody watching yet
		if err := s.Accept(e); err != nil {
			return nil, err
		}
	}
	for _, r := range s.trials {
		if r.Status == Outstanding {
			s.orphans = append(s.orphans, r)
		}
	}
	s.journal, s.watch = j, watch
	return s, nil
}

// restore makes a study that has not recorded anything yet.
func restore(started trial.Started) (*Study, error) {
	if err := checkLine("study name", started.Study); err != nil {
		return nil, err
	}
	if err := checkLine("code version", started.Code); err != nil {
		return nil, err
	}
	p, err := newProblem(started.Setup)
	if err != nil {
		return nil, err
	}
	strategy, err := newStrategy(started.Setup, p.feasible)
	if err != nil {
		return nil, err
	}
	return &Study{
		started:  started,
		problem:  p,
		strategy: strategy,
		asked:    make(map[candidate]int),
		settings: make(map[string]string),
	}, nil
}

// check reports why e cannot be the study's next event.
func (s *Study) check(e trial.Event) error {
	if err := checkVersion(e.V); err != nil {
		return err
	}
	if err := checkPayload(e); err != nil {
		return err
	}
	if e.Seq != s.seq+1 {
		return fmt.Errorf("seq %d where %d must follow", e.Seq, s.seq+1)
	}
	switch e.Kind {
	case trial.KindStarted:
		if s.seq != 0 {
			return errors.New("the study has started already")
		}
		return nil
	case trial.KindAsked:
		return s.checkAsked(*e.Asked)
	case trial.KindMeasured:
		return s.checkMeasured(*e.Measured)
	case trial.KindFailed:
		if err := checkLine("reason", e.Failed.Reason); err != nil {
			return err
		}
		_, err := s.outstanding(e.Failed.Number, e.Failed.Token)
		return err
	case trial.KindSetting:
		return s.checkSetting(*e.Setting)
	default:
		return fmt.Errorf("events of kind %q are not kept", e.Kind)
	}
}

func (s *Study) checkSetting(e trial.Setting) error {
	if err := checkLine("setting name", e.Name); err != nil {
		return err
	}
	if err := checkLine("setting "+e.Name, e.Value); err != nil {
		return err
	}
	if e.Name != SettingConstraints {
		return nil
	}
	if s.reconstrained >= maxConstrained {
		return fmt.Errorf("setting %s: changed %d times already, which is the limit", e.Name, maxConstrained)
	}
	setup := s.constrained(e.Value)
	p, err := newProblem(setup)
	if err != nil {
		return err
	}
	_, err = newStrategy(setup, p.feasible)
	return err
}

func (s *Study) checkAsked(t trial.Trial) error {
	if err := t.Arch.Validate(); err != nil {
		return fmt.Errorf("trial %d: %w", t.Number, err)
	}
	attempt, ok := attemptOf(t)
	if !ok {
		return fmt.Errorf("trial %d: token %q is not of the form %q", t.Number, t.Token, token(t.Number, 1))
	}
	switch next := len(s.trials) + 1; {
	case t.Number < 1 || t.Number > next:
		return fmt.Errorf("trial %d where %d must follow", t.Number, next)
	case t.Number == next:
		for _, id := range slices.Concat(t.Origin.Parents, t.Origin.Pool) {
			if s.asked[candidate{id, false}] == 0 {
				return fmt.Errorf("trial %d: its parent %q was never asked", t.Number, id)
			}
		}
		if number := s.asked[candidateOf(t.Proposal)]; number != 0 {
			return fmt.Errorf("trial %d: architecture %s was asked already as trial %d", t.Number, t.Arch.ID(), number)
		}
		return nil
	}
	r := s.trials[t.Number-1]
	switch {
	case r.Status != Outstanding:
		return fmt.Errorf("trial %d is asked again but has ended: %s", t.Number, r.Status)
	case attempt != r.attempt+1:
		return fmt.Errorf("trial %d: token %q follows %q", t.Number, t.Token, r.Token)
	case !sameProposal(t.Proposal, r.Proposal):
		return fmt.Errorf("trial %d is asked again with another proposal", t.Number)
	}
	return nil
}

func sameProposal(a, b trial.Proposal) bool {
	return a.Arch.ID() == b.Arch.ID() && reflect.DeepEqual(a.Origin, b.Origin)
}

func (s *Study) checkMeasured(m trial.Measured) error {
	r, err := s.outstanding(m.Number, m.Token)
	if err != nil {
		return err
	}
	if err := s.checkMeasurement(r, m.Measurement); err != nil {
		return err
	}
	if got, want := len(m.Values), len(s.started.Objectives); got != want {
		return fmt.Errorf("trial %d: %d values for %d objectives", m.Number, got, want)
	}
	for i, v := range m.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return fmt.Errorf("trial %d: %s %v must be finite and not negative", m.Number, s.started.Objectives[i], v)
		}
	}
	if _, err := s.problem.violated(r.Arch, m.Values, &m.Measurement); err != nil {
		return fmt.Errorf("trial %d: %w", m.Number, err)
	}
	return nil
}

// apply changes the study by an event that check let pass, and reports whether
// the frontier changed.
func (s *Study) apply(e trial.Event) (frontierChanged bool) {
	s.seq = e.Seq
	switch e.Kind {
	case trial.KindAsked:
		s.applyAsked(*e.Asked)
	case trial.KindMeasured:
		return s.applyMeasured(*e.Measured)
	case trial.KindFailed:
		s.applyFailed(*e.Failed)
	case trial.KindSetting:
		s.settings[e.Setting.Name] = e.Setting.Value
		if e.Setting.Name == SettingConstraints {
			s.constrain(e.Setting.Value)
			return true
		}
	}
	return false
}

func (s *Study) applyAsked(t trial.Trial) {
	attempt, _ := attemptOf(t)
	if t.Number <= len(s.trials) {
		r := s.trials[t.Number-1]
		r.Token, r.attempt = t.Token, attempt
		s.orphans = without(s.orphans, r)
		return
	}
	s.trials = append(s.trials, &Record{Trial: t, Status: Outstanding, attempt: attempt})
	c := candidateOf(t.Proposal)
	s.asked[c] = t.Number
	if c.overlay {
		s.queue = slices.DeleteFunc(s.queue, func(a arch.Architecture) bool { return a.ID() == c.archID })
		return
	}
	s.proposals++
	s.moves = append(s.moves, move{t.Number, false})
	s.strategy.Asked(t.Proposal)
}

func (s *Study) applyMeasured(m trial.Measured) (frontierChanged bool) {
	r := s.trials[m.Number-1]
	r.Status, r.Values, r.Measurement = Measured, m.Values, &m.Measurement
	r.Violates, _ = s.problem.violated(r.Arch, m.Values, &m.Measurement)
	s.measured++
	r.Ended = s.measured + s.failed
	s.orphans = without(s.orphans, r)
	if r.Origin.Op == OpOverlay {
		return false
	}
	s.observe(m.Values)
	s.moves = append(s.moves, move{r.Number, true})
	return s.told(r)
}

// told lets the strategy and the frontier know what became of a trial.
func (s *Study) told(r *Record) (frontierChanged bool) {
	if r.Status == Failed || r.Violates != "" {
		s.strategy.Told(r.Arch.ID(), nil, r.Measurement)
		return false
	}
	costs := s.problem.objectives.Costs(r.Values)
	s.strategy.Told(r.Arch.ID(), costs, r.Measurement)
	return s.frontier.Add(r.Number, costs)
}

func (s *Study) applyFailed(f trial.Failed) {
	r := s.trials[f.Number-1]
	r.Status, r.Reason = Failed, f.Reason
	s.failed++
	r.Ended = s.measured + s.failed
	s.orphans = without(s.orphans, r)
	if r.Origin.Op != OpOverlay {
		s.moves = append(s.moves, move{r.Number, true})
		s.told(r)
	}
}

func without(records []*Record, r *Record) []*Record {
	return slices.DeleteFunc(records, func(other *Record) bool { return other == r })
}

// token names an attempt at a trial, counted from 1.
func token(number, attempt int) string { return fmt.Sprintf("%d.%d", number, attempt) }

// attemptOf reads the attempt from a trial's token.
func attemptOf(t trial.Trial) (attempt int, ok bool) {
	_, digits, _ := strings.Cut(t.Token, ".")
	attempt, err := strconv.Atoi(digits)
	return attempt, err == nil && attempt >= 1 && t.Token == token(t.Number, attempt)
}

// maxText bounds the texts of an event, in bytes.
const maxText = 1000

// checkLine demands that text is one short line and not empty.
func checkLine(what, text string) error {
	switch {
	case text == "":
		return fmt.Errorf("%s is empty", what)
	case len(text) > maxText:
		return fmt.Errorf("%s has %d bytes, more than the limit of %d", what, len(text), maxText)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Errorf("%s %q must be one line of printable text", what, text)
	}
	return nil
}

// firstLine makes any text pass checkLine.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
	for len(line) > maxText {
		_, size := utf8.DecodeLastRuneInString(line)
		line = line[:len(line)-size]
	}
	if strings.TrimSpace(line) == "" {
		return "no reason given"
	}
	return line
}
