package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hack-pad/safejs"

	"litefront/kernels/jobs"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// worker is the Web Worker that searches.
type worker struct {
	value    safejs.Value
	handlers []safejs.Func
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
		"onmessageerror": func(safejs.Value) { w.die("the search core sent a message that cannot be read") },
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

// send posts a command, and beside it the file that it names, if that is weights.
func (w *worker) send(c search.Command, weights safejs.Value) error {
	if w == nil {
		return errors.New("there is none")
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	var message any = string(text)
	if c.Do == search.DoGenerate && c.File != "" {
		message = []any{message, weights} // a File goes by reference
	}
	_, err = w.value.Call("postMessage", message)
	return err
}

// message hands what the worker says to the store.
func (w *worker) message(event safejs.Value) {
	w.page.change(func() {
		m, file, err := messageOf(event)
		if err != nil {
			w.page.store.Fail("the worker sent something wrong: " + err.Error())
			return
		}
		if m.Event != nil && m.Event.Kind == trial.KindProgress {
			w.page.told = time.Now()
		}
		w.page.store.Apply(m)
		if m.Answered != nil {
			w.page.answered(*m.Answered)
		} else if m.Error != "" { // a job that is refused has no other answer
			w.page.answered(search.Answered{Unable: jobs.Line(m.Error)})
		}
		if m.Journal != "" {
			w.page.download(m.Journal)
		}
		if m.File != "" {
			w.page.downloadFile(file, m.File)
		}
	})
}

// messageOf returns what the worker says, which is a text, or an array of a text and the
// file that it names.
func messageOf(event safejs.Value) (m search.Message, file safejs.Value, err error) {
	data, err := event.Get("data")
	if err != nil {
		return m, file, err
	}
	if data.Type() == safejs.TypeObject {
		if file, err = data.Index(1); err != nil {
			return m, file, err
		}
		if data, err = data.Index(0); err != nil {
			return m, file, err
		}
	}
	if t := data.Type(); t != safejs.TypeString {
		return m, file, fmt.Errorf("a message of type %v, not a string", t)
	}
	text, err := data.String()
	if err != nil {
		return m, file, err
	}
	err = json.Unmarshal([]byte(text), &m)
	return m, file, err
}

// broken is an error that the worker did not catch. Without a message worker.js
// itself was not loaded.
func (w *worker) broken(event safejs.Value) {
	reason := "the search core cannot be loaded"
	if message, err := event.Get("message"); err == nil && message.Type() == safejs.TypeString {
		if text, err := message.String(); err == nil && text != "" {
			reason = "the search core stopped: " + strings.TrimPrefix(strings.TrimPrefix(text, "Uncaught "), "Error: ")
		}
	}
	_, _ = event.Call("preventDefault") // the page says it; the console need not
	w.die(reason)
}

// die ends the worker. What it told before stays on the page.
func (w *worker) die(reason string) {
	w.page.change(func() {
		if w.page.worker == w {
			w.page.dropWorker()
			w.page.store.Die(reason)
		}
	})
}

func (w *worker) terminate() {
	_, _ = w.value.Call("terminate") // never throws
	for _, h := range w.handlers {
		h.Release()
	}
}
