package store

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"litefront/kernels/generate"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// Try is what the user asks of a candidate that is to generate tokens, as typed.
type Try struct {
	Prompt      string // token ids with commas or spaces between them
	Tokens      string
	Context     string // tokens, the prompt's included; empty for the study's
	Temperature string
	Seed        string
	Weights     string // name of the file that they are read from; empty for seeded ones
	Bytes       int64  // of the file

	Invalid map[string]string // messages by the field
}

// The fields of a [Try].
const (
	TryPrompt      = "prompt"
	TryTokens      = "tokens"
	TryContext     = "context"
	TryTemperature = "temperature"
	TrySeed        = "seed"
)

// TryFields lists them in their order on the page.
func TryFields() []string {
	return []string{TryPrompt, TryTokens, TrySeed, TryContext, TryTemperature}
}

func firstTry() Try {
	return Try{Prompt: "1, 2, 3", Tokens: "16", Temperature: "0", Seed: "1", Invalid: make(map[string]string)}
}

// tried is the latest generation.
type tried struct {
	request  generate.Request
	name     string // of the architecture
	weights  string // file; empty for seeded ones
	expected trial.Measurement
	says     string // who expects that

	tokens []int
	text   strings.Builder // of the tokens
	result *generate.Result
	hidden bool // the page was in the background at times
	heard  bool // that it has ended, by those who hear the page: other things are going on
}

// SetTry takes what the user typed in a field of the Try, whose message it clears: all
// are judged together, before anything is sent.
func (s *Store) SetTry(field, value string) {
	target := map[string]*string{TryPrompt: &s.Try.Prompt, TryTokens: &s.Try.Tokens, TryContext: &s.Try.Context,
		TryTemperature: &s.Try.Temperature, TrySeed: &s.Try.Seed}[field]
	if target == nil {
		return
	}
	*target = value
	delete(s.Try.Invalid, field)
}

// SetWeights takes a file to read the weights from, and reports whether it is wanted.
// What is in it shows when it is read.
func (s *Store) SetWeights(name string, bytes int64) bool {
	if s.Selected() == nil {
		s.Fail("weights need a model: select the candidate that they are of, then choose or drop them again")
		return false
	}
	name = line(name, 80)
	if name == "" {
		name = "weights"
	}
	s.Try.Weights, s.Try.Bytes = name, bytes
	return true
}

// DropWeights returns to seeded weights.
func (s *Store) DropWeights() { s.Try.Weights, s.Try.Bytes = "", 0 }

// FillPrompt makes a prompt as long as the study's, for a comparison of like with like.
func (s *Store) FillPrompt() {
	t := s.Selected()
	if t == nil || s.Study == nil {
		return
	}
	var ids strings.Builder
	for i := range s.Study.Workload.PromptLen {
		if i > 0 {
			ids.WriteString(", ")
		}
		ids.WriteString(strconv.Itoa(i % t.Arch.Vocab))
	}
	s.SetTry(TryPrompt, ids.String())
}

// CanGenerate reports whether the selected candidate could generate now.
func (s *Store) CanGenerate() bool { return s.Selected() != nil && s.CanTake() }

// Generate asks for tokens of the selected candidate. It returns false, and says what
// is wrong beside the fields, if there is nothing to send.
func (s *Store) Generate() (search.Command, bool) {
	if s.searching {
		s.Fail("a search is under way: pause it before a candidate generates, which would disturb what it measures")
		return search.Command{}, false
	}
	t := s.Selected()
	if t == nil || !s.CanGenerate() {
		return search.Command{}, false
	}
	q, ok := s.generation(t)
	if !ok {
		return search.Command{}, false
	}
	s.tried = &tried{request: q, name: t.Name, weights: s.Try.Weights, expected: t.expectation(), says: s.whoSays(t), hidden: s.hidden}
	s.generating = true
	return s.sending(search.Command{Do: search.DoGenerate, Generate: &q, File: s.Try.Weights}), true
}

