package store

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"litefront/kernels"
	"litefront/kernels/jobs"
	"litefront/searchcore/trial"
	"litefront/ui/device"
)

// Join is how this page measures for a host.
type Join struct {
	Known  bool // this device was let in before, and has kept its key
	Active bool // it measures for the host, or is about to
	Paused bool // by the user
	Awake  bool // the browser keeps the screen on
	Status device.Status
	// Ended is why measuring ended; empty while it did not, and if the user ended it.
	Ended string

	token string // of the invitation that the page's address brought; empty for none
}

// joinPrefix begins the fragment of an address that is an invitation.
const joinPrefix = "#join="

// maxInvitation bounds such a fragment, in bytes.
const maxInvitation = 2 << 10

// IsInvitation reports whether the fragment of the page's address is an invitation, and
// no setup.
func IsInvitation(fragment string) bool { return strings.HasPrefix(fragment, joinPrefix) }

// TakeInvitation takes an invitation to measure for the host of this page.
func (s *Store) TakeInvitation(fragment string) {
	token, err := parseInvitation(fragment)
	if err != nil {
		s.Fail("the invitation in the address is wrong: " + err.Error())
		return
	}
	if s.Join.Active {
		s.Fail("the invitation is not needed: this page measures for its host already")
		return
	}
	s.Join.token, s.Join.Ended = token, ""
}

// parseInvitation reads "#join=TOKEN&ca=FINGERPRINT". The fingerprint is for devices that
// do not trust the host's certificate yet, and a browser does.
func parseInvitation(fragment string) (token string, err error) {
	if len(fragment) > maxInvitation {
		return "", fmt.Errorf("it has %d bytes; at most %d are allowed", len(fragment), maxInvitation)
	}
	values, err := url.ParseQuery(strings.TrimPrefix(fragment, "#"))
	if err != nil {
		return "", errors.New("it cannot be read")
	}
	for name, list := range values {
		if name != "join" && name != "ca" || len(list) != 1 {
			return "", fmt.Errorf("it has %d times %.40q; it may have join and ca, once each", len(list), name)
		}
	}
	token = values.Get("join")
	if token == "" || token != line(token, maxText) || strings.ContainsAny(token, " ") {
		return "", errors.New("its token must be one word")
	}
	return token, nil
}

// KnowDevice notes whether this device has a key by which its host may know it.
func (s *Store) KnowDevice(known bool) { s.Join.Known = known }

// OffersJoin reports whether there is anything to say about measuring for a host.
func (s *Store) OffersJoin() bool {
	j := &s.Join
	return j.token != "" || j.Active || j.Ended != "" || j.Known && s.Fleet.State != nil
}

// CanJoin reports whether the page could begin to measure for its host now.
func (s *Store) CanJoin() bool { return s.joinProblem() == "" && (s.Join.token != "" || s.Join.Known) }

// JoinProblem says why it cannot yet; empty if it can, or does.
func (s *Store) JoinProblem() string {
	if s.Join.Active || s.Phase() == Loading {
		return ""
	}
	return s.joinProblem()
}

func (s *Store) joinProblem() string {
	switch {
	case s.Join.Active:
		return "This page measures for its host already."
	case s.dead:
		return "The worker has stopped: restart it first."
	case !s.answered || s.Device == nil:
		return "Loading the search core."
	case s.searching:
		return "A search is under way: pause it first, since both would disturb each other."
	case s.Waiting():
		return "The worker has something to do yet."
	}
	return ""
}

// BeginJoin begins to measure for the host, unless it cannot be now.
func (s *Store) BeginJoin() bool {
	if !s.CanJoin() {
		return false
	}
	s.Join.Active, s.Join.Paused, s.Join.Ended, s.Join.Status = true, false, "", device.Status{}
	return true
}

// Hello is how this device introduces itself with a key. Once it was let in it needs no
// invitation.
func (s *Store) Hello(key string) (jobs.Hello, error) {
	if s.Device == nil {
		return jobs.Hello{}, errors.New("the worker has not described the device yet")
	}
	h := jobs.Hello{V: jobs.Version, Token: s.Join.token, Key: key, Name: jobs.Line(s.Device.Name), Device: s.described, Features: s.features, Code: s.code}
	h.Device.Cores = max(h.Device.Cores, 1) // where the browser does not tell
	return h, h.Validate()
}

// Code is the version of the program.
func (s *Store) Code() string { return s.code }

// LetIn notes that the host has let the device in, by an invitation which is used up.
func (s *Store) LetIn() { s.Join.token, s.Join.Known = "", true }

// Joined takes how measuring for the host goes.
func (s *Store) Joined(status device.Status) {
	for _, text := range []*string{&status.Class, &status.Arch, &status.Error, &status.Note} {
		*text = line(*text, maxText)
	}
	s.Join.Status = status
}

// PauseJoin notes that the user wants a pause, or ends it.
func (s *Store) PauseJoin(paused bool) { s.Join.Paused = s.Join.Active && paused }

// EndJoin notes that measuring for the host has ended, and why; an empty reason is that
// the user wanted it. An invitation is good for nothing once the host has refused it.
func (s *Store) EndJoin(reason string, refused bool) {
	s.Join.Active, s.Join.Paused, s.Join.Awake, s.Join.Ended = false, false, false, line(reason, maxText)
	if refused {
		s.Join.token = ""
	}
}

// JoinStatus says in a few words how measuring for a host goes, for those who hear the
// page.
func (s *Store) JoinStatus() string {
	j := &s.Join
	switch {
	case !j.Active && j.Ended != "":
		return "Measuring for the host has ended: " + j.Ended
	case !j.Active:
		return ""
	case j.Status.State == jobs.Paused:
		return "Paused: " + j.Status.Note
	case !j.Status.Connected:
		return "Connecting to the host."
	case j.Status.State == jobs.Measuring:
		return "Measuring for the host."
	}
	return "Waiting for a job of the host."
}

// describe keeps the device as the worker tells it, for a host.
func (s *Store) describe(d trial.Device, f *kernels.Features) {
	s.Device, s.described, s.features = cleanDevice(d), d, kernels.Features{}
	if f != nil {
		s.features = *f
	}
}
