package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Study is one search on any number of classes of devices.
type Study struct {
	ID      int64           `json:"id"`
	Name    string          `json:"name"`
	Request json.RawMessage `json:"request,omitempty"` // what was asked for; nil where that is not known
	Created time.Time       `json:"created"`
	// Journals are in the order of their making.
	Journals []JournalInfo `json:"journals"`
}

// JournalInfo says how far a study is on one class of devices. Trials include overlays.
type JournalInfo struct {
	Class      string   `json:"class"`
	Events     int64    `json:"events"`
	Bytes      int64    `json:"bytes"` // as a file
	Asked      int      `json:"asked"`
	Measured   int      `json:"measured"`
	Failed     int      `json:"failed"`
	Frontier   int      `json:"frontier"`   // members
	Objectives []string `json:"objectives"` // the study's; empty before its first event

	id int64
}

// CreateStudy keeps a study without journals. The request is JSON, or nil. The error
// wraps [ErrExists] if there is one of this name.
func (s *Store) CreateStudy(ctx context.Context, name string, request json.RawMessage) (Study, error) {
	st := Study{Name: name, Request: request}
	err := s.change(ctx, func(tx *sql.Tx) (err error) {
		st.ID, st.Created, err = createStudy(ctx, tx, name, request)
		return err
	})
	return st, s.failure(err)
}

// SetRequest replaces what was asked for of a study: its budget, or what is demanded of
// its frontier. The error wraps ErrUnknown if there is no such study.
func (s *Store) SetRequest(ctx context.Context, name string, request json.RawMessage) error {
	return s.failure(s.change(ctx, func(tx *sql.Tx) error {
		id, err := studyID(ctx, tx, name)
		if err == nil {
			err = checkRequest(name, request)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE study SET request = ? WHERE id = ?", string(request), id)
		}
		return err
	}))
}

func checkRequest(name string, request json.RawMessage) error {
	switch {
	case len(request) > maxRequest:
		return fmt.Errorf("study %q: its request has %d bytes; at most %d are allowed", name, len(request), maxRequest)
	case len(request) > 0 && !json.Valid(request):
		return fmt.Errorf("study %q: its request must be JSON", name)
	}
	return nil
}

func createStudy(ctx context.Context, tx *sql.Tx, name string, request json.RawMessage) (id int64, created time.Time, err error) {
	if err := checkText("study: name", name, maxName); err != nil {
		return 0, created, err
	}
	if err := checkRequest(name, request); err != nil {
		return 0, created, err
	}
	switch _, err := studyID(ctx, tx, name); {
	case err == nil:
		return 0, created, fmt.Errorf("study %q %w", name, ErrExists)
	case !errors.Is(err, ErrUnknown):
		return 0, created, err
	}
	created = time.UnixMilli(time.Now().UnixMilli()).UTC() // as it is read again
	done, err := tx.ExecContext(ctx, "INSERT INTO study (name, request, created) VALUES (?, ?, ?)", name, string(request), created.UnixMilli())
	if err != nil {
		return 0, created, err
	}
	id, err = done.LastInsertId()
	return id, created, err
}

func studyID(ctx context.Context, tx *sql.Tx, name string) (id int64, err error) {
	err = tx.QueryRowContext(ctx, "SELECT id FROM study WHERE name = ?", name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("study %.100q %w", name, ErrUnknown)
	}
	return id, err
}

// Studies lists all studies in the order of their making.
func (s *Store) Studies(ctx context.Context) ([]Study, error) {
	var list []Study
	err := s.look(ctx, func(tx *sql.Tx) (err error) {
		list, err = studies(ctx, tx, "")
		return err
	})
	return list, s.failure(err)
}

// Study returns the study of a name. The error wraps [ErrUnknown] if there is none.
func (s *Store) Study(ctx context.Context, name string) (Study, error) {
	var st Study
	err := s.look(ctx, func(tx *sql.Tx) error {
		if _, err := studyID(ctx, tx, name); err != nil {
			return err
		}
		list, err := studies(ctx, tx, "WHERE study.name = ?", name)
		if err == nil {
			st = list[0]
		}
		return err
	})
	return st, s.failure(err)
}

