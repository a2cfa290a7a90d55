package wasmasm

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// A generator turns bytes into a program, twice: as a module, through the public
// API, and as Go closures that interpret it. Every choice is well-typed and
// within bounds, so whatever the bytes are, module and closures agree.
type generator struct {
	data   []byte // what is left of the program's source; choices are 0 after it
	m      *Module
	shared bool       // the memory is: threads may wait
	funcs  []function // that may be called: those finished
}

// choose takes a number below n from the source.
func (g *generator) choose(n int) int {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return int(b) % n
}

// u32 takes a number from the source: one that is special, or any.
func (g *generator) u32() uint32 {
	if g.choose(2) == 0 {
		return finite[g.choose(len(finite))]
	}
	var x uint32
	for range 4 {
		x = x<<8 | uint32(g.choose(256))
	}
	return x
}

// frame is what a running function sees.
type frame struct {
	mem  []byte
	i32  []uint32
	f32  []uint32
	v128 []cell
	nan  *bool // some arithmetic gave a NaN, whose bits are unspecified
}

// A value is an expression and its interpretation.
type value[E, V any] struct {
	expr E
	eval func(*frame) V
}

type (
	i32Value  = value[I32, uint32]
	f32Value  = value[F32, uint32]
	v128Value = value[V128, cell]
)

// A statement runs and returns the label it branches to, or 0. The number of a
// loop is how deeply it is nested in others, from 1.
type statement func(*frame) (branch int)

// function is a finished function of the program.
type function struct {
	f      *Func
	params []Type
	// run is the function over its arguments, those of each type in order.
	run func(mem []byte, nan *bool, i32, f32 []uint32)
}

// The memory of a program: one word of fuel, which loops use up, then a window
// for loads and stores.
const (
	fuel       = 0
	fuelAtMost = 100
	window     = 64
	windowMask = 0x3ff // of the variable part of an address
	offsetMask = 0x7f
	memoryUsed = window + windowMask + offsetMask + 16
)

// builder is a function under construction.
type builder struct {
	*generator
	f    *Func
	i32  []I32Var
	f32  []F32Var
	v128 []V128Var
	open []Label
}

// function generates one function from source. It ends by storing its variables.
func (g *generator) function(name string, params int, source []byte) {
	g.data = source
	b := &builder{generator: g, f: g.m.Func(name)}
	done := function{f: b.f}
	for range params {
		if g.choose(2) == 0 {
			b.i32 = append(b.i32, b.f.ParamI32())
			done.params = append(done.params, TypeI32)
		} else {
			b.f32 = append(b.f32, b.f.ParamF32())
			done.params = append(done.params, TypeF32)
		}
	}
	for range 2 {
		b.v128 = append(b.v128, b.f.LocalV128())
		b.i32 = append(b.i32, b.f.LocalI32())
		b.f32 = append(b.f32, b.f.LocalF32())
	}
	var body []statement
	for len(g.data) > 0 {
		body = append(body, b.block())
	}
	for i, v := range b.i32 {
		b.f.StoreI32(ConstI32(window), uint32(4*i), v.I32)
	}
	for i, v := range b.f32 {
		b.f.StoreF32(ConstI32(window+32), uint32(4*i), v.F32)
	}
	for i, v := range b.v128 {
		b.f.StoreV128(ConstI32(window+64), uint32(16*i), v.V128)
	}
	ni, nf, nv := len(b.i32), len(b.f32), len(b.v128)
	done.run = func(mem []byte, nan *bool, i32, f32 []uint32) {
		fr := frame{mem, make([]uint32, ni), make([]uint32, nf), make([]cell, nv), nan}
		copy(fr.i32, i32)
		copy(fr.f32, f32)
		for _, s := range body {
			s(&fr)
		}
		for i, x := range fr.i32 {
			putWord(mem, window+4*uint32(i), x)
		}
		for i, x := range fr.f32 {
			putWord(mem, window+32+4*uint32(i), x)
		}
		for i, x := range fr.v128 {
			putCell(mem, window+64+16*uint32(i), x)
		}
	}
	g.funcs = append(g.funcs, done)
}

