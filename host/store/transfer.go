package store

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"litefront/host/wholefile"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Backup copies the store as it is now to a file that is there whole or not at all, and
// for its owner alone. Others may go on changing the store. No file is replaced.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.backup(ctx, path); err != nil {
		return fmt.Errorf("backup %s: %w", path, err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, path string) error {
	for _, name := range []string{path, path + "-wal"} { // a log would be taken for the new file's
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("%s exists already; name another file", name)
		}
	}
	whole, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	db, err := connect(whole, "") // which holds up no other reader
	if err != nil {
		return s.failure(err)
	}
	defer db.Close()
	target, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	return wholefile.NewSecretByName(target, func(name string) error {
		_, err := db.ExecContext(ctx, "VACUUM INTO ?", name)
		return s.failure(err)
	})
}

// Exported is a journal that was written to a file.
type Exported struct {
	Study string
	Class string
	Path  string
}

// Export writes every journal that has events to a file of its own in dir, which is
// made if there is none: as package journal keeps them, all as they are at one moment.
// Each file is there whole or not at all, and none is replaced. Names of studies and
// classes become names of files without anything that could lead out of dir.
func (s *Store) Export(ctx context.Context, dir string) ([]Exported, error) {
	var list []Exported
	err := s.look(ctx, func(tx *sql.Tx) error {
		all, err := studies(ctx, tx, "")
		if err != nil {
			return err
		}
		var journals []int64
		taken := map[string]bool{}
		for _, st := range all {
			for _, j := range st.Journals {
				if j.Events == 0 {
					continue
				}
				list = append(list, Exported{st.Name, j.Class, filepath.Join(dir, fileName(st.Name, j.Class, j.id, taken))})
				journals = append(journals, j.id)
			}
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for _, e := range list {
			if _, err := os.Lstat(e.Path); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s exists already; export to an empty folder", e.Path)
			}
		}
		for i, e := range list {
			called := fmt.Sprintf("study %q, class %q", e.Study, e.Class)
			if err := wholefile.Write(e.Path, func(w io.Writer) error { return writeLines(ctx, tx, journals[i], called, w) }); err != nil {
				return fmt.Errorf("export to %s: %w", e.Path, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.failure(err)
	}
	return list, nil
}

func writeLines(ctx context.Context, tx *sql.Tx, journal int64, called string, w io.Writer) error {
	b := bufio.NewWriterSize(w, 1<<20)
	var failed error
	err := eachLine(ctx, tx, journal, called, func(line []byte, _ trial.Event) bool {
		_, failed = b.Write(append(line, '\n'))
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		err = b.Flush()
	}
	return err
}

// maxPart bounds what a file's name keeps of a study's or a class's name, in bytes.
const maxPart = 80

// fileName names the file of a journal. Names that fall together, also where upper and
// lower case are one, are told apart by the journal's ID.
func fileName(name, class string, id int64, taken map[string]bool) string {
	base := plain(name) + "-" + plain(class)
	if taken[strings.ToLower(base)] {
		base = fmt.Sprintf("%s-%d", base, id)
	}
	for taken[strings.ToLower(base)] {
		base += "_"
	}
	taken[strings.ToLower(base)] = true
	return base + ".jsonl"
}

// plain keeps letters, digits and what is harmless inside a name.
func plain(text string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, text)
	kept = kept[:min(len(kept), maxPart)]
	if strings.HasPrefix(kept, ".") {
		kept = "_" + kept[1:]
	}
	return kept
}

// Import keeps the journal of a study that was searched elsewhere, as that of a class.
// It is whole, or not there at all. The study is made if there is none of this name;
// then what it consists of, its setup, must be the same. Without a name it is what the
// journal says. The error wraps [ErrExists] if the study has a journal of this class.
func (s *Store) Import(ctx context.Context, name, class string, events []trial.Event) (Study, error) {
	st, err := s.importJournal(ctx, name, class, events)
	return st, s.failure(err)
}

func (s *Store) importJournal(ctx context.Context, name, class string, events []trial.Event) (st Study, err error) {
	if err := checkText("class", class, maxWord); err != nil {
		return st, err
	}
	replayed, err := study.Replay(events, nil, nil)
	if err != nil {
		return st, err
	}
	for _, r := range replayed.Trials() {
		if r.Measurement != nil && len(r.Measurement.Device.ID) > maxWord {
			return st, fmt.Errorf("trial %d: device: id has %d bytes; at most %d are allowed", r.Number, len(r.Measurement.Device.ID), maxWord)
		}
	}
	if name == "" {
		name = replayed.Started().Study
	}
	err = s.change(ctx, func(tx *sql.Tx) error {
		id, err := studyID(ctx, tx, name)
		if errors.Is(err, ErrUnknown) {
			id, _, err = createStudy(ctx, tx, name, nil)
		}
		if err != nil {
			return err
		}
		_, called, err := journalID(ctx, tx, id, class)
		switch {
		case err == nil:
			return fmt.Errorf("%s: a journal %w; import it under another name or class", called, ErrExists)
		case !errors.Is(err, ErrUnknown):
			return err
		}
		if err := checkSetup(ctx, tx, id, name, *events[0].Started); err != nil {
			return err
		}
		journal, err := createJournal(ctx, tx, id, class)
		if err != nil {
			return err
		}
		statements := newStatements(ctx, tx)
		size := 0
		for _, e := range events {
			line, err := study.Encode(e)
			if err != nil {
				return err
			}
			if size += len(line) + 1; size > maxJournal {
				return fmt.Errorf("%s: the journal exceeds the limit of %d bytes", called, maxJournal)
			}
			if err := statements.exec(insertEvent, journal, e.Seq, string(line)); err != nil {
				return err
			}
		}
		if err := (&mirror{journal: journal, study: replayed}).derive(statements); err != nil {
			return err
		}
		list, err := studies(ctx, tx, "WHERE study.id = ?", id)
		if err == nil {
			st = list[0]
		}
		return err
	})
	return st, err
}

// checkSetup demands that a journal is of the same search as the study's others.
func checkSetup(ctx context.Context, tx *sql.Tx, id int64, name string, started trial.Started) error {
	var line []byte
	err := tx.QueryRowContext(ctx, "SELECT line FROM event JOIN journal ON journal.id = event.journal WHERE journal.study = ? AND seq = 1 LIMIT 1", id).Scan(&line)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	first, err := study.Decode(line)
	if err != nil {
		return fmt.Errorf("study %q: event 1: %w", name, err)
	}
	if first.Started == nil {
		return fmt.Errorf("study %q: its first event does not start it", name)
	}
	a, err := json.Marshal(first.Started.Setup)
	if err != nil {
		return err
	}
	b, err := json.Marshal(started.Setup)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return fmt.Errorf("study %q is there with another setup; import the journal under another name", name)
	}
	return nil
}
