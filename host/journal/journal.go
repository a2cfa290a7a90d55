// Package journal keeps a study's events in a file, one line each, and brings
// them back after a crash. It is the native implementation of study.Journal.
//
// A line is on the disk before [File.Append] returns, and an append that fails
// leaves no trace. One process at a time holds a journal. [Open] repairs only
// what a crash can leave behind, a torn last line; any other damage is reported
// with its line and the file stays as it is.
package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"litefront/host/filelock"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// maxFile bounds the journals that Open reads, in bytes.
const maxFile = 1 << 30

// File is an open journal. Its methods must not be called at the same time.
type File struct {
	path string
	f    *os.File
	size int64  // bytes of whole lines; the file's position
	note string // what Open repaired
	lost error  // set once the file no longer ends where size says
}

// Create makes an empty journal at path, which must not exist, and locks it.
func Create(path string) (*File, error) {
	f, err := filelock.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("journal %s exists already", path)
	}
	if err != nil {
		return nil, failure("create", path, err)
	}
	if err := filelock.SyncDir(filepath.Dir(path)); err != nil {
		f.Close()
		return nil, failure("create", path, err)
	}
	return &File{path: path, f: f}, nil
}

// Open locks the journal at path and returns the events it holds, ready for
// study.Replay. There are none when a crash came before the first line was
// whole: start the study in it again.
//
// A torn last line is cut off and [File.Note] says so. When more than half of
// the lines are superseded (study.Compact) the file is replaced by its
// compacted form.
func Open(path string) (*File, []trial.Event, error) {
	real, err := filepath.EvalSymlinks(path) // compaction replaces the file, not a link to it
	if err != nil {
		return nil, nil, failure("open", path, err)
	}
	f, err := filelock.Open(real, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, failure("open", path, err)
	}
	j := &File{path: real, f: f}
	events, err := j.load()
	if err == nil {
		events, err = j.compact(events)
	}
	if err != nil {
		j.f.Close()
		return nil, nil, failure("open", path, err)
	}
	return j, events, nil
}

// Append writes e as the last line. The line is on the disk when Append returns
// nil, and nowhere when it returns an error; later appends may succeed.
func (j *File) Append(e trial.Event) error {
	if j.lost != nil {
		return failure("append to", j.path, j.lost)
	}
	line, err := study.Encode(e)
	if err != nil {
		return failure("append to", j.path, err)
	}
	line = append(line, '\n')
	if j.size+int64(len(line)) > maxFile { // Open would refuse it
		return failure("append to", j.path, fmt.Errorf("it would exceed the limit of %d bytes", maxFile))
	}
	if _, err = disk.write(j.f, line); err == nil {
		err = disk.sync(j.f)
	}
	if err != nil {
		j.lost = j.cutTo(j.size)
		return failure("append to", j.path, err)
	}
	j.size += int64(len(line))
	return nil
}

// Note says in one line what Open repaired; it is empty when nothing was.
func (j *File) Note() string { return j.note }

// Close releases the journal. Everything appended is on the disk already.
func (j *File) Close() error { return j.f.Close() }

// load reads all events and leaves the file ending with its last whole line.
func (j *File) load() ([]trial.Event, error) {
	data, err := contents(j.f)
	if err != nil {
		return nil, err
	}
	events, whole, err := parse(data)
	if err != nil {
		return nil, err
	}
	switch {
	case whole < len(data):
		j.note = fmt.Sprintf("journal %s: cut off a torn last line of %d bytes", j.path, len(data)-whole)
		return events, j.cutTo(int64(whole))
	case whole > 0 && data[whole-1] != '\n': // the last line lacks nothing but its line break
		j.note = fmt.Sprintf("journal %s: ended the last line", j.path)
		if _, err := j.f.WriteAt([]byte{'\n'}, int64(whole)); err != nil {
			return nil, err
		}
		return events, j.cutTo(int64(whole + 1))
	}
	j.size = int64(whole)
	_, err = j.f.Seek(j.size, io.SeekStart)
	return events, err
}

// cutTo drops everything after the first size bytes and goes on from there.
func (j *File) cutTo(size int64) error {
	if err := j.f.Truncate(size); err != nil {
		return err
	}
	if _, err := j.f.Seek(size, io.SeekStart); err != nil {
		return err
	}
	j.size = size
	return j.f.Sync()
}

// failure is the one line that callers see. What the operating system reports
// repeats the path; only its cause is kept.
func failure(verb, path string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Errorf("cannot %s journal %s: %w", verb, path, err)
}
