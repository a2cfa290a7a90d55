package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"litefront/searchcore/study"
)

// WriteDir writes s to the folder dir, which it creates if needed:
//
//	frontier.csv   the frontier, from worst to best by the first objective
//	trials.csv     all trials, with the same columns
//	study.json     setup, device, frontier and overlays with all raw samples
//	frontier.svg   the first minimised latency against the decoder parameters
//
// In the CSV files latencies are milliseconds, memory is MiB where a name ends
// in _mb, and d_inner and n_head list the layers separated by '|'. What a trial
// does not have is empty.
//
// Each file replaces an older one only when it is complete. An error is one line
// that names the file; the files before it have then been written.
func WriteDir(dir string, s *study.Study) error {
	v, err := newView(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, file := range []struct {
		name   string
		render func(io.Writer) error
	}{
		{"frontier.csv", v.frontierCSV},
		{"trials.csv", v.trialsCSV},
		{"study.json", v.studyJSON},
		{"frontier.svg", v.svg},
	} {
		path := filepath.Join(dir, file.name)
		var b bytes.Buffer
		err := file.render(&b)
		if err == nil {
			err = replaceFile(path, b.Bytes())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, cause(err))
		}
	}
	return nil
}

// write is a variable so that a test can fill the disk.
var write = (*os.File).Write

// replaceFile writes a file under another name, and renames it once it is whole
// on the disk.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = write(f, data)
	if err == nil {
		err = f.Chmod(0o644) // temporary files are for their owner alone
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
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
