// Package store is the state behind the page: what the worker told, what the
// user chose, and what follows from both. The page hands it every message of the
// worker and every action of the user, sends the commands it returns, and draws
// what it holds.
//
// The package is plain Go without clock, browser or goroutines, so that all of
// the page's behaviour is tested natively. A Store is not safe for concurrent
// use.
package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/objective"
	"litefront/searchcore/trial"
)

// Store is the state of one page. Its exported fields are for reading; methods
// change them.
type Store struct {
	Device *trial.Device  // nil until the worker described it
	GPU    *trial.Device  // the browser's GPU; nil if it has none
	Study  *trial.Started // the study shown, nil for none
	Errors []string       // one line each, oldest first

	Form    Form
	Invalid map[string]string // messages by the name of the form's field
	Presets []Preset

	// Confirm is what waits for the user's consent, since it discards the kept study, or
	// what is written.
	Confirm Confirm
	Axes    Axes  // of the chart
	Third   Third // what its marks show beside
	Table   Table
	Try     Try
	Log     bool // whether the chart's axes are logarithmic
	Dark    bool // the page's colours
	// Dragging says that files are dragged over the page.
	Dragging bool
	// SustainedFor is how long a sustained run is to be, as the user types it, and
	// SustainedInvalid what is wrong with it.
	SustainedFor     string
	SustainedInvalid string

	Join  Join  // of this page, as one of the devices of a fleet
	Fleet Fleet // of the page's host

	Surroundings Surroundings // as the page found them
	NewBuild     bool         // a newer build of this page is ready to be taken
	taking       bool         // the page is about to reload for it
	pageKept     bool         // for use without the server
	pageLost     bool         // the browser refused to keep it

	// Version counts the changes of what the chart shows.
	Version int

	code      string
	described trial.Device     // as the worker told it
	features  kernels.Features // that it compiles for
	fleetText []byte           // of Fleet.State

	link      string // fragment of the page's address that is still to be taken
	linkWaits bool   // and that was said
	// linkAgreed says that the user agreed to lose the space that is written for it.
	linkAgreed bool
	linkSpace  string // as the last link brought it

	// What the worker is up to, since it was started.
	begun      bool // it told its device: its program runs
	answered   bool // it told what is kept
	dead       bool
	searching  bool
	generating bool          // a candidate does, or is about to
	measuring  bool          // it runs the load
	load       *load         // what it was told to measure; nil for nothing
	due        string        // command that it has yet to carry out; empty for none
	exporting  bool          // it has yet to say the journal
	silence    time.Duration // since it said something

	kept       bool   // a study is, perhaps one that cannot be read
	settled    bool   // the user ended the search, or it ended by itself
	reason     string // why the last search ended, as in a Done event
	hidden     bool   // the page is in the background now
	background bool   // it was at a time during the last search

	objectives     objective.Set
	constraints    []objective.Constraint
	trials         map[int]*Trial
	order          []int    // numbers in trials, oldest first
	results        []*Trial // the measured candidates of the search, in the order of their results
	reported       []int    // the worker's frontier
	frontier       []int    // that which is shown: under the page's bounds, if any
	ties           string
	bounds         map[string]bound // by the objective's name; none at the loosest
	reach          reach
	standings      standings
	columns        []string // names of the table's objectives; nil for the usual ones
	listing        listing
	compared       []int
	history        history
	paces          []Pace // of the latest measured trials
	explained      explained
	predicted      []*Trial // with the numbers -1, -2, ...
	predictedTotal int
	selected       int
	measured       int
	failed         int
	ended          int // of the search, overlays not counted: what a budget counts
	lastFailure    string
	spentMs        float64
	progress       trial.Progress
	timed          bool // progress has the time that passed, not only that of measurements
	budget         search.Budget
	references     []arch.Architecture // that the next search measures first
	offer          *offer              // of the model whose files were last looked at
	tried          *tried              // nil for nothing
	own            *parsed             // the space of the form that was read last
	survey         surveying
	parts          *parts     // of the memory that was last looked at
	profiles       []*Profile // the latest at the end
	sustained      *Sustained
	before         before
	loaded         string // what came of the last load, until the worker is told something else

	others        []*Other // laid over the study, by their slots
	othersVersion int      // counts their changes
	otherDrawings otherDrawings
	sides         besides
}

// before is what no journal keeps, from before the worker was replaced: it stays if the
// new one tells the same study.
type before struct {
	study     *trial.Started
	profiles  []*Profile
	sustained *Sustained
}

// New returns the state of a page that has not heard from its worker. The code
// is the version of the program, for the studies that it starts.
func New(code string) *Store {
	s := &Store{
		code: code, Axes: Axes{mustObjective("response_ms"), decoderParams}, Third: Third{By: ThirdNone, Objective: peakMemory},
		Table: firstTable(), Try: firstTry(), Presets: presets(), SustainedFor: measure.DefaultSustained,
	}
	s.resetForm()
	s.clear()
	return s
}

// Phase says what the page as a whole is doing.
type Phase string

