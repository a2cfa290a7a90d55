package worker

import (
	"errors"

	"github.com/hack-pad/safejs"
)

// searchLock is held by the one page of this origin that has the device for itself.
const searchLock = "litefront-search"

var errSearchedElsewhere = errors.New("another tab is searching, measuring, generating or making a file, and two at once would slow each other; end that first")

// lock is a session.Session's Lock: a Web Lock, which the browser releases also
// when the worker dies. Browsers without them, and pages that are not secure,
// reserve nothing.
func lock() (unlock func(), err error) {
	navigator, err := safejs.Global().Get("navigator")
	if err != nil {
		return nil, err
	}
	locks, err := navigator.Get("locks")
	if err != nil || locks.Type() != safejs.TypeObject {
		return func() {}, err
	}
	// The lock is held until the promise that the callback returns is resolved.
	promiseType, err := safejs.Global().Get("Promise")
	if err != nil {
		return nil, err
	}
	var resolve safejs.Value
	executor, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		resolve = args[0]
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer executor.Release()
	held, err := promiseType.New(executor)
	if err != nil {
		return nil, err
	}
	granted := make(chan bool, 1)
	callback, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		granted <- !args[0].IsNull()
		return safejs.Unsafe(held)
	})
	if err != nil {
		return nil, err
	}
	defer callback.Release()
	released, err := locks.Call("request", searchLock, map[string]any{"ifAvailable": true}, callback)
	if err != nil {
		return nil, thrown(err)
	}
	refused := make(chan error, 1)
	go func() {
		if _, err := await(released); err != nil {
			refused <- err
		}
	}()
	unlock = func() { _, _ = resolve.Invoke() } // never throws
	select {
	case ok := <-granted:
		if ok {
			return unlock, nil
		}
		unlock()
		return nil, errSearchedElsewhere
	case err := <-refused:
		return nil, thrown(err)
	}
}
