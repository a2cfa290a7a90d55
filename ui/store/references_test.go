package store

import (
	"fmt"
	"strings"
	"testing"

	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

func TestDrop(t *testing.T) {
	for _, tt := range []struct {
		files  int
		folder bool
		wrong  string // empty if it is to be read
	}{
		{1, false, ""},
		{0, false, "0 files were dropped; drop one"},
		{3, false, "3 files were dropped; drop one: a study's journal, a space's TOML, a model's config.json or its model.safetensors"},
		{1, true, "a folder was dropped; drop one file"},
		{2, true, "a folder was dropped"},
	} {
		s := ready(t)
		s.SetDragging(true)
		if read := s.Drop(tt.files, tt.folder); read != (tt.wrong == "") || s.Dragging {
			t.Errorf("%+v: to be read %v, still dragged %v", tt, read, s.Dragging)
		}
		if got := strings.Join(s.Errors, "\n"); (got == "") != (tt.wrong == "") || !strings.Contains(got, tt.wrong) {
			t.Errorf("%+v: errors %q", tt, got)
		}
	}
	s := New("test")
	s.Open()
	if s.Drop(1, false) || len(s.Errors) != 1 {
		t.Errorf("a file is read before all is told; errors %q", s.Errors)
	}
}

// config is the configuration file of a model that fits the default workload.
func config(width int) string {
	return fmt.Sprintf(`{"arch_type":"gpt2","n_layer":2,"d_model":%d,"n_head":2,"d_inner":256,"vocab_size":300,"max_sequence_length":1024}`, width)
}

// A configuration file's model is measured first by the search that starts next.
func TestReferences(t *testing.T) {
	s := ready(t)
	add := func(text string) {
		t.Helper()
		do(t, func() (search.Command, bool) { return s.Import(text) }, "")
	}
	add(config(64))
	add("\n " + config(96) + "\n")
	if got := s.References(); !strings.Contains(got, "gpt2 L2 d64 D256 h2; gpt2 L2 d96 D256 h2. For that press Start") || len(s.Errors) > 0 {
		t.Fatalf("%q, errors %q", got, s.Errors)
	}
	command, ok := s.Start()
	if !ok || len(command.Request.Overlays) != 2 {
		t.Fatalf("sends %+v", command.Request)
	}
	s.Apply(search.Message{State: search.StateSearching})
	w := &worker{t: t, s: s, r: random(1)}
	var err error
	if w.study, err = command.Request.Open(nil, func(e trial.Event) { tell(t, s, search.Message{Event: &e}) }); err != nil {
		t.Fatal(err)
	}
	w.measure()
	if first := s.Trial(1); first == nil || !first.Overlay() || first.Arch.DModel != 64 {
		t.Errorf("the first candidate is %+v", first)
	}
	if got := s.References(); strings.Contains(got, "d64") || !strings.Contains(got, "d96 D256 h2. For that pause the search and continue it") {
		t.Errorf("one is measured, and %q", got)
	}
	w.end(search.DoneInterrupted)
	if got := s.References(); !strings.Contains(got, "For that press Continue") {
		t.Errorf("after the search: %q", got)
	}
	add(config(64))
	add(config(96))
	if len(s.Errors) != 2 || !strings.Contains(s.Errors[0], "is a reference of this study already") || !strings.Contains(s.Errors[1], "waits to be measured already") {
		t.Errorf("errors %q", s.Errors)
	}
	command, ok = s.Start()
	if !ok || len(command.Request.Overlays) != 1 || command.Request.Overlays[0].DModel != 96 {
		t.Errorf("goes on with %+v", command.Request)
	}
	s.DropReferences()
	if s.References() != "" {
		t.Errorf("left out, and yet %q", s.References())
	}
}

// What cannot become a reference is refused in one line, at once where that is known.
func TestReferencesRefused(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`{"a":`, `the file is neither a journal, which begins with {"v":, nor a model's configuration: architecture: not valid JSON`},
		{`{"cells":[]}`, "arch_type is missing"},
		{strings.Replace(config(64), `"n_head":2`, `"n_head":-2`, 1), "n_head"},
		{strings.Replace(config(64), `"n_layer":2`, `"n_layer":NaN`, 1), "not valid JSON"},
		{`{"x":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + "}", "not valid JSON"},
		{`{"x":"` + strings.Repeat("x", 1<<20) + `"}`, "must be at most 1048576"},
		{config(1 << 16), "reference gpt2 "}, // needs more memory than a study grants
		{strings.Replace(config(64), "1024}", "128}", 1), "context 256 exceeds the architecture's max_sequence_length 128"},
	} {
		s := ready(t)
		w := start(t, s, 1)
		w.measure()
		w.end(search.DoneInterrupted)
		do(t, func() (search.Command, bool) { return s.Import(tt.text) }, "")
		if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], tt.want) || s.References() != "" || s.Confirm.Asks() {
			t.Errorf("%.60s: errors %q, want %q; waiting is %q", tt.text, s.Errors, tt.want, s.References())
		}
	}

	// Without a study its setup is not known before the search starts.
	s := ready(t)
	do(t, func() (search.Command, bool) {
		return s.Import(strings.Replace(config(64), "1024}", "128}", 1))
	}, "")
	do(t, s.Start, "")
	if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], "reference gpt2 L2 d64 D256 h2: workload: context 256 exceeds") {
		t.Errorf("errors %q", s.Errors)
	}
	s.SetField(FieldPrompt, "64")
	do(t, s.Start, search.DoStart)

	s = ready(t)
	for i := range maxReferences + 1 {
		do(t, func() (search.Command, bool) { return s.Import(config(2 * (i + 1))) }, "")
	}
	if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], "20 references wait already") || len(s.references) != maxReferences {
		t.Errorf("errors %q, %d references wait", s.Errors, len(s.references))
	}
}

// During a search a journal is refused with a reason; a reference waits for the next.
func TestImportWhileSearching(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	do(t, func() (search.Command, bool) { return s.Import(opening + "1}") }, "")
	if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], "a search is under way: pause it") {
		t.Errorf("errors %q", s.Errors)
	}
	do(t, func() (search.Command, bool) { return s.Import(config(64)) }, "")
	if len(s.Errors) != 1 || s.References() == "" {
		t.Errorf("errors %q, waiting is %q", s.Errors, s.References())
	}
}
