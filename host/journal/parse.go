package journal

import (
	"bytes"
	"errors"
	"fmt"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// opening is how every journal begins. A torn first line is cut off only if it
// began like this and has no line break, so that a file of another kind is
// never emptied.
const opening = `{"v":1,"kind":"started",`

// parse reads the lines of a journal. It also returns the number of bytes that
// whole lines take: fewer than there are if the last line is torn, which is one
// without a line break that is not whole. A damaged line that has one was whole
// once, and perhaps announced: it is an error.
func parse(data []byte) (events []trial.Event, whole int, err error) {
	for whole < len(data) {
		line, _, ended := bytes.Cut(data[whole:], []byte("\n"))
		number := len(events) + 1
		e, err := study.Decode(line)
		if err != nil {
			damaged := errors.Is(err, study.ErrDamaged)
			if number == 1 && damaged && !begins(line) {
				return nil, 0, errors.New("line 1: not a journal")
			}
			if damaged && !ended {
				return events, whole, nil
			}
			return nil, 0, fmt.Errorf("line %d: %w", number, err)
		}
		if e.Seq != int64(number) {
			return nil, 0, fmt.Errorf("line %d: event has seq %d", number, e.Seq)
		}
		events = append(events, e)
		whole += len(line)
		if ended {
			whole++
		}
	}
	return events, whole, nil
}

// begins reports whether line is the beginning of a journal's first line.
func begins(line []byte) bool {
	n := min(len(line), len(opening))
	return n > 0 && string(line[:n]) == opening[:n]
}
