// Command edge is the search core as a sandboxed WebAssembly guest (wasip1). Its
// host keeps the journal, loads modules and times them; everything else, the
// proposing, the compiling and the measuring protocol, happens in here. Package
// abi describes what guest and host say to each other.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"litefront/searchcore/study"
	"litefront/searchcore/trial"
	"litefront/wasm/edge/abi"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

// run runs the search that in holds and writes its events to out.
func run(in io.Reader, out io.Writer) error {
	input, err := abi.ReadInput(in)
	if err != nil {
		return err
	}
	w := &events{out: out}
	_, _, err = input.Request.Run(context.Background(), &engine{input: input}, w, w.announce)
	if err == nil {
		err = w.err
	}
	return err
}

// events writes events to the host, and is the journal of the study.
type events struct {
	out io.Writer
	err error // of an announcement, which has nobody to tell but the next append
}

// Append implements study.Journal: the host keeps the event before the write
// returns, and announces it.
func (w *events) Append(e trial.Event) error {
	if w.err != nil {
		return w.err
	}
	return w.write(e)
}

// announce tells the events that no journal keeps.
func (w *events) announce(e trial.Event) {
	if e.Seq == 0 && w.err == nil {
		w.err = w.write(e)
	}
}

func (w *events) write(e trial.Event) error {
	line, err := study.Encode(e)
	if err != nil {
		return err
	}
	_, err = w.out.Write(append(line, '\n'))
	return err
}
