package view

import (
	"slices"
	"strings"
	"testing"

	"github.com/vugu/html"

	"litefront/kernels/search"
)

// The selected candidate can be taken home, unless a search runs.
func TestFiles(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("take-note") || v.usable("save-csv") || v.usable("save-json") {
		t.Error("there is something to take before anything was measured")
	}
	v.search(2)
	v.store.Select(1)
	v.render()
	buttons := func() []*html.Node {
		return all(v.html, func(n *html.Node) bool { return strings.HasPrefix(attribute(n, "id"), "take-model.") })
	}
	if len(buttons()) != 0 || !strings.Contains(v.text("take-note"), "Pause the search") || v.usable("save-csv") {
		t.Errorf("while a search runs %d files are on offer and the note is %q", len(buttons()), v.text("take-note"))
	}
	v.apply(search.Message{State: search.StateIdle})
	if len(buttons()) != 5 || !v.usable("take-config.json") {
		t.Errorf("%d files beside the configuration are on offer, want 5", len(buttons()))
	}
	if !strings.Contains(text(v.html), "Untrained weights") || !strings.Contains(v.text("details"), " MiB: ONNX model") {
		t.Errorf("the details lack what the weights are, or how large: %q", v.text("details"))
	}
	v.click("take-model.onnx")
	if v.usable("take-model.wasm") || v.usable("save-csv") {
		t.Error("a file can be asked for while another is made")
	}
	v.apply(search.Message{File: "model.onnx"})
	v.click("save-csv")
	v.apply(search.Message{File: search.TrialsFile})
	v.click("save-json")
	var sent []string
	for _, c := range v.page.sent {
		sent = append(sent, c.Do+" "+c.File)
	}
	if want := []string{"start ", "model model.onnx", "report trials.csv", "report study.json"}; !slices.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}
}
