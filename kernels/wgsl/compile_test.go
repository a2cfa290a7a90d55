package wgsl_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"litefront/internal/archtest"
	"litefront/kernels"
	"litefront/kernels/wgsl"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// adapter has WebGPU's default limits.
var adapter = kernels.GPU{
	MaxBufferSize: 256 << 20, MaxStorageBufferBindingSize: 128 << 20, MaxComputeWorkgroupStorageSize: 16 << 10,
	MaxComputeInvocationsPerWorkgroup: 256, MaxComputeWorkgroupsPerDimension: 65535,
}

func build(t testing.TB, a arch.Architecture, p trial.Precision) *graph.Graph {
	t.Helper()
	return buildFor(t, a, p, 33)
}

func buildFor(t testing.TB, a arch.Architecture, p trial.Precision, prompt int) *graph.Graph {
	t.Helper()
	g, err := graph.Build(a, trial.Workload{PromptLen: prompt, Context: prompt + 7, Precision: p, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func compile(t testing.TB, g *graph.Graph, a kernels.GPU) (*kernels.Module, *wgsl.Program) {
	t.Helper()
	m, err := wgsl.Compile(g, a)
	if err != nil {
		t.Fatal(err)
	}
	p, err := wgsl.Decode(m.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

func draw(r *rand.Rand, i int) arch.Architecture {
	if i%2 == 1 {
		return archtest.TransformerXL(r)
	}
	a := archtest.GPT2(r, 40)
	if i%4 == 0 {
		archtest.Cluster(r, &a)
	}
	return a
}

// The buffers hold what the graph has: matrices without the filling of panels, half of
// them in f16, and caches and activations as the graph's plan places them.
func TestMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(52, 52))
	for i := range 60 {
		a := draw(r, i)
		for _, p := range trial.GPUPrecisions() {
			g := build(t, a, p)
			m, program := compile(t, g, adapter)
			var matrices, rest int64
			for _, t := range g.Tensors {
				bytes := int64(t.Rows.Size()) * int64(t.Cols.Size()) * 4
				switch {
				case t.Kind != graph.Weight:
				case t.Rows.Len > 1 && t.Name != "wpe" || strings.HasPrefix(t.Name, "wte") || strings.HasSuffix(t.Name, ".weight") && !strings.Contains(t.Name, "ln_"):
					matrices += bytes
				default:
					rest += bytes
				}
			}
			if p == trial.F16 {
				matrices /= 2
			}
			n := int64(len(g.Tensors)) * 64 // what alignment may add
			if got := program.Matrices[0]; len(program.Matrices) != 1 || got < matrices || got > matrices+n {
				t.Errorf("%v %s: matrices take %v bytes; needed are %d", a, p, program.Matrices, matrices)
			}
			if got := program.Vectors; got < rest || got > rest+n {
				t.Errorf("%v %s: vectors take %d bytes; needed are %d", a, p, got, rest)
			}
			if want := g.Memory.DerivedBytes + g.Memory.KVBytes + g.Memory.ArenaBytes; program.State > want || program.State < want-64 {
				t.Errorf("%v %s: the state takes %d bytes, and its plan says %d", a, p, program.State, want)
			}
			if m.Memory.TotalBytes != m.Memory.WeightBytes+m.Memory.ArenaBytes+m.Memory.IOBytes {
				t.Errorf("%v: memory %+v does not add up", a, m.Memory)
			}
		}
	}
}

// Subgroups are asked for where the adapter has them, and never more of their invocations
// than there are, or than share a result.
func TestSubgroups(t *testing.T) {
	g := build(t, arch.Architecture{Backbone: arch.GPT2, Vocab: 100, DModel: 64, MaxLen: 40, Layers: []arch.Layer{{Heads: 4, DInner: 96}}}, trial.F32)
	sharing := regexp.MustCompile(`const (LANES|R) = (\d+)u;`)
	gathers := regexp.MustCompile(`const GATHER = (\d+)u;`)
	for _, subgroup := range []uint32{0, 1, 2, 3, 4, 32, 64, 128, math.MaxUint32} {
		a := adapter
		a.Subgroup = subgroup
		_, p := compile(t, g, a)
		most := 0
		for _, pipeline := range p.Pipelines {
			m := gathers.FindStringSubmatch(pipeline.Source)
			n := 1
			if m != nil {
				n, _ = strconv.Atoi(m[1])
			}
			for _, of := range sharing.FindAllStringSubmatch(pipeline.Source, -1) {
				if lanes, _ := strconv.Atoi(of[2]); of[1] == "LANES" && n > lanes || of[1] == "R" && n > 128/lanes {
					t.Errorf("subgroups of %d: %d gather what %s shares", subgroup, n, of[0])
				}
			}
			if most = max(most, n); strings.HasPrefix(pipeline.Source, "enable subgroups;") != (n > 1) || strings.Count(pipeline.Source, "subgroup") > 0 != (n > 1) {
				t.Errorf("subgroups of %d: %d gather by\n%s", subgroup, n, pipeline.Source)
			}
		}
		if want := map[uint32]int{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 32: 32, 64: 64, 128: 64, math.MaxUint32: 64}[subgroup]; most != want {
			t.Errorf("subgroups of %d: %d gather", subgroup, most)
		}
	}
}

// A deep model has no more pipelines than a flat one of the same shapes.
func TestLayersSharePipelines(t *testing.T) {
	of := func(layers int) int {
		_, p := compile(t, build(t, arch.Architecture{Backbone: arch.GPT2, Vocab: 100, DModel: 64, MaxLen: 40,
			Layers: slices.Repeat([]arch.Layer{{Heads: 4, DInner: 96}}, layers)}, trial.F32), adapter)
		return len(p.Pipelines)
	}
	if one, many := of(1), of(12); one != many {
		t.Errorf("%d pipelines for one layer, %d for twelve", one, many)
	}
}

// Products of one input share a dispatch, unless that would overwrite what is still to
// be read.
func TestProductsShareDispatches(t *testing.T) {
	g := build(t, arch.Architecture{Backbone: arch.GPT2, Vocab: 100, DModel: 64, MaxLen: 40, Layers: []arch.Layer{{Heads: 4, DInner: 96}}}, trial.F32)
	_, p := compile(t, g, adapter)
	if got := len(p.Lists["decode"]); got >= len(g.Ops) {
		t.Errorf("%d dispatches for %d operations", got, len(g.Ops))
	}
}

// What an adapter is too small for is refused by the limit's name and value.
func TestLimits(t *testing.T) {
	g := build(t, arch.Architecture{Backbone: arch.GPT2, Vocab: 1000, DModel: 64, MaxLen: 40, Layers: []arch.Layer{{Heads: 4, DInner: 96}}}, trial.F32)
	for _, c := range []struct {
		name   string
		change func(*kernels.GPU)
		want   string
	}{
		{"maxStorageBufferBindingSize", func(a *kernels.GPU) { a.MaxStorageBufferBindingSize = 250_000 },
			"the adapter's maxStorageBufferBindingSize is 250000, and the model needs wte of 256000 bytes"},
		{"maxBufferSize", func(a *kernels.GPU) { a.MaxBufferSize = 5000 },
			"the adapter's maxBufferSize is 5000, and the model needs wte of 256000 bytes"},
		{"maxComputeWorkgroupsPerDimension", func(a *kernels.GPU) { a.MaxComputeWorkgroupsPerDimension = 20 },
			"the adapter's maxComputeWorkgroupsPerDimension is 20, and the model needs "},
		{"maxComputeInvocationsPerWorkgroup", func(a *kernels.GPU) { a.MaxComputeInvocationsPerWorkgroup = 128 },
			"the adapter's maxComputeInvocationsPerWorkgroup is 128, and the model needs 256 invocations"},
		{"maxComputeWorkgroupStorageSize", func(a *kernels.GPU) { a.MaxComputeWorkgroupStorageSize = 8 << 10 },
			"the adapter's maxComputeWorkgroupStorageSize is 8192, and the model needs 16384 bytes"},
	} {
		small := adapter
		c.change(&small)
		_, err := wgsl.Compile(g, small)
		var limit *wgsl.LimitError
		if !errors.As(err, &limit) || limit.Name != c.name || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: error %v; want %q", c.name, err, c.want)
		}
	}
	split := adapter
	split.MaxStorageBufferBindingSize = 256_000
	_, p := compile(t, g, split)
	if len(p.Matrices) < 2 || slices.Max(p.Matrices) > 256_000 {
		t.Errorf("matrices of %v bytes; want several buffers of at most 256000", p.Matrices)
	}
}

// Limits come from devices, too, which may say anything: it is a program or an error.
func TestAnyLimits(t *testing.T) {
	g := build(t, arch.Architecture{Backbone: arch.GPT2, Vocab: 100, DModel: 16, MaxLen: 40, Layers: []arch.Layer{{Heads: 2, DInner: 24}}}, trial.F16)
	r := rand.New(rand.NewPCG(57, 57))
	some := func() int64 {
		return []int64{0, -1, 1, 15, 16, 1 << 10, 1 << 20, 1 << 40, math.MinInt64, math.MaxInt64}[r.IntN(10)]
	}
	programs := 0
	for range 2000 {
		a := kernels.GPU{
			MaxBufferSize: some(), MaxStorageBufferBindingSize: some(), MaxComputeWorkgroupStorageSize: uint32(some()),
			MaxComputeInvocationsPerWorkgroup: uint32(some()), MaxComputeWorkgroupsPerDimension: uint32(some()), Subgroup: uint32(some()), Software: r.IntN(2) == 0,
		}
		if _, err := wgsl.Compile(g, a); err == nil {
			programs++
		} else if strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("%+v: %q", a, err)
		}
	}
	if programs == 0 || programs == 2000 {
		t.Errorf("%d of 2000 are programs", programs)
	}
}

func TestWorkloadIsChecked(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 10, DModel: 8, MaxLen: 40, Layers: []arch.Layer{{Heads: 1, DInner: 8}}}
	for _, c := range []struct {
		w    trial.Workload
		want string
	}{
		{trial.Workload{PromptLen: 8, Context: 8, Precision: trial.I8, Threads: 1}, `workload: precision "int8" must be one of ["f32" "f16"] on a GPU`},
		{trial.Workload{PromptLen: 8, Context: 8, Precision: trial.F32, Threads: 2}, "workload: threads 2 must be 1 on a GPU"},
	} {
		g, err := graph.Build(a, c.w)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wgsl.Compile(g, adapter); err == nil || err.Error() != c.want {
			t.Errorf("error %v; want %q", err, c.want)
		}
	}
	g, err := graph.Build(a, trial.Workload{PromptLen: 8, Context: 8, Precision: trial.F16, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kernels.Compile(g, kernels.Features{}); err == nil || !strings.Contains(err.Error(), `precision "f16" is for GPUs`) {
		t.Errorf("WebAssembly in f16: error %v", err)
	}
}

// The same graph gives the same program, by which measurements name what ran.
func TestProgramsAreReproducible(t *testing.T) {
	a := draw(rand.New(rand.NewPCG(53, 53)), 1)
	first, _ := compile(t, build(t, a, trial.F32), adapter)
	second, _ := compile(t, build(t, a, trial.F32), adapter)
	if first.SHA256 != second.SHA256 {
		t.Error("two programs of one graph differ")
	}
}

// FuzzDecode feeds what is no program: whatever is accepted points nowhere outside, and
// is the same when it is written and read again.
func FuzzDecode(f *testing.F) {
	for _, make := range []func(kernels.GPU) (*kernels.Module, error){wgsl.ComputeSentinel, wgsl.StreamSentinel, wgsl.CopyProgram} {
		m, err := make(adapter)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.Bytes)
	}
	f.Add([]byte(`{"v":1,"matrices":[16],"vectors":16,"state":16,"tokens":16,"logits":12,"logits_bytes":4,"pipelines":[{"source":""}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := wgsl.Decode(text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
			return
		}
		for _, list := range p.Lists {
			for _, d := range list {
				if d.Pipeline >= len(p.Pipelines) || d.Matrix > len(p.Matrices) || int64(d.Params)*wgsl.ParamStride >= p.ParamsBytes() {
					t.Errorf("dispatch %+v points outside", d)
				}
			}
		}
		if p.Logits+p.LogitsBytes > p.State || p.Memory().TotalBytes <= 0 || len(p.ParamsBuffer())*4 != int(p.ParamsBytes()) {
			t.Errorf("accepted %+v", p)
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wgsl.Decode(again); err != nil {
			t.Errorf("written again: %v", err)
		}
	})
}
