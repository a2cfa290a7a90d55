// Package worker is what a page's Web Worker runs: the search core, and the
// browser's own WebAssembly as the engine that candidates are measured on. The
// page and the worker exchange JSON texts of search.Command and search.Message; a file
// goes beside its text.
//
// What needs no JavaScript is in the packages below internal; every touch of
// JavaScript is here and goes through safejs.
package worker

import (
	"errors"
	"fmt"

	"github.com/hack-pad/safejs"

	"litefront/kernels/export"
	"litefront/wasm/worker/internal/session"
)

const (
	// maxCommand bounds a command, in UTF-16 units: a journal to import is the
	// longest.
	maxCommand = 256 << 20
	// maxWaiting is how many commands may wait for the one being carried out.
	maxWaiting = 64
)

// Run carries out commands until the browser goes away, in the global scope of a
// worker that has loaded engine.js.
func Run() {
	commands := make(chan command, maxWaiting)
	// The commands that came before this program was there are delivered as soon
	// as it first waits, so listening comes first.
	if err := listen(commands); err != nil {
		post(session.ErrorText(thrown(err)))
		return
	}
	engine, unfit, err := newEngine()
	if err != nil {
		post(session.ErrorText(fmt.Errorf("the browser cannot measure: %w", thrown(err))))
		return
	}
	s := session.Session{Target: engine, Unfit: unfit, GPU: engine.openGPU, Rested: engine.clock.Rest, Turn: engine.loop.turn, Store: &store{}, Lock: lock, Post: post, PostFile: postFile}
	engine.clock.Set = s.ClockSet
	for c := range commands {
		s.Do(c.text, c.file)
	}
}

// command is what the page posts: a text, or an array of a text and a file.
type command struct {
	text string
	file export.File // nil for none
}

// listen queues what the page posts. The handler must not wait: nothing else
// happens in the worker before it returns.
func listen(commands chan<- command) error {
	handler, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		c, err := commandOf(args)
		if err == nil {
			select {
			case commands <- c:
			default:
				err = fmt.Errorf("%d commands are waiting already; this one is dropped", maxWaiting)
			}
		}
		if err != nil {
			post(session.ErrorText(thrown(err)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return safejs.Global().Set("onmessage", handler)
}

// commandOf is what a message event brings.
func commandOf(args []safejs.Value) (c command, err error) {
	if len(args) == 0 {
		return c, errors.New("a message came without an event")
	}
	data, err := args[0].Get("data")
	if err != nil {
		return c, err
	}
	if pair, err := data.Index(0); err == nil && pair.Type() == safejs.TypeString {
		beside, err := data.Index(1)
		if err != nil {
			return c, err
		}
		if c.file, err = openBlob(beside); err != nil {
			return c, err
		}
		data = pair
	}
	if t := data.Type(); t != safejs.TypeString {
		return c, fmt.Errorf("a command must be a string of JSON, not of type %v", t)
	}
	size, err := length(data)
	if err != nil {
		return c, err
	}
	if size > maxCommand {
		return c, fmt.Errorf("a command of %d characters exceeds the limit of %d", size, maxCommand)
	}
	c.text, err = data.String()
	return c, err
}

// length is the length of a JavaScript string, in UTF-16 units. To Go only
// objects have properties, so it is made one.
func length(text safejs.Value) (int, error) {
	object, err := safejs.Global().Call("Object", text)
	if err != nil {
		return 0, err
	}
	return object.Length()
}

// post sends a text to the page. There is nobody to tell where that fails: the
// page is gone.
func post(text string) { _, _ = safejs.Global().Call("postMessage", text) }
