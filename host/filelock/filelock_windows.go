package filelock

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// CloseBeforeRename is true: Windows does not replace an open file. Another
// process could take the journal in the moment between; its lock then fails
// this one's reopening.
const CloseBeforeRename = true

// sharingViolation is the Windows error for a file that is open elsewhere.
const sharingViolation = syscall.Errno(32)

// Open opens path so that no other process can open it. The lock ends
// with the process.
func Open(path string, flag int, _ fs.FileMode) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	disposition := uint32(syscall.OPEN_EXISTING)
	switch {
	case flag&os.O_EXCL != 0:
		disposition = syscall.CREATE_NEW
	case flag&os.O_CREATE != 0:
		disposition = syscall.OPEN_ALWAYS
	}
	const alone = 0 // share mode
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, alone, nil,
		disposition, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// SyncDir does nothing: Windows cannot flush a directory; NTFS logs names.
func SyncDir(string) error { return nil }
