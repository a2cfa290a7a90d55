package wasmasm

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// TestControl runs control structures next to the same in Go. Each computes a
// number from two, which a running hash of events makes sensitive to order.
func TestControl(t *testing.T) {
	for _, test := range []struct {
		name string
		emit func(f *Func, a, b I32Var, event func(x I32))
		want func(a, b uint32, event func(x uint32))
	}{
		{"If", func(f *Func, a, b I32Var, event func(I32)) {
			f.If(a.LtU(b.I32), func() { event(ConstI32(1)) })
			f.If(a.I32, func() { event(ConstI32(2)) }) // any bit counts as true
		}, func(a, b uint32, event func(uint32)) {
			if a < b {
				event(1)
			}
			if a != 0 {
				event(2)
			}
		}},
		{"IfElse", func(f *Func, a, b I32Var, event func(I32)) {
			f.IfElse(a.And(ConstI32(1)), func() {
				f.IfElse(b.And(ConstI32(1)), func() { event(ConstI32(1)) }, nil)
			}, func() {
				f.IfElse(b.And(ConstI32(2)), func() { event(ConstI32(2)) }, func() {
					event(ConstI32(3))
					f.If(b.And(ConstI32(4)), func() { event(a.I32) })
				})
			})
			event(b.I32)
		}, func(a, b uint32, event func(uint32)) {
			if a&1 != 0 {
				if b&1 != 0 {
					event(1)
				}
			} else if b&2 != 0 {
				event(2)
			} else {
				event(3)
				if b&4 != 0 {
					event(a)
				}
			}
			event(b)
		}},
		{"While", func(f *Func, a, b I32Var, event func(I32)) {
			f.While(a.And(ConstI32(15)), func() {
				event(a.I32)
				f.While(b.And(ConstI32(7)), func() {
					event(b.I32)
					b.Set(b.Sub(ConstI32(1)))
				})
				b.Set(b.Add(a.I32))
				a.Set(a.Sub(ConstI32(1)))
			})
			event(b.I32)
		}, func(a, b uint32, event func(uint32)) {
			for a&15 != 0 {
				event(a)
				for b&7 != 0 {
					event(b)
					b--
				}
				b += a
				a--
			}
			event(b)
		}},
		{"Loop", func(f *Func, a, b I32Var, event func(I32)) {
			a.Set(a.And(ConstI32(7)))
			f.Loop(func(again Label) { // runs once even for a = 0
				event(a.I32)
				a.Set(a.Sub(a.GtU(ConstI32(0))))
				again.BrIf(a.I32)
			})
			event(b.I32)
		}, func(a, b uint32, event func(uint32)) {
			a &= 7
			for {
				event(a)
				if a > 0 {
					a--
				}
				if a == 0 {
					break
				}
			}
			event(b)
		}},
		{"branches out of nested blocks", func(f *Func, a, b I32Var, event func(I32)) {
			one := ConstI32(1)
			b.Set(b.And(ConstI32(31)))
			down := func(l Label, bit int32) {
				f.If(b.I32, func() {
					b.Set(b.Sub(one))
					l.BrIf(a.ShrU(b.I32).And(ConstI32(bit)))
				})
			}
			f.Loop(func(outer Label) {
				event(one)
				f.Loop(func(middle Label) {
					event(ConstI32(2))
					f.IfElse(b.And(one), func() {
						f.Loop(func(inner Label) {
							event(ConstI32(3))
							down(outer, 1)
							down(middle, 2)
							down(inner, 4)
							event(ConstI32(4))
						})
					}, func() { down(outer, 8) })
					down(middle, 1)
					event(ConstI32(5))
				})
				down(outer, 1)
			})
			event(ConstI32(6))
		}, func(a, b uint32, event func(uint32)) {
			b &= 31
			down := func(bit uint32) bool {
				if b == 0 {
					return false
				}
				b--
				return a>>b&bit != 0
			}
		outer:
			for {
				event(1)
			middle:
				for {
					event(2)
					if b&1 != 0 {
						for {
							event(3)
							if down(1) {
								continue outer
							}
							if down(2) {
								continue middle
							}
							if down(4) {
								continue
							}
							event(4)
							break
						}
					} else if down(8) {
						continue outer
					}
					if down(1) {
						continue
					}
					event(5)
					break
				}
				if !down(1) {
					break
				}
			}
			event(6)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			mc := assemble(t, func(m *Module) {
				f := m.Func("f")
				a, b, hash := f.ParamI32(), f.ParamI32(), f.LocalI32()
				test.emit(f, a, b, func(x I32) { hash.Set(hash.Mul(ConstI32(31)).Add(x).Add(ConstI32(1))) })
				f.StoreI32(ConstI32(0), 0, hash.I32)
			})
			r := rand.New(rand.NewPCG(4, 1))
			for range 500 {
				a, b := r.Uint32()>>r.IntN(33), r.Uint32()>>r.IntN(33)
				var want uint32
				test.want(a, b, func(x uint32) { want = want*31 + x + 1 })
				mc.run("f", a, b)
				if got := word(mc.mem, 0); got != want {
					t.Fatalf("a %d, b %d: got %d, want %d", a, b, got, want)
				}
			}
		})
	}
}