func studies(ctx context.Context, tx *sql.Tx, where string, args ...any) (list []Study, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT study.id, name, request, created, journal.id, class, events, bytes, asked, measured, failed, own,
			(SELECT count(*) FROM frontier WHERE frontier.journal = journal.id)
		FROM study LEFT JOIN journal ON journal.study = study.id `+where+`
		ORDER BY study.id, journal.id`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var st Study
		var request string
		var created int64
		var journal struct {
			id, events, bytes, asked, measured, failed, frontier sql.NullInt64
			class, own                                           sql.NullString
		}
		if err := rows.Scan(&st.ID, &st.Name, &request, &created, &journal.id, &journal.class, &journal.events, &journal.bytes,
			&journal.asked, &journal.measured, &journal.failed, &journal.own, &journal.frontier); err != nil {
			return nil, err
		}
		if request != "" {
			st.Request = json.RawMessage(request)
		}
		st.Created = time.UnixMilli(created).UTC()
		if len(list) == 0 || list[len(list)-1].ID != st.ID {
			list = append(list, st)
		}
		if !journal.id.Valid {
			continue
		}
		info := JournalInfo{Class: journal.class.String, Events: journal.events.Int64, Bytes: journal.bytes.Int64,
			Asked: int(journal.asked.Int64), Measured: int(journal.measured.Int64), Failed: int(journal.failed.Int64),
			Frontier: int(journal.frontier.Int64), id: journal.id.Int64}
		if err := json.Unmarshal([]byte(journal.own.String), &info.Objectives); err != nil {
			return nil, fmt.Errorf("study %q, class %q: its objectives are damaged: %w", st.Name, info.Class, err)
		}
		last := &list[len(list)-1]
		last.Journals = append(last.Journals, info)
	}
	return list, rows.Err()
}

// journalID finds a journal, and what to call it in errors.
func journalID(ctx context.Context, tx *sql.Tx, studyID int64, class string) (id int64, called string, err error) {
	var name string
	err = tx.QueryRowContext(ctx, "SELECT name FROM study WHERE id = ?", studyID).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", fmt.Errorf("study %d %w", studyID, ErrUnknown)
	}
	if err != nil {
		return 0, "", err
	}
	called = fmt.Sprintf("study %q, class %.100q", name, class)
	err = tx.QueryRowContext(ctx, "SELECT id FROM journal WHERE study = ? AND class = ?", studyID, class).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%s: the journal %w", called, ErrUnknown)
	}
	return id, called, err
}

// Events yields the events of a journal in their order, as they are at the call. An
// error, which comes last, is one line; it wraps [ErrUnknown] if there is no such
// journal.
func (s *Store) Events(ctx context.Context, studyID int64, class string) iter.Seq2[trial.Event, error] {
	return func(yield func(trial.Event, error) bool) {
		goesOn := true
		err := s.look(ctx, func(tx *sql.Tx) error {
			id, called, err := journalID(ctx, tx, studyID, class)
			if err != nil {
				return err
			}
			return eachLine(ctx, tx, id, called, func(_ []byte, e trial.Event) bool {
				goesOn = yield(e, nil)
				return goesOn
			})
		})
		if err != nil && goesOn {
			yield(trial.Event{}, s.failure(err))
		}
	}
}

// eachLine calls f with the lines of a journal, without line breaks, and their events,
// checked as a file's are, until f returns false.
func eachLine(ctx context.Context, tx *sql.Tx, journal int64, called string, f func(line []byte, e trial.Event) bool) error {
	rows, err := tx.QueryContext(ctx, "SELECT seq, line FROM event WHERE journal = ? ORDER BY seq", journal)
	if err != nil {
		return err
	}
	defer rows.Close()
	next := int64(1)
	for ; rows.Next(); next++ {
		var seq int64
		var line []byte
		if err := rows.Scan(&seq, &line); err != nil {
			return err
		}
		e, err := study.Decode(line)
		if err == nil && (seq != next || e.Seq != next) {
			err = fmt.Errorf("it has seq %d in row %d", e.Seq, seq)
		}
		if err != nil {
			return fmt.Errorf("%s: event %d: %w", called, next, err)
		}
		if !f(line, e) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var events int64
	if err := tx.QueryRowContext(ctx, "SELECT events FROM journal WHERE id = ?", journal).Scan(&events); err != nil {
		return err
	}
	if events != next-1 {
		return fmt.Errorf("%s: %d events where there were %d", called, next-1, events)
	}
	return nil
}

// readEvents returns all events of a journal.
func readEvents(ctx context.Context, tx *sql.Tx, journal int64, called string) (events []trial.Event, err error) {
	err = eachLine(ctx, tx, journal, called, func(_ []byte, e trial.Event) bool {
		events = append(events, e)
		return true
	})
	return events, err
}
