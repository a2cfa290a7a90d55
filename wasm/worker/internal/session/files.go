package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"litefront/kernels/export"
	"litefront/kernels/search"
	"litefront/searchcore/graph"
	"litefront/searchcore/results"
	"litefront/searchcore/study"
)

// takeModel hands over a file of a model with seeded weights. It reserves the device,
// for it would disturb what another page measures.
func (s *Session) takeModel(c search.Command) error {
	if c.Arch == nil || c.Workload == nil {
		return errors.New("model: arch and workload must be given")
	}
	unlock, err := s.reserve()
	if err != nil {
		return err
	}
	defer unlock()
	if err := export.CheckFile(c.File); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	w := *c.Workload
	w.Threads = 1 // a module for more runs nowhere but here
	g, err := graph.Build(*c.Arch, w)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	size, err := export.Size(g, c.File)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if size > search.MaxFile {
		return fmt.Errorf("%s: %d bytes are more than the limit of %d for a page; litefront export writes larger ones", c.File, size, search.MaxFile)
	}
	return s.hand(c.File, func(w io.Writer) error {
		return export.WriteFile(w, g, export.SeededSource(g, search.ModelSeed), c.File)
	})
}

// takeReport hands over a file that reports on the kept study. It reserves the device as
// well: solving for what is predicted takes seconds.
func (s *Session) takeReport(c search.Command) error {
	if c.File != search.TrialsFile && c.File != search.StudyFile {
		return fmt.Errorf("report: file %q must be %s or %s", c.File, search.TrialsFile, search.StudyFile)
	}
	unlock, err := s.reserve()
	if err != nil {
		return err
	}
	defer unlock()
	lines, err := s.Store.Load()
	switch {
	case err != nil:
		return unavailable(err)
	case len(lines) == 0:
		return errors.New("report: no study is kept")
	}
	events, err := decodeAll(lines)
	if err != nil {
		return err
	}
	st, err := study.Replay(events, nil, nil)
	if err != nil {
		return unreadable(err)
	}
	v, err := results.New(st, results.Cut{})
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if c.File == search.TrialsFile {
		return s.hand(c.File, func(w io.Writer) error { return v.CSV(w, v.Points) })
	}
	v.Predict(st)
	return s.hand(c.File, v.JSON)
}

// hand posts a file beside its name.
func (s *Session) hand(name string, write func(io.Writer) error) error {
	text, err := json.Marshal(search.Message{File: name})
	if err != nil {
		return err
	}
	if err := s.PostFile(string(text), write); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
