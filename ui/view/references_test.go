package view

import (
	"strings"
	"testing"
)

// A reference that waits is shown, and can be left out again.
func TestReferences(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("references") || v.visible("drop-hint") {
		t.Error("there are references, or a hint where to drop, from the start")
	}
	v.store.Import(`{"arch_type":"gpt2","n_layer":2,"d_model":64,"n_head":2,"d_inner":256,"vocab_size":300,"max_sequence_length":1024}`)
	v.store.SetDragging(true)
	v.render()
	if !v.visible("references") || !strings.Contains(v.text("references"), "gpt2 L2 d64 D256 h2") || !v.visible("drop-hint") {
		t.Errorf("shown is %q, errors %q", v.text("references"), v.store.Errors)
	}
	v.click("drop-references")
	if v.visible("references") {
		t.Errorf("left out, but shown is %q", v.text("references"))
	}
}
