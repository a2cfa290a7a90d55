package wasmasm

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// cell is sixteen bytes of memory: a vector, or a scalar in its first lane.
type cell [4]uint32

func word(mem []byte, p uint32) uint32 { return binary.LittleEndian.Uint32(mem[p:]) }

func putWord(mem []byte, p, x uint32) { binary.LittleEndian.PutUint32(mem[p:], x) }

func getCell(mem []byte, p uint32) (c cell) {
	for i := range c {
		c[i] = word(mem, p+4*uint32(i))
	}
	return c
}

func putCell(mem []byte, p uint32, c cell) {
	for i, x := range c {
		putWord(mem, p+4*uint32(i), x)
	}
}

// twin is an operation and the same in Go, on the bits of its values.
type twin[E, V any] struct {
	name string
	op   func(x, y E) E
	want func(x, y V) V
}

var i32Twins = []twin[I32, uint32]{
	{"I32.Add", I32.Add, func(x, y uint32) uint32 { return x + y }},
	{"I32.Sub", I32.Sub, func(x, y uint32) uint32 { return x - y }},
	{"I32.Mul", I32.Mul, func(x, y uint32) uint32 { return x * y }},
	{"I32.And", I32.And, func(x, y uint32) uint32 { return x & y }},
	{"I32.Xor", I32.Xor, func(x, y uint32) uint32 { return x ^ y }},
	{"I32.Shl", I32.Shl, func(x, y uint32) uint32 { return x << (y % 32) }},
	{"I32.ShrU", I32.ShrU, func(x, y uint32) uint32 { return x >> (y % 32) }},
	{"I32.Eq", I32.Eq, func(x, y uint32) uint32 { return truth(x == y) }},
	{"I32.LtU", I32.LtU, func(x, y uint32) uint32 { return truth(x < y) }},
	{"I32.GtU", I32.GtU, func(x, y uint32) uint32 { return truth(x > y) }},
	{"I32.GeU", I32.GeU, func(x, y uint32) uint32 { return truth(x >= y) }},
	{"I32.Min", I32.Min, func(x, y uint32) uint32 { return min(x, y) }},
	{"I32.DivU", func(x, y I32) I32 { return x.DivU(nonzero(y)) }, func(x, y uint32) uint32 { return x / max(y, 1) }},
}

// nonzero is x, or 1 in place of 0.
func nonzero(x I32) I32 { return x.Add(x.Eq(ConstI32(0))) }

