package report

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

func empty(t *testing.T) *study.Study {
	t.Helper()
	sp, err := space.Preset("archai-gpt2")
	if err != nil {
		t.Fatal(err)
	}
	s, err := study.New("x", "v0", trial.Setup{
		Space: sp, Workload: trial.DefaultWorkload(), Objectives: []string{"decoder_params", "prefill_ms"},
		Strategy: "random", Protocol: "litefront", MemoryLimit: 1 << 30,
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A full disk leaves the older file as it was, and nothing else.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "frontier.csv")
	if err := os.WriteFile(old, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	defer func(f func(io.Writer, []byte) (int, error)) { write = f }(write)
	write = func(w io.Writer, b []byte) (int, error) {
		n, _ := w.Write(b[:len(b)/2])
		return n, &os.PathError{Op: "write", Path: "temporary", Err: syscall.ENOSPC}
	}
	err := WriteDir(dir, empty(t))
	if want := old + ": " + syscall.ENOSPC.Error(); err == nil || err.Error() != want || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want %s", err, want)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v (%v), want the old file alone", entries, err)
	}
	if b, err := os.ReadFile(old); err != nil || string(b) != "old" {
		t.Errorf("the old file became %q (%v)", b, err)
	}
}

func TestWriteDirNamesWhatIsInTheWay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	taken := filepath.Join(folder, "study.json")
	if err := os.MkdirAll(filepath.Join(taken, "inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ dir, want string }{
		{file, file},
		{filepath.Join(file, "below"), file},
		{folder, taken + ": "},
	} {
		err := WriteDir(test.dir, empty(t))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with %s", test.dir, err, test.want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
