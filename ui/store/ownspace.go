package store

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"litefront/kernels/search"
	"litefront/searchcore/space"
	"litefront/searchcore/space/survey"
	"litefront/searchcore/trial"
)

// OwnSpace is the preset of those who write a space of their own.
const OwnSpace = "own"

// parsed is a text with the space that it is, or why it is none.
type parsed struct {
	text  string
	space space.Space
	err   error
}

// ownSpace reads the space of the field. It is read once for each text.
func (s *Store) ownSpace() (space.Space, error) {
	text := s.Form.Space
	if s.own == nil || s.own.text != text {
		s.own = &parsed{text: text}
		if n := len(text); n > search.MaxSpace {
			s.own.err = errSpaceSize(n)
		} else {
			s.own.space, s.own.err = space.ParseTOML([]byte(text))
		}
	}
	return s.own.space, s.own.err
}

// checkSpace reports what is wrong with the space that is written: what the worker found,
// which may have taken it a while, or else what reading it shows.
func (s *Store) checkSpace() error {
	if s.survey.told.text == s.Form.Space && s.survey.answer.Mistake != "" {
		return errors.New(mistake(s.survey.answer))
	}
	_, err := s.ownSpace()
	return err
}

func errSpaceSize(n int) error {
	return fmt.Errorf("the space has %d bytes; at most %d are allowed on a page", n, search.MaxSpace)
}

// space is the search space of the form.
func (s *Store) space() (space.Space, error) {
	if s.Form.Preset == OwnSpace {
		return s.ownSpace()
	}
	return space.Preset(s.Form.Preset)
}

// setSpace takes what is typed as a space. It is judged when the worker has surveyed
// it, or when it is needed.
func (s *Store) setSpace(text string) { s.Form.Space = strings.ReplaceAll(text, "\r\n", "\n") }

// choosePreset takes a preset, or the space that is being written. That begins with what
// was chosen before.
func (s *Store) choosePreset(name string) {
	if name == OwnSpace && s.Form.Space == "" {
		s.Form.Space = presetTOML(s.Form.Preset)
	}
	s.Form.Preset = name
}

// presetTOML is a preset as `litefront space show` prints it; empty if there is none.
func presetTOML(name string) string {
	sp, err := space.Preset(name)
	if err != nil {
		return ""
	}
	text, _ := sp.TOML() // presets are valid
	return string(text)
}

// EditPreset makes a copy of the chosen preset the space that is written.
func (s *Store) EditPreset() { s.offerSpace(presetTOML(s.Form.Preset)) }

// offerSpace takes a text as the space that is written, once the user agrees to lose
// what is written now, if that is worth a question.
func (s *Store) offerSpace(text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	switch {
	case s.Study != nil || text == "":
	case s.losesSpace(text):
		s.Confirm = Confirm{Question: "Replace the space that you have written?", Accept: "Replace", space: text}
	default:
		s.takeSpace(text)
	}
}

// losesSpace reports whether something is written that would be missed if text took its
// place.
func (s *Store) losesSpace(text string) bool {
	written := s.Form.Space
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.TrimSpace(written) != "" && written != text && written != s.linkSpace &&
		!slices.ContainsFunc(s.Presets, func(p Preset) bool { return presetTOML(p.Name) == written })
}

func (s *Store) takeSpace(text string) {
	s.setSpace(text)
	s.SetField(FieldPreset, OwnSpace)
}

// ImportFile takes a file with its name: of a TOML file the space is taken, any other
// is as of [Store.Import].
func (s *Store) ImportFile(name, text string) (search.Command, bool) {
	if !strings.HasSuffix(strings.ToLower(name), ".toml") {
		return s.Import(text)
	}
	switch {
	case s.dead || !s.answered:
	case s.Study != nil:
		s.Fail("the space of a study that is kept is settled: press New search, then import the space again")
	case strings.TrimSpace(text) == "":
		s.Fail("the file is empty; a space begins with a name")
	case len(text) > search.MaxSpace:
		s.Fail(errSpaceSize(len(text)).Error())
	default:
		s.offerSpace(text)
	}
	return search.Command{}, false
}

// showSpace shows the space of a study that is kept, which is valid. What was typed is
// the nicer text, if it is the same space.
func (s *Store) showSpace(sp space.Space) {
	if preset, err := space.Preset(sp.Name); err == nil && reflect.DeepEqual(preset, sp) {
		s.Form.Preset = sp.Name
		return
	}
	s.Form.Preset = OwnSpace
	if typed, err := s.ownSpace(); err == nil && reflect.DeepEqual(typed, sp) {
		return
	}
	text, _ := sp.TOML()
	s.Form.Space = string(text)
}

// inquiry is what the worker is asked of a space.
type inquiry struct {
	text     string
	workload trial.Workload // zero if the fields for it are wrong
}

// surveying is what is known of the space that is written, by the worker: counting
// takes a while, and must not hold up who types.
type surveying struct {
	asked   inquiry
	waiting bool // for the answer
	told    inquiry
	answer  search.Surveyed
}

