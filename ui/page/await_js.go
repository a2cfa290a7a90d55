package page

import (
	"errors"
	"syscall/js"

	"github.com/hack-pad/safejs"
)

// await waits until a promise is settled, on a goroutine that no event waits for.
func await(promise safejs.Value) (safejs.Value, error) {
	type outcome struct {
		value safejs.Value
		err   error
	}
	settled := make(chan outcome, 1)
	handler := func(of func(safejs.Value) outcome) (safejs.Func, error) {
		return safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
			value := safejs.Undefined()
			if len(args) > 0 {
				value = args[0]
			}
			settled <- of(value)
			return nil
		})
	}
	resolved, err := handler(func(v safejs.Value) outcome { return outcome{value: v} })
	if err != nil {
		return safejs.Value{}, err
	}
	defer resolved.Release()
	rejected, err := handler(func(v safejs.Value) outcome { return outcome{err: reasonOf(v)} })
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

// reasonOf is what a promise was rejected with, as an error of one line.
func reasonOf(v safejs.Value) error {
	text, err := safejs.Global().Call("String", v)
	if err != nil {
		return errors.New("it failed")
	}
	line, err := text.String()
	if err != nil || line == "" {
		return errors.New("it failed")
	}
	return errors.New(line)
}

// thrown makes one line of what JavaScript threw; other errors stay as they are.
func thrown(err error) error {
	var e js.Error
	if errors.As(err, &e) {
		return reasonOf(safejs.Safe(e.Value))
	}
	return err
}

// awaited is await of what a call returned.
func awaited(promise safejs.Value, err error) (safejs.Value, error) {
	if err != nil {
		return safejs.Value{}, thrown(err)
	}
	return await(promise)
}
