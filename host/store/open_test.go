package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"litefront/searchcore/study"
)

// A store is for its owner alone, whatever its name looks like, and opens again.
func TestOpenMakesAStore(t *testing.T) {
	for _, name := range []string{"store.db", "a b", "100%41", "what?", "sharp#1", "file:x", "ünï", "-", "x&mode=memory"} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, `?:`) {
			continue
		}
		dir := t.TempDir()
		t.Chdir(dir)
		s := opened(t, name)
		if _, err := s.CreateStudy(ctx, "tiny", []byte(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%q has mode %04o", name, mode)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), name) {
				t.Errorf("%q made %q", name, e.Name())
			}
			if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
				t.Errorf("others may look at %q: %v, %v", e.Name(), info.Mode(), err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		st, err := opened(t, name).Study(ctx, "tiny")
		if err != nil || string(st.Request) != `{"a":1}` {
			t.Errorf("%q: %+v, %v", name, st, err)
		}
	}
}

// What is no store is refused in one line, and stays as it is.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE bookmark (url TEXT)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	newer := filepath.Join(dir, "newer.db")
	s := opened(t, newer)
	if _, err := s.write.Exec("PRAGMA user_version = 1000"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	text := filepath.Join(dir, "notes")
	if err := os.WriteFile(text, []byte(strings.Repeat("notes ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("SQLite format 3\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		foreign:                           "an SQLite file of another program",
		newer:                             "of version 1000; this program knows those up to",
		text:                              "not a store of litefront, and not of SQLite",
		short:                             "not a store of litefront, and not of SQLite",
		dir:                               "not a regular file",
		filepath.Join(dir, "absent", "x"): "no such file",
	} {
		before, _ := os.ReadFile(path)
		s, err := Open(ctx, path)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v, want one line with %q", path, err, want)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s was changed", path)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

// From every older version a store gets to the newest with what was in it, once; a
// migration that fails leaves it as it was.
func TestMigrate(t *testing.T) {
	list := []string{
		"CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)",
		"ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7",
		"CREATE TABLE b (z INTEGER); INSERT INTO b SELECT x + y FROM a",
	}
	for old := range len(list) + 1 {
		db := raw(t)
		for range 2 {
			if err := migrate(ctx, db, list[:old]); err != nil {
				t.Fatal(err)
			}
		}
		if err := migrate(ctx, db, append(list[:2:2], "CREATE TABLE b (z INTEGER); nonsense")); old < 3 && err == nil {
			t.Fatal("nonsense was migrated")
		}
		for range 2 {
			if err := migrate(ctx, db, list); err != nil {
				t.Fatalf("from version %d: %v", old, err)
			}
		}
		var z, version int
		if err := errors.Join(db.QueryRow("SELECT z FROM b").Scan(&z), db.QueryRow("PRAGMA user_version").Scan(&version)); err != nil || z != 8 || version != 3 {
			t.Errorf("from version %d: %d in version %d, %v", old, z, version, err)
		}
		if err := migrate(ctx, db, list[:2]); err == nil || err.Error() != "of version 3; this program knows those up to 2" {
			t.Errorf("a newer version: %v", err)
		}
	}
}

func raw(t *testing.T) *sql.DB {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := claim(path); err != nil {
		t.Fatal(err)
	}
	db, err := connect(path, "_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// The migrations that are published are as they were: stores have run them.
func TestMigrationsAreRead(t *testing.T) {
	entries, err := files.ReadDir("migrations")
	if err != nil || len(entries) != len(migrations) {
		t.Errorf("%d files and %d migrations, %v", len(entries), len(migrations), err)
	}
}

// What a store of the first version has gets what was added since.
func TestFromFirstVersion(t *testing.T) {
	s := fresh(t)
	st, err := s.Import(ctx, "", "phone", measuredEvents(t, "tiny", 8))
	if err != nil {
		t.Fatal(err)
	}
	running, err := study.Replay(eventsOf(t, s, st.ID, "phone"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := s.Path()
	if _, err := s.write.Exec("ALTER TABLE measurement DROP COLUMN name; PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = opened(t, path)
	sameFrontier(t, s, st.ID, "phone", running, []string{"flops", "decode_ms"})
	// Nor does it stay without where a program of that version wrote on.
	if _, err := s.write.Exec("UPDATE measurement SET name = '' WHERE trial % 2 = 0"); err != nil {
		t.Fatal(err)
	}
	sameFrontier(t, s, st.ID, "phone", running, []string{"flops", "decode_ms"})
}

// Damage is one line that says where it is, and is not read over.
func TestDamage(t *testing.T) {
	for name, tt := range map[string]struct {
		statement string
		want      string
	}{
		"an altered event": {`UPDATE event SET line = replace(line, '"trial":2', '"trial":3') WHERE seq = 5`, `study "tiny", class "phone": event 5: damaged line`},
		"a lost event":     {"DELETE FROM event WHERE seq = 3", "event 3: it has seq 4 in row 4"},
		"a lost end":       {"DELETE FROM event WHERE seq = 7", "6 events where there were 7"},
		"swapped events":   {"UPDATE event SET seq = 9 - seq WHERE seq IN (4, 5)", "event 4: it has seq 5 in row 4"},
	} {
		s := fresh(t)
		st, err := s.Import(ctx, "", "phone", measuredEvents(t, "tiny", 3))
		if err != nil {
			t.Fatal(err)
		}
		if name == "swapped events" {
			tt.statement = "UPDATE event SET line = (SELECT line FROM event AS other WHERE other.seq = 9 - event.seq) WHERE seq IN (4, 5)"
		}
		if _, err := s.write.Exec(tt.statement); err != nil {
			t.Fatal(err)
		}
		last := error(nil)
		for _, err := range s.Events(ctx, st.ID, "phone") {
			last = err
		}
		_, _, held := s.Journal(ctx, st.ID, "phone")
		dir := filepath.Join(t.TempDir(), "out")
		_, exported := s.Export(ctx, dir)
		for _, err := range []error{last, held, exported, s.Rebuild(ctx)} {
			if name == "swapped events" {
				tt.want = "event 4:"
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v, want one line with %q", name, err, tt.want)
			}
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%s: exported %v, %v", name, entries, err)
		}
	}
}

// A file whose pages are overwritten gives an error, or what was there; never a panic.
func TestDamagedPages(t *testing.T) {
	good := filepath.Join(t.TempDir(), "store.db")
	s := opened(t, good)
	events := measuredEvents(t, "tiny", 20)
	if _, err := s.Import(ctx, "", "phone", events); err != nil {
		t.Fatal(err)
	}
	s.Close()
	data := []byte(read(t, good))
	random := newRand(3)
	failed := 0
	for i := range 60 {
		bad := bytes.Clone(data)
		at := 100 + random.IntN(len(bad)-200)
		for k := range 64 {
			bad[at+k] = byte(random.Uint32())
		}
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		err := func() error {
			s, err := Open(ctx, path)
			if err != nil {
				return err
			}
			defer s.Close()
			st, err := s.Study(ctx, "tiny")
			if err != nil {
				return err
			}
			n := 0
			for e, err := range s.Events(ctx, st.ID, "phone") {
				if err != nil {
					return err
				}
				if !reflect.DeepEqual(e, events[n]) {
					t.Errorf("event %d is another", n+1)
				}
				n++
			}
			if n != len(events) {
				t.Errorf("%d events without an error", n)
			}
			if _, err := s.Frontier(ctx, st.ID, "phone", "flops", "decode_ms"); err != nil {
				return err
			}
			_, err = s.Devices(ctx)
			return err
		}()
		if err != nil {
			failed++
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), path) {
				t.Errorf("%v is not one line with the file", err)
			}
		}
	}
	if failed == 0 {
		t.Error("no damage was seen; the test shows nothing")
	}
}

// Rows that are lost or wrong follow again from the events.
func TestRebuild(t *testing.T) {
	s := fresh(t)
	st, err := s.Import(ctx, "", "phone", measuredEvents(t, "tiny", 12))
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Frontier(ctx, st.ID, "phone")
	if err != nil || len(want) == 0 {
		t.Fatal(want, err)
	}
	running, err := study.Replay(eventsOf(t, s, st.ID, "phone"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"DELETE FROM frontier", "DELETE FROM measurement", "UPDATE measurement SET violates = 'x'",
		"UPDATE journal SET own = '[]', measured = 0", "UPDATE measurement SET vals = x'00', name = ''", "INSERT INTO frontier SELECT 1, trial FROM measurement WHERE true ON CONFLICT DO NOTHING",
	} {
		if _, err := s.write.Exec(statement); err != nil {
			t.Fatal(err)
		}
		if err := s.Rebuild(ctx); err != nil {
			t.Fatal(err)
		}
		sameFrontier(t, s, st.ID, "phone", running, []string{"flops", "decode_ms"})
		if again, err := s.Study(ctx, "tiny"); err != nil || !reflect.DeepEqual(again, st) {
			t.Errorf("after %s: %+v (%v), want %+v", statement, again, err, st)
		}
	}
	// Objectives that a program before did not know are computed when asked for.
	if _, err := s.write.Exec(`UPDATE journal SET objectives = '["decoder_params","quality"]'; UPDATE measurement SET vals = substr(vals, 1, 16)`); err != nil {
		t.Fatal(err)
	}
	sameFrontier(t, s, st.ID, "phone", running, []string{"flops", "decode_ms"})
}

// A context that has ended ends what it was for.
func TestContext(t *testing.T) {
	s := fresh(t)
	st, j := held(t, s, "tiny", "phone")
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Studies(over); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := s.CreateStudy(over, "other", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := s.Backup(over, filepath.Join(t.TempDir(), "b")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	j.Close()
	going, cancel := context.WithCancel(ctx)
	j, _, err := s.Journal(going, st.ID, "phone")
	if err != nil {
		t.Fatal(err)
	}
	cancel() // what was measured is kept all the same
	for _, e := range measuredEvents(t, "tiny", 1) {
		if err := j.Append(e); err != nil {
			t.Error(err)
		}
	}
}
