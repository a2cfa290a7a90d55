package store

import (
	"net/url"
	"strings"
	"testing"

	"litefront/kernels"
	"litefront/kernels/jobs"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
	"litefront/ui/device"
)

const someKey = "UDEVICE"

func TestInvitations(t *testing.T) {
	for _, tt := range []struct {
		fragment, token string
		want            string // what the error says; empty for none
	}{
		{"#join=ABC", "ABC", ""},
		{"#join=ABC&ca=00ff", "ABC", ""},
		{"#join=", "", "one word"},
		{"#join=a%20b", "", "one word"},
		{"#join=a%0ab", "", "one word"},
		{"#join=" + strings.Repeat("a", 400), "", "one word"},
		{"#join=%zz", "", "cannot be read"},
		{"#join=A&join=B", "", "2 times"},
		{"#join=A&budget=60s", "", "budget"},
		{"#join=" + strings.Repeat("a", maxInvitation), "", "bytes"},
	} {
		s := ready(t)
		if !IsInvitation(tt.fragment) {
			t.Errorf("%.40s is taken for a setup", tt.fragment)
		}
		s.TakeInvitation(tt.fragment)
		said := strings.Join(s.Errors, "\n")
		if s.Join.token != tt.token || (said != "") != (tt.want != "") || !strings.Contains(said, tt.want) {
			t.Errorf("%.40s: token %q, %q; want %q", tt.fragment, s.Join.token, said, tt.want)
		}
	}
	if IsInvitation("#budget=60s") {
		t.Error("a setup is taken for an invitation")
	}
}

func FuzzInvitation(f *testing.F) {
	f.Add("#join=ABC&ca=00")
	f.Add("#join=%20")
	f.Fuzz(func(t *testing.T, fragment string) {
		token, err := parseInvitation(fragment)
		if err != nil {
			return
		}
		again, err := parseInvitation("#join=" + url.QueryEscape(token))
		if err != nil || again != token {
			t.Fatalf("%q is read again as %q, %v", token, again, err)
		}
	})
}

// A search and measuring for a host exclude one another.
func TestJoinExcludesSearch(t *testing.T) {
	s := ready(t)
	if s.CanJoin() || s.OffersJoin() {
		t.Error("a page may measure for a host that has not invited it")
	}
	s.TakeInvitation("#join=ABC")
	w := start(t, s, 1)
	if s.CanJoin() || s.BeginJoin() || !strings.Contains(s.JoinProblem(), "search is under way") {
		t.Errorf("during a search: %q", s.JoinProblem())
	}
	w.measure()
	w.end(search.DoneInterrupted)
	if s.JoinProblem() != "" || !s.BeginJoin() || s.BeginJoin() {
		t.Fatalf("after it: %q", s.JoinProblem())
	}
	if _, ok := s.Start(); ok || s.CanMeasure() || s.CanTake() || s.CanOverlay() || s.CanOpenClass() {
		t.Error("while the page measures for its host it does other things, too")
	}
	if _, ok := s.Import(`{"v":1}`); ok || !strings.Contains(strings.Join(s.Errors, " "), "measures for its host") {
		t.Errorf("importing: %q", s.Errors)
	}
	tell(t, s, search.Message{State: search.StateMeasuring})
	tell(t, s, search.Message{State: search.StateIdle, Answered: &search.Answered{Token: "t"}})
	if s.Status() != "This page measures for its host." {
		t.Errorf("the status is %q", s.Status())
	}
	s.EndJoin("", false)
	if _, ok := s.Start(); !ok {
		t.Errorf("after it no search starts: %q", s.Errors)
	}
}

func TestHello(t *testing.T) {
	s := New("page-1")
	if _, err := s.Hello(someKey); err == nil {
		t.Error("a device that is not known introduces itself")
	}
	s.Open()
	d := trial.Device{Name: "Firefox", OS: "Android", Arch: "wasm", Engine: "SpiderMonkey", Features: []string{"simd128"}}
	tell(t, s, search.Message{Device: &d, Features: &kernels.Features{RelaxedSIMD: true}, State: search.StateIdle})
	s.TakeInvitation("#join=ABC&ca=00")
	h, err := s.Hello(someKey)
	if err != nil || h.Token != "ABC" || h.Key != someKey || h.Code != "page-1" || !h.Features.RelaxedSIMD || h.Device.Cores != 1 || h.Device.OS != "Android" {
		t.Errorf("hello %+v, %v", h, err)
	}
	s.BeginJoin()
	s.LetIn()
	if h, err := s.Hello(someKey); err != nil || h.Token != "" {
		t.Errorf("once let in: %+v, %v", h, err)
	}
}