// generation is the request of the form, or false if a field is wrong.
func (s *Store) generation(t *Trial) (q generate.Request, ok bool) {
	f := &s.Try
	f.Invalid = make(map[string]string)
	q = generate.Request{Arch: t.Arch, Workload: s.Study.Workload, MemoryLimit: s.Study.MemoryLimit, WarmUp: true}
	number := func(field, text string, most int) (n int) {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > most {
			f.Invalid[field] = fmt.Sprintf("%s %q must be a whole number from 1 to %d", field, line(text, 40), most)
		}
		return n
	}
	q.Tokens = number(TryTokens, f.Tokens, trial.MaxContext)
	if strings.TrimSpace(f.Context) != "" {
		q.Workload.Context = number(TryContext, f.Context, trial.MaxContext)
	}
	q.Workload.PromptLen = min(q.Workload.PromptLen, q.Workload.Context)
	var err error
	if q.Prompt, err = parseIDs(f.Prompt); err != nil {
		f.Invalid[TryPrompt] = err.Error()
	}
	if q.Temperature, err = strconv.ParseFloat(strings.TrimSpace(f.Temperature), 64); err != nil || !usable(q.Temperature) {
		f.Invalid[TryTemperature] = fmt.Sprintf("temperature %q must be a number, 0 or above", line(f.Temperature, 40))
	}
	seed, err := strconv.ParseUint(strings.TrimSpace(f.Seed), 10, 32)
	if err != nil {
		f.Invalid[TrySeed] = fmt.Sprintf("seed %q must be a whole number from 0 to %d", line(f.Seed, 40), uint32(math.MaxUint32))
	}
	q.Seed = uint32(seed)
	if len(f.Invalid) > 0 {
		return q, false
	}
	if _, err := q.Plan(); err != nil {
		field := TryContext // what is left takes too much memory
		if of := (*generate.InvalidError)(nil); errors.As(err, &of) {
			field = tryFields[of.Field]
		}
		f.Invalid[field] = line(err.Error(), maxText)
		return q, false
	}
	return q, true
}

// tryFields are the fields by their names in a generate.Request.
var tryFields = map[string]string{generate.FieldPrompt: TryPrompt, generate.FieldTokens: TryTokens,
	generate.FieldContext: TryContext, generate.FieldTemperature: TryTemperature}

// parseIDs reads token ids with commas or spaces between them.
func parseIDs(text string) ([]int, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	switch {
	case len(words) == 0:
		return nil, errors.New("prompt ids must be whole numbers with commas or spaces between them, such as 1, 2, 3")
	case len(words) > trial.MaxContext:
		return nil, fmt.Errorf("prompt has %d ids; at most %d are allowed", len(words), trial.MaxContext)
	}
	ids := make([]int, len(words))
	for i, word := range words {
		var err error
		if ids[i], err = strconv.Atoi(word); err != nil {
			return nil, fmt.Errorf("prompt id %q must be a whole number, such as those of 1, 2, 3", line(word, 40))
		}
	}
	return ids, nil
}

// expectation are the times that are known of a trial; of one that failed, none.
func (t *Trial) expectation() trial.Measurement {
	if t.Measurement == nil {
		return trial.Measurement{}
	}
	return *t.Measurement
}

// whoSays names who says what times are expected of a trial; empty for nobody.
func (s *Store) whoSays(t *Trial) string {
	switch {
	case t.Measurement == nil:
		return ""
	case t.Predicted:
		return "the model predicts"
	case s.Device != nil && !t.Measurement.Device.Same(*s.Device):
		return "the study measured, on " + t.Measurement.Device.Name + ","
	}
	return "the study measured"
}

// Generating reports whether a candidate generates now.
func (s *Store) Generating() bool { return s.generating }

// CanStopGenerating reports whether there is a generation to end, which was not told
// to end yet.
func (s *Store) CanStopGenerating() bool { return s.generating && s.due == search.DoGenerate }

// StopGenerating ends the generation; what it told stays.
func (s *Store) StopGenerating() (search.Command, bool) {
	if !s.CanStopGenerating() {
		return search.Command{}, false
	}
	return s.sending(search.Command{Do: search.DoStop}), true
}

