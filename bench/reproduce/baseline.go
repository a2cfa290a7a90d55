//go:build !wasm

package main

import (
	"fmt"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// baselines are the models of a backbone that LiteTransformerSearch compares with.
// All layers are alike; embedding and vocabulary are those of the space.
type baselines struct {
	backbone arch.Backbone
	title    string
	preset   string
	dModel   int
	layer    arch.Layer
}

// allBaselines are the paper's, but for GPT-2's heads: it says 12, which do not
// divide 1024.
var allBaselines = []baselines{
	{arch.GPT2, "GPT-2", "lts-gpt2", 1024, arch.Layer{Heads: 16, DInner: 2048}},
	{arch.TransformerXL, "Transformer-XL", "lts-transformer-xl", 512, arch.Layer{Heads: 8, DInner: 2048}},
}

func familyOf(backbone arch.Backbone) (baselines, error) {
	for _, b := range allBaselines {
		if b.backbone == backbone {
			return b, nil
		}
	}
	return baselines{}, fmt.Errorf("arch_type %.40q has no baselines", backbone)
}

// space is the preset with bounds on the decoder parameters that let every baseline
// have its like.
func (b baselines) space() (space.Space, error) {
	sp, err := space.Preset(b.preset)
	sp.Name += ", wider"
	sp.MinDecoderParams, sp.MaxDecoderParams = 3e6, 140e6
	return sp, err
}

// model is the baseline of so many layers.
func (b baselines) model(layers int) (arch.Architecture, error) {
	sp, err := b.space()
	if err != nil {
		return arch.Architecture{}, err
	}
	a := arch.Architecture{
		Backbone: b.backbone, Vocab: sp.Vocab, DModel: b.dModel, DivVal: sp.DivVal[0], Cutoffs: sp.Cutoffs,
		MaxLen: sp.MaxLen, MemLen: sp.MemLen, Layers: slices.Repeat([]arch.Layer{b.layer}, layers),
	}
	return a.Canonical(), a.Validate()
}

// The objectives, as package objective names them.
const (
	prefill  = "prefill_ms"
	decode   = "decode_ms"
	response = "response_ms"
	peak     = "peak_mb"
)

// multiplyAdds are those that the objective times.
func multiplyAdds(g *graph.Graph, objective string) (n int64) {
	if objective == response {
		return g.ResponseWork().MACs
	}
	pos, rows := 0, g.Workload.PromptLen
	if objective == decode {
		pos, rows = g.Workload.DecodePos(), 1
	}
	for _, o := range g.Ops {
		n += g.Work(o, pos, rows).MACs
	}
	return n
}

// workload is LiteTransformerSearch's prompt, and decoding after it.
var workload = trial.DefaultWorkload()
