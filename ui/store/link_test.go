package store

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// A link takes the whole form to another page.
func TestLink(t *testing.T) {
	s := ready(t)
	for name, value := range map[string]string{
		FieldPreset: "lts-gpt2", FieldPrompt: "32", FieldContext: "48", FieldPrecision: "int8", FieldThreads: "2",
		FieldConstraints: "decode_ms<=20, peak_mb <= 200", FieldBudget: "12", FieldStrategy: "random", FieldSeed: "7",
	} {
		s.SetField(name, value)
	}
	s.SetObjective("peak_mb", false)
	other := New("test")
	other.OpenLink(s.Link()) // before its worker has answered
	if reflect.DeepEqual(other.Form, s.Form) {
		t.Error("the link was taken before it was known whether a study is kept")
	}
	other.Open()
	tell(t, other, search.Message{Device: &trial.Device{Name: "b"}, State: search.StateIdle})
	if !reflect.DeepEqual(other.Form, s.Form) || len(other.Invalid) > 0 || len(other.Errors) > 0 {
		t.Errorf("the link %s gives %+v, %v, %v; want %+v", s.Link(), other.Form, other.Invalid, other.Errors, s.Form)
	}
	if command, ok := other.Start(); !ok || len(command.Request.Setup.Constraints) != 2 {
		t.Errorf("the link's search is %+v (%v)", command.Request, other.Invalid)
	}
	// One that names little leaves the rest as at first.
	third := ready(t)
	first := third.Form
	third.OpenLink("#seed=5")
	if first.Seed = "5"; !reflect.DeepEqual(third.Form, first) {
		t.Errorf("a link with a seed gives %+v", third.Form)
	}
}

func TestBadLinks(t *testing.T) {
	for _, tt := range []struct{ link, want string }{
		{"#seed=-1", "the link's seed is wrong: seed \"-1\""},
		{"#prompt=64&context=63", "the link's context is wrong: context \"63\""},
		{"#objectives=luck", "the link's objectives is wrong"},
		{"#constraints=decode_ms<20", "the link's constraints is wrong"},
		{"#preset=mine", "the link's preset is wrong"},
		{"#colour=red", "unknown field \"colour\""},
		{"#seed=1&seed=2", "has seed 2 times"},
		{"#seed=%zz", "cannot be read"},
		{"#seed=1;budget=2", "cannot be read"},
		{"#budget=" + strings.Repeat("9", maxLink), "at most 16384"},
		{"#<script>", "unknown field"},
		{"#preset=own", "the preset own, but no space"},
		{"#preset=lts-gpt2&space=" + url.QueryEscape(ownTOML), "a space of its own beside the preset \"lts-gpt2\""},
		{"#preset=own&space=", "the link's space is wrong: name \"\""},
		{"#space=" + url.QueryEscape(strings.Replace(ownTOML, "n_head", "heads", 1)), "the link's space is wrong: line 9: unknown key \"heads\""},
		{"#space=" + url.QueryEscape(ownTOML)[:200], "the link's space is wrong: "},
		{"#space=" + strings.Replace(url.QueryEscape(ownTOML), "%0A", "%0", 1), "cannot be read"},
		{"#space=" + url.QueryEscape(ownTOML) + "&space=a", "has space 2 times"},
		{"#space=%00%FF", "the link's space is wrong: "},
		{"#space=" + strings.Repeat("a", maxLink), "at most 16384"},
		{"#SPACE=" + url.QueryEscape(ownTOML), "unknown field \"SPACE\""},
	} {
		s := ready(t)
		s.OpenLink(tt.link)
		if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], tt.want) || strings.ContainsFunc(s.Errors[0], unicode.IsControl) {
			t.Errorf("%.40s: %q, want %q", tt.link, s.Errors, tt.want)
		}
	}
}

