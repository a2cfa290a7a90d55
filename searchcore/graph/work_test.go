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

// TestWorkOfInt8 compares both precisions of the same architectures: the same
// multiply-adds, a quarter of the bytes of matrices and a scale for each of their
// rows, and an element for everything that is quantised.
func TestWorkOfInt8(t *testing.T) {
	layers := []arch.Layer{{Heads: 2, DInner: 96}, {Heads: 4, DInner: 208}}
	for _, c := range []struct {
		a arch.Architecture
		// quantised is how many values a token has quantised in the layers, ready how
		// many there are in all before the first.
		quantised, ready int64
	}{
		{arch.Architecture{Backbone: arch.GPT2, Vocab: 1000, DModel: 64, MaxLen: 64, Layers: layers}, 2*3*64 + 96 + 208, 0},
		{arch.Architecture{Backbone: arch.TransformerXL, Vocab: 1000, DModel: 64, MemLen: 8, Layers: layers}, 2*3*64 + 96 + 208, (8 + 32) * 64},
	} {
		w := trial.Workload{PromptLen: 16, Context: 32, Precision: trial.F32, Threads: 1}
		f32, err := Build(c.a, w)
		if err != nil {
			t.Fatal(err)
		}
		w.Precision = trial.I8
		int8, err := Build(c.a, w)
		if err != nil {
			t.Fatal(err)
		}
		for _, rows := range []int{1, 16} {
			quantised := map[bool]int64{}
			i := 0
			for list, ops := range [][]Op{int8.Ready, int8.Ops} {
				for _, o := range ops {
					got := int8.Work(o, 0, rows)
					if o.Kind == Quantize {
						if o.Layer >= 0 {
							quantised[list == 0] += got.Elements
						}
						if got.MACs != 0 || got.Bytes != 0 {
							t.Errorf("%v: quantising %s is %+v", c.a, o.X.Name, got)
						}
						continue
					}
					plain := append(append([]Op{}, f32.Ready...), f32.Ops...)[i]
					i++
					want := f32.Work(plain, 0, rows)
					if o.W != nil && o.W.Format == I8 {
						n := int64(1) // rows that are read, each with its scale
						if o.Kind == Embed {
							n = int64(rows)
							want.Bytes = n * 64
						} else {
							n = o.W.Scales.Bytes() / 4
							want.Bytes += o.W.Bytes() - plain.W.Bytes()
						}
						want.Bytes += 4 * n
					}
					// The last panel of the vocabulary is shared out among its rows.
					if got.MACs != want.MACs || got.Elements != want.Elements || got.Bytes < want.Bytes || got.Bytes > want.Bytes*101/100 {
						t.Errorf("%v: operation %d on %s is %+v, want %+v", c.a, o.Kind, o.Y.Name, got, want)
					}
				}
			}
			if quantised[false] != int64(rows)*c.quantised || quantised[true] != c.ready {
				t.Errorf("%v: %d values are quantised and %d before, want %d and %d", c.a, quantised[false], quantised[true], int64(rows)*c.quantised, c.ready)
			}
		}
	}
}
