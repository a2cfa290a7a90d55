// Package session is what a worker does for its page: it takes search.Commands,
// searches on the engine at hand, keeps the journal of one study and answers
// with search.Messages. It touches no JavaScript; the engine, the place where
// lines are kept and the way to the page come in.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"litefront/kernels/export"
	"litefront/kernels/jobs"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Session is one page's worker. One thing runs on the target at a time.
type Session struct {
	Target measure.Target
	// Unfit is why no candidate can run on Target; nil if they can. The kept study
	// can be looked at all the same.
	Unfit error
	// GPU, if not nil, opens the browser's GPU, or says why there is none.
	GPU func() (measure.Target, error)
	// Rested, if not nil, is called before a search or a load begins: what Target's clock
	// did until then does not matter.
	Rested func()
	// Turn, if not nil, waits until the commands that the page has sent are received, and
	// carried out if nothing is ahead of them. None is while a call of Target runs.
	Turn  func() error
	Store Store
	// Lock reserves the device until unlock, or says in an error who else searches or
	// measures on it. It is nil where nothing can be reserved.
	Lock func() (unlock func(), err error)
	// Post sends the JSON text of a search.Message to the page. What runs posts
	// from a goroutine of its own.
	Post func(text string)
	// PostFile is Post with what write writes beside the text, as a file. If write
	// fails it sends nothing and returns that error.
	PostFile func(text string, write func(io.Writer) error) error

	file export.File // that came beside the command which is carried out; nil for none

	jobs *jobs.Worker // nil before the first job

	mu    sync.Mutex
	state string             // while something runs
	stop  context.CancelFunc // ends what runs; nil while idle

	hidden   bool // the page is in the background
	switches int  // see measure.WithSwitches
}

// command is what one of the Do constants stands for.
type command struct {
	run func(*Session, search.Command) error
	// idle says that it needs the kept study for itself, or would disturb what is
	// measured, so not while something runs.
	idle bool
}

var commands = map[string]command{
	search.DoOpen:   {(*Session).open, true},
	search.DoStart:  {(*Session).start, true},
	search.DoStop:   {(*Session).halt, false},
	search.DoForget: {(*Session).forget, true},
	search.DoImport: {(*Session).replace, true},
	search.DoExport: {(*Session).export, false},
	search.DoModel:  {(*Session).takeModel, true},
	search.DoReport: {(*Session).takeReport, true},
	search.DoRead:   {(*Session).readOther, true},
	search.DoSurvey: {(*Session).survey, true},
	search.DoHide:   {(*Session).hide, false},

	search.DoGenerate: {(*Session).generate, true},
	search.DoProfile:  {(*Session).profile, true},
	search.DoSustain:  {(*Session).sustain, true},
	search.DoJob:      {(*Session).job, true},
}

// Do carries out the JSON text of a search.Command, with the file that came beside it
// or nil. It is called by one goroutine. What runs goes on after it returns; DoStop ends
// it. Whatever goes wrong, a panic included, the page is told in one line.
func (s *Session) Do(text string, file export.File) {
	defer s.recoverPanic()
	c, err := parseCommand(text)
	if err == nil {
		s.file = file
		err = s.do(c)
		s.file = nil // which the command holds as long as it needs it
	}
	s.report(err)
}

func (s *Session) do(c search.Command) error {
	known := commands[c.Do]
	if running := s.running(); known.idle && running != "" {
		return fmt.Errorf("%s: a %s is under way; stop it first", c.Do, running)
	}
	return known.run(s, c)
}

