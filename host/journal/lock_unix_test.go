//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package journal

import (
	"errors"
	"os"
	"testing"
)

// A process that opened a journal just before another one replaced it must not
// go on with the old file.
func TestLockNoticesAReplacedFile(t *testing.T) {
	path := tempPath(t)
	write(t, path, nil)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write(t, path+".new", nil)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if err := lock(f, path); !errors.Is(err, errInUse) {
		t.Errorf("got %v, want %v", err, errInUse)
	}
}
