package store

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"litefront/kernels/search"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

const ownTOML = `# mine
name = "mine"
arch_type = "gpt2"
vocab_size = 300
max_sequence_length = 64
n_layer = {min = 1, max = 3}
d_model = {min = 16, max = 128, step = 16}
d_inner = {min = 16, max = 256, step = 16}
n_head = [1, 2, 4]
`

// writes is a store whose user writes a space.
func writes(t *testing.T, text string) *Store {
	t.Helper()
	s := ready(t)
	s.SetField(FieldPreset, OwnSpace)
	s.SetField(FieldSpace, text)
	return s
}

// answer does what a worker does with a survey.
func answer(t *testing.T, s *Store) {
	t.Helper()
	c, ok := s.Survey()
	if !ok || c.Do != search.DoSurvey {
		t.Fatalf("sends %q (%v)", c.Do, ok)
	}
	surveyed := search.Survey(c.Space, c.Workload)
	tell(t, s, search.Message{Surveyed: &surveyed})
}

// valueOf is what the survey says of a thing.
func valueOf(s *Store, name string) string {
	lines, _ := s.SpaceSurvey()
	for _, l := range lines {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// Writing begins with the preset that was chosen, and is surveyed when typing pauses.
func TestOwnSpace(t *testing.T) {
	s := ready(t)
	if s.SurveyDue() {
		t.Error("a preset is surveyed")
	}
	s.SetField(FieldPreset, "lts-gpt2")
	s.SetField(FieldPreset, OwnSpace)
	sp, err := space.ParseTOML([]byte(s.Form.Space))
	if err != nil || sp.Name != "lts-gpt2" {
		t.Fatalf("begins with %q: %v", s.Form.Space, err)
	}
	answer(t, s)
	if n := valueOf(s, "architectures"); !strings.HasPrefix(n, "about 1.87e+34") || s.SpaceStatus() != "Architectures in the space: "+n+"." {
		t.Errorf("%s architectures; %q", n, s.SpaceStatus())
	}
	if s.SurveyDue() {
		t.Error("what was told is asked again")
	}

	s.SetField(FieldSpace, strings.ReplaceAll(ownTOML, "\n", "\r\n"))
	if !s.SurveyDue() || s.SpaceStatus() == "" {
		t.Errorf("due %v; %q", s.SurveyDue(), s.SpaceStatus())
	}
	c, _ := s.Survey()
	if c.Space != ownTOML || c.Workload == nil || *c.Workload != trial.DefaultWorkload() {
		t.Fatalf("asks %+v", c)
	}
	if s.SurveyDue() || s.SpaceStatus() != "" {
		t.Error("it is asked twice, or the answer is known before it comes")
	}
	wrong := strings.Replace(ownTOML, "n_head", "heads", 1)
	s.SetField(FieldSpace, wrong) // meanwhile
	late := search.Survey(c.Space, nil)
	tell(t, s, search.Message{Surveyed: &late})
	if s.Invalid[FieldSpace] != "" || s.MistakeLine() != 0 || !s.SurveyDue() {
		t.Errorf("the answer to what was typed before: %q, line %d, due %v", s.Invalid[FieldSpace], s.MistakeLine(), s.SurveyDue())
	}
	answer(t, s)
	if got := s.Invalid[FieldSpace]; !strings.HasPrefix(got, `line 9: unknown key "heads"; allowed are name, `) || s.SpaceStatus() != got || s.MistakeLine() != 9 {
		t.Errorf("of the mistake it says %q, %q, line %d", got, s.SpaceStatus(), s.MistakeLine())
	}
	if lines, _ := s.SpaceSurvey(); len(lines) > 0 {
		t.Errorf("what is no space has %+v", lines)
	}
	do(t, s.Start, "")

	// Corrected, it has the room that the fields need, or the fields say so.
	s.SetField(FieldSpace, ownTOML)
	do(t, s.Start, "")
	if got := s.Invalid[FieldPrompt]; !strings.Contains(got, "fill in the context") {
		t.Errorf("beside the prompt: %q", got)
	}
	s.SetField(FieldPrompt, "32")
	s.SetField(FieldContext, "48")
	answer(t, s)
	if got := valueOf(s, "peak memory"); !strings.Contains(got, "a prompt of 32 and a context of 48") {
		t.Errorf("peak memory %q", got)
	}
	s.SetField(FieldSeed, "5")
	if s.SurveyDue() {
		t.Error("a seed changes the space")
	}
	q, ok := s.Start()
	if !ok {
		t.Fatalf("does not start: %v", s.Invalid)
	}
	want, err := space.ParseTOML([]byte(ownTOML))
	if err != nil {
		t.Fatal(err)
	}
	if q.Request.Name != "mine seed 5" || !reflect.DeepEqual(q.Request.Setup.Space, want) {
		t.Errorf("starts %+v", q.Request)
	}
}

// What only counting shows is a mistake for Start, too.
func TestSpaceWithoutMembers(t *testing.T) {
	s := writes(t, ownTOML+"min_decoder_params = 3000\nmax_decoder_params = 3001\n")
	s.SetField(FieldPrompt, "16")
	s.SetField(FieldContext, "48")
	answer(t, s)
	want := s.Invalid[FieldSpace]
	do(t, s.Start, "")
	if got := s.Invalid[FieldSpace]; got != want || !strings.Contains(got, "no architecture was found") {
		t.Errorf("beside the space: %q, then %q", want, got)
	}
}

// The space of a study is shown as it was typed, or as others would write it, and can
// be searched again.
func TestOwnSpaceOfAStudy(t *testing.T) {
	s := writes(t, ownTOML)
	s.SetField(FieldPrompt, "16")
	s.SetField(FieldContext, "48")
	w := start(t, s, 1)
	if s.Form.Preset != OwnSpace || s.Form.Space != ownTOML || s.SpaceName() != "mine (own space)" || s.SpaceSummary() == "" {
		t.Errorf("%s, %s, written as\n%s", s.SpaceName(), s.SpaceSummary(), s.Form.Space)
	}
	w.measure()
	w.end(search.DoneInterrupted)
	if s.SurveyDue() {
		t.Error("the space of a study is surveyed")
	}

	other := ready(t)
	started := w.study.Started()
	tell(t, other, event(trial.KindStarted, func(e *trial.Event) { e.Started = &started }))
	if got, err := space.ParseTOML([]byte(other.Form.Space)); err != nil || !reflect.DeepEqual(got, started.Space) {
		t.Errorf("another page shows\n%s\n(%v)", other.Form.Space, err)
	}
	if other.Link() == s.Link() {
		t.Error("the comment is lost")
	}
	s.settled = true
	s.NewSearch()
	do(t, s.Accept, search.DoForget)
	tell(t, s, search.Message{Device: s.Device, State: search.StateIdle})
	answer(t, s)
	c, ok := s.Start()
	if !ok || c.Request.Setup.Space.Name != "mine" {
		t.Errorf("the next search is %+v (%v)", c.Request, s.Invalid)
	}
}

// A space that has a preset's name is not therefore that preset.
func TestNamesakeOfAPreset(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	started := w.study.Started()
	started.Space.NLayer = space.Choices{1, 2}
	tell(t, s, event(trial.KindStarted, func(e *trial.Event) { e.Started = &started }))
	if s.Form.Preset != OwnSpace || !strings.Contains(s.Form.Space, "n_layer = [1, 2]") {
		t.Errorf("preset %s, %s", s.Form.Preset, s.Form.Space)
	}
	started.Space = space.Space{Name: "hollow"}
	before := s.Study.Study
	tell(t, s, event(trial.KindStarted, func(e *trial.Event) { e.Started = &started }))
	if len(s.Errors) != 1 || s.Study.Study != before || s.Study.Space.Name == "hollow" {
		t.Errorf("a study without a space: %q", s.Errors)
	}
}

func TestImportOfASpace(t *testing.T) {
	file := func(name, text string) func(*Store) (search.Command, bool) {
		return func(s *Store) (search.Command, bool) { return s.ImportFile(name, text) }
	}
	s := ready(t)
	if c, ok := file("mine.TOML", ownTOML)(s); ok || s.Form.Preset != OwnSpace || s.Form.Space != ownTOML || !s.SurveyDue() {
		t.Errorf("sends %+v; %s", c, s.Form.Space)
	}
	// What nobody would miss is replaced at once.
	s.SetField(FieldPreset, "lts-gpt2")
	for _, worthless := range []string{" \n", presetTOML("archai-gpt2")} {
		s.SetField(FieldSpace, worthless)
		if s.EditPreset(); s.Confirm.Asks() || s.Form.Preset != OwnSpace || s.Form.Space != presetTOML("lts-gpt2") {
			t.Errorf("%.20q: asks %v, %s", worthless, s.Confirm.Asks(), s.Form.Space)
		}
		s.SetField(FieldPreset, "lts-gpt2")
	}
	// What was written is not.
	s.SetField(FieldPreset, OwnSpace)
	s.SetField(FieldSpace, ownTOML)
	for _, accepts := range []bool{false, true} {
		file("other.toml", "name = \"other\"")(s)
		if !s.Confirm.Asks() || s.Form.Space != ownTOML {
			t.Fatalf("asks %v, %s", s.Confirm.Asks(), s.Form.Space)
		}
		if accepts {
			do(t, s.Accept, "")
		}
		s.Decline()
	}
	if s.Form.Space != `name = "other"` || s.Confirm.Asks() {
		t.Errorf("agreed to: %s", s.Form.Space)
	}

	for _, tt := range []struct{ text, want string }{
		{"", "the file is empty"},
		{"\n", "the file is empty"},
		{strings.Repeat("#", search.MaxSpace+1), "the space has 65537 bytes; at most 65536 are allowed"},
	} {
		s := writes(t, ownTOML)
		file("a.toml", tt.text)(s)
		if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], tt.want) || s.Form.Space != ownTOML {
			t.Errorf("%.20q: %q", tt.text, s.Errors)
		}
	}
	s = ready(t)
	w := start(t, s, 1)
	w.end(search.DoneInterrupted)
	file("mine.toml", ownTOML)(s)
	if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], "press New search") || s.Form.Preset == OwnSpace {
		t.Errorf("beside a study: %q, %s", s.Errors, s.Form.Preset)
	}
	if c, ok := ready(t).ImportFile("journal.jsonl", "lines"); !ok || c.Do != search.DoImport {
		t.Errorf("a journal sends %+v", c)
	}
}

