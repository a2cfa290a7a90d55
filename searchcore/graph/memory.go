package graph

import (
	"cmp"
	"fmt"
	"slices"
)

// Memory is the static plan's account of a module's linear memory, in bytes.
type Memory struct {
	WeightBytes  int64 `json:"weight_bytes"`            // their scales among them
	DerivedBytes int64 `json:"derived_bytes,omitempty"` // what is computed from the weights once: Transformer-XL's relative keys
	KVBytes      int64 `json:"kv_bytes"`                // key and value cache for Arch.MemLen + Workload.Context tokens
	ArenaBytes   int64 `json:"arena_bytes"`             // activations, placed by their lifetimes
	IOBytes      int64 `json:"io_bytes"`                // tokens, what threads agree by, and what alignment costs
	TotalBytes   int64 `json:"total_bytes"`             // whole WebAssembly pages: what memory.size reports
}

// PageBytes is the size of a WebAssembly page.
const PageBytes = 64 << 10

// MaxBytes is the largest linear memory: one page less than 32-bit addresses
// reach, since engines report the size in 32 bits.
const MaxBytes = (1<<16 - 1) * PageBytes

// Fit reports a plan that exceeds a limit in bytes, or MaxBytes if that is less.
func (m Memory) Fit(limit int64) error {
	if limit = min(limit, MaxBytes); m.TotalBytes > limit {
		return fmt.Errorf("%d bytes of linear memory are needed; the limit is %d", m.TotalBytes, limit)
	}
	return nil
}

// align is the alignment of tensors: a cache line.
const align = 64

func alignUp(n int64) int64 { return (n + align - 1) / align * align }

// plan gives every tensor its offset: tokens, weights, what derives from them and
// cache one after the other, then the arena. The first cache line stays unused, so
// that no tensor has address 0.
func (g *Graph) plan() {
	offset := int64(align)
	place := func(kind Kind) (size int64) {
		start := offset
		for _, t := range g.Tensors {
			if t.Kind == kind {
				t.Offset = offset
				offset += alignUp(t.Bytes())
			}
		}
		return offset - start
	}
	g.Memory = Memory{IOBytes: align + place(IO), WeightBytes: place(Weight) + place(Scale), DerivedBytes: place(Derived), KVBytes: place(Cache)}
	g.Memory.ArenaBytes = g.placeArena(offset)
	for _, p := range g.parts {
		p.Offset = p.Base.Offset + 4*int64(p.Start)
	}
	total := offset + g.Memory.ArenaBytes
	g.Memory.TotalBytes = (total + PageBytes - 1) / PageBytes * PageBytes
}

// placeArena places activations from base on, so that those alive together do
// not overlap: the largest first, each at the lowest address that is free for
// its lifetime (greedy by size, Pisarchyk and Lee 2020). It returns the size of
// the arena.
func (g *Graph) placeArena(base int64) (size int64) {
	var todo, placed []*Tensor
	for _, t := range g.Tensors {
		if t.Kind == Activation {
			todo = append(todo, t)
		}
	}
	slices.SortStableFunc(todo, func(a, b *Tensor) int { return cmp.Compare(b.Bytes(), a.Bytes()) })
	for _, t := range todo {
		t.Offset = base
		for _, p := range placed { // in the order of their offsets
			if p.Last < t.First || t.Last < p.First {
				continue
			}
			if t.Offset+alignUp(t.Bytes()) <= p.Offset {
				break
			}
			t.Offset = max(t.Offset, p.Offset+alignUp(p.Bytes()))
		}
		i, _ := slices.BinarySearchFunc(placed, t, func(p, t *Tensor) int { return cmp.Compare(p.Offset, t.Offset) })
		placed = slices.Insert(placed, i, t)
		size = max(size, t.Offset+alignUp(t.Bytes())-base)
	}
	return size
}