// block generates statements up to the end that the source gives it.
func (b *builder) block() statement {
	var body []statement
	for len(b.data) > 0 {
		s := b.statement()
		if s == nil {
			break
		}
		body = append(body, s)
	}
	return func(fr *frame) int {
		for _, s := range body {
			if branch := s(fr); branch != 0 {
				return branch
			}
		}
		return 0
	}
}

// statement generates a statement, or nil for the end of a block.
func (b *builder) statement() statement {
	const depth = 3
	switch b.choose(17) {
	default:
		return nil
	case 1:
		i, x := b.choose(len(b.i32)), b.i32Expr(depth)
		b.i32[i].Set(x.expr)
		return func(fr *frame) int { fr.i32[i] = x.eval(fr); return 0 }
	case 2:
		i, x := b.choose(len(b.f32)), b.f32Expr(depth)
		b.f32[i].Set(x.expr)
		return func(fr *frame) int { fr.f32[i] = x.eval(fr); return 0 }
	case 3:
		i, x := b.choose(len(b.v128)), b.v128Expr(depth)
		b.v128[i].Set(x.expr)
		return func(fr *frame) int { fr.v128[i] = x.eval(fr); return 0 }
	case 4:
		p, offset, x := b.address(depth), b.offset(), b.i32Expr(depth)
		b.f.StoreI32(p.expr, offset, x.expr)
		return func(fr *frame) int { putWord(fr.mem, p.eval(fr)+offset, x.eval(fr)); return 0 }
	case 5:
		p, offset, x := b.address(depth), b.offset(), b.f32Expr(depth)
		b.f.StoreF32(p.expr, offset, x.expr)
		return func(fr *frame) int { putWord(fr.mem, p.eval(fr)+offset, x.eval(fr)); return 0 }
	case 6, 7: // twice as likely
		p, offset, x := b.address(depth), b.offset(), b.v128Expr(depth)
		b.f.StoreV128(p.expr, offset, x.expr)
		return func(fr *frame) int { putCell(fr.mem, p.eval(fr)+offset, x.eval(fr)); return 0 }
	case 8:
		p, x, n := b.address(depth), b.i32Expr(depth), uint32(b.choose(offsetMask))
		b.f.MemoryFill(p.expr, x.expr, ConstI32(int32(n)))
		return func(fr *frame) int {
			fill, x := fr.mem[p.eval(fr):][:n], byte(x.eval(fr))
			for i := range fill {
				fill[i] = x
			}
			return 0
		}
	case 9:
		cond := b.i32Expr(depth)
		var then, otherwise statement
		if b.choose(2) == 0 {
			b.f.If(cond.expr, func() { then = b.block() })
		} else {
			b.f.IfElse(cond.expr, func() { then = b.block() }, func() { otherwise = b.block() })
		}
		return func(fr *frame) int {
			if cond.eval(fr) != 0 {
				return then(fr)
			}
			if otherwise != nil {
				return otherwise(fr)
			}
			return 0
		}
	case 10:
		cond := b.fuelled(b.i32Expr(depth))
		var body, burn statement
		b.f.While(cond.expr, func() {
			burn = b.burn()
			// While's own loop has no label, but deepens those outside.
			body = b.block()
		})
		return func(fr *frame) int {
			for cond.eval(fr) != 0 {
				burn(fr)
				if branch := body(fr); branch != 0 {
					return branch
				}
			}
			return 0
		}
	case 11:
		var body statement
		b.f.Loop(func(again Label) {
			b.open = append(b.open, again)
			body = b.block()
			b.open = b.open[:len(b.open)-1]
		})
		self := len(b.open) + 1
		return func(fr *frame) int {
			for {
				if branch := body(fr); branch != self {
					return branch
				}
			}
		}
	case 12:
		if len(b.open) == 0 {
			x := b.v128Expr(depth)
			b.f.Drop(x.expr)
			return func(fr *frame) int { x.eval(fr); return 0 }
		}
		target, cond, burn := b.choose(len(b.open)), b.fuelled(b.i32Expr(depth)), b.burn()
		// Fuel is burnt first, so that even a branch in the last turn sees none left.
		b.open[target].BrIf(cond.expr)
		return func(fr *frame) int {
			burn(fr)
			if cond.eval(fr) != 0 {
				return target + 1
			}
			return 0
		}
	case 13:
		return b.call()
	case 14:
		p, offset, x := b.aligned(depth), b.offset()&^3, b.i32Expr(depth)
		b.f.AtomicStoreI32(p.expr, offset, x.expr)
		return func(fr *frame) int { putWord(fr.mem, p.eval(fr)+offset, x.eval(fr)); return 0 }
	case 15:
		i, p, offset, x := b.choose(len(b.i32)), b.aligned(depth), b.offset()&^3, b.i32Expr(depth)
		b.f.AtomicAddI32(b.i32[i], p.expr, offset, x.expr)
		return func(fr *frame) int {
			at, y := p.eval(fr)+offset, x.eval(fr)
			old := word(fr.mem, at)
			putWord(fr.mem, at, old+y)
			fr.i32[i] = old
			return 0
		}
	case 16: // waits for nothing, wakes nobody
		p, offset := b.aligned(depth), b.offset()&^3
		if b.shared {
			b.f.AtomicWait32(p.expr, offset, p.expr.AtomicLoadI32(offset).Sub(ConstI32(1)))
		}
		b.f.AtomicNotify(p.expr, offset)
		return func(*frame) int { return 0 }
	}
}