// A space beyond the limit is refused before anybody reads it, and stays where it is.
func TestSpaceTooLong(t *testing.T) {
	long := ownTOML + strings.Repeat("#", search.MaxSpace)
	s := writes(t, long)
	do(t, s.Survey, "")
	if got := s.Invalid[FieldSpace]; !strings.Contains(got, "at most 65536") || s.SpaceStatus() != got || s.Form.Space != long || s.SurveyDue() {
		t.Errorf("%q, due %v", got, s.SurveyDue())
	}
	do(t, s.Start, "")
	if s.Link() != "" {
		t.Error("it has a link")
	}
}

// Of what a worker tells, not more is shown than there can be; and one that dies leaves
// nothing waiting.
func TestSurveyOfABadWorker(t *testing.T) {
	s := writes(t, ownTOML)
	tell(t, s, search.Message{Surveyed: &search.Surveyed{Mistake: "nobody asked"}})
	if s.Invalid[FieldSpace] != "" {
		t.Errorf("says %q", s.Invalid[FieldSpace])
	}
	do(t, s.Survey, search.DoSurvey)
	flood := search.Surveyed{Mistake: strings.Repeat("a\nb", 1000), Line: 1 << 40}
	for range 1000 {
		flood.Notes = append(flood.Notes, strings.Repeat("x\n", 1000))
	}
	tell(t, s, search.Message{Surveyed: &flood})
	if _, notes := s.SpaceSurvey(); len(notes) != maxSurveyLines || len([]rune(notes[0])) > maxText || len([]rune(s.Invalid[FieldSpace])) > maxText+30 {
		t.Errorf("%d notes, %q", len(notes), s.Invalid[FieldSpace])
	}
	if start, end := LineSpan(ownTOML, s.MistakeLine()); start != len(ownTOML) || end != start {
		t.Errorf("the mistake is at %d to %d", start, end)
	}

	s = writes(t, ownTOML)
	do(t, s.Survey, search.DoSurvey)
	tell(t, s, search.Message{Error: "the worker failed: out of luck"})
	if s.SurveyDue() {
		t.Error("what broke the worker is asked again")
	}
	s.SetField(FieldSpace, ownTOML+"\n")
	do(t, s.Survey, search.DoSurvey)
	for range 119 {
		if s.Tick() {
			t.Fatal("taken for dead too soon")
		}
	}
	if !s.Tick() {
		t.Error("a worker that never answers lives")
	}
	s.Open()
	tell(t, s, search.Message{Device: &trial.Device{}, State: search.StateIdle})
	if !s.SurveyDue() {
		t.Error("the next worker is not asked")
	}
}

func TestLineSpan(t *testing.T) {
	text := "a\nü𝄞b\n\nlast"
	for number, want := range map[int]string{1: "0 1", 2: "2 6", 3: "7 7", 4: "8 12", 5: "12 12"} {
		start, end := LineSpan(text, number)
		if got := fmt.Sprint(start, end); got != want {
			t.Errorf("line %d is at %s, want %s", number, got, want)
		}
	}
}

// The page's clock may be set too; what it says is shown for a moment only.
func TestProgressByASetClock(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	for since, like := range map[time.Duration]time.Duration{-time.Hour: 0, time.Hour: maxSince} {
		if got, want := s.Progress(since), s.Progress(like); got != want {
			t.Errorf("after %v: %+v, want %+v", since, got, want)
		}
	}
}
