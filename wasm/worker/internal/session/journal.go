package session

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Store keeps the lines of one journal, as study.Encode writes them and without
// line breaks. Each change is made as a whole or not at all.
type Store interface {
	// Load returns all lines in their order; none if there is no study.
	Load() ([]string, error)
	// Append adds the line with the number seq, counted from 1, at the end. The
	// line is kept when it returns nil. It fails if the store does not end with
	// the line last, empty for none: then somebody else has written to it.
	Append(seq int64, last, line string) error
	// Replace keeps these lines instead of all others.
	Replace(lines []string) error
}

// journal is the study.Journal of a store.
type journal struct {
	store Store
	last  string // line that the store should end with
}

func (j *journal) Append(e trial.Event) error {
	line, err := study.Encode(e)
	if err == nil {
		err = j.store.Append(e.Seq, j.last, string(line))
	}
	if err != nil {
		return fmt.Errorf("the result could not be kept: %w", err)
	}
	j.last = string(line)
	return nil
}

// decodeAll reads the events of the kept study. A line that this program does
// not understand is an error, and stays where it is.
func decodeAll(lines []string) ([]trial.Event, error) {
	events := make([]trial.Event, len(lines))
	for i, line := range lines {
		var err error
		if events[i], err = decode(i+1, []byte(line)); err != nil {
			return nil, unreadable(err)
		}
	}
	return events, nil
}

// unreadable is about a study that is kept, unavailable about the place where one
// would be.
func unreadable(err error) error { return fmt.Errorf("the kept study cannot be read: %w", err) }

func unavailable(err error) error {
	return fmt.Errorf("the browser's storage cannot be read: %w", err)
}

// decode reads the line with that number, counted from 1.
func decode(number int, line []byte) (trial.Event, error) {
	e, err := study.Decode(line)
	if err == nil && e.Seq != int64(number) {
		err = fmt.Errorf("event has seq %d", e.Seq)
	}
	if err != nil {
		return trial.Event{}, fmt.Errorf("line %d: %w", number, err)
	}
	return e, nil
}

// opening is how every journal begins.
const opening = `{"v":`

// checkText refuses a text that is not a journal's, and names what other programs make
// of one.
func checkText(text string) error {
	first, _, _ := strings.Cut(text, "\n")
	switch {
	case text == "":
		return errors.New("not a journal: the file is empty")
	case strings.HasPrefix(text, "\ufeff"):
		return errors.New("not a journal: it begins with a byte order mark; save it without one")
	case strings.HasPrefix(text, "\x1f"):
		return errors.New("not a journal: it looks compressed; unpack it first")
	case !strings.HasPrefix(text, opening):
		return fmt.Errorf("not a journal: it must begin with %s", opening)
	case strings.HasSuffix(first, "\r"):
		return errors.New("it ends with CR LF; a journal's lines end with LF alone")
	}
	return nil
}

// parseStudy reads the text of a journal file, and replays it.
func parseStudy(text string) (lines []string, st *study.Study, err error) {
	lines, events, err := parseJournal(text)
	if err == nil {
		st, err = study.Replay(events, nil, nil)
	}
	return lines, st, err
}

// parseJournal reads the text of a journal file. A torn last line, which is what
// a crash leaves behind, is left out: one without a line break that is not whole.
// Any other damage is an error.
func parseJournal(text string) (lines []string, events []trial.Event, err error) {
	if err := checkText(text); err != nil {
		return nil, nil, fmt.Errorf("line 1: %w", err)
	}
	for rest := []byte(text); len(rest) > 0; {
		line, next, ended := bytes.Cut(rest, []byte("\n"))
		rest = next
		e, err := decode(len(lines)+1, line)
		if errors.Is(err, study.ErrDamaged) && !ended && len(lines) > 0 {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		lines = append(lines, string(line))
		events = append(events, e)
	}
	return lines, events, nil
}
