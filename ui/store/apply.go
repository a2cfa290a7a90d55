package store

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/proxy"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Apply takes a message of the worker. What makes no sense is shown as an error
// and changes nothing else.
func (s *Store) Apply(m search.Message) {
	if s.dead {
		return
	}
	s.silence = 0
	if m.Device != nil { // what follows is all that is kept
		s.begun, s.background = true, false
		s.describe(*m.Device, m.Features)
		if s.due == search.DoForget {
			s.clear()
			s.Invalid = make(map[string]string)
		}
	}
	if m.GPU != nil {
		s.GPU = cleanDevice(*m.GPU)
		s.judge(FieldTarget)
	}
	if m.Event != nil {
		if err := s.event(*m.Event, m.Replayed); err != nil {
			s.Fail("the worker sent something wrong: " + err.Error())
		}
	}
	if m.Error != "" {
		if !s.begun { // it could not even begin
			s.Die(m.Error)
			return
		}
		s.due, s.exporting, s.survey.waiting = "", false, false
		if !s.measuring {
			s.endLoad() // which was refused
		}
		s.Fail(m.Error)
	}
	if m.Notice != "" {
		s.Fail(m.Notice)
	}
	if m.Surveyed != nil {
		s.surveyed(*m.Surveyed)
	}
	if m.Journal != "" {
		s.exporting = false
	}
	if m.File != "" {
		s.due = ""
	}
	if m.Other != nil {
		s.due = ""
		if err := s.addOther(*m.Other); err != nil {
			s.Fail("the worker sent something wrong: " + err.Error())
		}
	}
	if m.Generated != nil {
		if err := s.generated(*m.Generated); err != nil {
			s.Fail("the worker sent something wrong: " + err.Error())
		}
	}
	s.kept = s.kept || m.Kept
	switch m.State {
	case "", search.StateGenerating: // which is due until the worker is idle
	case search.StateIdle, search.StateSearching, search.StateMeasuring:
		s.begun, s.answered, s.due = true, true, ""
		s.searching, s.measuring, s.generating = m.State == search.StateSearching, m.State == search.StateMeasuring, false
		if !s.measuring {
			s.endLoad()
		}
		s.background = s.background || s.searching && s.hidden
		s.openLink()
	default:
		s.Fail(fmt.Sprintf("the worker sent something wrong: state %q", m.State))
	}
}

// event takes an event, of an earlier session if it is replayed.
func (s *Store) event(e trial.Event, replayed bool) error {
	if e.V != trial.EventVersion {
		return fmt.Errorf("event version %d; this page reads version %d", e.V, trial.EventVersion)
	}
	switch {
	case e.Kind == trial.KindStarted && e.Started != nil:
		return s.started(*e.Started)
	case e.Kind == trial.KindProgress && e.Progress != nil:
		return s.progressed(*e.Progress, replayed)
	case e.Kind == trial.KindDone && e.Done != nil:
		s.reason = line(e.Done.Reason, maxText)
		s.settled = s.settled || s.reason == search.DoneBudget || s.reason == search.DoneExhausted || s.reason == search.DoneConverged
		return nil
	case e.Kind == trial.KindSetting && e.Setting != nil:
		return s.setting(*e.Setting)
	case s.Study == nil:
		return fmt.Errorf("event %q before a study has started", e.Kind)
	case e.Kind == trial.KindAsked && e.Asked != nil:
		return s.asked(*e.Asked)
	case e.Kind == trial.KindMeasured && e.Measured != nil:
		return s.told(*e.Measured)
	case e.Kind == trial.KindFailed && e.Failed != nil:
		return s.failure(*e.Failed)
	case e.Kind == trial.KindFrontier && e.Frontier != nil:
		s.setFrontier(*e.Frontier)
		return nil
	case e.Kind == trial.KindPredicted && e.Predicted != nil:
		return s.setPredicted(*e.Predicted)
	case e.Kind == trial.KindProfile && e.Profile != nil:
		return s.profiled(*e.Profile)
	case e.Kind == trial.KindRounds && len(e.Rounds) > 0:
		return s.sustainedRounds(e.Rounds)
	case e.Kind == trial.KindSustained && e.Sustained != nil:
		return s.sustainedEnded(*e.Sustained)
	}
	return fmt.Errorf("event %q without what it tells", e.Kind)
}

func (s *Store) started(e trial.Started) error {
	if err := e.Space.Validate(); err != nil {
		return err
	}
	objectives, err := objective.ParseSet(e.Objectives)
	if err != nil {
		return err
	}
	constraints, err := parseConstraints(e.Constraints)
	if err != nil {
		return err
	}
	e.Study, e.Code = line(e.Study, maxText), line(e.Code, maxText)
	s.clear()
	if before := s.before; before.study != nil && reflect.DeepEqual(*before.study, e) {
		s.profiles, s.sustained = before.profiles, before.sustained
	}
	s.before = before{}
	s.Study, s.kept, s.objectives, s.constraints = &e, true, objectives, constraints
	s.fillForm(e)
	return nil
}