// TestCall passes arguments of both types, in order, each evaluated before the
// call, and shows that callees have variables of their own.
func TestCall(t *testing.T) {
	mc := assemble(t, func(m *Module) {
		g := m.Func("")
		p, x, n, y := g.ParamI32(), g.ParamF32(), g.ParamI32(), g.ParamF32()
		g.StoreI32(p, 0, n.I32)
		g.StoreF32(p, 4, x.F32)
		g.StoreF32(p, 8, y.F32)
		n.Set(ConstI32(0))
		x.Set(y.F32)

		f := m.Func("f")
		a, b := f.ParamI32(), f.LocalI32()
		c := f.LocalF32()
		b.Set(a.Add(ConstI32(1)))
		c.Set(ConstF32(2.5))
		for i := range int32(3) {
			f.Call(g, ConstI32(16*i), c.Mul(ConstF32(float32(i))), b, c)
			b.Set(b.Add(b.I32))
		}
		f.StoreI32(ConstI32(48), 0, a.I32)
		f.StoreF32(ConstI32(48), 4, c.F32)

		recurse := m.Func("recurse") // counts down n
		k := recurse.ParamI32()
		recurse.If(k.I32, func() {
			recurse.StoreI32(k.Shl(ConstI32(2)), 64, k.I32)
			recurse.Call(recurse, k.Sub(ConstI32(1)))
		})
	})
	mc.run("f", 4)
	two := math.Float32bits(2.5)
	for i, want := range []cell{{5, 0, two}, {10, two, two}, {20, math.Float32bits(5), two}, {4, two}} {
		if got := getCell(mc.mem, uint32(16*i)); got != want {
			t.Errorf("call %d: got %#x, want %#x", i, got, want)
		}
	}
	mc.run("recurse", 50)
	for i := range uint32(50) {
		if got := word(mc.mem, 68+4*i); got != i+1 {
			t.Fatalf("depth %d stored %d", i+1, got)
		}
	}
}

// TestLocals shows that locals of all types, declared in any order, start as zero
// at each call and keep what is set.
func TestLocals(t *testing.T) {
	mc := assemble(t, func(m *Module) {
		f := m.Func("f")
		n, x := f.ParamI32(), f.ParamF32()
		i1, v1, f1, f2, v2, i2 := f.LocalI32(), f.LocalV128(), f.LocalF32(), f.LocalF32(), f.LocalV128(), f.LocalI32()
		all := func(p I32) {
			f.StoreI32(p, 0, i1.I32)
			f.StoreI32(p, 4, i2.I32)
			f.StoreF32(p, 8, f1.F32)
			f.StoreF32(p, 12, f2.F32)
			f.StoreV128(p, 16, v1.V128)
			f.StoreV128(p, 32, v2.V128)
		}
		all(ConstI32(0))
		i1.Set(n.I32)
		i2.Set(i1.Add(n.I32))
		f1.Set(x.F32)
		f2.Set(f1.Add(x.F32))
		v1.Set(n.Splat())
		v2.Set(f2.Splat())
		all(ConstI32(64))
	})
	for n := range uint32(3) {
		x := float32(n) + 0.5
		for i := range uint32(16) {
			putWord(mc.mem, 4*i, 0xdeadbeef)
		}
		mc.run("f", n, math.Float32bits(x))
		for p := uint32(0); p < 48; p += 16 {
			if got := getCell(mc.mem, p); got != (cell{}) {
				t.Errorf("at entry: %#x", got)
			}
		}
		f1, f2 := math.Float32bits(x), math.Float32bits(2*x)
		for i, want := range []cell{{n, 2 * n, f1, f2}, splat(n), splat(f2)} {
			if got := getCell(mc.mem, uint32(64+16*i)); got != want {
				t.Errorf("set: %#x, want %#x", got, want)
			}
		}
	}
}

