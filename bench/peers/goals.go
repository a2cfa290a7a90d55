//go:build !wasm

package main

import (
	"fmt"
	"slices"

	"litefront/bench/contest"
)

// The engines.
const (
	wazero     = "wazero"
	inChromium = "Chromium"
	relaxed    = "Chromium, relaxed SIMD"
	ortNode    = "onnxruntime-node, 1 thread"
	ortWeb     = "onnxruntime-web, 1 thread"
	ortWeb2    = "onnxruntime-web, 2 threads"
)

// entry is an engine with what it runs.
type entry struct {
	name            string
	prefill, decode *contest.Contestant
	// step is decoding as generation needs it in ONNX Runtime, which has to hand
	// out keys and values; our modules keep theirs, so it is nil.
	step *contest.Contestant
}

// field is all engines on one model.
type field []entry

func (f field) contestants() (all []*contest.Contestant) {
	for _, e := range f {
		all = append(all, e.prefill, e.decode)
		if e.step != nil {
			all = append(all, e.step)
		}
	}
	return all
}

func (f field) entry(name string) entry {
	return f[slices.IndexFunc(f, func(e entry) bool { return e.name == name })]
}

// modelResults are the numbers of one model.
type modelResults struct {
	Name    string         `json:"name"`
	ArchID  string         `json:"arch_id"`
	Arch    string         `json:"arch"`
	Tokens  int            `json:"tokens"`
	Engines []engineResult `json:"engines"`
}

type engineResult struct {
	Name    string          `json:"name"`
	Prefill contest.Result  `json:"prefill"`
	Decode  contest.Result  `json:"decode"`
	Step    *contest.Result `json:"decode_fetching_kv,omitempty"`
}

func (f field) results(m model) modelResults {
	r := modelResults{Name: m.name, ArchID: m.arch.ID(), Arch: m.arch.String(), Tokens: m.tokens}
	for _, e := range f {
		er := engineResult{Name: e.name, Prefill: e.prefill.Result(), Decode: e.decode.Result()}
		if e.step != nil {
			step := e.step.Result()
			er.Step = &step
		}
		r.Engines = append(r.Engines, er)
	}
	return r
}

func (f field) print() {
	fmt.Printf("%-28s %22s %22s %22s\n", "ms (interquartile range)", "prefill", "decode", "and fetching K, V")
	cell := func(c *contest.Contestant) string {
		if c == nil {
			return ""
		}
		r := c.Result()
		return fmt.Sprintf("%.3g (%.2g)", r.MedianMs, r.IQRMs)
	}
	for _, e := range f {
		fmt.Printf("%-28s %22s %22s %22s\n", e.name, cell(e.prefill), cell(e.decode), cell(e.step))
	}
}

// goal is how many times faster than a peer an engine of ours must be.
type goal struct {
	name       string
	ours, peer string
	decode     bool
	atLeast    float64
}

var goals = []goal{
	{"prefill in Chromium over onnxruntime-web", inChromium, ortWeb, false, 1.6},
	{"prefill with relaxed SIMD over onnxruntime-web", relaxed, ortWeb, false, 1.8},
	{"prefill under wazero over onnxruntime-node", wazero, ortNode, false, 0.45},
	// Only the logits are fetched: the peer's better number.
	{"decoding in Chromium over onnxruntime-web", inChromium, ortWeb, true, 1.2},
}

type goalResult struct {
	Model string  `json:"model"`
	Name  string  `json:"name"`
	Ratio float64 `json:"ratio"`
	Goal  float64 `json:"goal"`
	Pass  bool    `json:"pass"`
}

func (g goal) judge(model string, f field) goalResult {
	ours, peer := f.entry(g.ours), f.entry(g.peer)
	ratio := contest.Ratio(ours.prefill, peer.prefill)
	if g.decode {
		ratio = contest.Ratio(ours.decode, peer.decode)
	}
	return goalResult{model, g.name, ratio, g.atLeast, ratio >= g.atLeast}
}
