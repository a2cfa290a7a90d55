package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

func setting(seq int64, value string) trial.Event {
	return trial.Event{V: 1, Kind: trial.KindSetting, Seq: seq, Setting: &trial.Setting{Name: "budget", Value: value}}
}

func TestAppendedEventsComeBack(t *testing.T) {
	path := tempPath(t)
	written(t, path, 3)
	st, j := reopen(t, path)
	if got := st.Progress().Measured; got != 3 {
		t.Errorf("%d results came back, want 3", got)
	}
	if j.Note() != "" {
		t.Errorf("an intact journal was repaired: %s", j.Note())
	}
	if err := st.Set("budget", "60s"); err != nil {
		t.Fatal(err)
	}
	j.Close()
	st, _ = reopen(t, path)
	if got := st.Settings()["budget"]; got != "60s" {
		t.Errorf("got budget %q, want what was appended after opening", got)
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	path := tempPath(t)
	write(t, path, []byte("precious"))
	if _, err := Create(path); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("got %v, want an error that the file exists", err)
	}
	if got := string(read(t, path)); got != "precious" {
		t.Errorf("the file now holds %q", got)
	}
	if _, err := Create(filepath.Join(path, "below", "a.file")); err == nil {
		t.Error("created a journal below a file")
	}
}

func TestOpenRefuses(t *testing.T) {
	path := tempPath(t)
	written(t, path, 3)
	good := read(t, path)
	lines := bytes.SplitAfter(good, []byte("\n"))
	flipped := bytes.Clone(good)
	at := len(lines[0]) + len(lines[1])/2
	flipped[at] ^= 1
	sealedEvent, err := study.Encode(trial.Event{V: 2, Kind: trial.KindDone, Done: &trial.Done{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, want string
		data       []byte
	}{
		{"damage in the middle", "line 2: damaged line", flipped},
		{"missing line", "line 2: event has seq 3", bytes.Join([][]byte{lines[0], lines[2]}, nil)},
		{"empty line in the middle", "line 2: damaged line", bytes.Join([][]byte{lines[0], []byte("\n"), lines[1]}, nil)},
		{"text", "line 1: not a journal", []byte("hello")},
		{"text with lines", "line 1: not a journal", []byte("hello\nworld\n")},
		{"other JSON", "line 1: not a journal", []byte(`{"arch_type":"gpt2"}`)},
		{"newer version", "line 1: event version 2", sealedEvent},
		{"newer version at the end", "line 8: event version 2", append(bytes.Clone(good), sealedEvent...)},
		{"events without checksums", "line 1: damaged line", []byte(`{"v":1,"kind":"started","started":{}}` + "\n")},
	} {
		write(t, path, test.data)
		_, _, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with the file and %q", test.name, err, test.want)
		}
		if got := read(t, path); !bytes.Equal(got, test.data) {
			t.Errorf("%s: the file was changed", test.name)
		}
	}
	if _, _, err := Open(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v for a file that is not there", err)
	}
	if _, _, err := Open(t.TempDir()); err == nil {
		t.Error("opened a directory")
	}
}

// Wherever writing the last line stopped, the lines before it come back and
// the study can go on.
func TestTornLastLine(t *testing.T) {
	defer func(d diskCalls) { disk = d }(disk)
	disk.sync = func(*os.File) error { return nil } // flushing so often takes long
	path := tempPath(t)
	written(t, path, 2)
	good := read(t, path)
	lastLine := bytes.LastIndexByte(good[:len(good)-1], '\n') + 1
	for end := lastLine; end <= len(good); end++ {
		if inside := end - lastLine; inside%7 != 0 && inside > 20 && end < len(good)-20 {
			continue
		}
		write(t, path, good[:end])
		j, events, err := Open(path)
		if err != nil {
			t.Fatalf("cut after %d of %d bytes: %v", end-lastLine, len(good)-lastLine, err)
		}
		whole := end >= len(good)-1 // it may lack its line break
		want := 4
		if whole {
			want = 5
		}
		if len(events) != want {
			t.Fatalf("cut after %d of %d bytes: %d events, want %d", end-lastLine, len(good)-lastLine, len(events), want)
		}
		if repaired := end != lastLine && end != len(good); repaired != (j.Note() != "") {
			t.Errorf("cut after %d bytes: note %q", end-lastLine, j.Note())
		}
		if err := j.Append(setting(int64(want+1), "60s")); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if _, events, err := parse(read(t, path)); err != nil || events != len(read(t, path)) {
			t.Fatalf("after an append the journal is not whole: %d bytes, %v", events, err)
		}
	}
}

func TestTornFirstLine(t *testing.T) {
	path := tempPath(t)
	written(t, path, 0)
	good := read(t, path)
	for end := 0; end < len(good)-1; end += 13 {
		write(t, path, good[:end])
		j, events, err := Open(path)
		if err != nil || len(events) != 0 {
			t.Fatalf("cut after %d bytes: %d events, %v", end, len(events), err)
		}
		if _, err := study.New("again", "v0", setup(), j, nil); err != nil {
			t.Fatal(err)
		}
		j.Close()
	}
	st, _ := reopen(t, path)
	if st.Started().Study != "again" {
		t.Errorf("got study %q", st.Started().Study)
	}
}

func TestDamagedLastLineIsRefused(t *testing.T) {
	path := tempPath(t)
	written(t, path, 2)
	data := read(t, path)
	data[len(data)-30] ^= 4
	write(t, path, data)
	_, _, err := Open(path)
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "line ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line that names the file and the line", err)
	}
	if got := read(t, path); !bytes.Equal(got, data) {
		t.Error("the file was changed")
	}
}