func (s *Store) inquiry() inquiry {
	q := inquiry{text: s.Form.Space}
	prompt, err := strconv.Atoi(s.Form.Prompt)
	context := prompt + decodeTokens
	if err == nil && s.Form.Context != "" {
		context, err = strconv.Atoi(s.Form.Context)
	}
	w := trial.Workload{PromptLen: prompt, Context: context, Precision: trial.Precision(s.Form.Precision), Threads: 1}
	if err == nil && w.Validate() == nil {
		q.workload = w
	}
	return q
}

// SurveyDue reports whether the worker is to be asked what the space that is written
// holds, as soon as typing pauses.
func (s *Store) SurveyDue() bool {
	return s.Form.Preset == OwnSpace && s.Study == nil && s.Phase() == Idle && !s.Waiting() &&
		!s.survey.waiting && s.survey.asked != s.inquiry()
}

// Survey asks the worker what the space that is written holds. It returns false if there
// is nothing to ask.
func (s *Store) Survey() (search.Command, bool) {
	if !s.SurveyDue() {
		return search.Command{}, false
	}
	q := s.inquiry()
	s.survey.asked = q
	if len(q.text) > search.MaxSpace {
		s.judge(FieldSpace)
		s.survey.told, s.survey.answer = q, search.Surveyed{Mistake: s.Invalid[FieldSpace]}
		return search.Command{}, false
	}
	s.survey.waiting, s.silence = true, 0
	c := search.Command{Do: search.DoSurvey, Space: q.text}
	if q.workload != (trial.Workload{}) {
		c.Workload = &q.workload
	}
	return c, true
}

// maxSurveyLines bounds the lines and the notes of a survey.
const maxSurveyLines = 20

// surveyed takes the answer of the worker.
func (s *Store) surveyed(answer search.Surveyed) {
	if !s.survey.waiting {
		return
	}
	answer.Lines = answer.Lines[:min(len(answer.Lines), maxSurveyLines)]
	answer.Notes = answer.Notes[:min(len(answer.Notes), maxSurveyLines)]
	for i, l := range answer.Lines {
		answer.Lines[i] = survey.Line{Name: line(l.Name, maxText), Value: line(l.Value, maxText)}
	}
	for i, note := range answer.Notes {
		answer.Notes[i] = line(note, maxText)
	}
	answer.Mistake = line(answer.Mistake, maxText)
	s.survey.waiting, s.survey.told, s.survey.answer = false, s.survey.asked, answer
	if s.survey.told.text != s.Form.Space || s.Form.Preset != OwnSpace {
		return
	}
	delete(s.Invalid, FieldSpace)
	if answer.Mistake != "" {
		s.Invalid[FieldSpace] = mistake(answer)
	}
}

// mistake says where the mistake is, and what.
func mistake(answer search.Surveyed) string {
	if answer.Line > 0 {
		return fmt.Sprintf("line %d: %s", answer.Line, answer.Mistake)
	}
	return answer.Mistake
}

// SpaceSurvey says what the space that is written holds, as far as the worker has told,
// and what to mind about that. Nothing is known of a study's.
func (s *Store) SpaceSurvey() (lines []survey.Line, notes []string) {
	if s.Form.Preset != OwnSpace || s.Study != nil {
		return nil, nil
	}
	return s.survey.answer.Lines, s.survey.answer.Notes
}

// SpaceStatus says the same in a few words, for those who hear the page.
func (s *Store) SpaceStatus() string {
	switch lines, _ := s.SpaceSurvey(); {
	case s.Form.Preset != OwnSpace || s.Study != nil || s.survey.asked.text != s.survey.told.text:
		return ""
	case s.survey.answer.Mistake != "":
		return mistake(s.survey.answer)
	default:
		for _, l := range lines {
			if l.Name == "architectures" {
				return "Architectures in the space: " + l.Value + "."
			}
		}
		return ""
	}
}

// MistakeLine is the number of the line that is wrong of the space that is written; 0
// for none.
func (s *Store) MistakeLine() int {
	if s.Form.Preset != OwnSpace || s.Study != nil || s.survey.told.text != s.Form.Space {
		return 0
	}
	return s.survey.answer.Line
}

// LineSpan returns where a line of a text begins and ends, in UTF-16 units as browsers
// count; the end of the text if there is no such line.
func LineSpan(text string, number int) (start, end int) {
	units := func(s string) int { return len(utf16.Encode([]rune(s))) }
	for l := range strings.Lines(text) {
		if number--; number == 0 {
			return start, start + units(strings.TrimSuffix(l, "\n"))
		}
		start += units(l)
	}
	return start, start
}

// SpaceName says which space is searched, in the words of the form.
func (s *Store) SpaceName() string {
	switch {
	case s.Form.Preset != OwnSpace:
		return s.Form.Preset
	case s.Study != nil:
		return line(s.Study.Space.Name, maxText) + " (own space)"
	}
	return "own space"
}

// SpaceSummary says how far the chosen space extends, or where it comes from.
func (s *Store) SpaceSummary() string {
	for _, p := range s.Presets {
		if p.Name == s.Form.Preset {
			return p.Summary
		}
	}
	if s.Study != nil {
		return summary(s.Study.Space)
	}
	return "The one that is written below."
}
