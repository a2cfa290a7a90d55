package wasmasm

// atomic encodes an atomic instruction on the 32 bits at offset.
func atomic(op byte, offset uint32) []byte {
	return appendU32(appendU32([]byte{0xfe, op}, 2), offset)
}

// AtomicLoadI32 is the integer at x+offset. Like every atomic access it is in one
// order with all others that all threads see, and traps where the address is not a
// multiple of four.
func (x I32) AtomicLoadI32(offset uint32) I32 { return I32{join(atomic(0x10, offset), x.code)} }

// AtomicStoreI32 stores x at p+offset.
func (f *Func) AtomicStoreI32(p I32Expr, offset uint32, x I32) {
	f.emit(join(atomic(0x17, offset), p.i32(), x.code))
}

// AtomicAddI32 adds x to the integer at p+offset, and sets old to what that was.
func (f *Func) AtomicAddI32(old I32Var, p I32Expr, offset uint32, x I32) {
	old.v.set(join(atomic(0x1e, offset), p.i32(), x.code))
}

// AtomicWait32 suspends the thread until another one notifies it at p+offset, if
// the integer there is expected; if not, it goes on at once. It traps where the
// memory is not shared.
func (f *Func) AtomicWait32(p I32Expr, offset uint32, expected I32) {
	forever := code{bytes: appendS32([]byte{0x42}, -1)} // an i64
	f.emit(join(atomic(0x01, offset), p.i32(), expected.code, forever), 0x1a)
}

// AtomicNotify wakes all threads that wait at p+offset.
func (f *Func) AtomicNotify(p I32Expr, offset uint32) {
	f.emit(join(atomic(0x00, offset), p.i32(), ConstI32(-1).code), 0x1a)
}
