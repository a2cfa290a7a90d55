//go:build !wasm

package main

import "fmt"

// goals are for GPT-2: how many times better than the baseline, up to so many decoder
// parameters.
var goals = []struct {
	name, objective string
	upTo            int64
	atLeast         float64
}{
	{"decoding with the vocabulary", decode, 17e6, 2},
	{"decoding with the vocabulary", decode, 40e6, 1.5},
	{"peak memory", peak, 34e6, 1.8},
	{"prefill", prefill, 140e6, 0.97},
}

type verdict struct {
	pass bool
	text string
}

// judge holds each goal against the worst of the pairs that it is about.
func (r *results) judge() (list []verdict) {
	for _, f := range r.Families {
		b, err := familyOf(f.Backbone)
		if err != nil || b.preset != "lts-gpt2" {
			continue
		}
		for _, g := range goals {
			sources := []engine{{Title: "any engine", Name: "any engine", Pairs: f.Peak}}
			if g.objective != peak {
				sources = f.Engines
			}
			for _, e := range sources {
				worst, n := ratio{}, 0
				for _, p := range e.Pairs {
					base, err := b.model(p.Layers)
					if err != nil || p.Objective != g.objective || base.DecoderParams() > g.upTo {
						continue
					}
					if n++; n == 1 || p.Ratio.Value < worst.Value {
						worst = p.Ratio
					}
				}
				if n > 0 {
					list = append(list, verdict{worst.Value >= g.atLeast, fmt.Sprintf("%s, %s up to %.0fM decoder parameters: at least %.2f× the baseline's (goal %.2f×)",
						e.Name, g.name, float64(g.upTo)/1e6, worst.Value, g.atLeast)})
				}
			}
		}
	}
	return list
}
