//go:build !wasm

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/chromedp/chromedp"

	"litefront/bench/contest"
)

// work is what a run of ONNX Runtime does: so many new tokens after past ones.
type work struct {
	Tokens       int  `json:"tokens"`
	Past         int  `json:"past"`
	FetchPresent bool `json:"fetchPresent"`
}

// peer is ONNX Runtime with the model loaded.
type peer interface {
	// add prepares some work and returns its id.
	add(work) (id int, err error)
	// run does it reps times and returns the milliseconds that took.
	run(id, reps int) (ms float64, err error)
}

func enter(p peer, name string, w work) (*contest.Contestant, error) {
	id, err := p.add(w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &contest.Contestant{Name: name, Run: func(reps int) (int64, error) {
		ms, err := p.run(id, reps)
		return int64(ms * 1e6), err
	}}, nil
}

// web is onnxruntime-web in page.html.
type web struct{ tab context.Context }

// evaluate evaluates an expression of the page, awaiting a promise.
func evaluate[T any](w web, format string, args ...any) (T, error) {
	return chromedp.Run(w.tab, chromedp.Evaluate[T](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise))
}

func (w web) add(k work) (int, error) {
	data, err := json.Marshal(k)
	if err != nil {
		return 0, err
	}
	return evaluate[int](w, "add(%s)", data)
}

func (w web) run(id, reps int) (float64, error) {
	return evaluate[float64](w, "run(%d, %d)", id, reps)
}

// node is onnxruntime-node in node.mjs, on one thread.
type node struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startNode(model string) (*node, error) {
	cmd := exec.Command("node", filepath.Join(dir, "node.mjs"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	n := &node{cmd, in, json.NewDecoder(out)}
	var loaded bool
	if err := n.call(&loaded, map[string]any{"call": "load", "model": model, "threads": 1}); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// call sends a request and reads the answer.
func (n *node) call(answer any, request map[string]any) error {
	if err := json.NewEncoder(n.in).Encode(request); err != nil {
		return fmt.Errorf("onnxruntime-node: %w", err)
	}
	if err := n.out.Decode(answer); err != nil {
		return fmt.Errorf("onnxruntime-node: %w", err)
	}
	return nil
}

func (n *node) add(w work) (id int, err error) {
	return id, n.call(&id, map[string]any{"call": "add", "work": w})
}

func (n *node) run(id, reps int) (ms float64, err error) {
	return ms, n.call(&ms, map[string]any{"call": "run", "id": id, "reps": reps})
}

// close ends the process by ending its input.
func (n *node) close() {
	n.in.Close()
	_ = n.cmd.Wait() // how it ends no longer matters
}
