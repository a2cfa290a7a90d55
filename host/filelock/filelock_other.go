//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package filelock

import (
	"io/fs"
	"os"
)

// CloseBeforeRename is true: an open file may not be replaceable here.
const CloseBeforeRename = true

// Open only opens: this platform offers no lock that ends with its
// process, so it is left to the user to run one process per journal.
func Open(path string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag, perm)
}

// SyncDir does nothing: not every platform can flush a directory.
func SyncDir(string) error { return nil }