func truth(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

var f32Twins = []twin[F32, uint32]{
	{"F32.Add", F32.Add, floats(func(x, y float32) float32 { return x + y })},
	{"F32.Sub", F32.Sub, floats(func(x, y float32) float32 { return x - y })},
	{"F32.Mul", F32.Mul, floats(func(x, y float32) float32 { return x * y })},
	{"F32.Div", F32.Div, floats(func(x, y float32) float32 { return x / y })},
	{"F32.Max", F32.Max, floats(func(x, y float32) float32 { return max(x, y) })},
	{"F32.Sqrt", func(x, _ F32) F32 { return x.Sqrt() },
		floats(func(x, _ float32) float32 { return float32(math.Sqrt(float64(x))) })},
}

// pick is y where it is better than x, on their bits.
func pick(better func(x, y float32) bool) func(x, y uint32) uint32 {
	return func(x, y uint32) uint32 {
		if better(math.Float32frombits(x), math.Float32frombits(y)) {
			return y
		}
		return x
	}
}

// floats lifts an operation to the bits of its operands.
func floats(op func(x, y float32) float32) func(x, y uint32) uint32 {
	return func(x, y uint32) uint32 {
		return math.Float32bits(op(math.Float32frombits(x), math.Float32frombits(y)))
	}
}

func isNaN(bits uint32) bool { return bits<<1 > 0xff<<24 }

var f32x4Twins = []twin[V128, cell]{
	{"V128.F32x4Add", V128.F32x4Add, lanes(f32Twins[0].want)},
	{"V128.F32x4Sub", V128.F32x4Sub, lanes(f32Twins[1].want)},
	{"V128.F32x4Mul", V128.F32x4Mul, lanes(f32Twins[2].want)},
	{"V128.F32x4Div", V128.F32x4Div, lanes(f32Twins[3].want)},
	{"V128.F32x4Max", V128.F32x4Max, lanes(f32Twins[4].want)},
	{"V128.F32x4Min", V128.F32x4Min, lanes(floats(func(x, y float32) float32 { return min(x, y) }))},
	{"V128.F32x4PMin", V128.F32x4PMin, lanes(pick(func(x, y float32) bool { return y < x }))},
	{"V128.F32x4PMax", V128.F32x4PMax, lanes(pick(func(x, y float32) bool { return x < y }))},
	{"V128.F32x4Nearest", first(V128.F32x4Nearest),
		lanes(floats(func(x, _ float32) float32 { return float32(math.RoundToEven(float64(x))) }))},
}

var i32x4Twins = []twin[V128, cell]{
	{"V128.I32x4Add", V128.I32x4Add, lanes(i32Twins[0].want)},
	{"V128.I32x4Mul", V128.I32x4Mul, lanes(i32Twins[2].want)},
	{"V128.And", V128.And, lanes(i32Twins[3].want)},
	{"V128.Xor", V128.Xor, lanes(i32Twins[4].want)},
	{"V128.F32x4ConvertI32x4", first(V128.F32x4ConvertI32x4), lanes(convert)},
	{"V128.F32x4Abs", first(V128.F32x4Abs), lanes(func(x, _ uint32) uint32 { return x &^ (1 << 31) })},
	{"V128.I32x4TruncF32x4", first(V128.I32x4TruncF32x4), lanes(truncate)},
	{"V128.I32x4ExtendLowI16x8", first(V128.I32x4ExtendLowI16x8), func(x, _ cell) cell { return words(halves(x)[:4]) }},
	{"V128.I32x4ExtendHighI16x8", first(V128.I32x4ExtendHighI16x8), func(x, _ cell) cell { return words(halves(x)[4:]) }},
	{"V128.I16x8NarrowI32x4", V128.I16x8NarrowI32x4, func(x, y cell) (z cell) {
		for i, w := range append(x[:], y[:]...) {
			n := max(min(int32(w), math.MaxInt16), math.MinInt16)
			z[i/2] |= uint32(uint16(n)) << (i % 2 * 16)
		}
		return z
	}},
	{"V128.I8x16NarrowI16x8", V128.I8x16NarrowI16x8, func(x, y cell) (z cell) {
		for i, h := range append(halves(x), halves(y)...) {
			n := max(min(h, math.MaxInt8), math.MinInt8)
			z[i/4] |= uint32(uint8(n)) << (i % 4 * 8)
		}
		return z
	}},
	{"V128.I32x4DotI16x8", V128.I32x4DotI16x8, func(x, y cell) (z cell) {
		a, b := halves(x), halves(y)
		for i := range z {
			z[i] = uint32(a[2*i])*uint32(b[2*i]) + uint32(a[2*i+1])*uint32(b[2*i+1])
		}
		return z
	}},
}

// first lifts an operation on one vector.
func first(op func(x V128) V128) func(x, y V128) V128 {
	return func(x, _ V128) V128 { return op(x) }
}

// halves are the lanes of 16 bits of x, signed, in the order of their addresses.
func halves(x cell) (h []int32) {
	for _, w := range x {
		h = append(h, int32(int16(w)), int32(w)>>16)
	}
	return h
}

// extendBytes is eight signed bytes, the first four in x, as lanes of 16 bits.
func extendBytes(x, y uint32) (z cell) {
	for i := range z {
		pair := []uint32{x, y}[i/2] >> (i % 2 * 16)
		z[i] = uint32(uint16(int8(pair))) | uint32(int8(pair>>8))<<16
	}
	return z
}

// words is the cell of four lanes.
func words(x []int32) (c cell) {
	for i := range c {
		c[i] = uint32(x[i])
	}
	return c
}

// truncate is a float as an integer, rounded towards zero and saturated.
func truncate(x, _ uint32) uint32 {
	f := float64(math.Float32frombits(x))
	if math.IsNaN(f) {
		return 0
	}
	return uint32(int32(max(min(math.Trunc(f), math.MaxInt32), math.MinInt32)))
}

var shiftTwins = []struct {
	name string
	op   func(x V128, n I32) V128
	want func(x cell, n uint32) cell
}{
	{"V128.I32x4Shl", V128.I32x4Shl, func(x cell, n uint32) cell { return lanes(i32Twins[5].want)(x, splat(n)) }},
	{"V128.I32x4ShrU", V128.I32x4ShrU, func(x cell, n uint32) cell { return lanes(i32Twins[6].want)(x, splat(n)) }},
}

func lanes(op func(x, y uint32) uint32) func(x, y cell) cell {
	return func(x, y cell) (z cell) {
		for i := range z {
			z[i] = op(x[i], y[i])
		}
		return z
	}
}

func convert(x, _ uint32) uint32 { return math.Float32bits(float32(int32(x))) }

func splat(x uint32) cell { return cell{x, x, x, x} }

func shuffle(x, y cell, lanes [4]byte) (z cell) {
	both := append(x[:], y[:]...)
	for i, lane := range lanes {
		z[i] = both[lane%8]
	}
	return z
}

// scalar lifts twins of scalars to cells that hold them.
func scalar[E any](twins []twin[E, uint32], load func(p I32) E, expr func(E) Expr) (out []expression) {
	for _, t := range twins {
		out = append(out, expression{t.name,
			func(x, y I32) Expr { return expr(t.op(load(x), load(y))) },
			func(x, y cell) cell { return cell{t.want(x[0], y[0])} }})
	}
	return out
}

func vector(twins []twin[V128, cell]) (out []expression) {
	for _, t := range twins {
		out = append(out, expression{t.name,
			func(x, y I32) Expr { return t.op(x.LoadV128(0), y.LoadV128(0)) }, t.want})
	}
	return out
}

// expression is computed from operands in memory; op gets their addresses.
type expression struct {
	name string
	op   func(x, y I32) Expr
	want func(x, y cell) cell
}

// expressions are all there are; those of floats come first.
func expressions() (floats, all []expression) {
	r := rand.New(rand.NewPCG(1, 1))
	all = append(all, scalar(f32Twins, func(p I32) F32 { return p.LoadF32(0) }, func(x F32) Expr { return x })...)
	all = append(all, vector(f32x4Twins)...)
	floats = all
	all = append(all, scalar(i32Twins, func(p I32) I32 { return p.LoadI32(0) }, func(x I32) Expr { return x })...)
	all = append(all, vector(i32x4Twins)...)
	for _, t := range shiftTwins {
		all = append(all, expression{t.name,
			func(x, y I32) Expr { return t.op(x.LoadV128(0), y.LoadI32(0)) },
			func(x, y cell) cell { return t.want(x, y[0]) }})
	}
	all = append(all,
		expression{"I32.ConvertF32", func(x, _ I32) Expr { return x.LoadI32(0).ConvertF32() },
			func(x, _ cell) cell { return cell{convert(x[0], 0)} }},
		expression{"I32.Splat", func(x, _ I32) Expr { return x.LoadI32(0).Splat() },
			func(x, _ cell) cell { return splat(x[0]) }},
		expression{"F32.Splat", func(x, _ I32) Expr { return x.LoadF32(0).Splat() },
			func(x, _ cell) cell { return splat(x[0]) }},
		// Loads move bits, those of a NaN too.
		expression{"I32.LoadI32", func(x, _ I32) Expr { return x.LoadI32(0) }, func(x, _ cell) cell { return cell{x[0]} }},
		expression{"I32.LoadF32", func(x, _ I32) Expr { return x.LoadF32(0) }, func(x, _ cell) cell { return cell{x[0]} }},
		expression{"I32.Load8x8", func(x, _ I32) Expr { return x.Load8x8(4) }, func(x, _ cell) cell { return extendBytes(x[1], x[2]) }},
		expression{"I32.LoadV128", func(x, _ I32) Expr { return x.LoadV128(0) }, func(x, _ cell) cell { return x }},
	)
	for i := range byte(6) { // lanes wrap around
		all = append(all, expression{"V128.F32x4Lane", func(x, _ I32) Expr { return x.LoadV128(0).F32x4Lane(i) },
			func(x, _ cell) cell { return cell{x[i%4]} }})
	}
	for i := range 40 {
		var pick [4]byte
		for j := range pick {
			pick[j] = byte(r.IntN(8 + i/20))
		}
		all = append(all, expression{"V128.Shuffle", func(x, y I32) Expr {
			return x.LoadV128(0).Shuffle(y.LoadV128(0), pick[0], pick[1], pick[2], pick[3])
		}, func(x, y cell) cell { return shuffle(x, y, pick) }})
	}
	return floats, all
}

// storeAny stores x at p.
func storeAny(f *Func, p I32, x Expr) {
	switch x := x.(type) {
	case I32:
		f.StoreI32(p, 0, x)
	case F32:
		f.StoreF32(p, 0, x)
	case V128:
		f.StoreV128(p, 0, x)
	}
}

// finite are the bits of integers and finite floats at which operations change
// course; special are more.
var (
	finite = []uint32{
		0, 1, 2, 3, 31, 32, 33, 63, 64, 0x7fff, 0xffff, 0x80000000, 0x80000001,
		0x007fffff, 0x80000003, // denormals
		0x00800000, 0x00800001, // the least normals
		0x3f800000, 0xbf800000, 0x3f800001, 0x40490fdb, 0x4b7fffff, // ±1, the next, π, 2^24-1
		0x7f7fffff, 0xff7fffff, // the largest
	}
	special = append([]uint32{
		0x7fffffff, 0xfffffffe, 0xffffffff,
		0x7f800000, 0xff800000, // infinities
		0x7fc00000, 0xffc00000, 0x7fa00001, 0xff800001, // NaNs, quiet and signalling
	}, finite...)
)

func TestExpressions(t *testing.T) {
	const x, y, z = 64, 96, 128
	floats, all := expressions()
	mc := assemble(t, func(m *Module) {
		for i, e := range all {
			f := m.Func(exportName(i))
			storeAny(f, ConstI32(z), e.op(ConstI32(x), ConstI32(y)))
		}
	})
	r := rand.New(rand.NewPCG(2, 1))
	pick := func() uint32 {
		if r.IntN(2) == 0 {
			return r.Uint32()
		}
		return special[r.IntN(len(special))]
	}
	operands := func(i int) (a, b cell) {
		for j := range a {
			a[j], b[j] = pick(), pick()
		}
		if n := len(special); i < n*n { // every pair of them once
			a[0], b[0] = special[i/n], special[i%n]
		}
		return a, b
	}
	for i, e := range all {
		for k := range 1200 {
			a, b := operands(k)
			putCell(mc.mem, x, a)
			putCell(mc.mem, y, b)
			putCell(mc.mem, z, cell{})
			mc.run(exportName(i))
			got, want := getCell(mc.mem, z), e.want(a, b)
			for j := range got {
				if got[j] != want[j] && !(i < len(floats) && isNaN(got[j]) && isNaN(want[j])) {
					t.Fatalf("%s of %#08x and %#08x is %#08x, want %#08x", e.name, a, b, got, want)
				}
			}
		}
	}
}

func exportName(i int) string { return "f" + string(rune('0'+i)) }

func TestConstants(t *testing.T) {
	ints := []int32{0, 1, -1, 63, 64, -64, -65, 127, 128, -128, -129, 8191, 8192, -8192, -8193,
		1<<20 - 1, 1 << 20, -1 << 20, -1<<20 - 1, 1<<27 - 1, 1 << 27, -1 << 27, -1<<27 - 1,
		math.MaxInt32, math.MinInt32, math.MaxInt32 - 1, math.MinInt32 + 1}
	r := rand.New(rand.NewPCG(3, 1))
	for range 100 {
		ints = append(ints, int32(r.Uint32())>>r.IntN(32))
	}
	n := len(ints)
	mc := assemble(t, func(m *Module) {
		f := m.Func("f")
		for i, x := range ints {
			f.StoreI32(ConstI32(0), uint32(64*i), ConstI32(x))
			f.StoreV128(ConstI32(0), uint32(64*i+16), ConstI32x4(x, ints[(i+1)%n], ints[(i+2)%n], ints[(i+3)%n]))
			// The same bits as floats, whatever they mean.
			f.StoreF32(ConstI32(0), uint32(64*i+32), ConstF32(math.Float32frombits(uint32(x))))
			f.StoreV128(ConstI32(0), uint32(64*i+48), SplatF32(math.Float32frombits(uint32(x))))
		}
		// Constants as addresses: the last word of the memory.
		f.StoreI32(ConstI32(1<<16-4), 0, ConstI32(-2))
	})
	mc.run("f")
	for i, x := range ints {
		p := uint32(64 * i)
		bits := uint32(x)
		for _, c := range []struct {
			name      string
			got, want cell
		}{
			{"ConstI32", getCell(mc.mem, p), cell{bits}},
			{"ConstI32x4", getCell(mc.mem, p+16), cell{bits, uint32(ints[(i+1)%n]), uint32(ints[(i+2)%n]), uint32(ints[(i+3)%n])}},
			{"ConstF32", getCell(mc.mem, p+32), cell{bits}},
			{"SplatF32", getCell(mc.mem, p+48), splat(bits)},
		} {
			if c.got != c.want {
				t.Errorf("%s of %d is %#x, want %#x", c.name, x, c.got, c.want)
			}
		}
	}
	if got := word(mc.mem, 1<<16-4); got != 0xfffffffe {
		t.Errorf("last word is %#x", got)
	}
}

// TestLEB128 compares integers with encodings worked out by hand.
func TestLEB128(t *testing.T) {
	for _, test := range []struct {
		x    int32
		want string
	}{
		{0, "\x00"}, {-1, "\x7f"}, {63, "\x3f"}, {64, "\xc0\x00"}, {-64, "\x40"}, {-65, "\xbf\x7f"},
		{128, "\x80\x01"}, {-128, "\x80\x7f"}, {624485, "\xe5\x8e\x26"}, {-123456, "\xc0\xbb\x78"},
		{math.MaxInt32, "\xff\xff\xff\xff\x07"}, {math.MinInt32, "\x80\x80\x80\x80\x78"},
	} {
		if got := string(appendS32(nil, test.x)); got != test.want {
			t.Errorf("%d is encoded as % x, want % x", test.x, got, test.want)
		}
	}
}

// TestShared uses one expression in several others: none may change another.
func TestShared(t *testing.T) {
	mc := assemble(t, func(m *Module) {
		f := m.Func("f")
		n := f.ParamI32()
		x := n.Add(ConstI32(1))
		a, b := x.Mul(ConstI32(10)), x.Mul(ConstI32(100))
		v := x.Splat()
		lane, sum := v.F32x4Lane(0), v.I32x4Add(v)
		f.StoreI32(ConstI32(0), 0, a)
		f.StoreI32(ConstI32(0), 4, b)
		f.StoreI32(ConstI32(0), 8, x)
		f.StoreF32(ConstI32(0), 12, lane)
		f.StoreV128(ConstI32(0), 16, sum)
	})
	mc.run("f", 6)
	if got := getCell(mc.mem, 0); got != (cell{70, 700, 7, 7}) {
		t.Errorf("got %v", got)
	}
	if got := getCell(mc.mem, 16); got != splat(14) {
		t.Errorf("got %v", got)
	}
}