// call generates a call of a finished function.
func (b *builder) call() statement {
	if len(b.funcs) == 0 {
		return func(*frame) int { return 0 }
	}
	g := b.funcs[b.choose(len(b.funcs))]
	var args []Expr
	var i32 []i32Value
	var f32 []f32Value
	for _, t := range g.params {
		if t == TypeI32 {
			x := b.i32Expr(2)
			i32, args = append(i32, x), append(args, x.expr)
		} else {
			x := b.f32Expr(2)
			f32, args = append(f32, x), append(args, x.expr)
		}
	}
	b.f.Call(g.f, args...)
	return func(fr *frame) int {
		var is, fs []uint32
		for _, x := range i32 {
			is = append(is, x.eval(fr))
		}
		for _, x := range f32 {
			fs = append(fs, x.eval(fr))
		}
		g.run(fr.mem, fr.nan, is, fs)
		return 0
	}
}

// fuelled is x as long as there is fuel, then 0.
func (b *builder) fuelled(x i32Value) i32Value {
	zero := ConstI32(0)
	return i32Value{
		x.expr.GtU(zero).And(zero.LoadI32(fuel).GtU(zero)),
		func(fr *frame) uint32 { return truth(x.eval(fr) > 0 && word(fr.mem, fuel) > 0) },
	}
}

// burn uses up a unit of fuel, if there is one.
func (b *builder) burn() statement {
	left := ConstI32(0).LoadI32(fuel)
	b.f.StoreI32(ConstI32(0), fuel, left.Sub(left.GtU(ConstI32(0))))
	return func(fr *frame) int {
		left := word(fr.mem, fuel)
		putWord(fr.mem, fuel, left-min(left, 1))
		return 0
	}
}

// address generates an address within the window, at any alignment.
func (b *builder) address(depth int) i32Value {
	x := b.i32Expr(depth)
	return i32Value{
		x.expr.And(ConstI32(windowMask)).Add(ConstI32(window)),
		func(fr *frame) uint32 { return x.eval(fr)&windowMask + window },
	}
}

// aligned is address at a multiple of four.
func (b *builder) aligned(depth int) i32Value {
	x := b.address(depth)
	return i32Value{x.expr.And(ConstI32(^3)), func(fr *frame) uint32 { return x.eval(fr) &^ 3 }}
}

func (b *builder) offset() uint32 { return uint32(b.choose(offsetMask + 1)) }