// The phases.
const (
	Loading   Phase = "loading" // the worker has not answered yet
	Idle      Phase = "idle"    // the form is shown
	Searching Phase = "searching"
	Paused    Phase = "paused" // a study is kept that can go on
	Dead      Phase = "dead"   // the worker is gone
)

// Phase returns the phase.
func (s *Store) Phase() Phase {
	switch {
	case s.dead:
		return Dead
	case !s.answered:
		return Loading
	case s.searching:
		return Searching
	case s.Study != nil && !s.settled && !s.finished():
		return Paused
	}
	return Idle
}

// Status says in a few words what is going on, for those who hear the page: it
// changes rarely.
func (s *Store) Status() string {
	counts := fmt.Sprintf("%d measured, %d failed", s.measured, s.failed)
	switch p := s.Phase(); {
	case s.Join.Active:
		return "This page measures for its host."
	case p == Dead:
		return "The worker has stopped."
	case p == Loading:
		return "Loading the search core."
	case s.Waiting() && p == Searching:
		return "Ending the search."
	case s.due == search.DoGenerate:
		return "Generating."
	case s.measuring && s.due == "":
		return "Measuring."
	case s.Waiting():
		return "Waiting for the worker."
	case p == Searching && s.measured < announceEvery:
		return "Searching." + s.disturbance()
	case p == Searching:
		return fmt.Sprintf("Searching: %d measured.", s.measured/announceEvery*announceEvery) + s.disturbance()
	case p == Paused:
		return s.outcome() + "Paused: " + counts + "." + s.disturbance()
	case s.Study == nil:
		return "Ready."
	case s.finished():
		return s.outcome() + "Budget spent: " + counts + "." + s.disturbance()
	case s.reason == search.DoneConverged:
		return s.outcome() + "The model agrees with what was measured: " + counts + "." + s.disturbance()
	case s.reason == search.DoneExhausted:
		return s.outcome() + "Nothing left to propose: " + counts + "." + s.disturbance()
	}
	return s.outcome() + "Stopped: " + counts + "." + s.disturbance()
}

// disturbance says what makes the last search's measurements doubtful: browsers
// give a tab in the background less of the device.
func (s *Store) disturbance() string {
	switch {
	case s.searching && s.hidden:
		return " This tab is in the background: what is measured meanwhile is marked, or measured again."
	case s.background:
		return " This tab was in the background: what was under way was measured again, or is marked."
	}
	return ""
}

// Hidden reports whether the page is in the background.
func (s *Store) Hidden() bool { return s.hidden }

// SetHidden says whether the page is in the background.
func (s *Store) SetHidden(hidden bool) {
	s.hidden = hidden
	s.background = s.background || hidden && s.searching
	if !hidden {
		return
	}
	if s.load != nil {
		s.load.hidden = true
	}
	if s.Measuring() == search.DoSustain {
		s.sustained.Hidden = true
	}
	if s.generating && s.tried != nil {
		s.tried.hidden = true
	}
}

// announceEvery is how many candidates pass between two announcements.
const announceEvery = 10

// Waiting reports whether the worker has yet to do what it was told; until then
// it is told nothing else. It is told nothing either while it measures for a host, and once
// the page is about to reload.
func (s *Store) Waiting() bool {
	return s.due != "" || s.load != nil || s.taking || s.Join.Active
}

// Kept reports whether the worker keeps a study, which may be one that cannot be
// read, and so is not shown.
func (s *Store) Kept() bool { return s.kept }

// clear forgets the study.
func (s *Store) clear() {
	s.Study, s.objectives, s.constraints = nil, nil, nil
	s.results, s.trials, s.order, s.reported, s.frontier, s.ties, s.selected = nil, make(map[int]*Trial), nil, nil, nil, "", 0
	s.bounds, s.reach, s.compared, s.history, s.explained = make(map[string]bound), reach{}, nil, history{}, explained{}
	s.Table, s.columns, s.listing = firstTable(), nil, listing{}
	s.predicted, s.predictedTotal, s.tried, s.paces = nil, 0, nil, nil
	s.profiles, s.sustained, s.load, s.sides = nil, nil, nil, besides{}
	s.measured, s.failed, s.ended, s.lastFailure, s.spentMs = 0, 0, 0, "", 0
	s.progress, s.timed, s.budget = trial.Progress{}, false, search.Budget{}
	s.kept, s.settled, s.reason = false, false, ""
	s.Version++
}

const (
	maxErrors = 5   // shown at a time; the oldest give way
	maxText   = 300 // of texts from outside, in characters
)

// Fail shows a message, as one line.
func (s *Store) Fail(message string) {
	message = line(message, maxText)
	if message == "" || slices.Contains(s.Errors, message) {
		return
	}
	s.Errors = append(s.Errors, message)
	s.Errors = s.Errors[max(len(s.Errors)-maxErrors, 0):]
}

// Dismiss removes a message. It is named by its text, which says what the user meant:
// a second click may come before the first is drawn.
func (s *Store) Dismiss(message string) {
	s.Errors = slices.DeleteFunc(s.Errors, func(e string) bool { return e == message })
}

// line makes text from outside one line of at most n characters.
func line(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}
