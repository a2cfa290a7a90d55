// Package worker is what a page's Web Worker runs: the search core, and the
// browser's own WebAssembly as the engine that candidates are measured on. The
// page and the worker exchange JSON texts of search.Command and search.Message; a file
// comes beside its text.
//
// What needs no JavaScript is in the packages below internal; every touch of
// JavaScript is here and goes through safejs.
package worker

import (
	"errors"
	"fmt"

	"github.com/hack-pad/safejs"

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
	commands := make(chan string, maxWaiting)
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
	s := session.Session{Target: engine, Unfit: unfit, Rested: engine.clock.Rest, Store: &store{}, Lock: lock, Post: post, PostFile: postFile}
	engine.clock.Set = s.ClockSet
	for text := range commands {
		s.Do(text)
	}
}

// listen queues what the page posts. The handler must not wait: nothing else
// happens in the worker before it returns.
func listen(commands chan<- string) error {
	handler, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		text, err := commandOf(args)
		if err == nil {
			select {
			case commands <- text:
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

// commandOf is the text in a message event.
func commandOf(args []safejs.Value) (string, error) {
	if len(args) == 0 {
		return "", errors.New("a message came without an event")
	}
	data, err := args[0].Get("data")
	if err != nil {
		return "", err
	}
	if t := data.Type(); t != safejs.TypeString {
		return "", fmt.Errorf("a command must be a string of JSON, not of type %v", t)
	}
	size, err := length(data)
	if err != nil {
		return "", err
	}
	if size > maxCommand {
		return "", fmt.Errorf("a command of %d characters exceeds the limit of %d", size, maxCommand)
	}
	return data.String()
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