// TestAddresses loads and stores at every alignment and with offsets of one to
// three bytes in their encoding. An address is unsigned and does not wrap.
func TestAddresses(t *testing.T) {
	offsets := []uint32{0, 1, 15, 127, 128, 16383, 16384, 65000}
	mc := assemble(t, func(m *Module) {
		for i, o := range offsets {
			f := m.Func(exportName(i))
			p, q := f.ParamI32(), f.ParamI32()
			f.StoreI32(p, o, q.LoadI32(o))
			f.StoreF32(p.Add(ConstI32(4)), o, q.LoadF32(o+4))
			f.StoreV128(p, o+8, q.Add(ConstI32(8)).LoadV128(o))
		}
	})
	r := rand.New(rand.NewPCG(5, 1))
	for i, o := range offsets {
		for range 50 {
			for j := range mc.mem {
				mc.mem[j] = byte(r.Uint32())
			}
			want := bytes.Clone(mc.mem)
			p, q := uint32(r.IntN(250)), uint32(r.IntN(250))
			// Stores go upwards: an overlap with the source reads what was stored.
			for _, move := range [][2]uint32{{0, 4}, {4, 4}, {8, 16}} {
				copy(want[p+o+move[0]:][:move[1]], bytes.Clone(want[q+o+move[0]:][:move[1]]))
			}
			mc.run(exportName(i), p, q)
			if !bytes.Equal(mc.mem, want) {
				t.Fatalf("offset %d, from %d to %d: memory differs", o, q, p)
			}
		}
	}
	for _, p := range []uint32{math.MaxUint32, 1<<16 - 1, 1<<16 - 20} {
		if mc.try(exportName(2), p, 0) == nil || mc.try(exportName(2), 0, p) == nil {
			t.Errorf("no trap at address %d", p)
		}
	}
}

func TestMemoryFill(t *testing.T) {
	mc := assemble(t, func(m *Module) {
		f := m.Func("fill")
		p, value, n := f.ParamI32(), f.ParamI32(), f.ParamI32()
		f.MemoryFill(p.I32, value.I32, n.I32)
	})
	r := rand.New(rand.NewPCG(6, 1))
	want := make([]byte, len(mc.mem))
	fill := func(p, value, n uint32) {
		t.Helper()
		mc.run("fill", p, value, n)
		for i := range n {
			want[p+i] = byte(value)
		}
		if !bytes.Equal(mc.mem, want) {
			t.Fatalf("fill(%d, %#x, %d): memory differs", p, value, n)
		}
	}
	fill(0, 7, 1<<16)
	fill(1<<16, 8, 0)
	fill(1<<16-1, 0xfff, 1)
	for range 200 {
		p := r.IntN(1 << 16)
		fill(uint32(p), r.Uint32(), uint32(r.IntN(min(1<<16-p, 300))))
	}
	if mc.try("fill", 1<<16-1, 0, 2) == nil || mc.try("fill", 0, 0, math.MaxUint32) == nil {
		t.Error("no trap beyond the memory")
	}
}

func TestTraps(t *testing.T) {
	mc := assemble(t, func(m *Module) {
		div := m.Func("div")
		x, y := div.ParamI32(), div.ParamI32()
		div.StoreI32(ConstI32(0), 0, x.DivU(y.I32))
		drop := m.Func("drop")
		p := drop.ParamI32()
		drop.Drop(p)
		drop.Drop(p.LoadI32(0))
		drop.Drop(p.LoadF32(0))
		drop.Drop(p.LoadV128(0))
	})
	mc.run("div", math.MaxUint32, 10)
	if got := word(mc.mem, 0); got != math.MaxUint32/10 {
		t.Errorf("quotient %d", got)
	}
	if mc.try("div", 1, 0) == nil {
		t.Error("no trap where a divisor is 0")
	}
	before := bytes.Clone(mc.mem)
	mc.run("drop", 1<<16-16)
	if !bytes.Equal(mc.mem, before) {
		t.Error("Drop changed the memory")
	}
	if mc.try("drop", 1<<16-15) == nil {
		t.Error("no trap where Drop probes beyond the memory")
	}
}
