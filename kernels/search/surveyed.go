package search

import (
	"errors"
	"fmt"
	"strings"

	"litefront/searchcore/space"
	"litefront/searchcore/space/survey"
	"litefront/searchcore/trial"
)

// MaxSpace bounds the TOML text of a space on a page, in bytes. One that lists as many
// values as a space may have takes a third of it.
const MaxSpace = 64 << 10

// Surveyed says what is in a search space, in the words of `litefront space check`, or
// why a text is none.
type Surveyed struct {
	Lines   []survey.Line `json:"lines,omitempty"`
	Notes   []string      `json:"notes,omitempty"`
	Mistake string        `json:"mistake,omitempty"` // empty for a space
	// Line is that of the text where the mistake is, counted from 1; 0 for none.
	Line int `json:"line,omitempty"`
}

const (
	// maxSurveyPlans bounds the members whose memory is planned, and maxSurveySteps
	// the work before that: together a second or two of a phone's.
	maxSurveyPlans = 50
	maxSurveySteps = 1 << 20
)

// Survey surveys the space of a TOML text, in a time that the text cannot make long. A
// workload that does not fit the space is no mistake of it, and leaves the memory out.
func Survey(text string, w *trial.Workload) Surveyed {
	if len(text) > MaxSpace {
		return Surveyed{Mistake: fmt.Sprintf("the space has %d bytes; at most %d are allowed", len(text), MaxSpace)}
	}
	sp, err := space.ParseTOML([]byte(text))
	if err != nil {
		return mistaken(err)
	}
	if steps := sp.ReachSteps(); steps > maxSurveySteps {
		return Surveyed{
			Lines: []survey.Line{{Name: "space", Value: fmt.Sprintf("%s (%s)", sp.Name, sp.Backbone)}},
			Notes: []string{"Its genes have so many values that a survey would take long; litefront space check makes it."},
		}
	}
	s, err := survey.Of(sp)
	if err != nil {
		return mistaken(err)
	}
	var notes []string
	if w != nil {
		if err := s.Plan(*w, maxSurveyPlans); err != nil {
			notes = []string{"no peak memory: " + err.Error()}
		}
	}
	return Surveyed{Lines: s.Lines(), Notes: append(notes, s.Notes()...)}
}

func mistaken(err error) Surveyed {
	if m := (*space.Mistake)(nil); errors.As(err, &m) {
		return Surveyed{Mistake: m.Text, Line: m.Line}
	}
	return Surveyed{Mistake: strings.TrimPrefix(err.Error(), "space: ")}
}
