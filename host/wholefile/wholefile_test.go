package wholefile

import (
	"errors"
	"io"
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
	}{{Write, 0o644, "open"}, {WriteSecret, 0o600, "secret"}, {Write, 0o644, "open again"}, {byName, 0o600, "by name"}} {
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

// byName writes as WriteSecretByName has it.
func byName(path string, render func(io.Writer) error) error {
	return WriteSecretByName(path, func(name string) error {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		return render(f)
	})
}
