// Package teamtest has a module for tests of what runs modules of several threads.
package teamtest

import (
	"litefront/kernels"
	"litefront/kernels/wasmasm"
)

// Module returns a module for two threads over one page of shared memory, which traps
// unless its calls are made as those of emitted modules (kernels.Module): threads have met
// before each, rest after the export loop(arg, reps), and do not after once(arg). The calls
// are once, loop, after(arg).
func Module() ([]byte, error) {
	const met, rested, stopped = 64, 128, 192
	zero, one := wasmasm.ConstI32(0), wasmasm.ConstI32(1)
	m := wasmasm.NewModule()
	m.ImportSharedMemory(kernels.MemoryModule, "memory", 1)
	work := m.Func("work")
	work.ParamI32()
	work.AtomicWait32(zero, stopped, zero)
	for _, f := range []struct {
		name string
		at   uint32
	}{{"meet", met}, {"rest", rested}, {"stop", stopped}} {
		f, at := m.Func(f.name), f.at
		f.AtomicStoreI32(zero, at, one)
		f.AtomicNotify(zero, at)
	}
	for _, f := range []struct {
		name   string
		params int
		atRest bool // before it
	}{{"once", 1, false}, {"loop", 2, false}, {"after", 1, true}} {
		call := m.Func(f.name)
		for range f.params {
			call.ParamI32()
		}
		call.If(zero.LoadI32(met).Eq(zero), call.Unreachable)
		call.StoreI32(zero, met, zero) // for the next one
		rests := zero
		if f.atRest {
			rests = one
		}
		call.If(zero.LoadI32(rested).Eq(one.Sub(rests)), call.Unreachable)
	}
	return m.Bytes()
}
