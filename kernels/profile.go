package kernels

import (
	"fmt"
	"slices"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// CompileProfile emits a module that tells where time goes. It has what the module
// of [Compile] has, and two exports for the i-th of groups, which are those of
// g.Groups or others of g's operations, named by [ProfileExports]:
//
//	op<i>_prefill_loop(n, reps)    the group's operations for n rows at position 0, reps times
//	op<i>_decode_loop(pos, reps)   the same for one row at pos
//
// A run takes all operations of a group, one after the other. Repeated, it would
// find its weights in a cache that in the model others have filled meanwhile. So
// every matrix, and every layer's keys and values, is read where the reading before
// ended: runs walk through as much of the model's own weights as a decoding step
// reads, in the order of addresses, as the step does. Every group then finds in
// the caches what the model would.
//
// Activations share addresses, so an operation alone would find there what others
// left, or even its own results, which would grow without end when it is
// repeated. Therefore every activation that is only read is replaced by normalised
// numbers that init makes, behind the planned memory; they are as warm in the cache
// as what the operation before would have left. What is updated in place stays
// finite: residuals and shifts add the same at each run, the rest is bounded.
//
// What a profiled operation computes means nothing; prefill computes it anew.
func CompileProfile(g *graph.Graph, groups []graph.Group, f Features) (*Module, error) {
	if g.Workload.Threads != 1 {
		return nil, fmt.Errorf("profile: threads %d; an operation is profiled on 1", g.Workload.Threads)
	}
	g, p := withProfile(g)
	e, err := emit(g, f)
	if err != nil {
		return nil, err
	}
	for i, group := range groups {
		run := p.run(e, group)
		prefill, decode := e.m.Func(""), e.m.Func("")
		n, pos := prefill.ParamI32(), decode.ParamI32()
		prefill.Call(run, i32(0), n)
		decode.Call(run, pos, i32(1))
		prefillLoop, decodeLoop := ProfileExports(i)
		loop(e.m, prefillLoop, prefill)
		loop(e.m, decodeLoop, decode)
	}
	return finish(e.m, g.Memory)
}

// ProfileExports names the loop exports of the i-th group.
func ProfileExports(i int) (prefill, decode string) {
	return fmt.Sprintf("op%d_prefill_loop", i), fmt.Sprintf("op%d_decode_loop", i)
}

// profile is what a profile has beside the model.
type profile struct {
	inputs *graph.Tensor // what operations read in place of activations
	cursor int64         // address of the cursor: how far into the walk the next reading begins
	start  int64         // the walk's first address
	length int64         // and its length in bytes
}

const profileInputs = "profile.inputs"

// withProfile is g with what a profile needs, in pages of its own.
func withProfile(g *graph.Graph) (*graph.Graph, profile) {
	const cursorBytes = 64
	p := profile{start: g.Memory.TotalBytes}
	var end, input, largest, step int64
	for _, t := range g.Tensors {
		if t.Kind == graph.Weight || t.Kind == graph.Derived || t.Kind == graph.Cache {
			p.start, end = min(p.start, t.Offset), max(end, t.Offset+t.Bytes())
		}
	}
	for _, o := range g.Ops {
		for _, t := range []*graph.Tensor{o.X, o.RelQueries} {
			if t != nil {
				input = max(input, t.Bytes())
			}
		}
		for _, t := range streamed(g, o) {
			largest = max(largest, t.Bytes())
		}
		step += g.Work(o, g.Workload.DecodePos(), 1).Bytes
	}
	p.length = max(min(step, end-p.start), largest)

	with := *g
	extra := (input + cursorBytes + graph.PageBytes - 1) / graph.PageBytes * graph.PageBytes
	p.cursor = g.Memory.TotalBytes + extra - cursorBytes
	// As a tensor of weights, init fills it.
	p.inputs = &graph.Tensor{Name: profileInputs, Kind: graph.Weight, Offset: g.Memory.TotalBytes,
		Rows: graph.Dense(1), Cols: graph.Dense(int((extra - cursorBytes) / 4))}
	with.Tensors = append(slices.Clip(g.Tensors), p.inputs)
	with.Memory.TotalBytes += extra
	return &with, p
}

// run emits run(pos, m): the group's operations.
func (p profile) run(e *emitter, group graph.Group) *wasmasm.Func {
	f := e.m.Func("")
	pos, m := f.ParamI32(), f.ParamI32()
	cursor := f.LocalI32()
	var places []wasmasm.I32Var
	cursor.Set(i32(int(p.cursor)).LoadI32(0))
	for _, o := range group.Ops {
		e.elsewhere = map[*graph.Tensor]wasmasm.I32{}
		for i, t := range streamed(e.g, o) {
			if i == len(places) {
				places = append(places, f.LocalI32())
			}
			f.If(cursor.GtU(i32(int(p.length-t.Bytes()))), func() { cursor.Set(i32(0)) })
			places[i].Set(cursor.Add(i32(int(p.start))))
			cursor.Set(cursor.Add(i32(int(t.Bytes()+63) &^ 63)))
			e.elsewhere[t] = places[i].I32
		}
		e.op(f, p.reading(o), part{pos: pos.I32, m: m.I32})
	}
	e.elsewhere = nil
	f.StoreI32(i32(int(p.cursor)), 0, cursor.I32)
	return f
}

// streamed lists what o reads so much of that it matters where it is. Integers read
// as floats would be any floats, denormals too, so that in an int8 module the cache
// stays where it is.
func streamed(g *graph.Graph, o graph.Op) (ts []*graph.Tensor) {
	if o.Kind == graph.Linear || o.Kind == graph.Unproject {
		ts = append(ts, o.W)
	}
	if g.Workload.Precision != trial.F32 {
		return ts
	}
	for _, t := range []*graph.Tensor{o.Keys, o.Values, o.RelKeys} {
		if t != nil {
			ts = append(ts, t)
		}
	}
	return ts
}

// reading is o with inputs in place of the activations that it only reads.
func (p profile) reading(o graph.Op) graph.Op {
	replace := func(t *graph.Tensor) *graph.Tensor {
		if t == nil || t == o.Y || t.Kind != graph.Activation {
			return t
		}
		moved := *t
		moved.Offset = p.inputs.Offset
		if t.Scales != nil {
			scales := *t.Scales
			scales.Offset = p.inputs.Offset
			moved.Scales = &scales
		}
		return &moved
	}
	o.X, o.RelQueries = replace(o.X), replace(o.RelQueries)
	return o
}
