package worker

import (
	"errors"
	"fmt"
	"syscall/js"

	"github.com/hack-pad/safejs"
)

// await waits until a promise is settled.
func await(promise safejs.Value) (safejs.Value, error) {
	type outcome struct {
		value safejs.Value
		err   error
	}
	settled := make(chan outcome, 1)
	resolved, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		settled <- outcome{value: args[0]}
		return nil
	})
	if err != nil {
		return safejs.Value{}, err
	}
	defer resolved.Release()
	rejected, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		settled <- outcome{err: js.Error{Value: safejs.Unsafe(args[0])}}
		return nil
	})
	if err != nil {
		return safejs.Value{}, err
	}
	defer rejected.Release()
	if _, err := promise.Call("then", resolved, rejected); err != nil {
		return safejs.Value{}, err
	}
	o := <-settled
	return o.value, o.err
}

// thrown makes one line such as "RangeError: out of memory" of what JavaScript
// threw; other errors, and none, stay as they are.
func thrown(err error) error {
	var e js.Error
	if !errors.As(err, &e) {
		return err
	}
	line, callErr := safejs.Safe(e.Value).Call("toString")
	if callErr != nil {
		return err
	}
	text, textErr := line.String()
	if textErr != nil {
		return err
	}
	return errors.New(text)
}

// eventLoop lets the worker's other events happen, such as a command's arrival.
type eventLoop struct {
	port   safejs.Value
	turned chan struct{}
}

func newEventLoop() (*eventLoop, error) {
	constructor, err := safejs.Global().Get("MessageChannel")
	if err != nil {
		return nil, err
	}
	channel, err := constructor.New()
	if err != nil {
		return nil, err
	}
	l := &eventLoop{turned: make(chan struct{}, 1)}
	if l.port, err = channel.Get("port1"); err != nil {
		return nil, err
	}
	other, err := channel.Get("port2")
	if err != nil {
		return nil, err
	}
	handler, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		l.turned <- struct{}{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l, other.Set("onmessage", handler)
}

// turn waits until the events that are due have been handled. A message to
// oneself waits behind them; a timer would be held back for milliseconds.
func (l *eventLoop) turn() error {
	if _, err := l.port.Call("postMessage", 0); err != nil {
		return fmt.Errorf("event loop: %w", thrown(err))
	}
	<-l.turned
	return nil
}
