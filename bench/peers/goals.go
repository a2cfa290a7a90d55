//go:build !wasm

package main

import (
	"fmt"
	"slices"

	"litefront/bench/contest"
)

// The engines.
const (
	wazero       = "wazero"
	wazeroI8     = "wazero, int8"
	wazero2      = "wazero, 2 threads"
	inChromium   = "Chromium"
	inChromiumI8 = "Chromium, int8"
	inChromium2  = "Chromium, 2 threads"
	relaxed      = "Chromium, relaxed SIMD"
	relaxedI8    = "Chromium, relaxed SIMD, int8"
	relaxed2     = "Chromium, relaxed SIMD, 2 threads"
	ortNode      = "onnxruntime-node, 1 thread"
	ortWeb       = "onnxruntime-web, 1 thread"
	ortWeb2      = "onnxruntime-web, 2 threads"
)

// entry is an engine with what it runs.
type entry struct {
	name            string
	prefill, decode *contest.Contestant
	// linears is what the layers' matrices take of decode; nil where it is not timed.
	linears *contest.Contestant
	// step is decoding as generation needs it in ONNX Runtime, which has to hand
	// out keys and values; our modules keep theirs, so it is nil.
	step *contest.Contestant
}

// field is all engines on one model.
type field []entry

func (f field) contestants() (all []*contest.Contestant) {
	for _, e := range f {
		for _, c := range []*contest.Contestant{e.prefill, e.decode, e.linears, e.step} {
			if c != nil {
				all = append(all, c)
			}
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
	Linears *contest.Result `json:"decode_linears,omitempty"`
	Step    *contest.Result `json:"decode_fetching_kv,omitempty"`
}

func (f field) results(m model) modelResults {
	r := modelResults{Name: m.name, ArchID: m.arch.ID(), Arch: m.arch.String(), Tokens: m.tokens}
	for _, e := range f {
		r.Engines = append(r.Engines, engineResult{e.name, e.prefill.Result(), e.decode.Result(), optional(e.linears), optional(e.step)})
	}
	return r
}

// optional is the numbers of c, where there is one.
func optional(c *contest.Contestant) *contest.Result {
	if c == nil {
		return nil
	}
	r := c.Result()
	return &r
}

func (f field) print() {
	fmt.Printf("%-34s %18s %18s %18s %18s\n", "ms (interquartile range)", "prefill", "decode", "its linears", "and fetching K, V")
	cell := func(c *contest.Contestant) string {
		if c == nil {
			return ""
		}
		r := c.Result()
		return fmt.Sprintf("%.3g (%.2g)", r.MedianMs, r.IQRMs)
	}
	for _, e := range f {
		fmt.Printf("%-34s %18s %18s %18s %18s\n", e.name, cell(e.prefill), cell(e.decode), cell(e.linears), cell(e.step))
	}
}

// goal is how many times faster than another entry one of ours must be.
type goal struct {
	name         string
	ours, beside string
	of           func(entry) *contest.Contestant
	atLeast      float64 // 0: the ratio is told, and none is a goal
	model        string  // ""; or the name of the only one that it is for
}

func prefill(e entry) *contest.Contestant { return e.prefill }
func decode(e entry) *contest.Contestant  { return e.decode }
func linears(e entry) *contest.Contestant { return e.linears }

var goals = []goal{
	{"prefill in Chromium over onnxruntime-web", inChromium, ortWeb, prefill, 1.6, ""},
	{"prefill with relaxed SIMD over onnxruntime-web", relaxed, ortWeb, prefill, 1.8, ""},
	{"prefill under wazero over onnxruntime-node", wazero, ortNode, prefill, 0.45, ""},
	// Only the logits are fetched: the peer's better number.
	{"decoding in Chromium over onnxruntime-web", inChromium, ortWeb, decode, 1.2, ""},

	{"decoding's linears under wazero, int8 over f32", wazeroI8, wazero, linears, 3.5, ""},
	{"decoding's linears in Chromium, int8 over f32", inChromiumI8, inChromium, linears, 3.5, ""},
	{"decoding's linears with relaxed SIMD, int8 over f32", relaxedI8, relaxed, linears, 3.5, ""},
	{"decoding under wazero, int8 over f32", wazeroI8, wazero, decode, 0, ""},
	{"decoding in Chromium, int8 over f32", inChromiumI8, inChromium, decode, 0, ""},
	{"decoding with relaxed SIMD, int8 over f32", relaxedI8, relaxed, decode, 0, ""},
	{"prefill under wazero, int8 over f32", wazeroI8, wazero, prefill, 0, ""},
	{"prefill in Chromium, int8 over f32", inChromiumI8, inChromium, prefill, 0, ""},
	{"prefill with relaxed SIMD, int8 over f32", relaxedI8, relaxed, prefill, 0, ""},

	{"prefill in Chromium, 2 threads over 1", inChromium2, inChromium, prefill, 1.75, galleryLarge},
	{"prefill with relaxed SIMD, 2 threads over 1", relaxed2, relaxed, prefill, 0, galleryLarge},
	{"prefill under wazero, 2 threads over 1", wazero2, wazero, prefill, 0, galleryLarge},
	{"prefill by onnxruntime-web, 2 threads over 1", ortWeb2, ortWeb, prefill, 0, galleryLarge},
	{"prefill in Chromium over onnxruntime-web, both on 2 threads", inChromium2, ortWeb2, prefill, 0, galleryLarge},
}

type goalResult struct {
	Model string  `json:"model"`
	Name  string  `json:"name"`
	Ratio float64 `json:"ratio"`
	Goal  float64 `json:"goal,omitempty"`
	Pass  bool    `json:"pass"` // without a goal true
}

func (g goal) judge(model string, f field) goalResult {
	ratio := contest.Ratio(g.of(f.entry(g.ours)), g.of(f.entry(g.beside)))
	return goalResult{model, g.name, ratio, g.atLeast, ratio >= g.atLeast}
}

func (r goalResult) print() {
	if r.Goal == 0 {
		fmt.Printf("      %s, %s: %.3f×\n", r.Model, r.Name, r.Ratio)
		return
	}
	contest.Verdict(r.Pass, "%s, %s: %.3f× (goal %.2f×)", r.Model, r.Name, r.Ratio, r.Goal)
}