// A link carries a space as it was written, and leaves what others wrote alone.
func TestLinkOfAnOwnSpace(t *testing.T) {
	s := writes(t, ownTOML)
	s.SetField(FieldPrompt, "16")
	s.SetField(FieldContext, "48")
	other := ready(t)
	other.OpenLink(s.Link())
	if !reflect.DeepEqual(other.Form, s.Form) || len(other.Errors) > 0 {
		t.Errorf("the link %s gives %+v, %q", s.Link(), other.Form, other.Errors)
	}
	do(t, other.Start, search.DoStart)
	s.OpenLink("#seed=5&preset=archai-gpt2")
	if s.Form.Preset != "archai-gpt2" || s.Form.Space != ownTOML {
		t.Errorf("a link without a space: %s, %s", s.Form.Preset, s.Form.Space)
	}
	// Another's is not lost to that of the link, unless its author agrees.
	link := strings.TrimPrefix(other.Link(), "#")
	s.SetField(FieldSpace, "name = \"yours\"")
	before := s.Form
	for _, accepts := range []bool{false, true} {
		s.OpenLink("#" + link)
		if !s.Confirm.Asks() || !reflect.DeepEqual(s.Form, before) {
			t.Errorf("asks %v, %+v", s.Confirm.Asks(), s.Form)
		}
		if accepts {
			do(t, s.Accept, "")
		}
		s.Decline()
	}
	if s.Form.Space != ownTOML || s.Form.Preset != OwnSpace || s.Form.Prompt != "16" {
		t.Errorf("agreed to: %+v", s.Form)
	}
	// One that came with a link is in that.
	s.OpenLink("#space=" + url.QueryEscape("name = \"third\""))
	if s.Confirm.Asks() || s.Form.Space != "name = \"third\"" {
		t.Errorf("asks %v, %s", s.Confirm.Asks(), s.Form.Space)
	}
	// A study that comes while the question is open keeps its setup, and the link waits.
	s.SetField(FieldSpace, "name = \"yours\"")
	s.OpenLink("#" + link)
	another := ready(t)
	another.SetField(FieldSeed, "77")
	e := start(t, another, 1).study.Started()
	tell(t, s, event(trial.KindStarted, func(told *trial.Event) { told.Started = &e }))
	do(t, s.Accept, "")
	if s.Form.Seed != "77" || len(s.Errors) == 0 || !strings.Contains(s.Errors[len(s.Errors)-1], "a study is kept") {
		t.Errorf("beside a study the link gives the seed %s, %q", s.Form.Seed, s.Errors)
	}
	s = writes(t, ownTOML)
	s.OpenLink("#seed=5&preset=archai-gpt2")
	if strings.Contains(s.Link(), "mine") {
		t.Errorf("the link of a preset is %s", s.Link())
	}
}

// What is kept stays, and its own link is no news.
func TestLinkBesideAStudy(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	w.end(search.DoneInterrupted)
	before := s.Form
	s.OpenLink(s.Link())
	if len(s.Errors) > 0 {
		t.Errorf("the study's own link: %q", s.Errors)
	}
	s.OpenLink("#seed=9")
	if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], "a study is kept") || !reflect.DeepEqual(s.Form, before) {
		t.Errorf("another link: %q, %+v", s.Errors, s.Form)
	}
	s.Dismiss(s.Errors[0])
	tell(t, s, search.Message{State: search.StateIdle})
	if len(s.Errors) > 0 {
		t.Errorf("it says so again: %q", s.Errors)
	}
	// It is taken once the study is gone.
	s.NewSearch()
	if _, ok := s.Accept(); !ok {
		t.Fatal("the study cannot be discarded")
	}
	tell(t, s, search.Message{Device: &trial.Device{Name: "b"}, State: search.StateIdle})
	if s.Form.Seed != "9" || len(s.Errors) > 0 {
		t.Errorf("after the study seed %q, %q", s.Form.Seed, s.Errors)
	}
}

// FuzzLink: no fragment breaks the page, and none gives a search that cannot start.
func FuzzLink(f *testing.F) {
	f.Add("#seed=1&preset=lts-gpt2")
	f.Add("#objectives=decoder_params,decode_ms&constraints=peak_mb%3C%3D100")
	f.Add("#objectives=")
	f.Add("#prompt=1000&context=1024")
	f.Add("#prompt=1&threads=99&precision=int8&budget=1h&strategy=lts")
	f.Add("#prompt=16&context=48&space=" + url.QueryEscape(ownTOML))
	f.Add("#preset=own&space=" + url.QueryEscape(presetTOML("lts-transformer-xl")))
	f.Fuzz(func(t *testing.T, fragment string) {
		s := ready(t)
		s.OpenLink(fragment)
		if len(s.Errors) > 1 {
			t.Errorf("%q: %q", fragment, s.Errors)
		}
		command, ok := s.Start()
		if !ok {
			return
		}
		check := command.Request.Check
		if s.Form.Preset == OwnSpace { // whether it is too large for its strategy only the worker finds out
			check = func() error { return study.Check(command.Request.Setup) }
		}
		if err := check(); err != nil {
			t.Errorf("%q starts a search that fails: %v", fragment, err)
		}
	})
}
