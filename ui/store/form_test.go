package store

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"litefront/kernels/search"
	"litefront/searchcore/space"
)

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// Every preset is on offer, and its study can start.
func TestPresets(t *testing.T) {
	for _, name := range space.Presets() {
		s := ready(t)
		if !slices.ContainsFunc(s.Presets, func(p Preset) bool { return p.Name == name && p.Summary != "" }) {
			t.Errorf("%s is not on offer", name)
		}
		s.SetField(FieldPreset, name)
		if _, ok := s.Start(); !ok {
			t.Errorf("%s does not start: %v", name, s.Invalid)
		}
	}
}

func TestFields(t *testing.T) {
	tests := []struct {
		field, value string
		wrong        string // in the message; empty for none
	}{
		{FieldPreset, "lts-gpt2", ""},
		{FieldPreset, "mine", `no preset "mine"`},
		{FieldPrompt, " 64 ", ""},
		{FieldPrompt, "960", ""},
		{FieldPrompt, "961", "from 1 to 960"}, // 64 more make 1024 positions
		{FieldPrompt, "0", "from 1 to 960"},
		{FieldPrompt, "many", `"many"`},
		{FieldContext, "", ""},
		{FieldContext, " 192 ", ""}, // no room to decode, as the command line allows
		{FieldContext, "1024", ""},
		{FieldContext, "1025", "from 192 to 1024"},
		{FieldContext, "191", "from 192 to 1024"},
		{FieldContext, "long", `"long"`},
		{FieldPrecision, "int8", ""},
		{FieldPrecision, "int4", `"int4" must be one of`},
		{FieldThreads, "2", ""},
		{FieldThreads, "0", "from 1 to 64"},
		{FieldThreads, "65", "from 1 to 64"},
		{FieldThreads, "3", "at most 2, the cores of this device"},
		{FieldThreads, "all", `"all"`},
		{FieldBudget, "200", ""},
		{FieldBudget, "1h30m", ""},
		{FieldBudget, "-1s", "positive"},
		{FieldBudget, "", "positive"},
		{FieldSeed, "18446744073709551615", ""},
		{FieldSeed, "-1", "whole number"},
		{FieldStrategy, "random", ""},
		{FieldStrategy, "luck", `"luck"`},
		{FieldSeed, strings.Repeat("9", 10_000), "whole number"},
	}
	for _, tt := range tests {
		s := ready(t)
		s.SetField(tt.field, tt.value)
		got := s.Invalid[tt.field]
		if (got == "") != (tt.wrong == "") || !strings.Contains(got, tt.wrong) || len([]rune(got)) > maxText {
			t.Errorf("%s %.40q: %q, want %q", tt.field, tt.value, got, tt.wrong)
		}
		if _, ok := s.Start(); ok != (tt.wrong == "") {
			t.Errorf("%s %.40q: starts %v", tt.field, tt.value, ok)
		}
	}
}

// Prompt and context bound each other, whichever was typed last.
func TestContext(t *testing.T) {
	for _, tt := range []struct {
		prompt, context string
		want            int    // tokens of the context
		wrong           string // the field; empty for none
	}{
		{"16", "", 80, ""},
		{"16", "48", 48, ""},
		{"960", "", 1024, ""},
		{"961", "", 0, FieldPrompt},
		{"961", "1000", 1000, ""},
		{"1024", "1024", 1024, ""},
		{"1025", "1024", 0, FieldPrompt},
		{"64", "63", 0, FieldContext},
		{"none", "63", 0, FieldPrompt},
	} {
		for _, first := range []string{FieldPrompt, FieldContext} {
			s := ready(t)
			value := map[string]string{FieldPrompt: tt.prompt, FieldContext: tt.context}
			s.SetField(first, value[first])
			delete(value, first)
			for name, text := range value {
				s.SetField(name, text)
			}
			for _, name := range []string{FieldPrompt, FieldContext} {
				if message := s.Invalid[name]; (message != "") != (name == tt.wrong) {
					t.Errorf("prompt %q, context %q, %s first: beside the %s %q", tt.prompt, tt.context, first, name, message)
				}
			}
			command, ok := s.Start()
			if ok != (tt.wrong == "") {
				t.Errorf("prompt %q, context %q: starts %v", tt.prompt, tt.context, ok)
			}
			if ok && command.Request.Setup.Workload.Context != tt.want {
				t.Errorf("prompt %q, context %q: %+v; want a context of %d", tt.prompt, tt.context, command.Request.Setup.Workload, tt.want)
			}
		}
	}
}

// A kept study shows the context that it was given, and the default as an empty field.
func TestContextOfAStudy(t *testing.T) {
	for _, context := range []string{"", "200"} {
		s := ready(t)
		s.SetField(FieldContext, context)
		start(t, s, 1)
		if s.Form.Context != context {
			t.Errorf("started with %q, the form shows %q", context, s.Form.Context)
		}
	}
}

func TestObjectives(t *testing.T) {
	s := ready(t)
	s.SetObjective("peak_mb", false)
	s.SetObjective("decode_ms", true)
	s.SetObjective("response_ms", true) // already
	s.SetObjective("speed", true)       // there is none
	if want := []string{"decoder_params", "decode_ms", "response_ms"}; !slices.Equal(s.Form.Objectives, want) {
		t.Errorf("objectives %v, want %v", s.Form.Objectives, want)
	}
	s.SetObjective("response_ms", false)
	if s.Invalid[FieldObjectives] != "" {
		t.Errorf("two objectives are refused: %s", s.Invalid[FieldObjectives])
	}
	s.SetObjective("decode_ms", false)
	if got := s.Invalid[FieldObjectives]; !strings.Contains(got, "at least 2") {
		t.Errorf("one objective: %q", got)
	}
	if _, ok := s.Start(); ok {
		t.Error("a search starts with one objective")
	}
}

// What is displayed for a budget means the same as the budget.
func TestDisplayBudget(t *testing.T) {
	for text, want := range map[string]string{"60s": "1m", "90s": "1m30s", "2h": "2h", "1h30m": "1h30m", "10m": "10m", "100m": "1h40m", "1500ms": "1.5s", "20": "20", "36000s": "10h"} {
		b, err := search.ParseBudget(text)
		if err != nil {
			t.Fatal(err)
		}
		got := displayBudget(b)
		again, err := search.ParseBudget(got)
		if got != want || err != nil || again != b {
			t.Errorf("%s: %s (%v), want %s", text, got, err, want)
		}
	}
	for seconds := range 8000 {
		b := search.Budget{Time: time.Duration(seconds+1) * time.Second}
		if again, err := search.ParseBudget(displayBudget(b)); err != nil || again != b {
			t.Fatalf("%v is displayed as %s", b.Time, displayBudget(b))
		}
	}
}
