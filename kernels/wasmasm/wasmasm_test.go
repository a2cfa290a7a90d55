package wasmasm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// machine is a module that runs in wazero.
type machine struct {
	t   testing.TB
	mod api.Module
	mem []byte // one page
}

// assemble has two validators that share nothing judge the module of emit, which
// has one page of memory, and instantiates it.
func assemble(t testing.TB, emit func(m *Module)) *machine {
	t.Helper()
	m := NewModule()
	m.Memory(1, 1)
	emit(m)
	wasm, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	validate(t, wasm)
	return instantiate(t, wasm)
}

// validate has wabt's validator judge a module.
func validate(t testing.TB, wasm []byte, flags ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "module.wasm")
	if err := os.WriteFile(file, wasm, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("wasm-validate", append(flags, file)...).CombinedOutput(); err != nil {
		t.Fatalf("wasm-validate (Debian's wabt, installed by make test): %v\n%s", err, out)
	}
}

func instantiate(t testing.TB, wasm []byte) *machine {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2|experimental.CoreFeaturesThreads))
	t.Cleanup(func() { r.Close(ctx) })
	mod, err := r.Instantiate(ctx, wasm)
	if err != nil {
		t.Fatal(err)
	}
	mem, _ := mod.Memory().Read(0, mod.Memory().Size()) // a view, not a copy
	return &machine{t, mod, mem}
}

func (m *machine) run(name string, args ...uint32) {
	m.t.Helper()
	if err := m.try(name, args...); err != nil {
		m.t.Fatalf("%s%v: %v", name, args, err)
	}
}

func (m *machine) try(name string, args ...uint32) error {
	wide := make([]uint64, len(args))
	for i, a := range args {
		wide[i] = uint64(a)
	}
	_, err := m.mod.ExportedFunction(name).Call(context.Background(), wide...)
	return err
}

// TestEncoding compares a module with one assembled by hand from the
// specification's binary format.
func TestEncoding(t *testing.T) {
	m := NewModule()
	m.Memory(1, 200)
	f := m.Func("f")
	n, x, v := f.ParamI32(), f.ParamF32(), f.LocalV128()
	f.LocalV128()
	v.Set(x.Splat())
	f.While(n.I32, func() {
		f.StoreV128(n, 300, v.V128)
		n.Set(n.Sub(ConstI32(1)))
	})
	got, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{
		0, 'a', 's', 'm', 1, 0, 0, 0,
		1, 6, 1, 0x60, 2, 0x7f, 0x7d, 0, // types: (i32, f32) -> ()
		3, 2, 1, 0, // functions
		5, 5, 1, 1, 1, 0xc8, 1, // memory
		7, 14, 2, 6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0, 1, 'f', 0, 0, // exports
		10, 40, 1, 38, 1, 2, 0x7b, // code: one group of two v128
		0x20, 1, 0xfd, 0x13, 0x21, 2,
		0x20, 0, 0x04, 0x40, 0x03, 0x40,
		0x20, 0, 0x20, 2, 0xfd, 0x0b, 4, 0xac, 2,
		0x20, 0, 0x41, 1, 0x6b, 0x21, 0,
		0x20, 0, 0x0d, 0,
		0x0b, 0x0b, 0x0b,
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n% x\nwant\n% x", got, want)
	}
	again, err := m.Bytes()
	if err != nil || !bytes.Equal(got, again) {
		t.Errorf("a second call of Bytes gives (% x, %v)", again, err)
	}
}

// TestMemory checks the limits that the module declares.
func TestMemory(t *testing.T) {
	for _, pages := range [][2]uint32{{0, 0}, {0, 1}, {1, 1}, {3, 200}, {2, MaxPages}} {
		m := NewModule()
		m.Memory(pages[0], pages[1])
		wasm, err := m.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		validate(t, wasm)
		mem := instantiate(t, wasm).mod.Memory()
		if got := mem.Size(); got != pages[0]<<16 {
			t.Errorf("memory of %v pages has %d bytes", pages, got)
		}
		if _, ok := mem.Grow(pages[1] - pages[0] + 1); ok {
			t.Errorf("memory of %v pages grows beyond", pages)
		}
	}
}

