// Package wasmasm is a typed WebAssembly assembler. A generator written with it
// reads like the code it emits:
//
//	m := wasmasm.NewModule()
//	m.Memory(1, 1)
//	f := m.Func("scale") // scale(p, n): p[i] *= 2 for n groups of four floats
//	p, n := f.ParamI32(), f.ParamI32()
//	f.While(n.I32, func() {
//		f.StoreV128(p, 0, p.LoadV128(0).F32x4Mul(wasmasm.SplatF32(2)))
//		p.Set(p.Add(wasmasm.ConstI32(16)))
//		n.Set(n.Sub(wasmasm.ConstI32(1)))
//	})
//	bytes, err := m.Bytes()
//
// An expression ([I32], [F32], [V128]) is the bytecode that leaves one value of
// its type on the stack, so Go's type checker is the type checker of the
// emitted code. Expressions are pure values and may be used any number of times;
// statements are methods of [Func] and are emitted in the order of their calls.
// A variable, and every expression it occurs in, belongs to the function that
// declared it.
//
// Only what the kernels need is here: one memory, i32, f32 and v128, functions
// without results, structured control, atomics on a memory that threads share.
// Instruction encodings follow the WebAssembly core specification 2.0 and the
// threads proposal.
package wasmasm

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Type is a WebAssembly value type.
type Type byte

// The value types that functions may use.
const (
	TypeI32  Type = 0x7f // a 32-bit integer, signed or not as the operation says
	TypeF32  Type = 0x7d // a single-precision float
	TypeV128 Type = 0x7b // a vector of 128 bits
)

// Expr is an expression of any type: an argument of [Func.Call].
type Expr interface {
	expr() (Type, code)
}

// MaxPages is the largest memory in pages of 64 KiB. It is one less than the
// format allows, since 4 GiB does not fit the 32-bit sizes that engines report.
const MaxPages = 65535

// Module is a module under construction. Its methods and those of its functions
// report misuse through [Module.Bytes].
type Module struct {
	funcs            []*Func
	minPages, maxPgs uint32
	shared           bool
	importFrom       [2]string // module and name of a memory that is imported
	err              error
}

// NewModule returns an empty module.
func NewModule() *Module { return new(Module) }

// Memory declares the module's memory in pages of 64 KiB and exports it as
// "memory".
func (m *Module) Memory(minPages, maxPages uint32) {
	if minPages > maxPages || maxPages > MaxPages {
		m.fail(fmt.Errorf("wasmasm: memory of %d to %d pages; at most %d are allowed", minPages, maxPages, MaxPages))
	}
	m.minPages, m.maxPgs = minPages, maxPages
}

// SharedMemory is Memory of exactly so many pages, which threads may share.
func (m *Module) SharedMemory(pages uint32) {
	m.Memory(pages, pages)
	m.shared = true
}

// ImportSharedMemory is SharedMemory, but the memory is another module's: it is
// imported by the name of that module and its own there.
func (m *Module) ImportSharedMemory(module, name string, pages uint32) {
	m.SharedMemory(pages)
	m.importFrom = [2]string{module, name}
}

// fail keeps the first misuse; Bytes reports it.
func (m *Module) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// Func adds a function without results. A name that is not empty is exported.
// Parameters must be declared before anything else, and before any call of the
// function.
func (m *Module) Func(name string) *Func {
	f := &Func{m: m, index: uint32(len(m.funcs)), name: name}
	m.funcs = append(m.funcs, f)
	return f
}

