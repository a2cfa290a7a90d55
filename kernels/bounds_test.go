package kernels_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// move moves the tensors, and their parts, by so many bytes each.
func move(g *graph.Graph, by func(t *graph.Tensor) int64) {
	parts := []*graph.Tensor{g.Logits}
	for _, o := range g.Ops {
		parts = append(parts, o.Tensors()...)
	}
	for _, t := range g.Tensors {
		t.Offset += by(t)
		for _, p := range parts {
			if p.Base == t {
				p.Offset = t.Offset + 4*int64(p.Start)
			}
		}
	}
}

// TestBounds has every tensor in turn end where the memory ends: what reads or
// writes beyond it traps.
func TestBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	w := trial.Workload{PromptLen: 7, Context: 9, Threads: 1}
	gpt2 := arch.Architecture{Backbone: arch.GPT2, Vocab: 61, DModel: 34, MaxLen: 9, DEmbed: 13, Cutoffs: []int{20}, Layers: layers(1, 2, 31)}
	xl := arch.Architecture{Backbone: arch.TransformerXL, Vocab: 61, DModel: 32, MemLen: 3, DivVal: 2, Cutoffs: []int{20, 40}, Layers: layers(1, 3, 31)}
	for _, a := range []arch.Architecture{gpt2, xl} {
		for _, w.Precision = range trial.Precisions() {
			plain := compile(t, a, w)
			tokens := randomTokens(r, w.Context, a.Vocab)
			run := func(p *program) (logits []float32) {
				p.setTokens(tokens)
				p.call("prefill", uint64(w.PromptLen))
				logits = p.logits()
				for pos := w.PromptLen; pos < w.Context; pos++ {
					p.call("decode", uint64(pos))
				}
				return append(logits, p.logits()...)
			}
			want := run(plain)
			for i, x := range plain.g.Tensors {
				of := func(features string, f kernels.Features) {
					t.Run(fmt.Sprintf("%s %s %s %s", a.Backbone, w.Precision, features, x.Name), func(t *testing.T) {
						g, err := graph.Build(a, w)
						if err != nil {
							t.Fatal(err)
						}
						x := g.Tensors[i]
						g.Memory.TotalBytes += (x.Bytes() + graph.PageBytes - 1) / graph.PageBytes * graph.PageBytes
						move(g, func(t *graph.Tensor) int64 {
							if t == x {
								return g.Memory.TotalBytes - x.Bytes() - x.Offset
							}
							return 0
						})
						m, err := kernels.Compile(g, f)
						if err != nil {
							t.Fatal(err)
						}
						if !slices.Equal(run(instantiate(t, g, m)), want) {
							t.Error("other logits")
						}
					})
				}
				of("portable", kernels.Features{})
				of("wazero", native)
			}
		}
	}
}

// TestHighAddresses has the largest memory and everything at its end, where
// addresses are negative as signed integers.
func TestHighAddresses(t *testing.T) {
	if os.Getenv("LITEFRONT_LONG") == "" {
		t.Skip("it takes 4 GiB: set LITEFRONT_LONG")
	}
	r := rand.New(rand.NewPCG(12, 12))
	w := trial.Workload{PromptLen: 7, Context: 9, Precision: trial.I8, Threads: 1}
	a := arch.Architecture{Backbone: arch.TransformerXL, Vocab: 61, DModel: 32, MemLen: 3, DivVal: 2, Cutoffs: []int{20, 40}, Layers: layers(2, 3, 31)}
	g, err := graph.Build(a, w)
	if err != nil {
		t.Fatal(err)
	}
	by := graph.MaxBytes - g.Memory.TotalBytes
	move(g, func(*graph.Tensor) int64 { return by })
	g.Memory.TotalBytes = graph.MaxBytes
	m, err := kernels.Compile(g, kernels.Features{})
	if err != nil {
		t.Fatal(err)
	}
	p := instantiate(t, g, m)
	tokens := randomTokens(r, w.Context, a.Vocab)
	p.setTokens(tokens)
	want := p.reference(tokens)
	for i, call := range []string{"prefill", "decode"} {
		p.call(call, 7)
		if e := maxError(p.logits(), want[6+i]); e > p.tolerance() {
			t.Errorf("%s: error %.2g of scale", call, e)
		}
	}
}
