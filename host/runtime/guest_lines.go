package runtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"

	"github.com/tetratelabs/wazero/sys"

	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// guestLines is a guest's standard output: the events whose lines are written to
// it happen to a study here, which keeps and announces them. So what the guest's
// study cannot have is neither kept nor announced.
type guestLines struct {
	started trial.Started // how a new study begins
	journal study.Journal // nil keeps nothing
	watch   func(trial.Event)

	line  []byte       // what has come of a line that has not ended
	study *study.Study // nil until it has started
	done  *trial.Done
	lost  error // why the latest event could not be kept
	fault error // the first
}

// newGuestLines expects the events of the search q.
func newGuestLines(q search.Request, j study.Journal, watch func(trial.Event)) (l *guestLines, err error) {
	l = &guestLines{started: trial.Started{Study: q.Name, Code: q.Code, Setup: q.Setup}, journal: j, watch: watch}
	if len(q.Journal) > 0 {
		l.study, err = study.Replay(q.Journal, l, watch)
	}
	return l, err
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
		l.lost = nil
		e, err := study.Decode(l.line)
		l.line = l.line[:0]
		if err == nil {
			err = l.take(e)
		}
		switch {
		case err == nil:
		case l.lost != nil:
			l.fail(l.lost)
			return 0, syscall.EIO
		default:
			l.refuse(err)
		}
	}
	return len(b), nil
}

// take lets e happen. The error is the journal's if lost is set; else it says
// why e cannot be the guest's next event.
func (l *guestLines) take(e trial.Event) error {
	if l.done != nil {
		return fmt.Errorf("event %q after the search was done", e.Kind)
	}
	switch e.Kind {
	case trial.KindFrontier, trial.KindPredicted, trial.KindProgress, trial.KindDone:
		if e.Seq != 0 {
			return fmt.Errorf("event %q has seq %d, but is not kept", e.Kind, e.Seq)
		}
		if e.Kind == trial.KindPredicted {
			if l.study == nil {
				return fmt.Errorf("event %q before the study", e.Kind)
			}
			if err := e.Predicted.Validate(); err != nil {
				return err
			}
		}
		l.done = e.Done
		// The frontier is told by the study here: it is that of what was kept.
		if e.Kind != trial.KindFrontier {
			l.announce(e)
		}
		return nil
	}
	if l.study == nil {
		return l.start(e)
	}
	return l.study.Accept(e)
}

// start begins the study with its first event.
func (l *guestLines) start(e trial.Event) error {
	begun, err := study.Replay([]trial.Event{e}, l, l.watch)
	if err == nil && !sameJSON(*e.Started, l.started) {
		err = errors.New("the study is not the one that was asked for")
	}
	if err == nil {
		err = l.Append(e)
	}
	if err != nil {
		return err
	}
	l.study = begun
	l.announce(e)
	return nil
}

// Append implements study.Journal for the study here. It keeps the reason of a
// failure: that one is not the guest's.
func (l *guestLines) Append(e trial.Event) error {
	if l.journal != nil {
		l.lost = l.journal.Append(e)
	}
	return l.lost
}

// sameJSON compares by what crosses the wall.
func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func (l *guestLines) announce(e trial.Event) {
	if l.watch != nil {
		l.watch(e)
	}
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