// Bytes encodes the module, or reports the first misuse of the assembler.
func (m *Module) Bytes() ([]byte, error) {
	if m.err != nil {
		return nil, m.err
	}
	var types, decls, exports, code []byte
	typeIndex := map[string]uint32{}
	exported := []string{"memory"}
	exports = append(appendName(exports, "memory"), 0x02, 0x00)
	for _, f := range m.funcs {
		if f.depth != 0 {
			return nil, fmt.Errorf("wasmasm: function %q has an open block", f.name)
		}
		sig := []byte{0x60}
		sig = appendU32(sig, f.nparams)
		for _, t := range f.types[:f.nparams] {
			sig = append(sig, byte(t))
		}
		sig = append(sig, 0)
		ti, ok := typeIndex[string(sig)]
		if !ok {
			ti = uint32(len(typeIndex))
			typeIndex[string(sig)] = ti
			types = append(types, sig...)
		}
		decls = appendU32(decls, ti)
		if f.name != "" {
			for _, e := range exported {
				if e == f.name {
					return nil, fmt.Errorf("wasmasm: export %q is declared twice", f.name)
				}
			}
			exported = append(exported, f.name)
			exports = append(appendName(exports, f.name), 0x00)
			exports = appendU32(exports, f.index)
		}
		body := f.encode()
		code = appendU32(code, uint32(len(body)))
		code = append(code, body...)
	}
	limits := []byte{0x01}
	if m.shared {
		limits[0] = 0x03
	}
	limits = appendU32(appendU32(limits, m.minPages), m.maxPgs)

	out := []byte{0x00, 'a', 's', 'm', 0x01, 0x00, 0x00, 0x00}
	n := uint32(len(m.funcs))
	out = appendSection(out, 1, append(appendU32(nil, uint32(len(typeIndex))), types...))
	if from := m.importFrom; from[0] != "" {
		memory := appendName(appendName([]byte{0x01}, from[0]), from[1])
		out = appendSection(out, 2, append(append(memory, 0x02), limits...))
	}
	out = appendSection(out, 3, append(appendU32(nil, n), decls...))
	if m.importFrom[0] == "" {
		out = appendSection(out, 5, append([]byte{0x01}, limits...))
	}
	out = appendSection(out, 7, append(appendU32(nil, uint32(len(exported))), exports...))
	out = appendSection(out, 10, append(appendU32(nil, n), code...))
	return out, nil
}

// Func is a function under construction.
type Func struct {
	m       *Module
	index   uint32
	name    string
	types   []Type // of parameters, then locals
	nparams uint32
	body    []byte
	depth   int  // open blocks
	called  bool // somewhere, with the parameters it had
}

func (f *Func) encode() []byte {
	var groups uint32
	var locals []byte
	for i := int(f.nparams); i < len(f.types); {
		j := i
		for j < len(f.types) && f.types[j] == f.types[i] {
			j++
		}
		locals = append(appendU32(locals, uint32(j-i)), byte(f.types[i]))
		groups, i = groups+1, j
	}
	out := append(appendU32(nil, groups), locals...)
	out = append(out, f.body...)
	return append(out, 0x0b)
}

func (f *Func) declare(t Type, param bool) variable {
	if param {
		if int(f.nparams) != len(f.types) || len(f.body) > 0 || f.called {
			f.m.fail(fmt.Errorf("wasmasm: function %q declares a parameter after a local, a statement or a call of it", f.name))
		}
		f.nparams++
	}
	f.types = append(f.types, t)
	return variable{f, uint32(len(f.types) - 1)}
}

// variable is a parameter or local.
type variable struct {
	f     *Func
	index uint32
}

//go:noinline
func (v variable) get() code {
	return code{bytes: appendU32([]byte{0x20}, v.index), of: v.f}
}

//go:noinline
func (v variable) set(x code) { v.f.emit(x, appendU32([]byte{0x21}, v.index)...) }

// I32Var is an i32 parameter or local; it is itself the expression of its value.
type I32Var struct {
	I32
	v variable
}

// Set emits the assignment of x.
func (v I32Var) Set(x I32) { v.v.set(x.code) }

// F32Var is an f32 parameter or local; it is itself the expression of its value.
type F32Var struct {
	F32
	v variable
}

// Set emits the assignment of x.
func (v F32Var) Set(x F32) { v.v.set(x.code) }

// V128Var is a v128 local; it is itself the expression of its value.
type V128Var struct {
	V128
	v variable
}

// Set emits the assignment of x.
func (v V128Var) Set(x V128) { v.v.set(x.code) }

// ParamI32 declares the next parameter.
func (f *Func) ParamI32() I32Var {
	v := f.declare(TypeI32, true)
	return I32Var{I32{v.get()}, v}
}

// ParamF32 declares the next parameter.
func (f *Func) ParamF32() F32Var {
	v := f.declare(TypeF32, true)
	return F32Var{F32{v.get()}, v}
}

// LocalI32 declares a local, zero at entry.
func (f *Func) LocalI32() I32Var {
	v := f.declare(TypeI32, false)
	return I32Var{I32{v.get()}, v}
}

// LocalF32 declares a local, zero at entry.
func (f *Func) LocalF32() F32Var {
	v := f.declare(TypeF32, false)
	return F32Var{F32{v.get()}, v}
}

// LocalV128 declares a local, zero at entry.
func (f *Func) LocalV128() V128Var {
	v := f.declare(TypeV128, false)
	return V128Var{V128{v.get()}, v}
}

// emit appends an expression and an opcode.
//
//go:noinline
func (f *Func) emit(x code, op ...byte) {
	if x.mixed || x.of != nil && x.of != f {
		f.m.fail(fmt.Errorf("wasmasm: function %q uses a variable of another function", f.name))
	}
	f.body = append(append(f.body, x.bytes...), op...)
}

