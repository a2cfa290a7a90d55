package session_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	models "litefront/kernels/export"
	"litefront/kernels/generate"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// asked is a generation of n tokens, which begins with a run for init.
func asked(n int) search.Command {
	return search.Command{Do: search.DoGenerate, Generate: &generate.Request{
		Arch:     arch.Architecture{Backbone: arch.GPT2, Vocab: 1000, DModel: 8, MaxLen: 400, Layers: []arch.Layer{{Heads: 2, DInner: 24}}},
		Workload: trial.Workload{PromptLen: 4, Context: 400, Precision: trial.F32, Threads: 1},
		Prompt:   []int{1, 2, 3}, Tokens: n, Seed: 1,
	}}
}

// generated sends a command that generates, with a file beside it, and returns what
// is said until the worker is idle.
func (w *worker) generated(c search.Command, file models.File) []search.Message {
	w.t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.take()
	w.Do(string(text), file)
	<-w.idle
	return w.take()
}

// Tokens come in pieces of a fifth of a second, and with the last their times.
func TestGenerate(t *testing.T) {
	w := newWorker(t, searched(t))
	before := slices.Clone(w.store.lines)
	messages := w.generated(asked(150), nil)
	wantNone(t, messages)
	if messages[0].State != search.StateGenerating || messages[len(messages)-1].State != search.StateIdle {
		t.Errorf("the states are %q and %q", messages[0].State, messages[len(messages)-1].State)
	}
	var tokens, lengths []int
	var result *generate.Result
	for _, m := range messages[1 : len(messages)-1] {
		if m.Generated == nil || result != nil {
			t.Fatalf("among the tokens is %+v", m)
		}
		tokens, result = append(tokens, m.Generated.Tokens...), m.Generated.Result
		lengths = append(lengths, len(m.Generated.Tokens))
	}
	for i, token := range tokens {
		if token != i+2 { // the n-th run leaves n, and the prompt is the second
			t.Fatalf("the tokens are %v", tokens)
		}
	}
	if len(tokens) != 150 || len(lengths) != 3 || lengths[0] < 60 || lengths[1] != 67 {
		t.Errorf("%d tokens come in pieces of %v", len(tokens), lengths)
	}
	if want := (generate.Result{PrefillMs: 3, DecodeMs: 447, Decoded: 149}); result == nil || *result != want {
		t.Errorf("the result is %+v, want %+v", result, want)
	}
	if !slices.Equal(w.store.lines, before) {
		t.Error("the kept study changed")
	}
}

// A generation that is stopped tells what there was by then.
func TestStopGenerating(t *testing.T) {
	w := newWorker(t, new(memory))
	w.engine.during = func(n int) error {
		if n == 10 { // the device is not free before the end
			w.Do(`{"do":"start","request":{}}`, nil)
			w.Do(`{"do":"stop"}`, nil)
		}
		return nil
	}
	messages := w.generated(asked(150), nil)
	wantError(t, messages, "start: a generation is under way; stop it first")
	last := messages[len(messages)-2].Generated
	if last == nil || last.Result == nil || len(last.Tokens) != 9 || last.Result.Decoded != 8 {
		t.Errorf("the last piece is %+v", last)
	}
	w.engine.during = nil
	wantNone(t, w.generated(asked(3), nil)) // and another follows
}

// The weights of a file are placed where the module has them.
func TestGenerateWithWeights(t *testing.T) {
	w := newWorker(t, new(memory))
	c := asked(5)
	g, err := graph.Build(c.Generate.Arch, c.Generate.Workload)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := models.WriteSafetensors(&file, g.Arch, models.Seeded(g, 1)); err != nil {
		t.Fatal(err)
	}
	c.File = "model.safetensors"
	wantNone(t, w.generated(c, bytes.NewReader(file.Bytes())))
	image, offset, err := models.Place(g, models.Seeded(g, 1), graph.Panel)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.engine.memory[offset:][:len(image)], image) || w.engine.ready != 1 {
		t.Errorf("the module has other weights, or was made ready %d times", w.engine.ready)
	}

	wantError(t, w.generated(c, bytes.NewReader(file.Bytes()[:file.Len()-1])), "model.safetensors: safetensors: the file ends within ")
	wantError(t, w.generated(c, strings.NewReader("junk and more junk")), "model.safetensors: safetensors: header of ")
	c.Generate.Arch.DModel = 16
	wantError(t, w.generated(c, bytes.NewReader(file.Bytes())), `tensor "transformer.wte.weight" has shape [1000 8], needed is [1000 16]`)
}

func TestGenerateRefused(t *testing.T) {
	changed := func(change func(*search.Command)) search.Command {
		c := asked(5)
		change(&c)
		return c
	}
	for _, tt := range []struct {
		c    search.Command
		want string
	}{
		{changed(func(c *search.Command) { c.Generate = nil }), "generate: what to generate is missing"},
		{changed(func(c *search.Command) { c.File = "model.safetensors" }), "generate: weights need both a name and a file"},
	} {
		wantError(t, newWorker(t, new(memory)).ask(tt.c), tt.want)
	}
	wantError(t, newWorker(t, new(memory)).generated(changed(func(c *search.Command) { c.Generate.Prompt = []int{1000} }), nil), "generate: prompt-ids: token 1000 must be 0 to 999")
	wantError(t, newWorker(t, new(memory)).generated(changed(func(c *search.Command) { c.Generate.Workload.Threads = 4 }), nil), "generate: workload: threads 4")

	w := newWorker(t, new(memory))
	w.Lock = func() (func(), error) { return nil, errors.New("another tab is searching") }
	wantError(t, w.generated(asked(5), nil), "another tab is searching")
	w.Lock = nil
	w.Unfit = errors.New("the browser has no SIMD")
	wantError(t, w.ask(asked(5)), "the browser has no SIMD")

	w = newWorker(t, new(memory))
	w.engine.during = func(n int) error {
		if n == 3 {
			text, _ := json.Marshal(asked(5))
			w.Do(string(text), nil)
		}
		return nil
	}
	wantError(t, w.search(request("2")), "generate: a search is under way; stop it first")
	w.engine.during = func(int) error { return errors.New("unreachable") }
	wantError(t, w.generated(asked(5), nil), "generate: unreachable")
	w.engine.during = func(int) error { panic("out of luck") }
	wantError(t, w.generated(asked(5), nil), "the worker failed: out of luck")
}
