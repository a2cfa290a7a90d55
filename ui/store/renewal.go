package store

// KeepPage notes whether the browser keeps the page for use without its server.
func (s *Store) KeepPage(kept bool) { s.pageKept, s.pageLost = kept, !kept }

// OfferBuild notes that a newer build of this page is ready to be taken.
func (s *Store) OfferBuild() { s.NewBuild = true }

// TakeBuild notes that the page is about to reload for the newer build: nothing can be
// started until it has, or RefuseBuild says that it does not.
func (s *Store) TakeBuild() { s.taking = true }

// RefuseBuild says why the newer build was not taken, by what ui/static/offline.js
// promises. One that is taken serves all tabs, and others would load files of both.
func (s *Store) RefuseBuild(refusal string) {
	s.taking = false
	switch refusal {
	case "tabs":
		s.Fail("the new version of this page waits until its other tabs are closed")
	case "silent":
		s.Fail("the browser did not answer in time; take the new version again")
	case "none":
		s.NewBuild = false // it is gone again
	default:
		s.Fail("the new version of this page cannot be taken: " + refusal)
	}
}

// TakesBuild reports whether the page may reload for the newer build: not while
// something is under way, which the reload would cut off.
func (s *Store) TakesBuild() bool {
	return s.NewBuild && !s.searching && !s.Waiting() && !s.exporting
}

// Renewal tells of a newer build; empty for none.
func (s *Store) Renewal() string {
	if !s.NewBuild {
		return ""
	}
	return "A new version of this page is here. What was measured stays."
}
