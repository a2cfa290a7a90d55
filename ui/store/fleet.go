package store

import (
	"fmt"
	"slices"

	"litefront/kernels/jobs"
	"litefront/kernels/search"
)

// Fleet is what the host of this page tells of the devices that measure for it.
type Fleet struct {
	State *jobs.Fleet // the last that was told; nil if the page has no such host
	// Problem is why nothing is told any more; empty if something is.
	Problem string
	// Invitation is the one that was asked for last; nil for none.
	Invitation *jobs.Invitation
	Inviting   bool   // one is asked for
	Opening    string // class whose study is fetched; empty for none
}

// Bounds on what is shown of a fleet; the rest is counted.
const (
	MaxClasses = 50
	MaxDevices = 200
	MaxDead    = 50
)

// SetFleet takes what the host tells. It reports whether that is news.
func (s *Store) SetFleet(text []byte) (news bool) {
	f, err := jobs.Decode[jobs.Fleet](text)
	if err != nil {
		return s.LoseFleet("what it tells is not understood: " + err.Error())
	}
	if s.Fleet.Problem == "" && s.Fleet.State != nil && slices.Equal(text, s.fleetText) {
		return false
	}
	s.fleetText = slices.Clone(text)
	f.Study = line(f.Study, maxText)
	for i := range f.Classes {
		c := &f.Classes[i]
		c.Class, c.Done = line(c.Class, 80), line(c.Done, maxText)
		if !usable(c.LeftMs) {
			c.LeftMs = 0
		}
	}
	for i := range f.Devices {
		d := &f.Devices[i]
		for _, t := range []*string{&d.Device, &d.Name, &d.Class, &d.State, &d.Job, &d.Error, &d.Note, &d.Reason} {
			*t = line(*t, maxText)
		}
		if !usable(d.Slowdown) {
			d.Slowdown = 0
		}
	}
	for i := range f.Dead {
		d := &f.Dead[i]
		for _, t := range []*string{&d.Class, &d.Arch, &d.Reason} {
			*t = line(*t, maxText)
		}
	}
	s.Fleet.State, s.Fleet.Problem = &f, ""
	return true
}

// LoseFleet notes why the host tells nothing. It reports whether that is news.
func (s *Store) LoseFleet(problem string) (news bool) {
	problem = line(problem, maxText)
	news = s.Fleet.Problem != problem && s.Fleet.State != nil
	if s.Fleet.State != nil { // else there is none to lose
		s.Fleet.Problem = problem
	}
	return news
}

// IsDevice reports whether this page is one of the fleet's devices, or was invited to be.
// Such are not the host's to invite others.
func (s *Store) IsDevice() bool { return s.Join.token != "" || s.Join.Active }

// AskInvitation notes that an invitation is asked for, unless one is already.
func (s *Store) AskInvitation() bool {
	if s.Fleet.State == nil || s.Fleet.Inviting {
		return false
	}
	s.Fleet.Inviting = true
	return true
}

// SetInvitation takes the answer.
func (s *Store) SetInvitation(text []byte) {
	s.Fleet.Inviting = false
	i, err := jobs.Decode[jobs.Invitation](text)
	if err != nil {
		s.Fail("the invitation is not understood: " + err.Error())
		return
	}
	s.Fleet.Invitation = &i
}

// RefuseInvitation says why there is none.
func (s *Store) RefuseInvitation(reason string) {
	s.Fleet.Inviting = false
	s.Fail("the host gives no invitation: " + reason)
}

// DropInvitation takes the invitation out of sight. It stays good until it expires.
func (s *Store) DropInvitation() { s.Fleet.Invitation = nil }

// OpenClass notes that the study of a class is to be fetched, unless another one is, or
// it could not be opened then.
func (s *Store) OpenClass(class string) bool {
	if s.Fleet.Opening != "" || !jobs.IsName(class) || !s.CanOpenClass() {
		return false
	}
	s.Fleet.Opening = class
	return true
}

// CanOpenClass reports whether another study could be opened now.
func (s *Store) CanOpenClass() bool {
	p := s.Phase()
	return s.Fleet.Opening == "" && (p == Idle || p == Paused) && !s.Waiting()
}

// ClassOpened takes the journal of a class as Import takes a file.
func (s *Store) ClassOpened(journal string) (search.Command, bool) {
	s.Fleet.Opening = ""
	return s.Import(journal)
}

// ClassNotOpened says why there is none.
func (s *Store) ClassNotOpened(reason string) {
	s.Fail(fmt.Sprintf("the study of %s cannot be opened: %s", s.Fleet.Opening, reason))
	s.Fleet.Opening = ""
}
