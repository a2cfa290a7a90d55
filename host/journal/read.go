package journal

import (
	"errors"
	"fmt"
	"io"
	"os"

	"litefront/searchcore/trial"
)

// Read returns the events of the journal at path for whoever only looks at them:
// it neither locks nor changes the file, so that it also reads a journal that a
// search is writing. A torn last line, which another process may just be writing,
// is left out. A journal without a whole line is an error.
func Read(path string) ([]trial.Event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, failure("read", path, err)
	}
	defer f.Close()
	data, err := contents(f)
	if err != nil {
		return nil, failure("read", path, err)
	}
	events, _, err := parse(data)
	if err == nil && len(events) == 0 {
		err = errors.New("it holds no event")
	}
	if err != nil {
		return nil, failure("read", path, err)
	}
	return events, nil
}

// contents reads a journal as it is when the read begins.
func contents(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%d bytes exceed the limit of %d", info.Size(), maxFile)
	}
	data := make([]byte, info.Size())
	if n, err := f.ReadAt(data, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(data)) {
		return nil, err
	}
	return data, nil
}