func TestJoinStatus(t *testing.T) {
	s := ready(t)
	s.TakeInvitation("#join=ABC")
	s.BeginJoin()
	for _, tt := range []struct {
		status device.Status
		want   string
	}{
		{device.Status{}, "Connecting to the host."},
		{device.Status{Connected: true, State: jobs.Idle}, "Waiting for a job of the host."},
		{device.Status{Connected: true, State: jobs.Measuring}, "Measuring for the host."},
		{device.Status{Connected: true, State: jobs.Paused, Note: "the battery\nis low"}, "Paused: the battery is low"},
	} {
		s.Joined(tt.status)
		if got := s.JoinStatus(); got != tt.want {
			t.Errorf("%+v: %q", tt.status, got)
		}
	}
	s.PauseJoin(true)
	s.EndJoin("the host refuses this device: used already", true)
	if s.Join.Paused || s.Join.token != "" || !s.OffersJoin() || !strings.HasSuffix(s.JoinStatus(), "used already") {
		t.Errorf("at the end: %+v, %q", s.Join, s.JoinStatus())
	}
}

func TestSetFleet(t *testing.T) {
	s := ready(t)
	if s.LoseFleet("away") || s.Fleet.Problem != "" {
		t.Error("a fleet is lost that was never there")
	}
	text := []byte(`{"v":1,"study":"a\nb","classes":[{"class":"c","left_ms":-1}],"devices":[{"device":"d","name":"\u001bx","slowdown":-2}],"dead":[{"reason":"r\tr"}]}`)
	if !s.SetFleet(text) || s.SetFleet(text) {
		t.Error("what is told twice is news")
	}
	f := s.Fleet.State
	if f.Study != "a b" || f.Classes[0].LeftMs != 0 || f.Devices[0].Name != "x" || f.Devices[0].Slowdown != 0 || f.Dead[0].Reason != "r r" {
		t.Errorf("shown is %+v", f)
	}
	if !s.SetFleet([]byte(`{"v":2}`)) || !strings.Contains(s.Fleet.Problem, "not understood") || s.Fleet.State == nil {
		t.Errorf("nonsense: %q", s.Fleet.Problem)
	}
	if !s.SetFleet(text) || s.Fleet.Problem != "" {
		t.Error("it does not recover")
	}
}

func TestInvite(t *testing.T) {
	s := ready(t)
	if s.AskInvitation() {
		t.Error("without a fleet")
	}
	s.SetFleet([]byte(`{"v":1}`))
	if !s.AskInvitation() || s.AskInvitation() {
		t.Error("one at a time")
	}
	s.SetInvitation([]byte(`{"v":1,"url":"","expires_ms":1}`))
	if s.Fleet.Invitation != nil || len(s.Errors) != 1 || !s.AskInvitation() {
		t.Errorf("nonsense: %q", s.Errors)
	}
	s.RefuseInvitation("not from here")
	if s.Fleet.Inviting || !strings.Contains(s.Errors[1], "not from here") {
		t.Errorf("refused: %q", s.Errors)
	}
}

func TestOpenClass(t *testing.T) {
	s := ready(t)
	if s.OpenClass("../etc") {
		t.Error("a class that is none")
	}
	if !s.OpenClass("linux-wasm-1") || s.OpenClass("other") {
		t.Error("one at a time")
	}
	s.ClassNotOpened("404")
	if s.Fleet.Opening != "" || !strings.Contains(s.Errors[0], "linux-wasm-1 cannot be opened: 404") {
		t.Errorf("not opened: %q", s.Errors)
	}
	s.OpenClass("linux-wasm-1")
	if c, ok := s.ClassOpened(`{"v":1}`); !ok || c.Do != search.DoImport || s.Fleet.Opening != "" {
		t.Errorf("opened: %+v", c)
	}
}
