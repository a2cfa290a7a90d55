package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"litefront/host/journal"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// A backup is a store with what there was, made while another appends.
func TestBackup(t *testing.T) {
	s := fresh(t)
	st, j := held(t, s, "tiny", "phone")
	if err := s.PutDevice(ctx, testDevice("a")); err != nil {
		t.Fatal(err)
	}
	events := measuredEvents(t, "tiny", 30)
	folder := t.TempDir()
	var path string
	done := make(chan error)
	go func() {
		for _, e := range events {
			if err := j.Append(e); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range 3 {
		path = filepath.Join(folder, fmt.Sprint("backup", i, ".db"))
		if err := s.Backup(ctx, path); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Backup(ctx, path); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("a backup was replaced: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	all := filepath.Join(folder, "all.db")
	if err := s.Backup(ctx, all); err != nil {
		t.Fatal(err)
	}
	if got := eventsOf(t, opened(t, all), st.ID, "phone"); !reflect.DeepEqual(got, events) {
		t.Errorf("the last backup has %d of %d events, or others", len(got), len(events))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	copied := opened(t, path)
	if list, err := copied.Devices(ctx); err != nil || len(list) != 1 {
		t.Errorf("%d devices, %v", len(list), err)
	}
	if got := eventsOf(t, copied, st.ID, "phone"); len(got) > 0 && !reflect.DeepEqual(got, events[:len(got)]) {
		t.Errorf("its %d events are others", len(got))
	}
	if _, _, err := copied.Journal(ctx, st.ID, "phone"); err != nil {
		t.Error(err)
	}
	lost := filepath.Join(t.TempDir(), "lost.db")
	if err := os.WriteFile(lost+"-wal", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(ctx, lost); err == nil || !strings.Contains(err.Error(), "lost.db-wal exists already") {
		t.Errorf("a log of another store is taken for the backup's: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(t.TempDir(), "absent"), link); err == nil {
		if err := s.Backup(ctx, link); err == nil || !strings.Contains(err.Error(), "exists already") {
			t.Error(err)
		}
	}
	if err := s.Backup(ctx, t.TempDir()); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 10 { // the copies, two with their logs, memory and locks
		t.Errorf("left behind %v, %v", entries, err)
	}
}

// Names lead nowhere but into the folder, and no two journals into one file.
func TestExportNames(t *testing.T) {
	s := fresh(t)
	names := [][2]string{
		{"../../etc/passwd", "phone"}, {"..", ".."}, {"/abs", "C:\\x"}, {".hidden", "a/b"}, {"A", "x"}, {"a", "X"}, {"a", "b-c"}, {"a-b", "c"},
		{strings.Repeat("long", 100), strings.Repeat("ü", 90)}, {"ünï", "日本"}, {"ana", "日本"}, {"CON", "nul"}, {"%2e%2e%2f", "x y"},
	}
	for _, n := range names {
		if _, err := s.Import(ctx, n[0], n[1], measuredEvents(t, "tiny", 1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.CreateStudy(ctx, "nothing yet", nil); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	dir := filepath.Join(root, "in", "out")
	list, err := s.Export(ctx, dir)
	if err != nil || len(list) != len(names) {
		t.Fatalf("%d exported, %v", len(list), err)
	}
	seen := map[string]bool{}
	for i, e := range list {
		base := filepath.Base(e.Path)
		if filepath.Dir(e.Path) != dir || seen[strings.ToLower(base)] || strings.HasPrefix(base, ".") || len(base) > 255 {
			t.Errorf("%q, %q is in %q", e.Study, e.Class, e.Path)
		}
		seen[strings.ToLower(base)] = true
		if e.Study != names[i][0] || e.Class != names[i][1] {
			t.Errorf("%+v, want %q", e, names[i])
		}
		if _, err := journal.Read(e.Path); err != nil {
			t.Error(err)
		}
	}
	for folder, want := range map[string]int{root: 1, filepath.Join(root, "in"): 1, dir: len(names)} {
		if entries, err := os.ReadDir(folder); err != nil || len(entries) != want {
			t.Errorf("%s has %v, %v", folder, entries, err)
		}
	}
	if _, err := s.Export(ctx, dir); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("over what is there: %v", err)
	}
}

func TestImportRefuses(t *testing.T) {
	s := fresh(t)
	good := measuredEvents(t, "tiny", 2)
	if _, err := s.Import(ctx, "", "phone", good); err != nil {
		t.Fatal(err)
	}
	if st, err := s.Import(ctx, "", "board", good); err != nil || len(st.Journals) != 2 {
		t.Errorf("another class: %+v, %v", st, err)
	}
	other := testSetup()
	other.Seed = 2
	long := measuredEvents(t, "long", 1)
	long[2].Measured.Measurement.Device.ID = strings.Repeat("x", maxWord+1)
	for want, err := range map[string]error{
		"a journal exists already": second(s.Import(ctx, "", "phone", good)),
		"with another setup":       second(s.Import(ctx, "tiny", "laptop", told(t, "x", other, 5, newRand(1).IntN))),
		"no events":                second(s.Import(ctx, "a", "phone", nil)),
		"must begin with":          second(s.Import(ctx, "a", "phone", good[1:])),
		"class is empty":           second(s.Import(ctx, "a", "", good)),
		"name \"a\\nb\" must be":   second(s.Import(ctx, "a\nb", "phone", good)),
		"id has 201 bytes":         second(s.Import(ctx, "", "phone", long)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line with %q", err, want)
		}
	}
	if !errors.Is(second(s.Import(ctx, "", "phone", good)), ErrExists) {
		t.Error("no ErrExists")
	}
	if list, err := s.Studies(ctx); err != nil || len(list) != 1 || len(list[0].Journals) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

func second[T any](_ T, err error) error { return err }

// FuzzRoundTrip has stories, under any names, go into a store and out again: the files
// are those that package journal writes.
func FuzzRoundTrip(f *testing.F) {
	f.Add("tiny", "phone", []byte("a story of a search, as bytes have it"))
	f.Add("../x", "a/b", []byte{0, 1, 0, 2, 0, 3, 1, 1, 9, 2, 2, 2, 8, 8, 8})
	f.Add("", "\n", []byte{4, 4, 4})
	f.Fuzz(func(t *testing.T, name, class string, choices []byte) {
		choose := func(n int) int {
			if len(choices) == 0 {
				return n / 2
			}
			c := choices[0]
			choices = choices[1:]
			return int(c) % n
		}
		events := told(t, "tiny", testSetup(), min(len(choices)/2, 40), choose)
		s := fresh(t)
		_, err := s.Import(ctx, name, class, events)
		bad := name != "" && checkText("", name, maxName) != nil || checkText("", class, maxWord) != nil
		if bad != (err != nil) {
			t.Fatalf("names %q and %q: %v", name, class, err)
		}
		dir := filepath.Join(t.TempDir(), "out")
		list, err := s.Export(ctx, dir)
		if err != nil {
			t.Fatal(err)
		}
		if bad {
			if len(list) > 0 {
				t.Fatalf("what was refused is there: %v", list)
			}
			return
		}
		var want bytes.Buffer
		for _, e := range events {
			line, err := study.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&want, "%s\n", line)
		}
		if len(list) != 1 || filepath.Dir(list[0].Path) != dir || read(t, list[0].Path) != want.String() {
			t.Fatalf("exported %v, which differs", list)
		}
		again, err := journal.Read(list[0].Path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Import(ctx, "another", class, again); err != nil {
			t.Fatal(err)
		}
		var got []trial.Event
		all, err := s.Studies(ctx)
		if err != nil || len(all) != 2 {
			t.Fatal(len(all), err)
		}
		got = eventsOf(t, s, all[1].ID, class)
		if !reflect.DeepEqual(got, again) {
			t.Fatalf("%d events, want %d", len(got), len(again))
		}
	})
}
