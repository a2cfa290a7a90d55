package wasmasm

import "encoding/binary"

// code is the bytecode of an expression and the function whose variables it
// reads; nil if it reads none.
type code struct {
	bytes []byte
	of    *Func
	mixed bool // it reads variables of several functions
}

// I32 is an expression of type i32; its methods are the operations on it.
type I32 struct{ code code }

// F32 is an expression of type f32; its arithmetic is IEEE 754 single precision,
// rounded to nearest even. Payload and sign of a NaN it produces are unspecified.
type F32 struct{ code code }

// V128 is an expression of type v128: sixteen bytes, used as four floats or as
// integers of 32, 16 or 8 bits. Lane 0 is stored at the lowest address.
type V128 struct{ code code }

// I32Expr is an address: an I32 or an I32Var.
type I32Expr interface{ i32() code }

func (x I32) i32() code           { return x.code }
func (x I32) expr() (Type, code)  { return TypeI32, x.code }
func (x F32) expr() (Type, code)  { return TypeF32, x.code }
func (x V128) expr() (Type, code) { return TypeV128, x.code }

// join concatenates operands and an opcode into fresh storage, so that
// expressions never share memory.
func join(op []byte, operands ...code) code {
	var out code
	n := len(op)
	for _, o := range operands {
		n += len(o.bytes)
	}
	out.bytes = make([]byte, 0, n)
	for _, o := range operands {
		out.bytes = append(out.bytes, o.bytes...)
		out.mixed = out.mixed || o.mixed || out.of != nil && o.of != nil && out.of != o.of
		if o.of != nil {
			out.of = o.of
		}
	}
	out.bytes = append(out.bytes, op...)
	return out
}

//go:noinline
func load(p code, align, offset uint32, op ...byte) code {
	return join(appendU32(appendU32(op, align), offset), p)
}

// simd encodes the opcode of a vector instruction.
func simd(op uint32) []byte { return appendU32([]byte{0xfd}, op) }

// ConstI32 is the constant x.
//
//go:noinline
func ConstI32(x int32) I32 { return I32{code{bytes: appendS32([]byte{0x41}, x)}} }

// ConstF32 is the constant x.
func ConstF32(x float32) F32 { return F32{code{bytes: appendF32([]byte{0x43}, x)}} }

// SplatF32 is the constant vector whose four lanes are x.
//
//go:noinline
func SplatF32(x float32) V128 {
	b := simd(0x0c)
	for range 4 {
		b = appendF32(b, x)
	}
	return V128{code{bytes: b}}
}

// ConstI32x4 is the constant vector with lanes a, b, c, d.
func ConstI32x4(a, b, c, d int32) V128 {
	lanes := simd(0x0c)
	for _, x := range []int32{a, b, c, d} {
		lanes = binary.LittleEndian.AppendUint32(lanes, uint32(x))
	}
	return V128{code{bytes: lanes}}
}

// Not inlined: generators are long chains of these, and a program with all of
// them would be several hundred kilobytes larger.
//
//go:noinline
func (x I32) op(op byte, y I32) I32 { return I32{join([]byte{op}, x.code, y.code)} }

// Add is x + y modulo 2^32.
func (x I32) Add(y I32) I32 { return x.op(0x6a, y) }

// Sub is x - y modulo 2^32.
func (x I32) Sub(y I32) I32 { return x.op(0x6b, y) }

// Mul is x · y modulo 2^32.
func (x I32) Mul(y I32) I32 { return x.op(0x6c, y) }

// DivU is x / y, both unsigned, rounded down; it traps where y is 0.
func (x I32) DivU(y I32) I32 { return x.op(0x6e, y) }

// And is the bitwise and of x and y.
func (x I32) And(y I32) I32 { return x.op(0x71, y) }

// Xor is the bitwise exclusive or of x and y.
func (x I32) Xor(y I32) I32 { return x.op(0x73, y) }

// Shl is x shifted left by y modulo 32 bits.
func (x I32) Shl(y I32) I32 { return x.op(0x74, y) }

// ShrU is x shifted right by y modulo 32 bits, filled with zeros.
func (x I32) ShrU(y I32) I32 { return x.op(0x76, y) }

// Eq is 1 if x = y, else 0.
func (x I32) Eq(y I32) I32 { return x.op(0x46, y) }

