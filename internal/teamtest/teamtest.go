// Package teamtest has a module for tests of what runs modules of several threads.
package teamtest

import (
	"litefront/kernels"
	"litefront/kernels/wasmasm"
)

// Module returns a module for two threads over one page of shared memory, which traps
// unless its calls are made as those of emitted modules (kernels.Module): before the
// export loop(arg, reps) threads have met, and rested after it; and have not met for
// once(arg). Last comes after(arg).
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
	once := m.Func("once")
	once.ParamI32()
	once.If(zero.LoadI32(met), once.Unreachable)
	loop := m.Func("loop")
	loop.ParamI32()
	loop.ParamI32()
	loop.If(zero.LoadI32(met).Eq(zero), loop.Unreachable)
	loop.If(zero.LoadI32(rested), loop.Unreachable)
	after := m.Func("after")
	after.ParamI32()
	after.If(zero.LoadI32(rested).Eq(zero), after.Unreachable)
	return m.Bytes()
}
