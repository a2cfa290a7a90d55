package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"litefront/kernels/generate"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// trying is a store with a study that rests, of which a candidate is selected.
func trying(t *testing.T) (*Store, trial.Measurement) {
	t.Helper()
	s := ready(t)
	w := start(t, s, 1)
	m := w.measure()
	w.end(search.DoneInterrupted)
	s.Select(1)
	return s, m
}

func piece(tokens []int, r *generate.Result) search.Message {
	return search.Message{Generated: &search.Generated{Tokens: tokens, Result: r}}
}

// A generation from its request to what is said of its speed.
func TestGenerate(t *testing.T) {
	s, m := trying(t)
	s.SetTry(TryPrompt, " 5,6  7,\n8 ")
	s.SetTry(TryTokens, "3")
	s.SetTry(TrySeed, "7")
	command, ok := s.Generate()
	if !ok || command.Do != search.DoGenerate || command.File != "" {
		t.Fatalf("sends %+v, %v", command, s.Try.Invalid)
	}
	q := command.Generate
	if q.Arch.ID() != s.Selected().Arch.ID() || q.Workload != s.Study.Workload || q.MemoryLimit != s.Study.MemoryLimit ||
		!slices.Equal(q.Prompt, []int{5, 6, 7, 8}) || q.Tokens != 3 || q.Seed != 7 || q.Temperature != 0 || !q.WarmUp {
		t.Errorf("asks for %+v", q)
	}
	if !s.Generating() || s.CanGenerate() || s.CanTake() || s.Status() != "Generating." {
		t.Errorf("generating %v, status %q", s.Generating(), s.Status())
	}
	do(t, s.Start, "")
	do(t, s.Generate, "")
	tell(t, s, search.Message{State: search.StateGenerating})
	tell(t, s, piece([]int{40, 41}, nil))
	if tokens, lines := s.Generated(); tokens != "40, 41" || len(lines) != 1 ||
		lines[0] != "2 of 3 tokens, by "+s.Selected().Name+" with untrained weights of seed 7." || !s.Generating() {
		t.Errorf("%q, %q", tokens, lines)
	}
	tell(t, s, piece([]int{42}, &generate.Result{PrefillMs: 2, DecodeMs: 4, Decoded: 2}))
	tell(t, s, search.Message{State: search.StateIdle})
	tokens, lines := s.Generated()
	prefill, decode := m.Prefill.MedianMs, m.Decode.MedianMs
	want := []string{
		fmt.Sprintf("Prompt of 4 tokens: 2000 tokens/s; the study measured, on a device, 192/%s ms = %s: %.2f×.", digits(prefill), digits(192e3/prefill), 2*prefill/192),
		fmt.Sprintf("Decoding: 500 tokens/s; the study measured, on a device, 1/%s ms = %s: %.2f×.", digits(decode), digits(1e3/decode), decode/2),
	}
	if tokens != "40, 41, 42" || len(lines) != 4 || !slices.Equal(lines[1:3], want) || !strings.HasPrefix(lines[3], "The study's prompts have 192 tokens; ") {
		t.Errorf("%q, %q, want %q", tokens, lines, want)
	}
	if s.Generating() || !s.CanGenerate() || !strings.HasPrefix(s.Status(), "3 tokens generated. Paused: 1 measured") {
		t.Errorf("generating %v, status %q", s.Generating(), s.Status())
	}
	phase(t, s, Paused)

	// A prompt as long as the study's needs no excuse.
	s.FillPrompt()
	command, ok = s.Generate()
	if !ok || len(command.Generate.Prompt) != 192 {
		t.Fatalf("sends %+v, %v", command, s.Try.Invalid)
	}
	if _, lines := s.Generated(); len(lines) != 1 || !strings.HasPrefix(lines[0], "0 of 3") {
		t.Errorf("before the first token it says %q", lines)
	}
	tell(t, s, piece([]int{1}, &generate.Result{PrefillMs: prefill}))
	tell(t, s, search.Message{State: search.StateIdle})
	if _, lines := s.Generated(); len(lines) != 2 || !strings.HasSuffix(lines[1], ": 1.00×.") {
		t.Errorf("says %q", lines)
	}
	do(t, s.Start, search.DoStart)
	tell(t, s, search.Message{State: search.StateSearching})
	do(t, s.Generate, "")
	if !strings.HasPrefix(s.TryNote(), "Pause the search") || len(s.Errors) != 1 || !strings.Contains(s.Errors[0], "a search is under way") {
		t.Errorf("note %q, errors %q", s.TryNote(), s.Errors)
	}
	tell(t, s, search.Message{State: search.StateIdle})
	if !strings.HasPrefix(s.Status(), "Paused") {
		t.Errorf("status %q", s.Status())
	}
}

