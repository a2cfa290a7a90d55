package journal

import (
	"os"
	"path/filepath"

	"litefront/host/filelock"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// compact replaces the file by its compacted form if that has less than half of
// its lines. The new file is whole on the disk before it takes the old one's
// name, so that a crash leaves one or the other.
func (j *File) compact(events []trial.Event) ([]trial.Event, error) {
	kept := study.Compact(events)
	if 2*len(kept) >= len(events) {
		return events, nil
	}
	temp := j.path + ".compact" // one name, since the lock admits one writer: what a crash left goes now
	os.Remove(temp)
	if err := j.writeCompacted(temp, kept); err != nil {
		os.Remove(temp)
		return nil, err
	}
	if filelock.CloseBeforeRename {
		j.f.Close()
	}
	if err := disk.rename(temp, j.path); err != nil {
		os.Remove(temp)
		return nil, err
	}
	if err := filelock.SyncDir(filepath.Dir(j.path)); err != nil {
		return nil, err
	}
	f, err := filelock.Open(j.path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	j.f.Close()
	j.f = f
	return j.load()
}

// writeCompacted writes a journal of events to a file of its own.
func (j *File) writeCompacted(path string, events []trial.Event) (err error) {
	info, err := j.f.Stat()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	for _, e := range events {
		line, err := study.Encode(e)
		if err != nil {
			return err
		}
		if _, err := disk.write(f, append(line, '\n')); err != nil {
			return err
		}
	}
	return disk.sync(f)
}