// LtU is 1 if x < y, both unsigned, else 0.
func (x I32) LtU(y I32) I32 { return x.op(0x49, y) }

// GtU is 1 if x > y, both unsigned, else 0.
func (x I32) GtU(y I32) I32 { return x.op(0x4b, y) }

// GeU is 1 if x ≥ y, both unsigned, else 0.
func (x I32) GeU(y I32) I32 { return x.op(0x4f, y) }

// Min is the smaller of x and y, both unsigned and evaluated twice.
//
//go:noinline
func (x I32) Min(y I32) I32 { return I32{join([]byte{0x1b}, x.code, y.code, x.LtU(y).code)} }

// LoadI32 is the integer at x+offset; like every load it reads little-endian
// bytes at any alignment, and traps outside the memory.
//
//go:noinline
func (x I32) LoadI32(offset uint32) I32 { return I32{load(x.code, 2, offset, 0x28)} }

// LoadF32 is the float at x+offset.
//
//go:noinline
func (x I32) LoadF32(offset uint32) F32 { return F32{load(x.code, 2, offset, 0x2a)} }

// LoadV128 is the vector at x+offset.
//
//go:noinline
func (x I32) LoadV128(offset uint32) V128 { return V128{load(x.code, 4, offset, 0xfd, 0x00)} }

// Load8x8 is the vector of the eight signed bytes at x+offset, as integers of 16
// bits.
func (x I32) Load8x8(offset uint32) V128 { return V128{load(x.code, 3, offset, 0xfd, 0x01)} }

// Splat is the vector whose four lanes are x.
//
//go:noinline
func (x I32) Splat() V128 { return V128{join(simd(0x11), x.code)} }

// ConvertF32 is x, signed, as the nearest float.
func (x I32) ConvertF32() F32 { return F32{join([]byte{0xb2}, x.code)} }

//go:noinline
func (x F32) op(op byte, y F32) F32 { return F32{join([]byte{op}, x.code, y.code)} }

// Add is x + y.
func (x F32) Add(y F32) F32 { return x.op(0x92, y) }

// Sub is x - y.
func (x F32) Sub(y F32) F32 { return x.op(0x93, y) }

// Mul is x · y.
func (x F32) Mul(y F32) F32 { return x.op(0x94, y) }

// Div is x / y.
func (x F32) Div(y F32) F32 { return x.op(0x95, y) }

// Max is the larger of x and y: NaN if either is, and +0 of zeros that differ.
func (x F32) Max(y F32) F32 { return x.op(0x97, y) }

// Sqrt is the square root of x, correctly rounded.
func (x F32) Sqrt() F32 { return F32{join([]byte{0x91}, x.code)} }

// Splat is the vector whose four lanes are x.
func (x F32) Splat() V128 { return V128{join(simd(0x13), x.code)} }

//go:noinline
func (x V128) op(op uint32, y V128) V128 { return V128{join(simd(op), x.code, y.code)} }

//go:noinline
func (x V128) unary(op uint32) V128 { return V128{join(simd(op), x.code)} }

// F32x4Add is x + y, by lanes.
func (x V128) F32x4Add(y V128) V128 { return x.op(0xe4, y) }

// F32x4Sub is x - y, by lanes.
func (x V128) F32x4Sub(y V128) V128 { return x.op(0xe5, y) }

// F32x4Mul is x · y, by lanes.
func (x V128) F32x4Mul(y V128) V128 { return x.op(0xe6, y) }

// F32x4Div is x / y, by lanes.
func (x V128) F32x4Div(y V128) V128 { return x.op(0xe7, y) }

// F32x4Min is the smaller of x and y, by lanes: NaN if either is,
// and -0 of zeros that differ.
func (x V128) F32x4Min(y V128) V128 { return x.op(0xe8, y) }

// F32x4Max is the larger of x and y, by lanes: NaN if either is,
// and +0 of zeros that differ.
func (x V128) F32x4Max(y V128) V128 { return x.op(0xe9, y) }

// F32x4PMin is y where y < x, else x, by lanes: one instruction on x86, where the
// rules of F32x4Min for NaN and zeros take ten.
func (x V128) F32x4PMin(y V128) V128 { return x.op(0xea, y) }