// Label is the target of a branch: the start of a loop, from within its body.
type Label struct {
	f     *Func
	depth int
	open  *bool // until the loop ends
}

// Loop emits a loop whose body runs once, and again whenever it branches to its
// label.
func (f *Func) Loop(body func(again Label)) {
	f.emit(code{}, 0x03, 0x40)
	f.depth++
	open := true
	body(Label{f, f.depth, &open})
	open = false
	f.depth--
	f.emit(code{}, 0x0b)
}

// BrIf branches to l when cond is not zero.
func (l Label) BrIf(cond I32) {
	if !*l.open {
		l.f.m.fail(fmt.Errorf("wasmasm: function %q branches to a loop from outside it", l.f.name))
		return
	}
	l.f.emit(cond.code, 0x0d)
	l.f.body = appendU32(l.f.body, uint32(l.f.depth-l.depth))
}

// If runs then when cond is not zero.
func (f *Func) If(cond I32, then func()) { f.IfElse(cond, then, nil) }

// IfElse runs one of two bodies; otherwise may be nil.
func (f *Func) IfElse(cond I32, then, otherwise func()) {
	f.emit(cond.code, 0x04, 0x40)
	f.depth++
	then()
	if otherwise != nil {
		f.emit(code{}, 0x05)
		otherwise()
	}
	f.depth--
	f.emit(code{}, 0x0b)
}

// While repeats body as long as cond, evaluated before each turn, is not zero.
func (f *Func) While(cond I32, body func()) {
	f.If(cond, func() {
		f.Loop(func(again Label) {
			body()
			again.BrIf(cond)
		})
	})
}

// Call emits a call of g, a function of the same module; args are its parameters
// in order.
func (f *Func) Call(g *Func, args ...Expr) {
	if g.m != f.m {
		f.m.fail(fmt.Errorf("wasmasm: function %q calls %q of another module", f.name, g.name))
		return
	}
	g.called = true
	if len(args) != int(g.nparams) {
		f.m.fail(fmt.Errorf("wasmasm: call of %q with %d arguments, want %d", g.name, len(args), g.nparams))
		return
	}
	for i, a := range args {
		t, code := a.expr()
		if t != g.types[i] {
			f.m.fail(fmt.Errorf("wasmasm: call of %q: argument %d has type %#x, want %#x", g.name, i, t, g.types[i]))
			return
		}
		f.emit(code)
	}
	f.body = appendU32(append(f.body, 0x10), g.index)
}

// Drop evaluates x and discards its value: a probe of memory.
func (f *Func) Drop(x Expr) {
	_, code := x.expr()
	f.emit(code, 0x1a)
}

// StoreI32 stores x at p+offset; like every store it writes little-endian bytes at
// any alignment, and traps outside the memory.
func (f *Func) StoreI32(p I32Expr, offset uint32, x I32) {
	f.emit(store(p, 0x36, 2, offset, x.code))
}

// StoreF32 stores x at p+offset.
func (f *Func) StoreF32(p I32Expr, offset uint32, x F32) {
	f.emit(store(p, 0x38, 2, offset, x.code))
}

// StoreV128 stores x at p+offset.
func (f *Func) StoreV128(p I32Expr, offset uint32, x V128) {
	f.emit(store(p, 0xfd, 4, offset, x.code))
}

// MemoryFill sets n bytes at p to the low byte of value; it traps where they do not
// all fit the memory.
func (f *Func) MemoryFill(p, value, n I32) {
	f.emit(p.code)
	f.emit(value.code)
	f.emit(n.code, 0xfc, 0x0b, 0x00)
}

// Unreachable traps.
func (f *Func) Unreachable() { f.emit(code{}, 0x00) }

func store(p I32Expr, op byte, align, offset uint32, x code) code {
	opcode := []byte{op}
	if op == 0xfd {
		opcode = simd(0x0b)
	}
	return join(appendU32(appendU32(opcode, align), offset), p.i32(), x)
}

func appendSection(out []byte, id byte, body []byte) []byte {
	return append(appendU32(append(out, id), uint32(len(body))), body...)
}

func appendName(out []byte, s string) []byte {
	return append(appendU32(out, uint32(len(s))), s...)
}

func appendU32(out []byte, x uint32) []byte { return binary.AppendUvarint(out, uint64(x)) }

func appendS32(out []byte, x int32) []byte {
	for {
		b := byte(x & 0x7f)
		x >>= 7
		if (x == 0 && b&0x40 == 0) || (x == -1 && b&0x40 != 0) {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func appendF32(out []byte, x float32) []byte {
	return binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
}