// Speeds in the background are said to be such.
func TestGenerateHidden(t *testing.T) {
	s, _ := trying(t)
	for _, hidden := range [][2]bool{{false, false}, {false, true}, {true, false}} { // before and after it begins
		s.SetHidden(hidden[0])
		do(t, s.Generate, search.DoGenerate)
		s.SetHidden(hidden[1])
		s.SetHidden(false)
		tell(t, s, piece([]int{1}, &generate.Result{PrefillMs: 1}))
		tell(t, s, search.Message{State: search.StateIdle})
		_, lines := s.Generated()
		if said := strings.Contains(strings.Join(lines, "\n"), "in the background at times"); said != (hidden[0] || hidden[1]) {
			t.Errorf("hidden %v, but it says %q", hidden, lines)
		}
	}
}

// Who says what is expected is named.
func TestExpected(t *testing.T) {
	s, _ := trying(t)
	s.Selected().Measurement.Device = *s.Device
	for range 2 {
		do(t, s.Generate, search.DoGenerate)
		tell(t, s, piece([]int{1}, &generate.Result{PrefillMs: 1}))
		tell(t, s, search.Message{State: search.StateIdle})
		want := "; the study measured 192/"
		if s.Selected().Predicted {
			want = "; the model predicts 192/"
		}
		if _, lines := s.Generated(); !strings.Contains(lines[1], want) {
			t.Errorf("%q lacks %q", lines, want)
		}
		s.Selected().Predicted = true
	}
}

// Nothing is expected of a candidate that failed; it may still generate.
func TestGenerateFailed(t *testing.T) {
	s, _ := trying(t)
	s.Selected().Measurement, s.Selected().Failure = nil, "trap"
	do(t, s.Generate, search.DoGenerate)
	tell(t, s, piece([]int{1}, &generate.Result{PrefillMs: 1}))
	tell(t, s, search.Message{State: search.StateIdle})
	if _, lines := s.Generated(); len(lines) != 2 || !strings.HasSuffix(lines[1], " tokens/s.") {
		t.Errorf("%q expects something", lines)
	}
}

func TestStopGenerating(t *testing.T) {
	s, _ := trying(t)
	do(t, s.StopGenerating, "")
	do(t, s.Generate, search.DoGenerate)
	tell(t, s, search.Message{State: search.StateGenerating})
	tell(t, s, search.Message{Notice: "the clock was set"})
	if !s.CanStopGenerating() || !slices.Contains(s.Errors, "the clock was set") {
		t.Errorf("a notice ends a generation, or is not shown: %q", s.Errors)
	}
	s.Dismiss(s.Errors[0])
	tell(t, s, piece([]int{1, 2}, nil))
	do(t, s.StopGenerating, search.DoStop)
	do(t, s.StopGenerating, "")
	if !s.Generating() || s.CanStopGenerating() {
		t.Error("it has ended before the worker says so")
	}
	tell(t, s, piece(nil, &generate.Result{PrefillMs: 1, DecodeMs: 1, Decoded: 1}))
	tell(t, s, search.Message{State: search.StateIdle})
	if tokens, lines := s.Generated(); tokens != "1, 2" || !strings.HasPrefix(lines[0], "2 of 16 tokens") || len(lines) < 3 || s.Generating() {
		t.Errorf("%q, %q", tokens, lines)
	}

	// What goes wrong ends it too.
	do(t, s.Generate, search.DoGenerate)
	tell(t, s, search.Message{State: search.StateGenerating})
	tell(t, s, search.Message{Error: "model.safetensors: safetensors: the file ends within the header"})
	tell(t, s, search.Message{State: search.StateIdle})
	if tokens, lines := s.Generated(); tokens != "" || lines != nil || s.Generating() || len(s.Errors) != 1 {
		t.Errorf("%q, %q, errors %q", tokens, lines, s.Errors)
	}
	do(t, s.Generate, search.DoGenerate)
	s.Die("gone")
	if s.Generating() || s.CanGenerate() {
		t.Error("a dead worker generates")
	}
}

