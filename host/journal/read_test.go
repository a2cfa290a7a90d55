package journal

import (
	"bytes"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"litefront/searchcore/study"
)

// Read sees what Open sees, while another has the journal open, and changes
// nothing.
func TestReadOnlyLooks(t *testing.T) {
	path := tempPath(t)
	written(t, path, 3)
	held, want, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	got, err := Read(path)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %d events (%v), want the %d there are", len(got), err, len(want))
	}

	whole := read(t, path)
	torn := whole[:len(whole)-20]
	write(t, path, torn)
	if got, err = Read(path); err != nil || len(got) != len(want)-1 {
		t.Errorf("read %d events (%v) of a torn journal, want %d", len(got), err, len(want)-1)
	}
	if !bytes.Equal(read(t, path), torn) {
		t.Error("reading changed the file")
	}
	if _, err := study.Replay(got, nil, nil); err != nil {
		t.Error(err)
	}
}

func TestReadRefuses(t *testing.T) {
	path := tempPath(t)
	written(t, path, 1)
	good := read(t, path)
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"empty":          {nil, "it holds no event"},
		"torn at once":   {good[:30], "it holds no event"},
		"not a journal":  {[]byte("notes\n"), "line 1: not a journal"},
		"damaged inside": {bytes.Replace(good, []byte(`"trial":1`), []byte(`"trial":2`), 1), "line 2: damaged"},
	} {
		write(t, path, tt.data)
		events, err := Read(path)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %d events, %v, want one line with %q", name, len(events), err, tt.want)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "absent"), t.TempDir()} {
		if _, err := Read(path); err == nil || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
}
