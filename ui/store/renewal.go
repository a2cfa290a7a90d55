package store

// OfferBuild notes that a newer build of this page is ready to be taken.
func (s *Store) OfferBuild() { s.NewBuild = true }

// RefuseBuild says why the newer build was not taken: one that is taken serves all
// tabs, and they would load files of both.
func (s *Store) RefuseBuild() {
	s.Fail("the new version of this page waits until its other tabs are closed")
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
