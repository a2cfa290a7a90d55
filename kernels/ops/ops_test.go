package ops

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"litefront/kernels/wasmasm"
)

// machine runs emitted functions in wazero.
type machine struct {
	t   testing.TB
	mod api.Module
	mem api.Memory
	top uint32 // next free byte
}

// newMachine compiles what emit adds to a library; functions to call must be
// exported by name through export.
func newMachine(t testing.TB, pages uint32, emit func(m *wasmasm.Module, l *Lib)) *machine {
	t.Helper()
	return newMachineFor(t, Features{}, pages, emit)
}

// widths runs test for both widths of panels of floats.
func widths(t *testing.T, test func(t *testing.T, f Features)) {
	for _, f := range []Features{{}, {WidePanels: true}} {
		t.Run(fmt.Sprint(f.Panel()), func(t *testing.T) { test(t, f) })
	}
}

func newMachineFor(t testing.TB, f Features, pages uint32, emit func(m *wasmasm.Module, l *Lib)) *machine {
	t.Helper()
	m := wasmasm.NewModule()
	m.Memory(pages, pages)
	emit(m, New(m, f))
	bytes, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { r.Close(ctx) })
	mod, err := r.Instantiate(ctx, bytes)
	if err != nil {
		t.Fatal(err)
	}
	return &machine{t: t, mod: mod, mem: mod.Memory(), top: 64}
}

// export adds an exported function that forwards its parameters, all i32, to f.
func export(m *wasmasm.Module, name string, f *wasmasm.Func, params int) {
	e := m.Func(name)
	args := make([]wasmasm.Expr, params)
	for i := range args {
		args[i] = e.ParamI32()
	}
	e.Call(f, args...)
}

// put stores v and returns its address.
func (m *machine) put(v []float32) uint32 {
	p := m.top
	for i, x := range v {
		if !m.mem.WriteFloat32Le(p+4*uint32(i), x) {
			m.t.Fatal("test memory too small")
		}
	}
	m.top = (p + 4*uint32(len(v)) + 63) / 64 * 64
	return p
}

func (m *machine) get(p uint32, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i], _ = m.mem.ReadFloat32Le(p + 4*uint32(i))
	}
	return v
}

func (m *machine) call(name string, args ...uint64) {
	m.t.Helper()
	if _, err := m.mod.ExportedFunction(name).Call(context.Background(), args...); err != nil {
		m.t.Fatalf("%s: %v", name, err)
	}
}

func random(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// near fails unless got is within tol of want, relative to want's largest value.
func near(t testing.TB, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	scale := 1e-30
	for _, x := range want {
		scale = max(scale, math.Abs(x))
	}
	for i, x := range want {
		if d := math.Abs(float64(got[i]) - x); !(d <= tol*scale) {
			t.Fatalf("%s[%d] = %g, want %g (scale %g)", what, i, got[i], x, scale)
		}
	}
}
