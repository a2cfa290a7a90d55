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
	for refusal, want := range map[string]string{"tabs": "other tabs", "silent": "did not answer", "TypeError: boom": "boom"} {
		s.TakeBuild()
		if _, ok := s.Start(); ok {
			t.Error("a search starts while the page is about to reload")
		}
		s.RefuseBuild(refusal)
		if n := len(s.Errors); n == 0 || !strings.Contains(s.Errors[n-1], want) || !s.NewBuild {
			t.Errorf("refused with %q: %q", refusal, s.Errors)
		}
	}
	s.TakeBuild()
	s.RefuseBuild("none")
	if s.NewBuild || s.Waiting() {
		t.Error("a build that is gone is still offered, or waited for")
	}
}