func TestMisuse(t *testing.T) {
	call := func(m *Module, args ...Expr) {
		g := m.Func("g")
		g.ParamI32()
		g.ParamF32()
		m.Func("f").Call(g, args...)
	}
	for _, test := range []struct {
		name, want string
		emit       func(m *Module)
	}{
		{"parameter after local", `"f" declares a parameter`, func(m *Module) {
			f := m.Func("f")
			f.LocalI32()
			f.ParamI32()
		}},
		{"parameter after statement", `"f" declares a parameter`, func(m *Module) {
			f := m.Func("f")
			f.Drop(ConstI32(0))
			f.ParamF32()
		}},
		{"parameter after call", `"f" declares a parameter`, func(m *Module) {
			f := m.Func("f")
			m.Func("").Call(f)
			f.ParamI32()
		}},
		{"too few arguments", `"g" with 1 arguments, want 2`, func(m *Module) { call(m, ConstI32(0)) }},
		{"too many arguments", `"g" with 3 arguments, want 2`, func(m *Module) {
			call(m, ConstI32(0), ConstF32(0), ConstI32(0))
		}},
		{"wrong argument", `"g": argument 1`, func(m *Module) { call(m, ConstI32(0), ConstI32(0)) }},
		{"vector argument", `"g": argument 0`, func(m *Module) { call(m, SplatF32(0), ConstF32(0)) }},
		{"function of another module", `calls "g" of another module`, func(m *Module) {
			m.Func("f").Call(NewModule().Func("g"))
		}},
		{"same export twice", `"f" is declared twice`, func(m *Module) {
			m.Func("f")
			m.Func("f")
		}},
		{"export of the memory's name", `"memory" is declared twice`, func(m *Module) { m.Func("memory") }},
		{"memory too large", "memory of 1 to 65536 pages", func(m *Module) { m.Memory(1, 65536) }},
		{"shared memory too large", "memory of 65536 to 65536 pages", func(m *Module) { m.SharedMemory(65536) }},
		{"memory shrinks", "memory of 2 to 1 pages", func(m *Module) { m.Memory(2, 1) }},
		{"branch to a closed loop", `"f" branches to a loop from outside`, func(m *Module) {
			f := m.Func("f")
			var closed Label
			f.Loop(func(again Label) { closed = again })
			f.Loop(func(Label) { closed.BrIf(ConstI32(0)) })
		}},
		{"variable of another function", `"f" uses a variable of another`, func(m *Module) {
			x := m.Func("g").LocalI32()
			f := m.Func("f")
			f.StoreI32(ConstI32(0), 0, x.Add(ConstI32(1)))
		}},
		{"variables of two functions", `"f" uses a variable of another`, func(m *Module) {
			x := m.Func("g").LocalI32()
			f := m.Func("f")
			y := f.LocalI32()
			y.Set(x.Add(y.I32))
		}},
		{"the first misuse is told", "memory of 2 to 1 pages", func(m *Module) {
			m.Memory(2, 1)
			call(m)
			m.Memory(1, 1)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := NewModule()
			m.Memory(1, 1)
			test.emit(m)
			wasm, err := m.Bytes()
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, test.want)
			}
			if wasm != nil {
				t.Error("bytes in spite of an error")
			}
		})
	}
}

func TestOpenBlock(t *testing.T) {
	m := NewModule()
	f := m.Func("f")
	f.If(ConstI32(1), func() {
		if _, err := m.Bytes(); err == nil || !strings.Contains(err.Error(), `"f" has an open block`) {
			t.Errorf("inside a block: error %v", err)
		}
	})
	if _, err := m.Bytes(); err != nil {
		t.Errorf("after the block: %v", err)
	}
}

// TestManyFunctions has indices, counts and sizes that need two bytes.
func TestManyFunctions(t *testing.T) {
	const n = 300
	mc := assemble(t, func(m *Module) {
		var last *Func
		for i := range n {
			f := m.Func(fmt.Sprintf("f%d", i))
			var locals [n]I32Var
			for j := range locals {
				locals[j] = f.LocalI32()
			}
			f.LocalF32()
			if last != nil {
				f.Call(last)
			}
			locals[n-1].Set(ConstI32(int32(i)))
			f.StoreI32(ConstI32(0), uint32(4*i), locals[n-1].I32)
			last = f
		}
	})
	mc.run(fmt.Sprintf("f%d", n-1))
	for i := range n {
		if got := word(mc.mem, uint32(4*i)); got != uint32(i) {
			t.Errorf("function %d stored %d", i, got)
		}
	}
}
