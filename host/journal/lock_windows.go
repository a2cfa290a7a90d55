package journal

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// closeBeforeRename is true: Windows does not replace an open file. Another
// process could take the journal in the moment between; its lock then fails
// this one's reopening.
const closeBeforeRename = true

// sharingViolation is the Windows error for a file that is open elsewhere.
const sharingViolation = syscall.Errno(32)

// openLocked opens path so that no other process can open it. The lock ends
// with the process.
func openLocked(path string, flag int, _ fs.FileMode) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	disposition := uint32(syscall.OPEN_EXISTING)
	if flag&os.O_CREATE != 0 {
		disposition = syscall.CREATE_NEW // Create asks for O_EXCL
	}
	const alone = 0 // share mode
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, alone, nil,
		disposition, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, errInUse
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// syncDir does nothing: Windows cannot flush a directory; NTFS logs names.
func syncDir(string) error { return nil }