// parseCommand reads a command and refuses unknown names and fields.
func parseCommand(text string) (search.Command, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	var c search.Command
	if err := dec.Decode(&c); err != nil {
		return search.Command{}, fmt.Errorf("command is not understood: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return search.Command{}, errors.New("command is not understood: something follows the JSON object")
	}
	if _, known := commands[c.Do]; !known {
		names := slices.Sorted(maps.Keys(commands))
		last := len(names) - 1
		return search.Command{}, fmt.Errorf("command %q is unknown; use %s or %s", c.Do, strings.Join(names[:last], ", "), names[last])
	}
	return c, nil
}

// open tells everything that a page which knows nothing has to know: the device,
// then what is kept, and last, whatever went wrong, the state. Before that the
// page must not act on a study that it does not know.
func (s *Session) open(search.Command) error {
	device, features := s.Target.Device(), s.Target.Features()
	s.post(search.Message{Device: &device, Features: &features})
	idle := search.Message{State: search.StateIdle, Kept: true} // also where nobody can tell
	var kept *study.Study
	defer func() {
		s.post(idle)
		s.tellGPU()
		s.predict(kept) // last: it takes seconds, and the page can be used meanwhile
	}()
	lines, err := s.Store.Load()
	if err != nil {
		s.report(unavailable(err))
	} else if idle.Kept = len(lines) > 0; idle.Kept {
		kept, err = s.tell(lines)
		s.report(err)
	}
	s.report(s.Unfit)
	return nil
}

// tellGPU tells what GPU there is. Having none is no fault.
func (s *Session) tellGPU() {
	if s.GPU == nil {
		return
	}
	if gpu, err := s.GPU(); err == nil {
		device := gpu.Device()
		s.post(search.Message{GPU: &device})
	}
}

// predict tells the frontier that the kept study's strategy predicts, if any.
func (s *Session) predict(kept *study.Study) {
	if kept == nil {
		return
	}
	if p := kept.Predicted(); p != nil {
		s.post(search.Message{Replayed: true, Event: &trial.Event{V: trial.EventVersion, Kind: trial.KindPredicted, Predicted: p}})
	}
}

// tell tells the kept study: its events, its frontier and how far it is.
func (s *Session) tell(lines []string) (*study.Study, error) {
	events, err := decodeAll(lines)
	if err != nil {
		return nil, err
	}
	st, err := study.Replay(events, nil, nil)
	if err != nil {
		return nil, unreadable(err)
	}
	replay := func(e trial.Event) { s.post(search.Message{Event: &e, Replayed: true}) }
	for _, e := range events {
		replay(e)
	}
	var frontier trial.Frontier
	for _, r := range st.Frontier() {
		frontier.Points = append(frontier.Points, trial.FrontierPoint{Number: r.Number, ArchID: r.Arch.ID(), Values: r.Values})
	}
	progress := st.Progress()
	progress.ElapsedMs = float64(search.Spent(st)) / 1e6
	replay(trial.Event{V: trial.EventVersion, Kind: trial.KindFrontier, Frontier: &frontier})
	replay(trial.Event{V: trial.EventVersion, Kind: trial.KindProgress, Progress: &progress})
	return st, nil
}

// start begins a search and returns while it runs.
func (s *Session) start(c search.Command) error {
	if c.Request == nil {
		return errors.New("start: the request is missing")
	}
	return s.begin(search.StateSearching, func(ctx context.Context) error { return s.search(ctx, *c.Request, c.Target) })
}

// begin runs something on the device that DoStop ends, and returns while it runs. The
// page is told the state, and when it is idle again.
func (s *Session) begin(state string, run func(context.Context) error) error {
	if s.Unfit != nil {
		return s.Unfit
	}
	s.dropJobs()
	s.launch(state, func(ctx context.Context) { s.report(s.reserved(ctx, run)) })
	return nil
}

// launch runs something on the target, and returns meanwhile.
func (s *Session) launch(state string, run func(context.Context)) {
	ctx, stop := context.WithCancel(measure.WithSwitches(context.Background(), s.switched))
	if s.Rested != nil {
		s.Rested()
	}
	s.setRunning(state, stop)
	s.post(search.Message{State: state})
	go func() {
		defer func() {
			s.setRunning("", nil) // first, so that the page may start again as soon as it hears
			s.post(search.Message{State: search.StateIdle})
		}()
		defer s.recoverPanic()
		run(ctx)
	}()
}

// reserved runs something with the device reserved for it.
func (s *Session) reserved(ctx context.Context, run func(context.Context) error) error {
	unlock, err := s.reserve()
	if err != nil {
		return err
	}
	defer unlock()
	return run(ctx)
}

// reserve reserves the device until unlock, where that can be done.
func (s *Session) reserve() (unlock func(), err error) {
	if s.Lock == nil {
		return func() {}, nil
	}
	return s.Lock()
}

func (s *Session) search(ctx context.Context, q search.Request, on string) error {
	lines, err := s.Store.Load()
	if err != nil {
		return unavailable(err)
	}
	if q.Journal, err = decodeAll(lines); err != nil {
		return err
	}
	target, err := s.target(on, q.Journal)
	if err != nil {
		return err
	}
	j := &journal{store: s.Store}
	if len(lines) > 0 {
		j.last = lines[len(lines)-1]
	} else {
		// A request that is refused must not leave a study behind.
		if err := q.Check(); err != nil {
			return err
		}
	}
	_, _, err = q.Run(ctx, target, j, func(e trial.Event) { s.post(search.Message{Event: &e}) })
	return err
}

// target is what a search measures on: what its journal was measured on, or else what is
// asked for.
func (s *Session) target(on string, kept []trial.Event) (measure.Target, error) {
	for _, e := range kept {
		if e.Started != nil && e.Started.Workload.Precision == trial.F16 {
			on = search.TargetGPU
		}
		if e.Measured != nil {
			if on = search.TargetCPU; search.OnGPU(e.Measured.Measurement.Device) {
				on = search.TargetGPU
			}
		}
	}
	switch {
	case on == "" || on == search.TargetCPU:
		return s.Target, nil
	case on != search.TargetGPU:
		return nil, fmt.Errorf("start: target %.20q must be %q or %q", on, search.TargetCPU, search.TargetGPU)
	case s.GPU == nil:
		return nil, errors.New("start: there is no GPU here")
	}
	return s.GPU()
}

// halt ends what runs, which then says that the worker is idle.
func (s *Session) halt(search.Command) error {
	s.mu.Lock()
	stop := s.stop
	s.mu.Unlock()
	if stop == nil {
		s.post(search.Message{State: search.StateIdle})
		return nil
	}
	stop()
	return nil
}

// hide notes whether the page is in the background, for what is measured meanwhile.
func (s *Session) hide(c search.Command) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hidden != c.Hidden {
		s.hidden = c.Hidden
		s.switches++
	}
	return nil
}