func parseConstraints(texts []string) (list []objective.Constraint, err error) {
	for _, text := range texts {
		c, err := objective.ParseConstraint(text)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

func (s *Store) setting(e trial.Setting) error {
	switch e.Name {
	case "budget":
		return s.setBudget(e)
	case study.SettingConstraints:
		return s.setConstraints(e)
	}
	return nil
}

// setConstraints judges the trials anew; the frontier that follows comes from the
// worker.
func (s *Store) setConstraints(e trial.Setting) error {
	if s.Study == nil {
		return errors.New("constraints before a study has started")
	}
	texts := study.ParseConstraintsValue(e.Value)
	constraints, err := parseConstraints(texts)
	if err != nil {
		return err
	}
	s.Study.Constraints, s.constraints = texts, constraints
	s.Form.Constraints = strings.Join(texts, ", ")
	for _, t := range s.trials {
		if t.Measurement != nil {
			t.Violates = s.violated(t)
		}
	}
	s.recall()
	if len(s.bounds) > 0 {
		s.cut()
	}
	s.Version++
	return nil
}

func (s *Store) setBudget(e trial.Setting) error {
	b, err := search.ParseBudget(e.Value)
	if err != nil {
		return err
	}
	s.budget = b
	if typed, err := search.ParseBudget(s.Form.Budget); err != nil || typed != b {
		s.Form.Budget = displayBudget(b)
	}
	return nil
}

// maxTrials bounds the trials that are held. Beyond it the oldest that do not
// matter give way; the worker's journal keeps them all.
const maxTrials = 20_000

func (s *Store) asked(e trial.Trial) error {
	if err := e.Arch.Validate(); err != nil {
		return fmt.Errorf("trial %d: %w", e.Number, err)
	}
	s.handedOut(e)
	if e.Number < 1 || s.trials[e.Number] != nil { // the latter was asked again
		return nil
	}
	if len(s.order) >= maxTrials {
		matters := func(n int) bool {
			return s.trials[n].OnFrontier || n == s.selected || slices.Contains(s.reported, n) || slices.Contains(s.compared, n)
		}
		i := max(0, slices.IndexFunc(s.order, func(n int) bool { return !matters(n) }))
		for _, list := range []*[]int{&s.reported, &s.frontier, &s.compared} {
			*list = slices.DeleteFunc(*list, func(n int) bool { return n == s.order[i] })
		}
		s.results = slices.DeleteFunc(s.results, func(t *Trial) bool { return t.Number == s.order[i] })
		s.reach = reach{}
		delete(s.trials, s.order[i])
		s.order = slices.Delete(s.order, i, i+1)
		s.Version++
	}
	s.trials[e.Number] = &Trial{Trial: e, Name: e.Arch.String(), DecoderParams: float64(e.Arch.DecoderParams())}
	s.order = append(s.order, e.Number)
	return nil
}

// open returns the trial that has not ended, or nil.
func (s *Store) open(number int) *Trial {
	t := s.trials[number]
	if t == nil || t.Measurement != nil || t.Failure != "" {
		return nil
	}
	return t
}

func (s *Store) told(e trial.Measured) error {
	t := s.open(e.Number)
	if t == nil {
		return fmt.Errorf("trial %d ended, but is not under way", e.Number)
	}
	if len(e.Values) != len(s.objectives) {
		return fmt.Errorf("trial %d: %d values for %d objectives", e.Number, len(e.Values), len(s.objectives))
	}
	for i, v := range e.Values {
		if !usable(v) {
			return fmt.Errorf("trial %d: %s %v must be finite and not negative", e.Number, s.objectives[i].Name, v)
		}
	}
	t.Values = e.Values
	t.setMeasurement(e.Measurement)
	if s.Form.Target = search.TargetCPU; search.OnGPU(e.Measurement.Device) {
		s.Form.Target = search.TargetGPU
	}
	t.Violates = s.violated(t)
	s.measured++
	if !t.Overlay() {
		s.results = append(s.results, t)
	}
	s.count(t)
	s.remember(t)
	s.pace(t)
	if len(s.bounds) > 0 {
		s.cut()
	}
	if usable(e.Measurement.SpentMs) {
		s.spentMs += e.Measurement.SpentMs
	}
	s.Version++
	return nil
}

func (s *Store) failure(e trial.Failed) error {
	t := s.open(e.Number)
	if t == nil {
		return fmt.Errorf("trial %d ended, but is not under way", e.Number)
	}
	t.Failure = line(e.Reason, maxText)
	if t.Failure == "" {
		t.Failure = "no reason given"
	}
	s.lastFailure = t.Failure
	s.failed++
	s.count(t)
	return nil
}

func (s *Store) count(t *Trial) {
	if !t.Overlay() {
		s.ended++
	}
	t.searched = s.ended
}

func (s *Store) setFrontier(e trial.Frontier) {
	s.reported = nil
	listed := make(map[int]bool)
	for _, p := range e.Points {
		if t := s.trials[p.Number]; t != nil && t.Measurement != nil && !listed[p.Number] {
			listed[p.Number] = true
			s.reported = append(s.reported, p.Number)
		}
	}
	if len(s.bounds) == 0 {
		s.place(s.reported)
	}
	s.Version++
}

// place makes trials the frontier that is shown.
func (s *Store) place(numbers []int) {
	for _, n := range s.frontier {
		s.trials[n].OnFrontier, s.trials[n].Tied = false, false
	}
	s.frontier = slices.Clone(numbers)
	members := make([]arch.Architecture, len(numbers))
	for i, n := range numbers {
		members[i] = s.trials[n].Arch
	}
	ties := proxy.CompareNeighbours(members)
	for i, n := range numbers {
		s.trials[n].OnFrontier, s.trials[n].Tied = true, ties.Tied[i]
	}
	s.ties = ties.String()
}

// setPredicted takes the members of the frontier that nobody measured. They are
// trials with negative numbers, from -1 down.
func (s *Store) setPredicted(e trial.Predicted) error {
	if err := e.Validate(); err != nil {
		return err
	}
	predicted := make([]*Trial, len(e.Points))
	for i, p := range e.Points {
		t := &Trial{Trial: trial.Trial{Number: -1 - i, Proposal: trial.Proposal{Arch: p.Arch}}, Name: p.Arch.String(),
			DecoderParams: float64(p.Arch.DecoderParams()), Predicted: true}
		m := p.Measurement(s.Study.Workload)
		t.Measurement = &m
		g, err := graph.Build(p.Arch, s.Study.Workload)
		if err != nil {
			return fmt.Errorf("predicted point %d: %w", i, err)
		}
		m.MemoryBytes = g.Memory.TotalBytes
		c := objective.NewCandidate(g, &m)
		if t.Values, err = s.objectives.Values(c); err != nil {
			return fmt.Errorf("predicted point %d: %w", i, err)
		}
		predicted[i] = t
	}
	before := s.predicted
	s.predicted, s.predictedTotal = predicted, e.Total
	limits := s.limits()
	for _, t := range predicted {
		t.Outside = s.outside(t, limits)
	}
	// The numbers mean others now.
	numbers := map[string]int{}
	for _, t := range predicted {
		numbers[t.ArchID()] = t.Number
	}
	now := func(n int) int {
		if n >= 0 {
			return n
		}
		id := before[-1-n].ArchID()
		if number, still := numbers[id]; still {
			return number
		}
		for _, t := range s.results { // it may have been measured meanwhile
			if t.ArchID() == id {
				return t.Number
			}
		}
		return 0
	}
	s.selected = now(s.selected)
	var compared []int
	for _, n := range s.compared {
		if n = now(n); n != 0 && !slices.Contains(compared, n) {
			compared = append(compared, n)
		}
	}
	s.compared = compared
	s.Version++
	return nil
}

func (s *Store) progressed(e trial.Progress, replayed bool) error {
	for _, v := range []float64{e.Hypervolume, e.ElapsedMs, e.LeftMs} {
		if !usable(v) {
			return fmt.Errorf("progress: %v must be finite and not negative", v)
		}
	}
	s.progress, s.timed = e, !replayed
	return nil
}

// violated is the first constraint that t breaks. What is known beforehand is
// judged too, by the plan: a constraint may be younger than the measurement.
func (s *Store) violated(t *Trial) string {
	for _, c := range s.constraints {
		r, known := s.Read(t, c.Objective)
		if c.Objective.Static() {
			v, err := c.Objective.Value(s.plan(t))
			r.Value, known = v, err == nil
		}
		if known && !c.Satisfied(r.Value) {
			return c.String()
		}
	}
	return ""
}

// usable reports whether v is a number that an objective or a duration can have.
func usable(v float64) bool { return v >= 0 && !math.IsInf(v, 0) }

// cleanDevice returns d as the page can show it.
func cleanDevice(d trial.Device) *trial.Device {
	const maxFeatures = 32
	for _, text := range []*string{&d.Name, &d.OS, &d.Arch, &d.CPU, &d.Engine} {
		*text = line(*text, 80)
	}
	d.Features = slices.Clone(d.Features[:min(len(d.Features), maxFeatures)])
	for i, f := range d.Features {
		d.Features[i] = line(f, 80)
	}
	return &d
}