// generated takes tokens as they come.
func (s *Store) generated(g search.Generated) error {
	t := s.tried
	if !s.generating || t == nil || t.result != nil {
		return errors.New("tokens that nobody asked for")
	}
	if n := len(t.tokens) + len(g.Tokens); n > t.request.Tokens {
		return fmt.Errorf("%d tokens; %d were asked for", n, t.request.Tokens)
	}
	for _, id := range g.Tokens {
		if id < 0 || id >= t.request.Arch.Vocab {
			return fmt.Errorf("token %d must be 0 to %d", id, t.request.Arch.Vocab-1)
		}
		if len(t.tokens) > 0 {
			t.text.WriteString(", ")
		}
		t.text.WriteString(strconv.Itoa(id))
		t.tokens = append(t.tokens, id)
	}
	if r := g.Result; r != nil {
		if !usable(r.PrefillMs) || !usable(r.DecodeMs) || r.Decoded < 0 || r.Decoded > t.request.Tokens {
			return fmt.Errorf("a generation's times %+v must be finite and not negative", *r)
		}
		t.result = r
	}
	return nil
}

// Generated returns the tokens of the latest generation, and what of it there is to
// say in words: whose tokens they are, and how fast they came beside what was expected.
// Both are empty if there was none.
func (s *Store) Generated() (tokens string, lines []string) {
	t := s.tried
	if t == nil || len(t.tokens) == 0 && !s.generating { // or what went wrong is told
		return "", nil
	}
	weights := fmt.Sprintf("untrained weights of seed %d", t.request.Seed)
	if t.weights != "" {
		weights = "weights of " + t.weights
	}
	lines = []string{fmt.Sprintf("%d of %d tokens, by %s with %s.", len(t.tokens), t.request.Tokens, t.name, weights)}
	if r := t.result; r != nil {
		n := len(t.request.Prompt)
		if r.PrefillMs > 0 {
			lines = append(lines, t.pace("Prompt of "+count(n), n, r.PrefillMs, t.expected.Workload.PromptLen, t.expected.Prefill.MedianMs))
		}
		if r.DecodeMs > 0 {
			lines = append(lines, t.pace("Decoding", r.Decoded, r.DecodeMs, 1, t.expected.Decode.MedianMs))
		}
		if t.hidden {
			lines = append(lines, "This tab was in the background at times, where browsers give it less of the device.")
		}
		if of := t.expected.Workload.PromptLen; r.PrefillMs > 0 && of > 0 && n != of {
			lines = append(lines, fmt.Sprintf("The study's prompts have %d tokens; a prompt of another length takes another time by the token.", of))
		}
	}
	return t.text.String(), lines
}

func count(n int) string {
	if n == 1 {
		return "1 token"
	}
	return fmt.Sprintf("%d tokens", n)
}

// pace compares n tokens in ms with what is expected: so many in expectedMs.
func (t *tried) pace(what string, n int, ms float64, expected int, expectedMs float64) string {
	perSecond := 1e3 * float64(n) / ms
	text := fmt.Sprintf("%s: %s tokens/s", what, digits(perSecond))
	if expectedMs <= 0 {
		return text + "."
	}
	promised := 1e3 * float64(expected) / expectedMs
	return fmt.Sprintf("%s; %s %d/%s ms = %s: %.2f×.", text, t.says, expected, digits(expectedMs), digits(promised), perSecond/promised)
}

// digits writes a number with three digits, and all of those before the point.
func digits(x float64) string {
	if x >= 100 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// outcome says for those who hear the page what came of the last load or generation;
// empty for none.
func (s *Store) outcome() string {
	if s.loaded != "" {
		return s.loaded + " "
	}
	if t := s.tried; t != nil && t.result != nil && !t.heard && !s.generating {
		return fmt.Sprintf("%s generated. ", count(len(t.tokens)))
	}
	return ""
}

// TryNote says what else there is to know before a candidate generates.
func (s *Store) TryNote() string {
	switch {
	case s.searching:
		return "Pause the search to try a candidate: generating would disturb what it measures."
	case s.Try.Weights != "":
		return fmt.Sprintf("Weights from %s, %s. The tokens mean what they mean in the training data.", s.Try.Weights, Size(s.Try.Bytes))
	}
	return "Untrained weights, drawn from the seed: the speed is real, the tokens have no meaning."
}

// TryContextHelp says what the context is while its field is empty.
func (s *Store) TryContextHelp() string {
	if s.Study == nil {
		return ""
	}
	return fmt.Sprintf("Tokens of prompt and answer together; if empty the study's, %d.", s.Study.Workload.Context)
}
