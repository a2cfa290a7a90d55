package store

import (
	"strings"
	"testing"

	"litefront/kernels/search"
)

// A newer build is offered, and taken only while nothing is under way.
func TestRenewal(t *testing.T) {
	s := ready(t)
	if s.TakesBuild() || s.Renewal() != "" {
		t.Errorf("without one: takes it %v, says %q", s.TakesBuild(), s.Renewal())
	}
	w := start(t, s, 1)
	s.OfferBuild()
	if s.TakesBuild() || !strings.Contains(s.Renewal(), "new version") {
		t.Errorf("during a search: takes it %v, says %q", s.TakesBuild(), s.Renewal())
	}
	w.measure()
	do(t, s.Pause, search.DoStop)
	w.end(search.DoneInterrupted)
	if !s.TakesBuild() {
		t.Error("it is not taken after the search")
	}
	do(t, s.Export, search.DoExport)
	if s.TakesBuild() {
		t.Error("it is taken while the journal is awaited")
	}
	s.RefuseBuild()
	if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], "other tabs") {
		t.Errorf("refused: %q", s.Errors)
	}
}