func (b *builder) i32Expr(depth int) i32Value {
	kind := 2
	if depth > 0 {
		kind = 4 + len(i32Twins)
	}
	switch k := b.choose(kind); k {
	case 0:
		i := b.choose(len(b.i32))
		return i32Value{b.i32[i].I32, func(fr *frame) uint32 { return fr.i32[i] }}
	case 1:
		x := b.u32()
		return i32Value{ConstI32(int32(x)), func(*frame) uint32 { return x }}
	case 2:
		p, offset := b.address(depth-1), b.offset()
		return i32Value{p.expr.LoadI32(offset), func(fr *frame) uint32 { return word(fr.mem, p.eval(fr)+offset) }}
	case 3:
		p, offset := b.aligned(depth-1), b.offset()&^3
		return i32Value{p.expr.AtomicLoadI32(offset), func(fr *frame) uint32 { return word(fr.mem, p.eval(fr)+offset) }}
	default:
		t, x, y := i32Twins[k-4], b.i32Expr(depth-1), b.i32Expr(depth-1)
		return i32Value{t.op(x.expr, y.expr), func(fr *frame) uint32 { return t.want(x.eval(fr), y.eval(fr)) }}
	}
}

func (b *builder) f32Expr(depth int) f32Value {
	kind := 2
	if depth > 0 {
		kind = 5 + len(f32Twins)
	}
	switch k := b.choose(kind); k {
	case 0:
		i := b.choose(len(b.f32))
		return f32Value{b.f32[i].F32, func(fr *frame) uint32 { return fr.f32[i] }}
	case 1:
		x := b.u32()
		return f32Value{ConstF32(math.Float32frombits(x)), func(*frame) uint32 { return x }}
	case 2:
		p, offset := b.address(depth-1), b.offset()
		return f32Value{p.expr.LoadF32(offset), func(fr *frame) uint32 { return word(fr.mem, p.eval(fr)+offset) }}
	case 3:
		lane, x := byte(b.choose(4)), b.v128Expr(depth-1)
		return f32Value{x.expr.F32x4Lane(lane), func(fr *frame) uint32 { return x.eval(fr)[lane] }}
	case 4:
		x := b.i32Expr(depth - 1)
		return f32Value{x.expr.ConvertF32(), func(fr *frame) uint32 { return convert(x.eval(fr), 0) }}
	default:
		t, x, y := f32Twins[k-5], b.f32Expr(depth-1), b.f32Expr(depth-1)
		return f32Value{t.op(x.expr, y.expr), func(fr *frame) uint32 {
			z := t.want(x.eval(fr), y.eval(fr))
			*fr.nan = *fr.nan || isNaN(z)
			return z
		}}
	}
}

func (b *builder) v128Expr(depth int) v128Value {
	const leaves, others = 2, 9
	kind := leaves
	if depth > 0 {
		kind = others + len(f32x4Twins) + len(i32x4Twins)
	}
	switch k := b.choose(kind); k {
	case 0:
		i := b.choose(len(b.v128))
		return v128Value{b.v128[i].V128, func(fr *frame) cell { return fr.v128[i] }}
	case 1:
		c := cell{b.u32(), b.u32(), b.u32(), b.u32()}
		return v128Value{ConstI32x4(int32(c[0]), int32(c[1]), int32(c[2]), int32(c[3])), func(*frame) cell { return c }}
	case 2:
		p, offset := b.address(depth-1), b.offset()
		return v128Value{p.expr.LoadV128(offset), func(fr *frame) cell { return getCell(fr.mem, p.eval(fr)+offset) }}
	case 3:
		x := b.i32Expr(depth - 1)
		return v128Value{x.expr.Splat(), func(fr *frame) cell { return splat(x.eval(fr)) }}
	case 4:
		x := b.f32Expr(depth - 1)
		return v128Value{x.expr.Splat(), func(fr *frame) cell { return splat(x.eval(fr)) }}
	case 5:
		var pick [4]byte
		for i := range pick {
			pick[i] = byte(b.choose(8))
		}
		x, y := b.v128Expr(depth-1), b.v128Expr(depth-1)
		return v128Value{x.expr.Shuffle(y.expr, pick[0], pick[1], pick[2], pick[3]),
			func(fr *frame) cell { return shuffle(x.eval(fr), y.eval(fr), pick) }}
	case 6, 7:
		t, x, n := shiftTwins[k-6], b.v128Expr(depth-1), b.i32Expr(depth-1)
		return v128Value{t.op(x.expr, n.expr), func(fr *frame) cell { return t.want(x.eval(fr), n.eval(fr)) }}
	case 8:
		p, offset := b.address(depth-1), b.offset()
		return v128Value{p.expr.Load8x8(offset), func(fr *frame) cell {
			at := p.eval(fr) + offset
			return extendBytes(word(fr.mem, at), word(fr.mem, at+4))
		}}
	default:
		k -= others
		if k < len(i32x4Twins) {
			t, x, y := i32x4Twins[k], b.v128Expr(depth-1), b.v128Expr(depth-1)
			return v128Value{t.op(x.expr, y.expr), func(fr *frame) cell { return t.want(x.eval(fr), y.eval(fr)) }}
		}
		t, x, y := f32x4Twins[k-len(i32x4Twins)], b.v128Expr(depth-1), b.v128Expr(depth-1)
		return v128Value{t.op(x.expr, y.expr), func(fr *frame) cell {
			z := t.want(x.eval(fr), y.eval(fr))
			for _, lane := range z {
				*fr.nan = *fr.nan || isNaN(lane)
			}
			return z
		}}
	}
}

