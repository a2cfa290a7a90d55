package wgsl

import (
	"fmt"
	"math"
	"slices"

	"litefront/kernels"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Compile emits the program of g for an adapter. It fails, with one line that names the
// limit, if the adapter is too small for it; nothing is allocated by then.
//
// Shaders are specialised by constants for what decides their code: tiles, how many
// invocations share a result, what is fused. Offsets and lengths are parameters of
// dispatches, so that layers and candidates share pipelines, which take long to compile.
// Weights that init(seed) makes are
// those of the WebAssembly module but for how the adapter rounds them.
func Compile(g *graph.Graph, a kernels.GPU) (*kernels.Module, error) {
	p, err := compile(g, a)
	if err != nil {
		return nil, err
	}
	return p.module()
}

// CompileProfile emits a program that has beside what Compile's has a list
// "op<i>_prefill" and one "op<i>_decode" for the i-th of groups. A group's operations
// are repeated as they are, so what they read is as warm as their own last run left it.
func CompileProfile(g *graph.Graph, groups []graph.Group, a kernels.GPU) (*kernels.Module, error) {
	e, err := emit(g, a)
	if err != nil {
		return nil, err
	}
	for i, group := range groups {
		prefill, decode := fmt.Sprintf("op%d_prefill", i), fmt.Sprintf("op%d_decode", i)
		e.walk(prefill, group.Ops, false)
		e.walk(decode, group.Ops, true)
	}
	p, err := e.finish()
	if err != nil {
		return nil, err
	}
	return p.module()
}

func compile(g *graph.Graph, a kernels.GPU) (*Program, error) {
	e, err := emit(g, a)
	if err != nil {
		return nil, err
	}
	return e.finish()
}

// What a workgroup of the largest shader has: the least that WebGPU allows adapters.
const (
	mostInvocations = 256
	mostStorage     = 16 << 10
)

func emit(g *graph.Graph, a kernels.GPU) (*emitter, error) {
	switch {
	case !slices.Contains(trial.GPUPrecisions(), g.Workload.Precision):
		return nil, fmt.Errorf("workload: precision %q must be one of %q on a GPU", g.Workload.Precision, trial.GPUPrecisions())
	case g.Workload.Threads != 1:
		return nil, fmt.Errorf("workload: threads %d must be 1 on a GPU", g.Workload.Threads)
	}
	for _, l := range []struct {
		name         string
		limit, needs uint32
		of           string
	}{
		{"maxComputeInvocationsPerWorkgroup", a.MaxComputeInvocationsPerWorkgroup, mostInvocations, "invocations"},
		{"maxComputeWorkgroupStorageSize", a.MaxComputeWorkgroupStorageSize, mostStorage, "bytes"},
	} {
		if l.limit < l.needs {
			return nil, &LimitError{l.name, int64(l.limit), fmt.Sprintf("%d %s", l.needs, l.of)}
		}
	}
	e := &emitter{g: g, adapter: a, pipelines: map[Pipeline]int{}, places: map[*graph.Tensor]place{}}
	e.p = &Program{V: Version, Lists: map[string][]Dispatch{}}
	if err := e.place(); err != nil {
		return nil, err
	}
	e.init()
	for i, o := range g.Ready {
		e.list = "ready"
		e.op(o, false)
		if i == 0 {
			e.p.ReadyRows = uint32(o.Y.Rows.Len)
		}
	}
	e.walk("prefill", g.Ops, false)
	e.walk("decode", g.Ops, true)
	return e, nil
}

// LimitError says that an adapter is too small for a program.
type LimitError struct {
	Name   string // of the limit, as WebGPU calls it
	Limit  int64  // its value
	Needed string // what exceeds it
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the adapter's %s is %d, and the model needs %s", e.Name, e.Limit, e.Needed)
}

// finish checks what depends on the dispatches.
func (e *emitter) finish() (*Program, error) {
	limit := e.adapter.MaxComputeWorkgroupsPerDimension
	for _, list := range e.p.Lists {
		for _, d := range list {
			x, y, z := d.Groups(uint32(max(e.g.Workload.PromptLen, int(e.p.ReadyRows))))
			if most := max(x, y, z); most > limit {
				return nil, &LimitError{"maxComputeWorkgroupsPerDimension", int64(limit), fmt.Sprintf("%d workgroups", most)}
			}
		}
	}
	return e.p, nil
}

// emitter walks the graph.
type emitter struct {
	g         *graph.Graph
	adapter   kernels.GPU
	p         *Program
	pipelines map[Pipeline]int
	places    map[*graph.Tensor]place
	list      string // that dispatches are added to
}

// place is where a tensor lies: in which buffer, and how many floats from its start.
type place struct {
	buffer int // of weights: index of the buffer of matrices, or len(Matrices) for the vectors
	offset uint32
}

// matrix reports whether t lies with the matrices: what products and embeddings read.
func matrix(t *graph.Tensor) bool { return t.Packed || t.Format == graph.F16 }

// place gives every tensor its buffer and offset. Matrices go into as few buffers as
// the adapter's limits allow, one after the other; caches and activations keep the
// places that the graph's plan gave them.
func (e *emitter) place() error {
	limit := min(e.adapter.MaxStorageBufferBindingSize, e.adapter.MaxBufferSize)
	name := "maxStorageBufferBindingSize"
	if limit < e.adapter.MaxStorageBufferBindingSize {
		name = "maxBufferSize"
	}
	fit := func(what string, bytes int64) error {
		if bytes > limit {
			return &LimitError{name, limit, fmt.Sprintf("%s of %d bytes", what, bytes)}
		}
		return nil
	}
	var buffers []int64
	var vectors int64
	first, last := int64(math.MaxInt64), int64(0)
	for _, t := range e.g.Tensors {
		switch {
		case t.Kind == graph.Weight && matrix(t):
			bytes := int64(t.Rows.Size()) * int64(t.Stride()) * int64(t.Format.Bytes())
			if err := fit(t.Name, bytes); err != nil {
				return err
			}
			if n := len(buffers); n == 0 || buffers[n-1]+bytes > limit {
				buffers = append(buffers, 0)
			}
			n := len(buffers) - 1
			e.places[t] = place{n, uint32(buffers[n] / int64(t.Format.Bytes()))}
			buffers[n] += alignUp(bytes)
		case t.Kind == graph.Weight:
			e.places[t] = place{-1, uint32(vectors / 4)}
			vectors += alignUp(t.Bytes())
		case t.Kind == graph.Derived, t.Kind == graph.Cache, t.Kind == graph.Activation:
			first, last = min(first, t.Offset), max(last, t.Offset+t.Bytes())
		}
	}
	for i := range buffers { // the last one may have been aligned beyond the limit
		buffers[i] = min(buffers[i], limit/16*16)
	}
	for _, t := range e.g.Tensors {
		switch p, placed := e.places[t]; {
		case placed && p.buffer < 0:
			e.places[t] = place{len(buffers), p.offset}
		case t.Kind == graph.Derived, t.Kind == graph.Cache, t.Kind == graph.Activation:
			e.places[t] = place{0, uint32((t.Offset - first) / 4)}
		}
	}
	e.p.Matrices, e.p.Vectors, e.p.State = buffers, max(vectors, 64), alignUp(last-first)
	e.p.Tokens = alignUp(int64(e.g.Tokens.Cols.Len) * 4)
	logits := e.at(e.g.Logits)
	e.p.Logits, e.p.LogitsBytes = int64(logits)*4, int64(e.g.Logits.Cols.Len)*4
	for _, b := range []struct {
		what  string
		bytes int64
	}{{"biases and positions", e.p.Vectors}, {"caches and activations", e.p.State}, {"tokens", e.p.Tokens}} {
		if err := fit(b.what, b.bytes); err != nil {
			return err
		}
	}
	return nil
}

func alignUp(n int64) int64 { return (n + 63) / 64 * 64 }

// at is the offset of t in its buffer, in floats; of nothing it is 0.
func (e *emitter) at(t *graph.Tensor) uint32 {
	switch {
	case t == nil:
		return 0
	case t.Base != nil:
		return e.places[t.Base].offset + uint32(t.Start)
	}
	return e.places[t].offset
}

// walk adds what ops dispatch in a run: with one, of a single row.
func (e *emitter) walk(list string, ops []graph.Op, one bool) {
	e.list = list
	for len(ops) > 0 {
		ops = ops[e.step(ops, one):]
	}
}

// step adds the first of ops, and returns how many it took. Products of one input that
// follow on one another, with transpositions between them, are one dispatch where
// nothing is overwritten too soon.
func (e *emitter) step(ops []graph.Op, one bool) int {
	products, between := []graph.Op{ops[0]}, []graph.Op(nil)
	taken := 1
	if ops[0].Kind == graph.Linear && !ops[0].LastRow {
		for _, o := range ops[1:] {
			if o.Kind == graph.Transpose {
				between = append(between, o)
				continue
			}
			if len(products) == 3 || !e.together(ops[0], o) || slices.ContainsFunc(between, func(t graph.Op) bool { return e.overlap(t.X, o.Y) }) {
				break
			}
			products = append(products, o)
			taken = len(products) + len(between)
		}
		between = between[:taken-len(products)]
	}
	if len(products) == 1 {
		e.op(ops[0], one)
		return 1
	}
	e.linear(products, one)
	for _, o := range between {
		e.op(o, one)
	}
	return taken
}

// together reports whether a and b are products of one input that a dispatch can make.
func (e *emitter) together(a, b graph.Op) bool {
	return b.Kind == graph.Linear && a.Layer == b.Layer && a.X == b.X && !b.LastRow && a.Residual == b.Residual && a.GELU == b.GELU && a.ReLU == b.ReLU &&
		(a.B == nil) == (b.B == nil) && a.W.Rows.Size() == b.W.Rows.Size() && e.places[a.W].buffer == e.places[b.W].buffer
}

// overlap reports whether two activations share memory.
func (e *emitter) overlap(a, b *graph.Tensor) bool {
	return a.Kind == graph.Activation && b.Kind == graph.Activation && a.Offset < b.Offset+b.Bytes() && b.Offset < a.Offset+a.Bytes()
}

// params are those of a dispatch, as the shaders' Op.
type params struct {
	at                [3][4]uint32
	x, last, n, extra uint32
}

func (p params) words() []uint32 {
	return append(slices.Concat(p.at[0][:], p.at[1][:], p.at[2][:]), p.x, p.last, p.n, p.extra)
}

// add adds a dispatch.
func (e *emitter) add(pipeline Pipeline, words []uint32, d Dispatch) {
	i, known := e.pipelines[pipeline]
	if !known {
		i = len(e.p.Pipelines)
		e.pipelines[pipeline] = i
		e.p.Pipelines = append(e.p.Pipelines, pipeline)
	}
	d.Pipeline, d.Params = i, len(e.p.Params)/paramWords
	e.p.Params = append(e.p.Params, words...)
	e.p.Lists[e.list] = append(e.p.Lists[e.list], d)
}

// init adds what fills the weights.
func (e *emitter) init() {
	e.list = "init"
	for _, t := range e.g.Tensors {
		if t.Kind != graph.Weight {
			continue
		}
		at := e.places[t]
		scale, offset := kernels.Distribution(e.g, t)
		n := t.Rows.Size() * t.Stride() / 4
		words := []uint32{
			at.offset, uint32(t.Stride()), kernels.TensorSeed(t), uint32(n),
			uint32(t.Rows.Group), uint32(t.Rows.Stride), uint32(t.Cols.Group), uint32(t.Cols.Stride),
			math.Float32bits(scale * 0x1p-31), math.Float32bits(offset), 0, 0,
			0, 0, 0, 0,
		}
		const wide = 1 << 14 // workgroups in the first dimension
		groups := (n + 63) / 64
		e.add(fill(t.Format), words, Dispatch{Matrix: at.buffer, X: uint32(min(groups, wide)), Y: uint32((groups + wide - 1) / wide), Z: 1})
	}
}
