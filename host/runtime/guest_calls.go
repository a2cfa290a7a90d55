package runtime

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/searchcore/graph"
	"litefront/wasm/edge/abi"
)

// guestCalls are the functions that a guest may call; package abi describes
// them. Every argument is checked here.
type guestCalls struct {
	ctx      context.Context
	target   measure.Target
	programs map[int32]guestProgram
	last     int32
	fixed    []string // hashes of the modules that are the same every time
	memory   int64    // bytes that programs may still have
	after    int      // calls since ctx was done
	fault    error    // why the guest was ended
}

// guestProgram is a program of a guest, and what it may have of memory.
type guestProgram struct {
	measure.Program
	memory int64 // bytes
}

// maxCallsAfter is how many calls a guest may make to come to its end: it closes
// what it has prepared.
const maxCallsAfter = 1000

// exports are what a guest may run: what the measuring protocol calls.
var exports = []string{"init", "prefill", "decode", "prefill_loop", "decode_loop", "loop"}

// newGuestCalls lets programs together have the memory that one candidate may
// have, and that of the sentinels beside it.
func newGuestCalls(ctx context.Context, target measure.Target, memoryLimit int64) *guestCalls {
	g := &guestCalls{
		ctx:      ctx,
		target:   target,
		programs: map[int32]guestProgram{},
		memory:   min(memoryLimit, graph.MaxBytes),
	}
	for _, m := range []*kernels.Module{kernels.ComputeSentinel(1), kernels.StreamSentinel(1)} {
		g.fixed = append(g.fixed, m.SHA256)
		g.memory += m.Memory.TotalBytes
	}
	return g
}

