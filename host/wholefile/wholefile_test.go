package wholefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A file has its mode, also where there was one with another, and an error leaves
// the folder as it was.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, tt := range []struct {
		write func(string, func(io.Writer) error) error
		mode  os.FileMode
		text  string
	}{{Write, 0o644, "open"}, {WriteSecret, 0o600, "secret"}, {Write, 0o644, "open again"}, {WriteSecret, 0o600, "secret again"}} {
		failed := errors.New("failed")
		err := tt.write(path, func(w io.Writer) error {
			if _, err := io.WriteString(w, "half"); err != nil {
				t.Fatal(err)
			}
			return failed
		})
		if err != failed {
			t.Errorf("what was rendered ended with %v", err)
		}
		if err := tt.write(path, func(w io.Writer) error { _, err := io.WriteString(w, tt.text); return err }); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != tt.mode && runtime.GOOS != "windows" {
			t.Errorf("%s has mode %o; want %o", tt.text, mode, tt.mode)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != tt.text {
			t.Errorf("the file holds %q, %v", got, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("the folder holds %v, %v", entries, err)
		}
	}
}

// A new file is whole and its owner's, or not there, and takes the place of no other, also
// of one that came while it was written.
func TestNewSecretByName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	left := func(want int) {
		t.Helper()
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
			t.Errorf("the folder holds %v, %v", entries, err)
		}
	}
	failed := errors.New("failed")
	if err := NewSecretByName(path, func(string) error { return failed }); err != failed {
		t.Errorf("what was filled ended with %v", err)
	}
	left(0)
	fill := func(text string) func(string) error {
		return func(name string) error { return os.WriteFile(name, []byte(text), 0) }
	}
	if err := NewSecretByName(path, fill("first")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("the file is %v, %v", info, err)
	}
	if err := NewSecretByName(path, fill("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second file of the name: %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "first" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	left(1)
}