// F32x4PMax is y where x < y, else x, by lanes; see F32x4PMin.
func (x V128) F32x4PMax(y V128) V128 { return x.op(0xeb, y) }

// F32x4Abs is |x|, by lanes.
func (x V128) F32x4Abs() V128 { return x.unary(0xe0) }

// F32x4Nearest is x rounded to an integer, to the even one of two equally near, by
// lanes.
func (x V128) F32x4Nearest() V128 { return x.unary(0x6a) }

// F32x4RelaxedMadd is x·y + z, rounded once or twice as the engine likes. It is
// an instruction of the relaxed SIMD extension.
func (x V128) F32x4RelaxedMadd(y, z V128) V128 {
	return V128{join(simd(0x105), x.code, y.code, z.code)}
}

// F32x4ConvertI32x4 is x, four signed integers, as the nearest floats.
func (x V128) F32x4ConvertI32x4() V128 { return x.unary(0xfa) }

// I32x4TruncF32x4 is x, four floats, as signed integers: rounded towards zero, the
// nearest where there is none, 0 for a NaN.
func (x V128) I32x4TruncF32x4() V128 { return x.unary(0xf8) }

// I32x4ExtendLowI16x8 is lanes 0 to 3 of x, eight signed integers.
func (x V128) I32x4ExtendLowI16x8() V128 { return x.unary(0xa7) }

// I32x4ExtendHighI16x8 is lanes 4 to 7 of x, eight signed integers.
func (x V128) I32x4ExtendHighI16x8() V128 { return x.unary(0xa8) }

// I16x8NarrowI32x4 is the lanes of x, then those of y, signed, each as the nearest
// of 16 bits.
func (x V128) I16x8NarrowI32x4(y V128) V128 { return x.op(0x85, y) }

// I8x16NarrowI16x8 is the lanes of x, then those of y, signed, each as the nearest
// of 8 bits.
func (x V128) I8x16NarrowI16x8(y V128) V128 { return x.op(0x65, y) }

// I32x4DotI16x8 is the products of the signed lanes of x and y, added in pairs,
// modulo 2^32.
func (x V128) I32x4DotI16x8(y V128) V128 { return x.op(0xba, y) }

// I32x4Add is x + y modulo 2^32, by lanes.
func (x V128) I32x4Add(y V128) V128 { return x.op(0xae, y) }

// I32x4Mul is x · y modulo 2^32, by lanes.
func (x V128) I32x4Mul(y V128) V128 { return x.op(0xb5, y) }

// I32x4RelaxedDotI8x16 is z and, by lanes, the products of four signed bytes of x
// and as many of y, which must be 0 to 127: with others it is as the engine likes.
// It is an instruction of the relaxed SIMD extension.
func (x V128) I32x4RelaxedDotI8x16(y, z V128) V128 {
	return V128{join(simd(0x113), x.code, y.code, z.code)}
}

// And is the bitwise and of x and y.
func (x V128) And(y V128) V128 { return x.op(0x4e, y) }

// Xor is the bitwise exclusive or of x and y.
func (x V128) Xor(y V128) V128 { return x.op(0x51, y) }

// I32x4Shl is every lane of x shifted left by n modulo 32 bits.
func (x V128) I32x4Shl(n I32) V128 { return V128{join(simd(0xab), x.code, n.code)} }

// I32x4ShrU is every lane of x shifted right by n modulo 32 bits, filled with zeros.
func (x V128) I32x4ShrU(n I32) V128 { return V128{join(simd(0xad), x.code, n.code)} }

// F32x4Lane is lane i modulo 4 of x, a float.
//
//go:noinline
func (x V128) F32x4Lane(i byte) F32 { return F32{join(append(simd(0x1f), i&3), x.code)} }

// Shuffle is the vector of four 32-bit lanes, each by its number modulo 8: 0 to 3
// are the lanes of x, 4 to 7 those of y.
//
//go:noinline
func (x V128) Shuffle(y V128, a, b, c, d byte) V128 {
	op := []byte{0xfd, 0x0d}
	for _, lane := range []byte{a & 7, b & 7, c & 7, d & 7} {
		op = append(op, 4*lane, 4*lane+1, 4*lane+2, 4*lane+3)
	}
	return V128{join(op, x.code, y.code)}
}
