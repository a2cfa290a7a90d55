package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"

	"litefront/host/filelock"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// maxJournal bounds a journal in bytes, as package journal bounds its files: what is in
// a store can be exported.
const maxJournal = 1 << 30

// Journal is the held journal of a study and a class. It is a study.Journal. Its
// methods may be called at the same time.
type Journal struct {
	store  *Store
	ctx    context.Context
	id     int64
	called string

	mu     sync.Mutex
	closed bool
	mirror *mirror // nil when it must be read again
	seq    int64   // of the last event
	bytes  int64
	lost   error // set once it is unclear where the journal ends
}

// Journal holds the journal of a study and a class until it is closed, and returns its
// events, ready for study.Replay. It is made if there is none; then there are no events,
// and the first one must be that which starts a study. The error wraps [ErrHeld] if
// somebody holds the journal, here or in another process, which then holds all of the
// store's.
//
// Appending does not end with ctx, but keeps its values.
func (s *Store) Journal(ctx context.Context, studyID int64, class string) (*Journal, []trial.Event, error) {
	j, events, err := s.hold(ctx, studyID, class)
	return j, events, s.failure(err)
}

func (s *Store) hold(ctx context.Context, studyID int64, class string) (*Journal, []trial.Event, error) {
	if err := checkText("class", class, maxWord); err != nil {
		return nil, nil, err
	}
	j := &Journal{store: s, ctx: context.WithoutCancel(ctx)}
	err := s.change(ctx, func(tx *sql.Tx) (err error) {
		j.id, j.called, err = journalID(ctx, tx, studyID, class)
		if errors.Is(err, ErrUnknown) && j.called != "" {
			j.id, err = createJournal(ctx, tx, studyID, class)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if err := s.take(j.id); err != nil {
		return nil, nil, fmt.Errorf("%s: its journal %w", j.called, err)
	}
	var events []trial.Event
	err = s.look(ctx, func(tx *sql.Tx) (err error) {
		events, err = j.load(ctx, tx)
		return err
	})
	if err == nil && j.mirror != nil && !j.mirror.current {
		err = s.change(ctx, func(tx *sql.Tx) error { return j.mirror.derive(newStatements(ctx, tx)) })
	}
	if err != nil {
		s.give(j.id)
		return nil, nil, err
	}
	return j, events, nil
}

func createJournal(ctx context.Context, tx *sql.Tx, studyID int64, class string) (int64, error) {
	done, err := tx.ExecContext(ctx, "INSERT INTO journal (study, class) VALUES (?, ?)", studyID, class)
	if err != nil {
		return 0, err
	}
	return done.LastInsertId()
}

// take holds a journal. A lock that ends with the process keeps other processes out:
// a lease in the store would have to be renewed by a clock, and a process that slept
// past its end could not know. Were the lock to fail, the order of the events would
// still hold, since no two events have the same place.
func (s *Store) take(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[id] {
		return ErrHeld
	}
	if s.lock == nil {
		f, err := filelock.Open(s.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, filelock.ErrInUse) {
			return fmt.Errorf("%w: %w", ErrHeld, err)
		}
		if err != nil {
			return err
		}
		s.lock = f
	}
	s.held[id] = true
	return nil
}

func (s *Store) give(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, id)
}

// load reads the journal as it is.
func (j *Journal) load(ctx context.Context, tx *sql.Tx) ([]trial.Event, error) {
	events, err := readEvents(ctx, tx, j.id, j.called)
	if err != nil {
		return nil, err
	}
	if err := tx.QueryRowContext(ctx, "SELECT events, bytes FROM journal WHERE id = ?", j.id).Scan(&j.seq, &j.bytes); err != nil {
		return nil, err
	}
	if len(events) > 0 {
		if j.mirror, err = newMirror(ctx, tx, j.id, j.called, events); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// Append writes e at the end, and what follows from it for measurements and the
// frontier. All of it is on the disk when Append returns nil, and nothing of it when it
// returns an error; later appends may succeed. An event that the study could not have
// recorded, by its number or by what it says, is refused.
func (j *Journal) Append(e trial.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.append(e); err != nil {
		return j.store.failure(fmt.Errorf("%s: event %d: %w", j.called, e.Seq, err))
	}
	return nil
}

func (j *Journal) append(e trial.Event) error {
	switch {
	case j.closed:
		return errors.New("the journal is closed")
	case j.lost != nil:
		return j.lost
	}
	line, err := study.Encode(e)
	if err != nil {
		return err
	}
	if e.Seq != j.seq+1 {
		return fmt.Errorf("seq %d must follow", j.seq+1)
	}
	bytes := j.bytes + int64(len(line)) + 1
	if bytes > maxJournal {
		return fmt.Errorf("the journal would exceed the limit of %d bytes", maxJournal)
	}
	if j.mirror == nil && j.seq > 0 {
		if err := j.store.look(j.ctx, func(tx *sql.Tx) error { _, err := j.load(j.ctx, tx); return err }); err != nil {
			return err
		}
	}
	// The mirror goes first, since the rows follow from it. If they are then not kept, it
	// is ahead of the journal, and thrown away.
	if j.mirror == nil {
		j.mirror, err = startMirror(j.id, e)
	} else {
		err = j.mirror.accept(e)
	}
	if err != nil {
		return err
	}
	err = j.store.change(j.ctx, func(tx *sql.Tx) error {
		st := newStatements(j.ctx, tx)
		if err := st.exec(insertEvent, j.id, e.Seq, string(line)); err != nil {
			return err
		}
		if err := j.mirror.follow(st, e); err != nil {
			return err
		}
		return j.mirror.count(st, e.Seq, bytes)
	})
	if err != nil {
		j.mirror = nil
		return j.undone(e, err)
	}
	j.seq, j.bytes = e.Seq, bytes
	return nil
}

// undone makes sure that an event whose transaction failed is not in the journal.
// Nobody knows what a failed commit leaves behind.
func (j *Journal) undone(e trial.Event, cause error) error {
	var there bool
	err := j.store.write.QueryRowContext(j.ctx, "SELECT count(*) > 0 FROM event WHERE journal = ? AND seq = ?", j.id, e.Seq).Scan(&there)
	if err == nil && !there {
		return cause
	}
	j.lost = fmt.Errorf("it is unclear whether an earlier event was kept (%w); hold the journal anew", cause)
	return j.lost
}

// Close gives the journal back. Everything appended is on the disk already.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.closed, j.mirror = true, nil
		j.store.give(j.id)
	}
	return nil
}
