package search_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"litefront/kernels/search"
	"litefront/searchcore/space"
	"litefront/searchcore/space/survey"
	"litefront/searchcore/trial"
)

// lineOf is what a survey says of a thing.
func lineOf(s search.Surveyed, name string) string {
	for _, l := range s.Lines {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

func TestSurvey(t *testing.T) {
	text := func(change func(*space.Space)) string {
		t.Helper()
		sp := setup().Space
		change(&sp)
		text, err := sp.TOML()
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	tiny := text(func(*space.Space) {})
	w := setup().Workload
	s := search.Survey(tiny, &w)
	if s.Mistake != "" || lineOf(s, "architectures") != "1332" || lineOf(s, "n_layer") != "1 to 2, 2 values" || lineOf(s, "d_model") != "8" ||
		!strings.HasSuffix(lineOf(s, "peak memory"), " for a prompt of 4 and a context of 8 tokens") || len(s.Notes) > 0 {
		t.Errorf("%+v", s)
	}
	w.Context = 17 // it has 16 positions
	if s := search.Survey(tiny, &w); s.Mistake != "" || lineOf(s, "architectures") != "1332" || lineOf(s, "peak memory") != "" || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "no peak memory: ") {
		t.Errorf("with a context that does not fit: %+v", s)
	}
	dead := text(func(sp *space.Space) { sp.MaxDecoderParams = 1000 })
	if s := search.Survey(dead, nil); !slices.Contains(s.Notes, "warning: no member has d_inner 40, 48, 56, 64, 72") {
		t.Errorf("notes %q", s.Notes)
	}
	for _, tt := range []struct {
		text, want string
		line       int
	}{
		{strings.Replace(tiny, "n_head", "heads", 1), "unknown key \"heads\"", 8},
		{strings.Replace(tiny, "8", "many", 1), "", 6},
		{tiny + "min_decoder_params = 700\nmax_decoder_params = 701", "no architecture was found with decoder parameters within", 0},
		{strings.Repeat("#", search.MaxSpace+1), "the space has 65537 bytes; at most 65536 are allowed", 0},
	} {
		if s := search.Survey(tt.text, nil); !strings.HasPrefix(s.Mistake, tt.want) || s.Mistake == "" || s.Line != tt.line || len(s.Lines) > 0 {
			t.Errorf("%.80q: line %d: %q; want line %d: %q", tt.text, s.Line, s.Mistake, tt.line, tt.want)
		}
	}
}

// What would take long is not begun.
func TestSurveyOfManyValues(t *testing.T) {
	var many space.Choices
	for i := range space.MaxChoices {
		many = append(many, 8*(i+1))
	}
	sp := setup().Space
	sp.DModel, sp.DInner, sp.NHead = many, many, space.Choices{1, 2, 4, 8}
	for d := range 256 {
		if d > 1 {
			sp.NLayer = append(sp.NLayer, d+1)
		}
	}
	text, err := sp.TOML()
	if err != nil {
		t.Fatal(err)
	}
	w := trial.DefaultWorkload()
	s := search.Survey(string(text), &w)
	if want := (survey.Line{Name: "space", Value: "tiny (gpt2)"}); s.Mistake != "" || fmt.Sprint(s.Lines) != fmt.Sprint([]survey.Line{want}) || len(s.Notes) != 1 {
		t.Errorf("%+v", s)
	}
	for _, name := range space.Presets() {
		sp, err := space.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		if text, err = sp.TOML(); err != nil {
			t.Fatal(err)
		}
		if s := search.Survey(string(text), &w); lineOf(s, "peak memory") == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
