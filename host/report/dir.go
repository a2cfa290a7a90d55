package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"litefront/host/wholefile"
	"litefront/kernels/search"
	"litefront/searchcore/study"
)

// WriteDir writes s to the folder dir, which it creates if needed:
//
//	frontier.csv   the frontier, from worst to best by the first objective
//	trials.csv     all trials, with the same columns
//	predicted.csv  what the strategy predicts of the frontier and nobody measured, with the same columns
//	study.json     setup, device, frontier, infeasible trials and overlays with all raw samples; what is predicted
//	frontier.svg   the first minimised latency against the decoder parameters
//
// The columns of the CSV files are those of results.View.CSV. Predicted trials have the
// numbers -1, -2, ..., the farthest from what was measured first; on_frontier is false
// where a measured trial surpasses one.
//
// Each file replaces an older one only when it is complete. An error is one line
// that names the file; the files before it have then been written.
func WriteDir(dir string, s *study.Study) error {
	v, err := newView(s, Cut{})
	if err != nil {
		return err
	}
	v.Predict(s)
	return writeFiles(dir, []file{
		{"frontier.csv", func(w io.Writer) error { return v.CSV(w, v.Frontier) }},
		{search.TrialsFile, func(w io.Writer) error { return v.CSV(w, v.Points) }},
		{"predicted.csv", func(w io.Writer) error { return v.CSV(w, v.Predicted) }},
		{search.StudyFile, v.JSON},
		{"frontier.svg", v.svg},
	})
}

// file is a file of results.
type file struct {
	name   string
	render func(io.Writer) error
}

// writeFiles writes files to the folder dir, which it creates if needed, each
// whole or not at all.
func writeFiles(dir string, files []file) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.Join(dir, file.name)
		var b bytes.Buffer
		err := file.render(&b)
		if err == nil {
			err = wholefile.Write(path, func(w io.Writer) error {
				_, err := write(w, b.Bytes())
				return err
			})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// write is a variable so that a test can fill the disk.
var write = io.Writer.Write
