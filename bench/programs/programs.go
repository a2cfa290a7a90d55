// Package programs holds the modules that benchmarks run, in whatever engine.
package programs

import (
	"fmt"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Program is a module, the loop export to time, and how many floating-point
// operations one run of it does, and how many bytes it reads, where these count.
// Operations on integers count as those on floats do that they replace.
type Program struct {
	Name   string
	Module *kernels.Module
	Export string
	Arg    uint32
	FLOPs  float64
	Bytes  float64
}

// Shape is a product of an M×K and a K×N matrix.
type Shape struct{ M, K, N int }

func (s Shape) String() string { return fmt.Sprintf("%d×%d×%d", s.M, s.K, s.N) }

// FLOPs is what the product takes.
func (s Shape) FLOPs() float64 { return 2 * float64(s.M) * float64(s.K) * float64(s.N) }

// Shapes are twelve products of a Transformer's layers.
func Shapes() (shapes []Shape) {
	for _, m := range []int{16, 128, 512} {
		for _, kn := range [][2]int{{512, 512}, {512, 2048}, {2048, 512}, {768, 3072}} {
			shapes = append(shapes, Shape{m, kn[0], kn[1]})
		}
	}
	return shapes
}

// Peak is the compute sentinel: 128-bit arithmetic in registers.
func Peak() Program {
	return Program{Name: "128-bit peak", Module: kernels.ComputeSentinel(1), Export: "loop", FLOPs: kernels.ComputeSentinelFLOPs}
}

// Reference is the model that engines are compared on: 6 layers, d_model 512,
// d_inner 2048, 8 heads; its vocabulary is so small that the head does not count.
func Reference() arch.Architecture {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 8, DModel: 512, MaxLen: 256}
	for range 6 {
		a.Layers = append(a.Layers, arch.Layer{Heads: 8, DInner: 2048})
	}
	return a
}

// Model is prefill and decoding of Reference at 128 tokens.
func Model(f kernels.Features) (prefill, decode Program, err error) {
	a := Reference()
	return Of(a, Workload(a, 128), f)
}

// Workload is a prompt of so many tokens for a, and room for as many after it,
// where it has the positions; in f32 on one thread.
func Workload(a arch.Architecture, tokens int) trial.Workload {
	return trial.Workload{PromptLen: tokens, Context: min(2*tokens, a.MaxLen), Precision: trial.F32, Threads: 1}
}

// Of is prefill of w's prompt by a, and decoding of the token after it, by one
// module.
func Of(a arch.Architecture, w trial.Workload, f kernels.Features) (prefill, decode Program, err error) {
	g, err := graph.Build(a, w)
	if err != nil {
		return prefill, decode, err
	}
	m, err := kernels.Compile(g, f)
	if err != nil {
		return prefill, decode, err
	}
	n, flops := uint32(w.PromptLen), layerFLOPs(a)
	return Program{Name: fmt.Sprintf("prefill of %d tokens", n), Module: m, Export: "prefill_loop", Arg: n, FLOPs: float64(n) * flops},
		Program{Name: "decoding of one token", Module: m, Export: "decode_loop", Arg: n, FLOPs: flops}, nil
}

// Linears is the products with the matrices of all layers in that decoding, and
// what makes integers of their inputs. It reads the matrices as the whole step does,
// after as much else.
func Linears(a arch.Architecture, w trial.Workload, f kernels.Features) (Program, error) {
	g, err := graph.Build(a, w)
	if err != nil {
		return Program{}, err
	}
	linears := graph.Group{Name: "linears of one token"}
	for _, o := range g.Ops {
		if o.Layer >= 0 && (o.Kind == graph.Linear || o.Kind == graph.Quantize) {
			linears.Ops = append(linears.Ops, o)
		}
	}
	m, err := kernels.CompileProfile(g, []graph.Group{linears}, f)
	_, decode := kernels.ProfileExports(0)
	return Program{Name: linears.Name, Module: m, Export: decode, Arg: uint32(w.PromptLen), FLOPs: layerFLOPs(a)}, err
}

// layerFLOPs is what the matrices of all layers take for one token.
func layerFLOPs(a arch.Architecture) (flops float64) {
	for _, l := range a.Layers {
		flops += 2 * float64(4*a.DModel*a.DModel+2*a.DModel*l.DInner)
	}
	return flops
}
