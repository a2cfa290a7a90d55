package wasmasm

import (
	"bytes"
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// assembleShared instantiates the module of emit, which imports a page of memory,
// n times over the same one.
func assembleShared(t *testing.T, n int, emit func(m *Module)) []*machine {
	t.Helper()
	provider, m := NewModule(), NewModule()
	provider.SharedMemory(1)
	m.ImportSharedMemory("env", "memory", 1)
	emit(m)
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2|experimental.CoreFeaturesThreads))
	t.Cleanup(func() { r.Close(ctx) })
	instantiate := func(m *Module, name string) api.Module {
		wasm, err := m.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		validate(t, wasm, "--enable-threads")
		mod, err := r.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithName(name))
		if err != nil {
			t.Fatal(err)
		}
		return mod
	}
	instantiate(provider, "env")
	machines := make([]*machine, n)
	for i := range machines {
		mod := instantiate(m, "")
		mem, _ := mod.Memory().Read(0, mod.Memory().Size())
		machines[i] = &machine{t, mod, mem}
	}
	return machines
}

// TestSharedMemory compares the sections of a module that imports its memory, and
// of one that defines it, with the binary format.
func TestSharedMemory(t *testing.T) {
	m := NewModule()
	m.ImportSharedMemory("env", "mem", 200)
	got, err := m.Bytes()
	want := []byte{
		0, 'a', 's', 'm', 1, 0, 0, 0,
		1, 1, 0, // types
		2, 15, 1, 3, 'e', 'n', 'v', 3, 'm', 'e', 'm', 2, 3, 0xc8, 1, 0xc8, 1, // imports
		3, 1, 0, // functions
		7, 10, 1, 6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0, // exports
		10, 1, 0, // code
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("imported: got\n% x, %v\nwant\n% x", got, err, want)
	}
	m = NewModule()
	m.SharedMemory(3)
	got, err = m.Bytes()
	if want := []byte{5, 4, 1, 3, 3, 3}; err != nil || !bytes.Contains(got, want) {
		t.Errorf("defined: % x, %v lacks % x", got, err, want)
	}
}

// TestAtomics runs each operation alone, next to what it is defined to do.
func TestAtomics(t *testing.T) {
	mc := assembleShared(t, 1, func(m *Module) {
		f := m.Func("load") // mem[0] = mem[8+p]
		p := f.ParamI32()
		f.StoreI32(ConstI32(0), 0, p.AtomicLoadI32(8))
		f = m.Func("store") // mem[12+p] = x
		p, x := f.ParamI32(), f.ParamI32()
		f.AtomicStoreI32(p, 12, x.I32)
		f = m.Func("add") // mem[0] = mem[16+p]; mem[16+p] += x
		p, x = f.ParamI32(), f.ParamI32()
		old := f.LocalI32()
		f.AtomicAddI32(old, p, 16, x.I32)
		f.StoreI32(ConstI32(0), 0, old.I32)
		f = m.Func("pass") // waits for nothing, wakes nobody
		p = f.ParamI32()
		f.AtomicWait32(p, 20, p.AtomicLoadI32(20).Add(ConstI32(1)))
		f.AtomicNotify(p, 20)
		m.Func("trap").Unreachable()
	})[0]
	for _, x := range []uint32{0, 1, 1 << 31, 0xffffffff} {
		putWord(mc.mem, 100+8, x)
		if mc.run("load", 100); word(mc.mem, 0) != x {
			t.Errorf("load of %#x gives %#x", x, word(mc.mem, 0))
		}
		if mc.run("store", 100, x); word(mc.mem, 112) != x {
			t.Errorf("store of %#x left %#x", x, word(mc.mem, 112))
		}
		for _, y := range []uint32{1, 0xffffffff} {
			putWord(mc.mem, 116, x)
			if mc.run("add", 100, y); word(mc.mem, 0) != x || word(mc.mem, 116) != x+y {
				t.Errorf("%#x + %#x gives %#x, and was %#x", x, y, word(mc.mem, 116), word(mc.mem, 0))
			}
		}
		putWord(mc.mem, 120, x)
		mc.run("pass", 100)
	}
	for _, call := range []string{"load", "store", "add", "pass"} {
		args := []uint32{102, 0}[:len(mc.mod.ExportedFunction(call).Definition().ParamTypes())]
		if mc.try(call, args...) == nil {
			t.Errorf("%s at an address that is no multiple of four: no trap", call)
		}
		args[0] = 1 << 16
		if mc.try(call, args...) == nil {
			t.Errorf("%s outside the memory: no trap", call)
		}
	}
	if mc.try("trap") == nil {
		t.Error("unreachable: no trap")
	}
}

// TestAtomicAddOfThreads has two threads count together: no addition is lost.
func TestAtomicAddOfThreads(t *testing.T) {
	mcs := assembleShared(t, 2, func(m *Module) {
		f := m.Func("count")
		n, old := f.ParamI32(), f.LocalI32()
		f.While(n.I32, func() {
			f.AtomicAddI32(old, ConstI32(64), 0, ConstI32(3))
			n.Set(n.Sub(ConstI32(1)))
		})
	})
	const n = 200_000
	errs := make(chan error)
	for _, mc := range mcs {
		go func() { errs <- mc.try("count", n) }()
	}
	for range mcs {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if got := word(mcs[0].mem, 64); got != 2*3*n {
		t.Errorf("two threads counted to %d, want %d", got, 2*3*n)
	}
}

// TestWaitAndNotify has two threads hand a turn to and fro, each asleep while it
// is the other's: what both log is one alternating sequence.
func TestWaitAndNotify(t *testing.T) {
	const turn, length, events = 64, 128, 192
	const turns = 500
	mcs := assembleShared(t, 2, func(m *Module) {
		f := m.Func("play")
		me, left, old, p := f.ParamI32(), f.LocalI32(), f.LocalI32(), ConstI32(0)
		left.Set(ConstI32(turns))
		f.While(left.I32, func() {
			f.While(p.AtomicLoadI32(turn).Eq(me.I32).Eq(ConstI32(0)), func() {
				f.AtomicWait32(p, turn, ConstI32(1).Sub(me.I32))
			})
			f.AtomicAddI32(old, p, length, ConstI32(1))
			f.StoreI32(old.Shl(ConstI32(2)), events, me.I32)
			f.AtomicStoreI32(p, turn, ConstI32(1).Sub(me.I32))
			f.AtomicNotify(p, turn)
			left.Set(left.Sub(ConstI32(1)))
		})
	})
	errs := make(chan error)
	for i, mc := range mcs {
		go func() { errs <- mc.try("play", uint32(i)) }()
	}
	for range mcs {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint32(2 * turns) {
		if got := word(mcs[0].mem, events+4*i); got != i%2 {
			t.Fatalf("turn %d was taken by thread %d", i, got)
		}
	}
}
