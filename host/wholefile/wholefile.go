// Package wholefile writes files that are there whole or not at all: results of
// a search, models that are exported, keys.
package wholefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write has render write a file under another name, in the same folder, and
// renames it to path once it is whole on the disk. On an error path is as it was.
// The error does not name the file: callers know which one they meant.
func Write(path string, render func(io.Writer) error) error {
	return write(path, 0o644, func(f *os.File) error { return render(f) })
}

// WriteSecret is Write for a file that only its owner may read. Nobody else may at
// any time.
func WriteSecret(path string, render func(io.Writer) error) error {
	return write(path, 0o600, func(f *os.File) error { return render(f) })
}

// NewSecretByName is WriteSecret for those who cannot write to an open file: fill gets the
// name of an empty one. It replaces no file.
func NewSecretByName(path string, fill func(name string) error) error {
	return writeTo(path, 0o600, func(f *os.File) error { return fill(f.Name()) }, rename)
}

// rename gives a file its name unless another has it.
func rename(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		if err = os.Remove(from); err != nil {
			_ = os.Remove(to) // the error that counts is the first
		}
		return err
	}
	// Where there are no links, the name is taken first.
	taken, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_ = taken.Close() // nothing was written
	if err = os.Rename(from, to); err != nil {
		_ = os.Remove(to) // the error that counts is the first
	}
	return err
}

func write(path string, mode fs.FileMode, render func(*os.File) error) error {
	return writeTo(path, mode, render, os.Rename)
}

func writeTo(path string, mode fs.FileMode, render func(*os.File) error, name func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return cause(err)
	}
	err = render(f)
	if err == nil {
		err = f.Chmod(mode) // until then it is for its owner alone
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = name(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error that counts is the first
	}
	return cause(err)
}

// cause drops the name of the temporary file from err.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
