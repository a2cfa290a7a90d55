package graph

import (
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// TestWorkAgainstDecoderParameters checks the decoder's multiply-adds of one
// token against the published parameter formulas: a matrix has one for each of
// its parameters.
func TestWorkAgainstDecoderParameters(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 1000, DModel: 64, DEmbed: 64, DivVal: 1, MaxLen: 64,
		Layers: []arch.Layer{{Heads: 2, DInner: 96}, {Heads: 4, DInner: 200}}}
	g, err := Build(a, trial.Workload{PromptLen: 16, Context: 32, Precision: trial.F32, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	sum := func(pos, rows int, layers bool, kinds ...OpKind) (w Work) {
		for _, o := range g.Ops {
			for _, k := range kinds {
				if o.Kind == k && (o.Layer >= 0) == layers {
					w = w.Add(g.Work(o, pos, rows))
				}
			}
		}
		return w
	}
	matrices := int64(2*4*64*64 + 2*64*(96+200))
	if got := sum(20, 1, true, Linear).MACs; got != matrices {
		t.Errorf("decode: %d multiply-adds in linears, the formula gives %d", got, matrices)
	}
	if got := sum(0, 16, true, Linear).MACs; got != 16*matrices {
		t.Errorf("prefill: %d multiply-adds in linears, the formula gives %d", got, 16*matrices)
	}
	if got := sum(0, 16, false, Linear).MACs; got != 64*1000 {
		t.Errorf("prefill: %d multiply-adds in the head, which sees one row, want %d", got, 64*1000)
	}
	// Scores and mixing: each position with each that it sees, twice, over d_model.
	if got, want := sum(0, 16, true, Attention).MACs, int64(2*2*64*(16*17/2)); got != want {
		t.Errorf("prefill: %d multiply-adds in attention, want %d", got, want)
	}
	if got, want := sum(20, 1, true, Attention).MACs, int64(2*2*64*21); got != want {
		t.Errorf("decode: %d multiply-adds in attention, want %d", got, want)
	}
	if got, want := sum(20, 1, true, Linear).Bytes, 4*matrices; got < want || got > want+want/10 {
		t.Errorf("decode reads %d bytes of weights, parameters are %d", got, want)
	}
}

// TestResponseWork adds up a response step by step, which the closed form must
// equal whatever the backbone and the number of steps.
func TestResponseWork(t *testing.T) {
	for _, a := range []arch.Architecture{
		{Backbone: arch.GPT2, Vocab: 1000, DModel: 64, MaxLen: 64, Layers: []arch.Layer{{Heads: 2, DInner: 96}, {Heads: 4, DInner: 200}}},
		{Backbone: arch.TransformerXL, Vocab: 1000, DModel: 30, DivVal: 2, Cutoffs: []int{300, 600}, MemLen: 9,
			Layers: []arch.Layer{{Heads: 4, DInner: 96}}},
	} {
		for _, context := range []int{16, 17, 40} {
			g, err := Build(a, trial.Workload{PromptLen: 16, Context: context, Precision: trial.F32, Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			var want Work
			for _, o := range g.Ops {
				want = want.Add(g.Work(o, 0, 16))
				for pos := 16; pos < context; pos++ {
					want = want.Add(g.Work(o, pos, 1))
				}
			}
			if got := g.ResponseWork(); got != want || got.FLOPs() <= 0 {
				t.Errorf("%s, context %d: %+v, step by step %+v", a.Backbone, context, got, want)
			}
		}
	}
}
