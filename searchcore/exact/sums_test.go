package exact

import (
	"math/rand/v2"
	"slices"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

var workloads = []trial.Workload{
	trial.DefaultWorkload(),
	{PromptLen: 1, Context: 1, Precision: trial.F32, Threads: 1},
	{PromptLen: 16, Context: 1024, Precision: trial.F32, Threads: 1},
	{PromptLen: 512, Context: 1024, Precision: trial.F32, Threads: 1},
}

// sumsOf takes the frame of a apart, as if a's layers were all that it has.
func sumsOf(t *testing.T, sp space.Space, w trial.Workload, a arch.Architecture) (*sums, []int) {
	t.Helper()
	sp.DModel, sp.DivVal, sp.DInner, sp.NHead = space.Choices{a.DModel}, space.Choices{a.DivVal}, nil, nil
	sp.MinDecoderParams, sp.MaxDecoderParams = 0, 0
	for _, l := range a.Layers {
		sp.DInner, sp.NHead = append(sp.DInner, l.DInner), append(sp.NHead, l.Heads)
	}
	for _, c := range []*space.Choices{&sp.DInner, &sp.NHead} {
		slices.Sort(*c)
		*c = slices.Compact(*c)
	}
	frames, err := sp.Frames()
	if err != nil {
		t.Fatal(err)
	}
	s, err := (&Problem{Space: sp, Workload: w}).sums(frames[0])
	if err != nil {
		t.Fatal(err)
	}
	var layers []int
	for _, l := range a.Layers {
		layers = append(layers, slices.Index(frames[0].Layers, l))
	}
	return s, layers
}

// TestMemoryIsThePlans compares with the plan, byte by byte, for the preset spaces and
// several workloads.
func TestMemoryIsThePlans(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, name := range space.Presets() {
		sp, err := space.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range workloads {
			for range 25 {
				a, err := sp.Sample(r)
				if err != nil {
					t.Fatal(err)
				}
				g, err := graph.Build(a, w)
				if err != nil {
					t.Fatal(err)
				}
				s, layers := sumsOf(t, sp, w, a)
				if got := s.memory(layers); got != g.Memory || !s.arena.exact {
					t.Errorf("%v, %+v: %+v adds up; the plan is %+v", a, w, got, g.Memory)
				}
			}
		}
	}
}

// TestMemoryWithUnlikeHeads bounds the estimate where the plan pads heads unlike: at
// least the plan, all but the arena exact, and the arena at most half as large again.
func TestMemoryWithUnlikeHeads(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	estimates := 0
	for range 150 {
		a := arch.Architecture{Backbone: arch.TransformerXL, Vocab: 1 + r.IntN(2000), DModel: 10 + r.IntN(300), DivVal: 1, MemLen: r.IntN(30)}
		for range 1 + r.IntN(5) {
			a.Layers = append(a.Layers, arch.Layer{Heads: 1 + r.IntN(7), DInner: 1 + r.IntN(500)})
		}
		sp := space.Space{Name: "unlike", Backbone: a.Backbone, Vocab: a.Vocab, MemLen: a.MemLen, NLayer: space.Choices{len(a.Layers)}}
		w := workloads[r.IntN(len(workloads))]
		g, err := graph.Build(a, w)
		if err != nil {
			t.Fatal(err)
		}
		s, layers := sumsOf(t, sp, w, a)
		got := s.memory(layers)
		arena, plan := got.ArenaBytes, g.Memory.ArenaBytes
		if arena < plan || arena > plan*3/2 || s.arena.exact && arena != plan {
			t.Errorf("%v, %+v: an arena of %d bytes; the plan has %d", a, w, arena, plan)
		}
		if arena != plan {
			estimates++
		}
		got.ArenaBytes, got.TotalBytes = plan, g.Memory.TotalBytes
		if got != g.Memory {
			t.Errorf("%v, %+v: %+v; the plan is %+v", a, w, got, g.Memory)
		}
	}
	if estimates == 0 {
		t.Error("every arena was exact: nothing was tested")
	}
}
