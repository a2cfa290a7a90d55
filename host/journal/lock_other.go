//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package journal

import (
	"io/fs"
	"os"
)

const closeBeforeRename = true

// openLocked only opens: this platform offers no lock that ends with its
// process, so it is left to the user to run one process per journal.
func openLocked(path string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag, perm)
}

// syncDir does nothing: not every platform can flush a directory.
func syncDir(string) error { return nil }