// What is wrong stands beside its field, and nothing is sent.
func TestTryInvalid(t *testing.T) {
	s, _ := trying(t)
	vocab, most := s.Selected().Arch.Vocab, s.Selected().Arch.MaxLen
	for _, tt := range []struct{ field, value, at, want string }{
		{TryPrompt, "", TryPrompt, "such as 1, 2, 3"},
		{TryPrompt, "1, two", TryPrompt, `"two" must be a whole number`},
		{TryPrompt, "1;2", TryPrompt, `"1;2" must be a whole number`},
		{TryPrompt, fmt.Sprint(vocab), TryPrompt, fmt.Sprintf("token %d must be 0 to %d", vocab, vocab-1)},
		{TryPrompt, strings.Repeat("1 ", 257), TryPrompt, "257 tokens, must be 1 to the context 256"},
		{TryPrompt, strings.Repeat("1 ", trial.MaxContext+1), TryPrompt, "at most 131072"},
		{TryTokens, "many", TryTokens, `tokens "many" must be a whole number`},
		{TryTokens, "0", TryTokens, `tokens "0" must be`},
		{TryTokens, "255", TryTokens, "tokens 255 must be 1 to 254: with a prompt of 3 they reach the context 256"},
		{TryContext, "x", TryContext, `context "x" must be`},
		{TryContext, fmt.Sprint(most + 1), TryContext, fmt.Sprintf("context %d must be 1 to max_sequence_length %d", most+1, most)},
		{TryContext, "5", TryTokens, "they reach the context 5"},
		{TryTemperature, "hot", TryTemperature, `temperature "hot" must be a number`},
		{TryTemperature, "-1", TryTemperature, "0 or above"},
		{TryTemperature, "Inf", TryTemperature, "0 or above"},
		{TrySeed, "4294967296", TrySeed, "0 to 4294967295"},
	} {
		s.Try = firstTry()
		s.SetTry(tt.field, tt.value)
		do(t, s.Generate, "")
		if message := s.Try.Invalid[tt.at]; !strings.Contains(message, tt.want) || len(s.Try.Invalid) != 1 || len(message) > 300 {
			t.Errorf("%s %.40q: %q, want %q beside %s", tt.field, tt.value, s.Try.Invalid, tt.want, tt.at)
		}
	}
	s.Try = firstTry()
	s.Study.MemoryLimit = 1000
	do(t, s.Generate, "")
	if !strings.Contains(s.Try.Invalid[TryContext], "the limit is 1000") {
		t.Errorf("too much memory: %q", s.Try.Invalid)
	}
	s.SetTry("beauty", "much")
	s.Study.MemoryLimit = 1 << 30
	s.SetTry(TryTemperature, "0.5")
	s.SetTry(TryContext, "100") // less than the study's prompt, which is not needed
	command, ok := s.Generate()
	if !ok || command.Generate.Workload.Context != 100 || command.Generate.Workload.PromptLen != 100 || command.Generate.Temperature != 0.5 {
		t.Errorf("sends %+v, %v", command.Generate, s.Try.Invalid)
	}
}

func TestWeights(t *testing.T) {
	s := ready(t)
	if s.SetWeights("model.safetensors", 5) || len(s.Errors) != 1 || s.Try.Weights != "" {
		t.Errorf("weights without a model: errors %q", s.Errors)
	}
	s, _ = trying(t)
	if !strings.HasPrefix(s.TryNote(), "Untrained weights") {
		t.Errorf("the note is %q", s.TryNote())
	}
	if !s.SetWeights("my\nmodel.safetensors", 5<<20) || !strings.HasPrefix(s.TryNote(), "Weights from my model.safetensors, 5.00 MiB. ") {
		t.Errorf("the note is %q", s.TryNote())
	}
	if command, _ := s.Generate(); command.File != "my model.safetensors" {
		t.Errorf("sends %+v", command)
	}
	if _, lines := s.Generated(); !strings.HasSuffix(lines[0], "with weights of my model.safetensors.") {
		t.Errorf("says %q", lines)
	}
	tell(t, s, search.Message{State: search.StateIdle})
	s.DropWeights()
	if command, _ := s.Generate(); command.File != "" {
		t.Errorf("sends %+v", command)
	}
}

// What is accepted as a prompt says nothing else.
func FuzzParseIDs(f *testing.F) {
	for _, text := range []string{"1, 2, 3", "1 2\t3\n", ",", "1;2", "-1", "0x10", "99999999999999999999", "1_000"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := parseIDs(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 300 {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		words := strings.Fields(strings.ReplaceAll(text, ",", " "))
		if len(words) != len(ids) {
			t.Fatalf("%q has %d ids, not %d", text, len(words), len(ids))
		}
		for i, word := range words {
			if n, err := strconv.Atoi(word); err != nil || n != ids[i] {
				t.Errorf("%q is read as %d", word, ids[i])
			}
		}
	})
}

// A worker is not believed.
func TestGeneratedWrong(t *testing.T) {
	for _, tt := range []struct {
		want string
		m    search.Message
	}{
		{"token -1 must be", piece([]int{-1}, nil)},
		{"token 1000000000 must be", piece([]int{1e9}, nil)},
		{"17 tokens; 16 were asked for", piece(make([]int, 17), nil)},
		{"finite and not negative", piece(nil, &generate.Result{PrefillMs: -1})},
		{"finite and not negative", piece(nil, &generate.Result{Decoded: 17})},
	} {
		s, _ := trying(t)
		do(t, s.Generate, search.DoGenerate)
		tell(t, s, tt.m)
		if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], tt.want) {
			t.Errorf("errors %q, want %q", s.Errors, tt.want)
		}
	}
	s, _ := trying(t)
	tell(t, s, piece([]int{1}, nil))
	if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], "nobody asked for") {
		t.Errorf("errors %q", s.Errors)
	}
}
