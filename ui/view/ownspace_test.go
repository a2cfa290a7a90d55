package view

import (
	"fmt"
	"strings"
	"testing"

	"litefront/kernels/search"
	"litefront/searchcore/space"
	"litefront/ui/store"
)

// A space is written beside what is known of it, and belongs to the study that it is
// searched by.
func TestOwnSpace(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("space") || !v.usable("edit-space") {
		t.Fatal("a preset is shown as text, or cannot be edited")
	}
	v.click("edit-space")
	sp, err := space.Preset("archai-gpt2")
	if err != nil {
		t.Fatal(err)
	}
	preset, err := sp.TOML()
	if err != nil {
		t.Fatal(err)
	}
	if !v.visible("space") || v.visible("edit-space") || v.store.Form.Space != string(preset) {
		t.Errorf("edited: shown %v, %q", v.visible("space"), v.store.Form.Space)
	}
	survey := func() {
		t.Helper()
		c, ok := v.store.Survey()
		if !ok {
			t.Fatal("nothing is asked")
		}
		surveyed := search.Survey(c.Space, c.Workload)
		v.apply(search.Message{Surveyed: &surveyed})
	}
	survey()
	for _, want := range []string{"architectures", "n_layer1 to 10, 10 values", "decoder parameters", "peak memory"} {
		if !strings.Contains(v.text("survey"), want) {
			t.Errorf("no %q in %q", want, v.text("survey"))
		}
	}

	wrong := strings.Replace(string(preset), "n_head", "heads", 1)
	v.input("input", "space", wrong)
	survey()
	if got := v.text("space-error"); !strings.Contains(got, "unknown key \"heads\"") || attribute(v.element("space"), "aria-invalid") != "true" || v.visible("survey") {
		t.Errorf("beside the space: %q", got)
	}
	v.click("show-mistake")
	number := strings.Count(wrong[:strings.Index(wrong, "heads")], "\n") + 1
	if want := fmt.Sprint("Show line ", number); v.text("show-mistake") != want {
		t.Errorf("the button says %q, want %q", v.text("show-mistake"), want)
	}
	if got := v.page.marked; !strings.HasPrefix(got, "space ") || got == "space 0 0" {
		t.Errorf("marked is %q", got)
	}

	v.input("input", "space", strings.Replace(string(preset), "archai-gpt2", "mine", 1))
	v.input("input", "prompt", "16")
	st := v.search(1)
	if got := st.Started().Space.Name; got != "mine" {
		t.Errorf("searched is %q", got)
	}
	v.store.Pause()
	v.apply(search.Message{State: search.StateIdle})
	v.click("stop")
	if !v.visible("space") || !has(v.element("space"), "readonly") || !has(v.element("preset"), "disabled") || v.visible("survey") || v.visible("edit-space") {
		t.Error("the study's space is not shown, or can be changed")
	}
	if !strings.Contains(text(v.html), "mine (own space)") {
		t.Error("the summary does not name the space")
	}
	if v.store.Form.Preset != store.OwnSpace {
		t.Errorf("the preset is %q", v.store.Form.Preset)
	}
}

// Where a link cannot hold the space, none is offered.
func TestSpaceTooLongForALink(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if !v.visible("link") || v.visible("no-link") {
		t.Fatal("a preset has no link")
	}
	v.click("edit-space")
	v.input("input", "space", v.store.Form.Space+strings.Repeat("#", 20_000))
	if v.visible("link") || !v.visible("no-link") {
		t.Errorf("link shown %v, its absence explained %v", v.visible("link"), v.visible("no-link"))
	}
}
