package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hack-pad/safejs"

	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// worker is the Web Worker that searches.
type worker struct {
	value    safejs.Value
	handlers []safejs.Func
	silence  *time.Timer // runs from a command to the next message
	page     *page
}

// startWorker starts a worker whose messages go to p.
func startWorker(p *page) (*worker, error) {
	constructor, err := safejs.Global().Get("Worker")
	if err != nil {
		return nil, err
	}
	w := &worker{page: p}
	if w.value, err = constructor.New("worker.js"); err != nil {
		return nil, err
	}
	for name, handle := range map[string]func(safejs.Value){
		"onmessage":      w.message,
		"onerror":        w.broken,
		"onmessageerror": func(safejs.Value) { w.die("the worker sent a message that cannot be read") },
	} {
		handler, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
			if len(args) > 0 {
				handle(args[0])
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		w.handlers = append(w.handlers, handler)
		if err := w.value.Set(name, handler); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// patience is how long a worker may take to answer a command; an import has a
// whole journal to check and to keep.
func patience(c search.Command) time.Duration {
	if c.Do == search.DoImport {
		return 2 * time.Minute
	}
	return 20 * time.Second
}

// send posts a command.
func (w *worker) send(c search.Command) error {
	if w == nil {
		return errors.New("there is none")
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if w.silence != nil {
		w.silence.Stop()
	}
	w.silence = time.AfterFunc(patience(c), func() { w.die("the worker does not answer") })
	_, err = w.value.Call("postMessage", string(text))
	return err
}

// message hands what the worker says to the store.
func (w *worker) message(event safejs.Value) {
	w.page.change(func() {
		if w.silence != nil {
			w.silence.Stop()
		}
		m, err := messageOf(event)
		if err != nil {
			w.page.store.Fail("the worker sent something wrong: " + err.Error())
			return
		}
		if m.Event != nil && m.Event.Kind == trial.KindProgress {
			w.page.told = time.Now()
		}
		w.page.store.Apply(m)
		if m.Journal != "" {
			w.page.download(m.Journal)
		}
	})
}

func messageOf(event safejs.Value) (m search.Message, err error) {
	data, err := event.Get("data")
	if err != nil {
		return m, err
	}
	if t := data.Type(); t != safejs.TypeString {
		return m, fmt.Errorf("a message of type %v, not a string", t)
	}
	text, err := data.String()
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal([]byte(text), &m)
}

// broken is an error that the worker did not catch.
func (w *worker) broken(event safejs.Value) {
	reason := "the worker stopped"
	if message, err := event.Get("message"); err == nil && message.Type() == safejs.TypeString {
		if text, err := message.String(); err == nil && text != "" {
			reason += ": " + text
		}
	}
	w.die(reason)
}

// die ends the worker. What it told before stays on the page.
func (w *worker) die(reason string) {
	w.page.change(func() {
		if w.page.worker == w {
			w.terminate()
			w.page.worker = nil
			w.page.store.Die(reason)
		}
	})
}

func (w *worker) terminate() {
	if w.silence != nil {
		w.silence.Stop()
	}
	_, _ = w.value.Call("terminate") // never throws
	for _, h := range w.handlers {
		h.Release()
	}
}
