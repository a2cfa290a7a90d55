//go:build unix && !js && !wasip1

package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if _, err := Options(); err == nil || !strings.Contains(err.Error(), "make tools") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without a browser: %v; want one line that says how to get one", err)
	}
	for _, name := range names {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if options, err := Options(); err != nil || len(options) == 0 {
			t.Errorf("with %s: %d options, %v", name, len(options), err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// The Makefile installs a browser unless one of these is there.
func TestMakefileLooksForTheSame(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "command -v " + strings.Join(names, " "); !strings.Contains(string(makefile), want) {
		t.Errorf("the Makefile lacks %q", want)
	}
}
