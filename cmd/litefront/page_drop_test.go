//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// drag moves files over the page, and waits until it says where to drop them.
func (p tab) drag(paths ...string) {
	p.t.Helper()
	p.dispatch(input.DispatchDragEventTypeDragEnter, paths)
	p.dispatch(input.DispatchDragEventTypeDragOver, paths)
	p.until(`!document.getElementById("drop-hint").hidden`)
}

// drop drags files there, and lets go of them.
func (p tab) drop(paths ...string) {
	p.t.Helper()
	p.drag(paths...)
	p.dispatch(input.DispatchDragEventTypeDrop, paths)
	p.until(`document.getElementById("drop-hint").hidden`)
}

func (p tab) dispatch(kind input.DispatchDragEventType, paths []string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, input.DispatchDragEvent, input.DispatchDragEventParams{
		Type: kind, X: 700, Y: 400,
		Data: &input.DragData{Items: []*input.DragDataItem{}, Files: paths, DragOperationsMask: 1},
	}); err != nil {
		p.t.Fatal(err)
	}
}

// complaint waits for a message with the text, and takes it away.
func (p tab) complaint(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.querySelectorAll("#errors .error-text").length === 1 && document.querySelector("#errors .error-text").innerText.includes(%q)`, text))
	p.clickOn("#errors .dismiss")
	p.until(`document.getElementById("errors").hidden`)
}

// TestPageDrop drops files on the page: a journal is imported, a model becomes a
// reference of the search that starts next, and the rest is refused.
func TestPageDrop(t *testing.T) {
	pageDist(t)
	s := newSandbox(t)
	s.must(quick("--budget", "4", "--study", "home.jsonl")...)
	p := openPage(t, s.serving())

	folder := filepath.Join(s.dir, "folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	// Away again, which the browser's protocol has no way to do.
	p.drag(s.path("home.jsonl"))
	eval[bool](p, `document.body.dispatchEvent(new DragEvent("dragleave", {bubbles: true, relatedTarget: document.body}))`)
	p.do(chromedp.Sleep(300 * time.Millisecond))
	p.until(`!document.getElementById("drop-hint").hidden`) // only from one element to another
	eval[bool](p, `document.body.dispatchEvent(new DragEvent("dragleave", {bubbles: true}))`)
	p.until(`document.getElementById("drop-hint").hidden`)

	p.drop(s.path("home.jsonl"), s.path("tiny.json"))
	p.complaint("2 files were dropped; drop one")
	p.drop(folder)
	p.complaint("a folder was dropped")
	s.write("notes.txt", "these are my notes\n")
	p.drop(s.path("notes.txt"))
	p.complaint("import: line 1: not a journal")

	p.drop(s.path("home.jsonl"))
	p.measured(4)
	p.until(`!document.getElementById("start").disabled`)

	// The reference is measured first, and drawn as one.
	p.drop(s.path("tiny.json"))
	p.until(`document.getElementById("references").innerText.includes("gpt2 L2 d48 D96|64 h2")`)
	p.fill("budget", "5")
	p.click("start")
	p.measured(6)
	p.state("idle")
	p.until(`document.getElementById("references").parentElement.hidden && litefrontChart.data(1).overlay.length === 1`)
	if n := eval[int](p, `litefrontChart.data(1).overlay[0].trial`); n != 5 {
		t.Errorf("the reference is trial %d, want 5, the first of this session", n)
	}
}
