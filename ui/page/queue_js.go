package page

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/hack-pad/safejs"

	"litefront/kernels/jobs"
	"litefront/ui/device"
)

// fleetLibrary is the global litefrontFleet, whose script is loaded when it is first
// needed.
func fleetLibrary() (safejs.Value, error) {
	library, err := safejs.Global().Get("litefrontFleet")
	if err != nil || library.Type() == safejs.TypeObject {
		return library, err
	}
	if err := loadScript("fleet.js"); err != nil {
		return library, err
	}
	library, err = safejs.Global().Get("litefrontFleet")
	if err == nil && library.Type() != safejs.TypeObject {
		err = errors.New("fleet.js is not what it should be")
	}
	return library, err
}

// loadScript loads a script of this page's, and waits for it.
func loadScript(name string) error {
	document, err := safejs.Global().Get("document")
	if err != nil {
		return err
	}
	script, err := document.Call("createElement", "script")
	if err != nil {
		return err
	}
	loaded := make(chan error, 1)
	for event, outcome := range map[string]error{"onload": nil, "onerror": errors.New(name + " cannot be loaded")} {
		handler, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
			loaded <- outcome
			return nil
		})
		if err != nil {
			return err
		}
		defer handler.Release()
		if err := script.Set(event, handler); err != nil {
			return err
		}
	}
	if err := script.Set("src", name); err != nil {
		return err
	}
	head, err := document.Get("head")
	if err != nil {
		return err
	}
	if _, err := head.Call("appendChild", script); err != nil {
		return err
	}
	return <-loaded
}

// queue is a connection to the host's queue.
type queue struct {
	library safejs.Value
	handle  int
	lost    chan struct{}
	release []safejs.Func // once it is lost
}

// dial connects with the credentials of a device. Orders come to order.
func dial(library safejs.Value, url, seed string, welcome jobs.Welcome, order func([]byte)) (*queue, error) {
	options, err := json.Marshal(map[string]string{"url": url, "jwt": welcome.JWT, "seed": seed, "inbox": jobs.Inbox(welcome.Device)})
	if err != nil {
		return nil, err
	}
	connected, err := awaited(library.Call("connect", string(options)))
	if err != nil {
		return nil, err
	}
	q := &queue{library: library, lost: make(chan struct{})}
	if q.handle, err = connected.Int(); err != nil {
		return nil, err
	}
	lost, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		close(q.lost)
		for _, f := range q.release {
			f.Release()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	ordered, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		if len(args) > 0 {
			if text, err := args[0].String(); err == nil {
				order([]byte(text))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	q.release = []safejs.Func{lost, ordered}
	if _, err = library.Call("onLost", q.handle, lost); err == nil {
		_, err = library.Call("subscribe", q.handle, jobs.Orders(welcome.Device), ordered)
	}
	if err != nil {
		q.Close()
		return nil, thrown(err)
	}
	return q, nil
}

func (q *queue) Request(subject, id string, data []byte, timeout time.Duration) (m device.Message, err error) {
	answer, err := awaited(q.library.Call("request", q.handle, subject, id, string(data), timeout.Milliseconds()))
	if err != nil {
		return m, err
	}
	var fields [3]safejs.Value
	for i := range fields {
		if fields[i], err = answer.Index(i); err != nil {
			return m, err
		}
	}
	if m.Status, err = fields[0].Int(); err != nil {
		return m, err
	}
	if m.Reply, err = fields[1].String(); err != nil {
		return m, err
	}
	text, err := fields[2].String()
	m.Data = []byte(text)
	return m, err
}

func (q *queue) Publish(subject string, data []byte) error {
	_, err := q.library.Call("publish", q.handle, subject, string(data))
	return thrown(err)
}

func (q *queue) Lost() <-chan struct{} { return q.lost }

func (q *queue) Close() {
	_, _ = awaited(q.library.Call("close", q.handle)) // it never rejects
}
