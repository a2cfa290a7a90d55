package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"

	"github.com/tetratelabs/wazero/sys"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// guestLines is a guest's standard output: it keeps and announces the events
// whose lines are written to it.
type guestLines struct {
	journal study.Journal // nil keeps nothing
	watch   func(trial.Event)

	line   []byte        // what has come of a line that has not ended
	events []trial.Event // all that the journal holds
	done   *trial.Done
	fault  error // the first
}

// Write implements io.Writer. What fails is a system error, as the guest sees
// it; the reason is in fault. A guest that writes anything but events ends
// here.
func (l *guestLines) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte("\n"))
		if len(l.line)+len(part) > study.MaxLine {
			l.refuse(fmt.Errorf("longer than the limit of %d bytes", study.MaxLine))
		}
		l.line = append(l.line, part...)
		rest = after
		if !ended {
			break
		}
		e, err := study.Decode(l.line)
		l.line = l.line[:0]
		if err == nil {
			err = l.check(e)
		}
		if err != nil {
			l.refuse(err)
		}
		if err := l.take(e); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// check reports why e cannot be the guest's next event.
func (l *guestLines) check(e trial.Event) error {
	if l.done != nil {
		return fmt.Errorf("event %q after the search was done", e.Kind)
	}
	kept := true
	switch e.Kind {
	case trial.KindFrontier, trial.KindProgress, trial.KindDone:
		kept = false
	}
	switch next := int64(len(l.events) + 1); {
	case kept && e.Seq != next:
		return fmt.Errorf("event %q has seq %d where %d must follow", e.Kind, e.Seq, next)
	case !kept && e.Seq != 0:
		return fmt.Errorf("event %q has seq %d, but is not kept", e.Kind, e.Seq)
	}
	return nil
}

// take keeps e, if it is of a kind that is kept, and then announces it.
func (l *guestLines) take(e trial.Event) error {
	if e.Seq != 0 {
		if l.journal != nil {
			if err := l.journal.Append(e); err != nil {
				l.fail(err)
				return syscall.EIO
			}
		}
		l.events = append(l.events, e)
	}
	if e.Done != nil {
		l.done = e.Done
	}
	if l.watch != nil {
		l.watch(e)
	}
	return nil
}

// end reports what was missing when the guest ended well.
func (l *guestLines) end() error {
	switch {
	case len(l.line) > 0:
		return errors.New("guest: it ended in the middle of a line")
	case l.done == nil:
		return errors.New("guest: it ended without saying that the search is done")
	}
	return nil
}

func (l *guestLines) fail(err error) {
	if l.fault == nil {
		l.fault = err
	}
}

// refuse ends the guest.
func (l *guestLines) refuse(err error) {
	l.fail(fmt.Errorf("guest: it wrote a line that is no event of this search: %w", err))
	panic(sys.NewExitError(1)) // wazero makes it the end of the guest, and nothing else
}
