package view

import (
	"strings"
	"testing"

	"litefront/kernels/generate"
	"litefront/kernels/search"
	"litefront/ui/store"
)

// The selected candidate generates, and its tokens are shown as they come.
func TestTry(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("try-note") {
		t.Error("there is nothing to try yet")
	}
	v.search(2)
	v.store.Select(1)
	v.render()
	if v.usable("try-generate") || !strings.Contains(v.text("try-note"), "Pause the search") {
		t.Errorf("it can be tried while a search runs; the note is %q", v.text("try-note"))
	}
	v.apply(search.Message{State: search.StateIdle})
	if !v.usable("try-generate") || v.visible("try-stop") || v.visible("try-output") || !strings.Contains(v.text("try-note"), "no meaning") {
		t.Errorf("the note is %q", v.text("try-note"))
	}

	// What is wrong stands beside its field, which gets the focus.
	v.input("input", "try-tokens", "none")
	v.click("try-generate")
	if v.text("try-tokens-error") == "" || attribute(v.element("try-tokens"), "aria-invalid") != "true" || v.page.focused != "try-tokens" || len(v.page.sent) != 1 {
		t.Errorf("error %q, focus on %q, sent %+v", v.text("try-tokens-error"), v.page.focused, v.page.sent)
	}
	v.input("input", "try-tokens", "2")
	if v.text("try-tokens-error") != "" {
		t.Errorf("corrected, it says %q", v.text("try-tokens-error"))
	}
	v.click("try-fill")
	if n := strings.Count(v.store.Try.Prompt, ","); n != 191 {
		t.Errorf("the prompt has %d commas", n)
	}
	v.input("input", "try-prompt", "7 8")
	v.handle("change", &event{}, byAttribute("id", "weights"))
	if v.page.weights != 1 || v.visible("try-seeded") {
		t.Errorf("weights were chosen %d times", v.page.weights)
	}
	v.store.SetWeights("model.safetensors", 1<<20)
	v.render()
	v.click("try-seeded")

	v.click("try-generate")
	last := v.page.sent[len(v.page.sent)-1]
	if last.Do != search.DoGenerate || len(last.Generate.Prompt) != 2 || v.visible("try-generate") || !v.usable("try-stop") || v.usable("start") || v.usable("weights") {
		t.Errorf("sent %+v", last)
	}
	v.apply(search.Message{State: search.StateGenerating}, search.Message{Generated: &search.Generated{Tokens: []int{3}}})
	if !v.visible("try-output") || v.text("try-ids") != "3" {
		t.Errorf("the tokens are %q", v.text("try-ids"))
	}
	v.click("try-stop")
	if last := v.page.sent[len(v.page.sent)-1]; last.Do != search.DoStop || v.usable("try-stop") {
		t.Errorf("sent %+v", last)
	}
	v.apply(search.Message{Generated: &search.Generated{Tokens: []int{4}, Result: &generate.Result{PrefillMs: 1, DecodeMs: 1, Decoded: 1}}},
		search.Message{State: search.StateIdle})
	if !v.usable("try-generate") || v.text("try-ids") != "3, 4" || !strings.Contains(v.text("try-output"), "Decoding: 1000 tokens/s; the study measured") {
		t.Errorf("it says %q", v.text("try-output"))
	}

	// Enter in a field generates too.
	e := &event{}
	v.handle("submit", e, byAttribute("aria-label", "Try it"))
	if !e.prevented || v.page.sent[len(v.page.sent)-1].Do != search.DoGenerate {
		t.Errorf("prevented %v, sent %+v", e.prevented, v.page.sent)
	}
}

// All fields have a name, a value and a place for what is wrong.
func TestTryFields(t *testing.T) {
	v := show(t)
	v.apply(idle())
	for _, field := range store.TryFields() {
		v.store.SetTry(field, "wrong "+field)
		v.render()
		v.element("try-" + field + "-error")
		v.element("try-" + field)
		v.input("input", "try-"+field, "right "+field)
	}
	if f := v.store.Try; f.Prompt != "right prompt" || f.Tokens != "right tokens" || f.Context != "right context" || f.Temperature != "right temperature" || f.Seed != "right seed" {
		t.Errorf("the fields are %+v", f)
	}
}