// generate returns a program of three functions; the last, exported as "main",
// may call the others.
func generate(source []byte) (wasm []byte, main function, err error) {
	g := &generator{m: NewModule(), shared: len(source)%2 == 1}
	if g.shared {
		g.m.SharedMemory(1)
	} else {
		g.m.Memory(1, 1)
	}
	quarter := len(source) / 4
	g.function("", 3, source[:quarter])
	g.function("", 2, source[quarter:2*quarter])
	g.function("main", 0, source[2*quarter:])
	wasm, err = g.m.Bytes()
	return wasm, g.funcs[2], err
}

// initial is the memory that programs start with.
func initial() []byte {
	mem := make([]byte, memoryUsed)
	r := rand.New(rand.NewPCG(9, 1))
	for p := uint32(window); p+4 <= memoryUsed; p += 4 {
		putWord(mem, p, math.Float32bits(float32(r.NormFloat64())))
	}
	putWord(mem, fuel, fuelAtMost)
	return mem
}

// programs are sources long enough for every construct to occur.
func programs(n int) (sources [][]byte) {
	r := rand.New(rand.NewPCG(10, 1))
	for range n {
		source := make([]byte, r.IntN(400))
		for i := range source {
			source[i] = byte(r.Uint32())
		}
		sources = append(sources, source)
	}
	return sources
}

// TestPrograms has wabt judge what FuzzAssembler leaves to wazero, and checks
// that the bits of NaNs spoil few of the comparisons.
func TestPrograms(t *testing.T) {
	const n = 100
	spoilt := 0
	for _, source := range programs(n) {
		wasm, main, err := generate(source)
		if err != nil {
			t.Fatal(err)
		}
		validate(t, wasm, "--enable-threads")
		var nan bool
		main.run(initial(), &nan, nil, nil)
		if nan {
			spoilt++
		}
	}
	if spoilt > n/3 {
		t.Errorf("NaNs in %d of %d programs", spoilt, n)
	}
}

func FuzzAssembler(f *testing.F) {
	for _, source := range programs(100) {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		wasm, main, err := generate(source[:min(len(source), 600)])
		if err != nil {
			t.Fatal(err)
		}
		mc := instantiate(t, wasm)
		copy(mc.mem, initial())
		mc.run("main")
		var nan bool
		want := initial()
		main.run(want, &nan, nil, nil)
		if nan {
			return
		}
		if got := mc.mem[:memoryUsed]; !bytes.Equal(got, want) {
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("byte %d of the memory is %#x, want %#x", i, got[i], want[i])
				}
			}
		}
		if rest := mc.mem[memoryUsed:]; !bytes.Equal(rest, make([]byte, len(rest))) {
			t.Fatal("stores outside the window")
		}
	})
}
