package worker

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/hack-pad/go-indexeddb/idb"
	"github.com/hack-pad/safejs"
)

const (
	dbName    = "litefront"
	dbVersion = 1
	storeName = "journal" // key: number of the line; value: the line
)

var errElsewhere = errors.New("another page has changed it in the meantime; reload this one")

// store is a session.Store in IndexedDB. It opens the database when it first
// needs it, and again after it was closed.
type store struct {
	db *idb.Database
}

// Load implements session.Store.
func (s *store) Load() (lines []string, err error) {
	err = s.transaction(idb.TransactionReadOnly, func(o *idb.ObjectStore) error {
		request, err := o.OpenCursor(idb.CursorNext)
		if err != nil {
			return err
		}
		return request.Iter(context.Background(), func(c *idb.CursorWithValue) error {
			v, err := c.Value()
			if err != nil {
				return err
			}
			if v.Type() != js.TypeString {
				return fmt.Errorf("line %d is not a text", len(lines)+1)
			}
			line, err := safejs.Safe(v).String()
			lines = append(lines, line)
			return err
		})
	})
	return lines, err
}

// Append implements session.Store.
func (s *store) Append(seq int64, last, line string) error {
	return s.transaction(idb.TransactionReadWrite, func(o *idb.ObjectStore) error {
		// Whether lines follow the last one shows when line is added under its number.
		if kept, err := get(o, seq-1); err != nil {
			return err
		} else if kept != last {
			return errElsewhere
		}
		return add(o, seq, line)
	})
}

// Replace implements session.Store.
func (s *store) Replace(lines []string) error {
	return s.transaction(idb.TransactionReadWrite, func(o *idb.ObjectStore) error {
		if _, err := o.Clear(); err != nil {
			return err
		}
		for i, line := range lines {
			if err := add(o, int64(i+1), line); err != nil {
				return err
			}
		}
		return nil
	})
}

// get reads the line with the number seq; it is empty where there is none.
func get(o *idb.ObjectStore, seq int64) (string, error) {
	key, err := safejs.ValueOf(float64(seq))
	if err != nil {
		return "", err
	}
	request, err := o.Get(safejs.Unsafe(key))
	if err != nil {
		return "", err
	}
	v, err := request.Await(context.Background())
	if err != nil || v.Type() != js.TypeString {
		return "", err
	}
	return safejs.Safe(v).String()
}

// add adds a line under a key that is free. Whether it succeeds shows when the
// transaction ends.
func add(o *idb.ObjectStore, seq int64, line string) error {
	key, err := safejs.ValueOf(float64(seq))
	if err != nil {
		return err
	}
	value, err := safejs.ValueOf(line)
	if err != nil {
		return err
	}
	_, err = o.AddKey(safejs.Unsafe(key), safejs.Unsafe(value))
	return err
}

// transaction runs do in a transaction and waits until that is complete, and on
// the disk as far as the browser tells. When it fails, nothing has changed.
func (s *store) transaction(mode idb.TransactionMode, do func(*idb.ObjectStore) error) (err error) {
	defer func() { // go-indexeddb panics where a browser has no IndexedDB
		if r := recover(); r != nil {
			err = fmt.Errorf("IndexedDB failed: %v", r)
		}
		err = explain(err)
	}()
	if s.db == nil {
		if s.db, err = openDatabase(); err != nil {
			return err
		}
	}
	t, err := s.db.TransactionWithOptions(idb.TransactionOptions{Mode: mode, Durability: idb.DurabilityStrict}, storeName)
	if err != nil {
		s.db = nil // closed from outside, such as when the user clears this site's data
		return err
	}
	o, err := t.ObjectStore(storeName)
	if err != nil {
		return err
	}
	if err := do(o); err != nil {
		_ = t.Abort() // it fails only if the transaction has been aborted already
		return err
	}
	return t.Await(context.Background())
}

func openDatabase() (*idb.Database, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request, err := idb.Global().Open(ctx, dbName, dbVersion, func(db *idb.Database, _, _ uint) error {
		_, err := db.CreateObjectStore(storeName, idb.ObjectStoreOptions{})
		return err
	})
	if err != nil {
		return nil, err
	}
	return request.Await(ctx)
}

// explain makes one line of what the storage reports.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case named(err, "QuotaExceededError"):
		return errors.New("the browser's storage is full")
	case named(err, "VersionError"):
		return errors.New("it was written by a newer version of this program")
	case named(err, "ConstraintError"):
		return errElsewhere
	}
	return thrown(err)
}

// named reports whether the storage reports a DOMException of that name, be it by an
// event or by throwing it.
func named(err error, name string) bool {
	if e := (js.Error{}); errors.As(err, &e) {
		got, textErr := getString(safejs.Safe(e.Value), "name")
		return got == name && textErr == nil
	}
	return errors.Is(err, idb.NewDOMException(name))
}