// On every failure of a write the file is as before, and a later append works.
func TestFailedAppendLeavesNoTrace(t *testing.T) {
	defer func(d diskCalls) { disk = d }(disk)
	path := tempPath(t)
	written(t, path, 1)
	_, j := reopen(t, path)
	before := read(t, path)
	real := disk
	for name, fail := range map[string]func(){
		"nothing written": func() {
			disk.write = func(*os.File, []byte) (int, error) { return 0, syscall.ENOSPC }
		},
		"half written": func() {
			disk.write = func(f *os.File, b []byte) (int, error) {
				n, _ := f.Write(b[:len(b)/2])
				return n, syscall.ENOSPC
			}
		},
		"not flushed": func() {
			disk.sync = func(*os.File) error { return syscall.EIO }
		},
	} {
		fail()
		err := j.Append(setting(4, "60s"))
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want one line with the file", name, err)
		}
		disk = real
		if !bytes.Equal(read(t, path), before) {
			t.Errorf("%s: the file changed", name)
		}
	}
	if err := j.Append(setting(4, "60s")); err != nil {
		t.Fatal(err)
	}
	j.Close()
	st, _ := reopen(t, path)
	if got := st.Settings()["budget"]; got != "60s" {
		t.Errorf("got budget %q", got)
	}
}

// Once a failed append cannot be undone, nothing more is appended.
func TestAppendStopsWhenItCannotUndo(t *testing.T) {
	path := tempPath(t)
	written(t, path, 1)
	_, j := reopen(t, path)
	j.f.Close() // neither writing nor cutting back works
	first, second := j.Append(setting(4, "a")), j.Append(setting(4, "a"))
	if first == nil || second == nil {
		t.Errorf("got %v and %v, want errors", first, second)
	}
}

func TestOneProcessHoldsAJournal(t *testing.T) {
	path := tempPath(t)
	written(t, path, 1)
	_, j := reopen(t, path)
	if _, _, err := Open(path); err == nil || !strings.Contains(err.Error(), "another process is using it") {
		t.Errorf("got %v for a journal that is in use", err)
	}
	j.Close()
	reopen(t, path)
}

// manyAttempts makes a journal with one result and many attempts at the second
// trial.
func manyAttempts(t testing.TB, path string) []trial.Event {
	t.Helper()
	written(t, path, 1)
	j, events, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for range 6 {
		st, err := study.Replay(events, j, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Ask(); err != nil {
			t.Fatal(err)
		}
		if events, _, err = parse(read(t, path)); err != nil {
			t.Fatal(err)
		}
	}
	return events
}

func TestOpenCompacts(t *testing.T) {
	path := tempPath(t)
	before := manyAttempts(t, path)
	write(t, path+".compact", []byte("left by a crash"))
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	j, events, err := Open(link)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if len(before) != 9 || len(events) != 4 {
		t.Fatalf("%d events became %d, want 9 and 4", len(before), len(events))
	}
	if kept, _, err := parse(read(t, path)); err != nil || !reflect.DeepEqual(kept, events) {
		t.Errorf("the file holds %d events, %v; want what Open returned", len(kept), err)
	}
	if _, err := os.Stat(path + ".compact"); !errors.Is(err, os.ErrNotExist) {
		t.Error("the temporary file is still there")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode became %v", info.Mode())
	}
	if _, _, err := Open(path); err == nil {
		t.Error("the compacted file is not locked")
	}
	st, err := study.Replay(events, j, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := st.Ask()
	if err != nil || tr.Token != "2.7" {
		t.Errorf("got token %q, %v; want that of the seventh attempt", tr.Token, err)
	}
	if all, _, err := parse(read(t, path)); err != nil || len(all) != 5 {
		t.Errorf("after an append the file holds %d events, %v", len(all), err)
	}
}

// A compaction that fails leaves the journal as it was.
func TestFailedCompactionLeavesTheJournal(t *testing.T) {
	defer func(d diskCalls) { disk = d }(disk)
	path := tempPath(t)
	manyAttempts(t, path)
	before := read(t, path)
	real := disk
	for name, fail := range map[string]func(){
		"write":  func() { disk.write = func(*os.File, []byte) (int, error) { return 0, io.ErrShortWrite } },
		"flush":  func() { disk.sync = func(*os.File) error { return syscall.EIO } },
		"rename": func() { disk.rename = func(string, string) error { return syscall.EACCES } },
	} {
		fail()
		_, _, err := Open(path)
		disk = real
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want a one-line error", name, err)
		}
		if !bytes.Equal(read(t, path), before) {
			t.Errorf("%s: the journal changed", name)
		}
		if _, err := os.Stat(path + ".compact"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the temporary file is still there", name)
		}
	}
	reopen(t, path)
}

func FuzzParse(f *testing.F) {
	path := tempPath(f)
	written(f, path, 1)
	data := read(f, path)
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add(data[:len(data)/2])
	f.Add([]byte("\n\n"))
	f.Add([]byte(opening))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, whole, err := parse(data)
		if err != nil {
			return
		}
		if whole > len(data) || len(events) > bytes.Count(data, []byte("\n"))+1 {
			t.Fatalf("%d events in %d of %d bytes", len(events), whole, len(data))
		}
		again, rest, err := parse(data[:whole])
		if err != nil || rest != whole || !reflect.DeepEqual(again, events) {
			t.Fatalf("what is whole does not read the same: %d of %d bytes, %v", rest, whole, err)
		}
	})
}
