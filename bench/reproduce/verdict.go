//go:build !wasm

package main

import (
	"fmt"
	"math"
	"strings"

	"litefront/bench/contest"
	"litefront/bench/engines"
	"litefront/searchcore/arch"
)

// goal is for GPT-2: how many times better than the baseline, up to so many decoder
// parameters.
type goal struct {
	name, objective string
	upTo            int64
	atLeast         float64
}

var goals = []goal{
	{"decoding with the vocabulary", decode, 17e6, 2},
	{"decoding with the vocabulary", decode, 40e6, 1.5},
	{"peak memory", peak, 34e6, 1.8},
	{"prefill", prefill, 140e6, 0.97},
}

// verdict is what became of a goal on an engine.
type verdict struct {
	goal
	engine string
	worst  float64 // of the ratios; NaN where no pair could tell
}

func (v verdict) measured() bool { return !math.IsNaN(v.worst) }

func (v verdict) pass() bool { return v.worst >= v.atLeast }

// word says it for the page.
func (v verdict) word() string {
	switch {
	case !v.measured():
		return "not measured"
	case v.pass():
		return "reached"
	}
	return "missed"
}

func (v verdict) String() string {
	text := fmt.Sprintf("%s, %s up to %.0fM decoder parameters", v.engine, v.name, float64(v.upTo)/1e6)
	if v.measured() {
		text += fmt.Sprintf(": at least %.2f× the baseline's", v.worst)
	}
	return fmt.Sprintf("%s (goal %.2f×)", text, v.atLeast)
}

func (v verdict) print() {
	if v.measured() {
		contest.Verdict(v.pass(), "%v", v)
	} else {
		contest.Unmeasured(v.String())
	}
}

// judge holds each goal against the worst of the pairs that it is about, engine by
// engine.
func (r *results) judge() (list []verdict, err error) {
	b, err := familyOf(arch.GPT2)
	if err != nil {
		return nil, err
	}
	f := r.family(b.backbone)
	if f == nil {
		f = &family{} // nothing is measured yet
	}
	for _, g := range goals {
		names, pairs := strings.Split(engines.Names(), ","), f.pairs
		if g.objective == peak {
			names, pairs = []string{"any engine"}, func(string) []pair { return f.Peak }
		}
		for _, name := range names {
			worst, err := b.worst(g, pairs(name))
			if err != nil {
				return nil, err
			}
			list = append(list, verdict{g, name, worst})
		}
	}
	return list, nil
}

// worst is the least ratio of the pairs that g is about; NaN if there is none.
func (b baselines) worst(g goal, pairs []pair) (float64, error) {
	worst := math.NaN()
	for _, p := range pairs {
		base, err := b.model(p.Layers)
		if err != nil {
			return 0, err
		}
		if p.Objective == g.objective && base.DecoderParams() <= g.upTo && !(worst <= p.Ratio.Value) {
			worst = p.Ratio.Value
		}
	}
	return worst, nil
}
