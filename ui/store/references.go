package store

import (
	"fmt"
	"slices"
	"strings"

	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// SetDragging says whether files are dragged over the page.
func (s *Store) SetDragging(on bool) { s.Dragging = on }

// droppable is what may be dropped on the page.
const droppable = "a study's journal, a space's TOML, a model's config.json or its model.safetensors"

// Drop judges what was dropped on the page, so many files, and reports whether the only
// one is to be read and handed to Import.
func (s *Store) Drop(files int, folder bool) (read bool) {
	s.Dragging = false
	switch {
	case s.dead:
		s.Fail("the search core has stopped; press Restart, then drop the file again")
	case !s.answered:
		s.Fail("the page is not ready for a file; drop it again once it is")
	case folder:
		s.Fail("a folder was dropped; drop one file: " + droppable)
	case files != 1:
		s.Fail(fmt.Sprintf("%d files were dropped; drop one: %s", files, droppable))
	default:
		return true
	}
	return false
}

// opening is how every journal begins.
const opening = `{"v":`

// isConfig reports whether a file may be a model's configuration: one JSON object that
// is not a journal's first line.
func isConfig(text string) bool {
	return strings.HasPrefix(strings.TrimSpace(text), "{") && !strings.HasPrefix(text, opening)
}

// maxReferences bounds the references that wait.
const maxReferences = 20

// addReference takes the model of a configuration file as a reference beside the search.
func (s *Store) addReference(config string) {
	a, err := arch.Parse([]byte(config))
	if err != nil {
		s.Fail("the file is neither a journal, which begins with " + opening + ", nor a model's configuration: " + err.Error())
		return
	}
	same := func(other arch.Architecture) bool { return other.ID() == a.ID() }
	switch {
	case slices.ContainsFunc(s.references, same):
		s.Fail(a.String() + " waits to be measured already")
		return
	case s.isReference(a.ID()):
		s.Fail(a.String() + " is a reference of this study already")
		return
	case len(s.references) == maxReferences:
		s.Fail(fmt.Sprintf("%d references wait already, which is the limit", maxReferences))
		return
	}
	if s.Study != nil {
		if err := fits(a, s.Study.Setup); err != nil {
			s.Fail(err.Error())
			return
		}
	}
	s.references = append(s.references, a)
}

// isReference reports whether the study has a reference with that ID.
func (s *Store) isReference(id string) bool {
	for _, t := range s.trials {
		if t.Overlay() && t.Arch.ID() == id {
			return true
		}
	}
	return false
}

// fits reports why a search of that setup cannot measure a.
func fits(a arch.Architecture, setup trial.Setup) error {
	g, err := graph.Build(a, setup.Workload)
	if err == nil {
		err = g.Memory.Fit(setup.MemoryLimit)
	}
	if err != nil {
		return fmt.Errorf("reference %v: %w", a, err)
	}
	return nil
}

// overlay adds the references that wait to a request, or says which does not fit it.
func (s *Store) overlay(q *search.Request) bool {
	for _, a := range s.references {
		if err := fits(a, q.Setup); err != nil {
			s.Fail(err.Error())
			return false
		}
	}
	q.Overlays = slices.Clone(s.references)
	return true
}

// handedOut notes that a trial is under way: a reference waits no more.
func (s *Store) handedOut(t trial.Trial) {
	if t.Origin.Op != study.OpOverlay || len(s.references) == 0 {
		return
	}
	id := t.Arch.ID()
	s.references = slices.DeleteFunc(s.references, func(a arch.Architecture) bool { return a.ID() == id })
}

// References says which references wait, and for what; empty for none.
func (s *Store) References() string {
	if len(s.references) == 0 {
		return ""
	}
	names := make([]string, len(s.references))
	for i, a := range s.references {
		names[i] = a.String()
	}
	when := "press Continue"
	switch {
	case s.searching:
		when = "pause the search and continue it"
	case s.Study == nil:
		when = "press Start, to begin a study"
	case s.finished():
		when = "raise the budget and press Continue"
	}
	return fmt.Sprintf("To be measured before anything else, as references: %s. For that %s.", strings.Join(names, "; "), when)
}

// DropReferences forgets the references that wait.
func (s *Store) DropReferences() { s.references = nil }
