// Package store keeps devices, studies, their journals and what was measured in one
// SQLite file.
//
// A study has one journal for each class of devices, a list of events as a file of
// package journal holds it, line for line. The events are the only truth: the rows by
// which measurements and frontiers are found are derived from them in the transaction
// that appends them, and [Store.Rebuild] derives them anew.
//
// Any number of processes may read and change a store at once, but one process at a
// time holds its journals.
package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"litefront/host/filelock"
)

// applicationID marks our files among those of SQLite: "lfrt".
const applicationID = 0x6c667274

// busyMs is how long a statement waits for another process that writes.
const busyMs = 10_000

// readers bounds the connections that read at once.
const readers = 4

// What callers may want to tell apart; other errors are about the file.
var (
	ErrUnknown = errors.New("is unknown")         // no device, study or journal of this name
	ErrExists  = errors.New("exists already")     // a study or journal does
	ErrHeld    = errors.New("is held by another") // a journal is, here or in another process
)

// Store is an open file. Its methods may be called at the same time.
type Store struct {
	path  string
	write *sql.DB // one connection
	read  *sql.DB

	mu   sync.Mutex
	lock *os.File       // held once a journal is
	held map[int64]bool // journals, by ID
}

// Open opens the store at path, and makes it, for its owner alone, if there is none. An
// older store is brought up to date. The error for a newer one, for a file of another
// program, or for one that is damaged is one line.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{path: path, held: map[int64]bool{}}
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, s.failure(err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := claim(s.path); err != nil {
		return err
	}
	whole, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	if s.write, err = connect(whole, "_txlock=immediate"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := adopt(ctx, s.write); err != nil {
		return err
	}
	if err := migrate(ctx, s.write, migrations); err != nil {
		return err
	}
	if s.read, err = connect(whole, "_query_only=1"); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return s.read.PingContext(ctx)
}

// Path is where the store is.
func (s *Store) Path() string { return s.path }

// claim makes an empty file at path if there is none, or checks that the one there is a
// store, without asking SQLite, which may change what it opens.
func claim(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		defer f.Close()
		return filelock.SyncDir(filepath.Dir(path))
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if f, err = os.Open(path); err != nil {
		return err
	}
	defer f.Close()
	// https://www.sqlite.org/fileformat.html#the_database_header
	header := make([]byte, 100)
	switch _, err := io.ReadFull(f, header); {
	case errors.Is(err, io.EOF):
		return nil // empty, perhaps of a program that ended just now
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case err != nil || string(header[:16]) != "SQLite format 3\x00":
		return errors.New("not a store of litefront, and not of SQLite")
	}
	if id := binary.BigEndian.Uint32(header[68:]); id != applicationID {
		return errForeign
	}
	return nil
}

var errForeign = errors.New("an SQLite file of another program, not a store of litefront")

// connect returns connections to the file at path, an absolute one.
func connect(path, more string) (*sql.DB, error) {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/...
	}
	name := (&url.URL{Scheme: "file", Path: slashed}).String() + "?mode=rw&_dqs=0&_defensive=1&_error_rc=1" +
		fmt.Sprintf("&_busy_timeout=%d", busyMs) +
		// Every commit is on the disk when it returns. On Apple's systems that takes more than fsync.
		"&_synchronous=FULL&_pragma=fullfsync(1)&_pragma=checkpoint_fullfsync(1)" +
		"&_foreign_keys=1&_pragma=trusted_schema(0)" +
		"&_pragma=journal_size_limit(67108864)&" + more // the log shrinks again after an import
	connector, err := sqlite.NewConnector(name)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// adopt marks an empty file as ours before it has anything in it, in the very header
// that claim reads, and has SQLite write ahead, so that reading waits for nobody.
func adopt(ctx context.Context, db *sql.DB) error {
	var id, tables int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id != applicationID {
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
			return err
		}
		if id != 0 || tables > 0 {
			return errForeign
		}
		if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
	}
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("its file system has no shared memory for SQLite's write-ahead log (journal_mode %s)", mode)
	}
	return nil
}

// Close gives back the journals that are held and closes the file. Everything that was
// appended is on the disk already.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} { // the last to close empties the log
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}

// change runs f in a transaction that is on the disk when change returns nil, and
// undone when it returns an error.
func (s *Store) change(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// look runs f on one state of the store, whatever others change meanwhile.
func (s *Store) look(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return f(tx)
}

// failure is the one line that callers see.
func (s *Store) failure(err error) error {
	if err == nil {
		return nil
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the path is ours, or said by who made the error
	}
	var db *sqlite.Error
	if errors.As(err, &db) {
		switch db.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			err = errors.New("the disk is full, or the file may grow no further")
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			err = fmt.Errorf("damaged (%w); a backup helps", db)
		case sqlite3.SQLITE_BUSY:
			err = fmt.Errorf("another process has been writing for %d s", busyMs/1000)
		}
	}
	return fmt.Errorf("store %s: %w", s.path, err)
}