// instantiate offers the functions to the guests of rt. They are registered
// without reflection, which would cost ten times as much a call.
func (g *guestCalls) instantiate(ctx context.Context, rt wazero.Runtime) error {
	const i32, i64 = api.ValueTypeI32, api.ValueTypeI64
	builder := rt.NewHostModuleBuilder(abi.Module)
	for _, f := range []struct {
		name   string
		call   func(mod api.Module, stack []uint64)
		params []api.ValueType
		result api.ValueType
	}{
		{"prepare", g.prepare, []api.ValueType{i32, i32, i32}, i32},
		{"run", g.run, []api.ValueType{i32, i32, i32, i32, i32, i32}, i32},
		{"close", g.closeProgram, []api.ValueType{i32}, i32},
		{"now", g.now, nil, i64},
	} {
		call := api.GoModuleFunc(func(_ context.Context, mod api.Module, stack []uint64) { f.call(mod, stack) })
		builder.NewFunctionBuilder().WithGoModuleFunction(call, f.params, []api.ValueType{f.result}).Export(f.name)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

// close frees what the guest left.
func (g *guestCalls) close() {
	for _, p := range g.programs {
		_ = p.Close() // nobody is left to tell
	}
}

func (g *guestCalls) prepare(mod api.Module, stack []uint64) {
	address, length := api.DecodeU32(stack[0]), api.DecodeU32(stack[1])
	stack[0] = g.answer(mod, api.DecodeU32(stack[2]), func(*abi.Result) (int32, error) {
		switch {
		case length > abi.MaxModule:
			return 0, fmt.Errorf("the module has %d bytes, more than the limit of %d", length, abi.MaxModule)
		case len(g.programs) >= abi.MaxPrograms:
			return 0, fmt.Errorf("%d programs are prepared already, which is the limit", len(g.programs))
		}
		code, ok := readGuest(mod, address, length)
		if !ok {
			return 0, errors.New("the module is not in the guest's memory")
		}
		memory, err := declaredMemory(code)
		switch {
		case err != nil:
			return 0, fmt.Errorf("the module: %w", err)
		case memory > g.memory:
			return 0, fmt.Errorf("the module may have %d bytes of memory, more than the %d that are left", memory, g.memory)
		}
		sum := sha256.Sum256(code)
		m := &kernels.Module{Bytes: bytes.Clone(code), SHA256: hex.EncodeToString(sum[:])}
		m.Fixed = slices.Contains(g.fixed, m.SHA256)
		p, err := g.target.Prepare(m)
		if err != nil {
			return 0, err
		}
		g.last++
		g.programs[g.last] = guestProgram{p, memory}
		g.memory -= memory
		return g.last, nil
	})
}

func (g *guestCalls) run(mod api.Module, stack []uint64) {
	handle, name, length := api.DecodeI32(stack[0]), api.DecodeU32(stack[1]), api.DecodeU32(stack[2])
	call := measure.Call{Arg: api.DecodeU32(stack[3]), Reps: api.DecodeU32(stack[4])}
	stack[0] = g.answer(mod, api.DecodeU32(stack[5]), func(r *abi.Result) (int32, error) {
		p, ok := g.programs[handle]
		if !ok {
			return 0, fmt.Errorf("no program %d is prepared", handle)
		}
		export, ok := readGuest(mod, name, length)
		if !ok {
			return 0, errors.New("the export's name is not in the guest's memory")
		}
		i := slices.IndexFunc(exports, func(known string) bool { return known == string(export) })
		if i < 0 {
			return 0, fmt.Errorf("the export must be one of %v", exports)
		}
		call.Export = exports[i]
		var err error
		if r.ElapsedNs, err = p.Run(call); err != nil {
			return 0, err
		}
		f, err := p.Footprint()
		r.LinearBytes, r.RSSBytes, r.SubmitNs = f.LinearBytes, f.RSSBytes, f.SubmitNs
		return abi.OK, err
	})
}

func (g *guestCalls) closeProgram(_ api.Module, stack []uint64) {
	g.count()
	handle := api.DecodeI32(stack[0])
	p, ok := g.programs[handle]
	delete(g.programs, handle)
	g.memory += p.memory
	if !ok || p.Close() != nil {
		stack[0] = api.EncodeI32(abi.Failed)
		return
	}
	stack[0] = api.EncodeI32(abi.OK)
}

func (g *guestCalls) now(_ api.Module, stack []uint64) {
	g.count()
	stack[0] = api.EncodeI64(g.target.Now())
}

// answer makes a call whose result lies at address, and returns what the guest
// gets: what call returns, or the status of its error.
func (g *guestCalls) answer(mod api.Module, address uint32, call func(*abi.Result) (int32, error)) uint64 {
	if g.count() {
		return api.EncodeI32(abi.Interrupted)
	}
	var r abi.Result
	place, ok := readGuest(mod, address, uint32(binary.Size(&r)))
	if !ok {
		return api.EncodeI32(abi.Failed) // with no place to say why
	}
	status, err := call(&r)
	if err != nil {
		status = statusOf(err)
		r.SetError(err.Error())
	}
	if _, err := binary.Encode(place, binary.LittleEndian, &r); err != nil {
		status = abi.Failed
	}
	return api.EncodeI32(status)
}

func statusOf(err error) int32 {
	switch {
	case errors.Is(err, measure.ErrDevice):
		return abi.NoDevice
	case errors.Is(err, measure.ErrLost):
		return abi.Lost
	}
	return abi.Failed
}

// readGuest is a part of the guest's memory; writing to it writes there. It is
// not ok if the guest has no such part.
func readGuest(mod api.Module, address, length uint32) (part []byte, ok bool) {
	memory := mod.ExportedMemory("memory") // every wasip1 guest exports it; others have none
	if memory == nil {
		return nil, false
	}
	return memory.Read(address, length)
}

// count reports whether the search is to end, and ends a guest that goes on
// for too long after that.
func (g *guestCalls) count() (interrupted bool) {
	if g.ctx.Err() == nil {
		return false
	}
	if g.after++; g.after > maxCallsAfter {
		g.fault = fmt.Errorf("guest: it made %d calls after it was told to end", maxCallsAfter)
		panic(sys.NewExitError(1)) // wazero makes it the end of the guest, and nothing else
	}
	return true
}