// switched is the count of measure.WithSwitches.
func (s *Session) switched() int {
	if s.Turn != nil { // what the page sent during the last call counts for that
		_ = s.Turn() // if it fails, so will that before the next call, which is told
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hidden {
		s.switches++
	}
	return s.switches
}

// forget discards the kept study and tells what is left, as open does.
func (s *Session) forget(c search.Command) error {
	if err := s.keep(nil); err != nil {
		return fmt.Errorf("the kept study could not be discarded: %w", err)
	}
	return s.open(c)
}

// keep keeps lines instead of the study before, unless a search elsewhere adds to that.
func (s *Session) keep(lines []string) error {
	unlock, err := s.reserve()
	if err != nil {
		return err
	}
	defer unlock()
	return s.Store.Replace(lines)
}

// replace keeps the study of c.Journal instead of the one before, and tells it
// as open does.
func (s *Session) replace(c search.Command) error {
	lines, _, err := parseStudy(c.Journal)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if err := s.keep(lines); err != nil {
		return fmt.Errorf("import: the study could not be kept: %w", err)
	}
	return s.open(c)
}

// export says the kept lines as they are, also those that cannot be read here.
func (s *Session) export(search.Command) error {
	lines, err := s.Store.Load()
	if err != nil {
		return unavailable(err)
	}
	if len(lines) == 0 {
		return errors.New("export: no study is kept")
	}
	s.post(search.Message{Journal: strings.Join(lines, "\n") + "\n"})
	return nil
}

// survey says what is in a space that somebody writes.
func (s *Session) survey(c search.Command) error {
	surveyed := search.Survey(c.Space, c.Workload)
	s.post(search.Message{Surveyed: &surveyed})
	return nil
}

// ClockSet tells the page that Target's clock was set while something runs, and how far. It
// may be called at any time.
func (s *Session) ClockSet(by time.Duration) {
	running := s.running()
	if running == "" {
		return
	}
	how := "back by " + (-by).Round(time.Second).String()
	if by > 0 {
		how = "forward by " + by.Round(time.Second).String() + ", or the browser held the search up for so long"
	}
	notice := "the browser's clock was set " + how + "; that time counts for nothing"
	if running != "measurement" { // which says itself what it misses
		notice += ", and the " + running + " goes on"
	}
	s.post(search.Message{Notice: notice})
}

// running says in a word what runs; it is empty while idle.
func (s *Session) running() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]string{search.StateSearching: "search", search.StateMeasuring: "measurement", search.StateGenerating: "generation"}[s.state]
}

// setRunning notes the state that begins and how it is stopped, or with nil that it
// has ended.
func (s *Session) setRunning(state string, stop context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		s.stop() // frees its context
	}
	s.state, s.stop = state, stop
}

func (s *Session) post(m search.Message) {
	text, err := json.Marshal(m)
	if err != nil {
		s.report(fmt.Errorf("a message cannot be written: %w", err))
		return
	}
	s.Post(string(text))
}

// report tells an error in one line.
func (s *Session) report(err error) {
	if err != nil {
		s.Post(ErrorText(err))
	}
}

func (s *Session) recoverPanic() {
	if r := recover(); r != nil {
		s.report(fmt.Errorf("the worker failed: %v", r))
	}
}

// ErrorText is the JSON text of a search.Message that tells an error in one line.
func ErrorText(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	text, _ := json.Marshal(search.Message{Error: line}) // a string can always be written
	return string(text)
}
