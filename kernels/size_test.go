package kernels_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// heterogeneous are models of 16 layers that differ, one in the width and with the
// choices of each preset space.
func heterogeneous(t testing.TB) map[string]*graph.Graph {
	t.Helper()
	models := map[string]*graph.Graph{}
	r := rand.New(rand.NewPCG(16, 16))
	for _, name := range space.Presets() {
		sp, err := space.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		a, err := sp.Sample(r)
		if err != nil {
			t.Fatal(err)
		}
		a.Layers = nil
		for i := range 16 {
			a.Layers = append(a.Layers, arch.Layer{Heads: sp.NHead[i%len(sp.NHead)], DInner: sp.DInner[r.IntN(len(sp.DInner))]})
		}
		g, err := graph.Build(a, trial.DefaultWorkload())
		if err != nil {
			t.Fatal(err)
		}
		models[name] = g
	}
	return models
}

// TestModuleSize bounds modules of large models.
func TestModuleSize(t *testing.T) {
	for name, g := range heterogeneous(t) {
		for _, f := range []kernels.Features{{}, {RelaxedSIMD: true}, native} {
			m, err := kernels.Compile(g, f)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d bytes", name, len(m.Bytes))
			if len(m.Bytes) > 50_000 {
				t.Errorf("%s, %v: the module takes %d bytes", name, g.Arch, len(m.Bytes))
			}
		}
	}
}

// BenchmarkCompile takes models of 16 layers from the graph to machine code. The
// medians are of all runs: emit-ms makes the module, wazero-ms compiles it.
func BenchmarkCompile(b *testing.B) {
	ctx := context.Background()
	for name, g := range heterogeneous(b) {
		b.Run(name, func(b *testing.B) {
			var emit, compile []float64
			for b.Loop() {
				start := time.Now()
				m, err := kernels.Compile(g, native)
				if err != nil {
					b.Fatal(err)
				}
				emitted := time.Now()
				// A runtime of its own, lest it remember the module.
				r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
				if _, err := r.CompileModule(ctx, m.Bytes); err != nil {
					b.Fatal(err)
				}
				emit = append(emit, emitted.Sub(start).Seconds()*1e3)
				compile = append(compile, time.Since(emitted).Seconds()*1e3)
				if err := r.Close(ctx); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(median(emit), "emit-ms")
			b.ReportMetric(median(compile), "wazero-ms")
		})
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
