package graph

import (
	"cmp"
	"slices"
)

// Usage is the memory that the tensors of one role take.
type Usage struct {
	Name    string // such as "mlp.fc.weight" or "attn.keys"
	Kind    Kind
	Tensors int
	Bytes   int64 // aligned, as the plan places them
}

// Usage divides the planned memory by role, the largest part first. Where
// activations share an address, its bytes are those of the largest. What no tensor
// has, the first cache line and the rest of the last page, is the only part of kind
// [Unused], so all parts add up to Memory.TotalBytes.
func (g *Graph) Usage() (parts []Usage) {
	type key struct {
		name string
		kind Kind
	}
	index := map[key]int{}
	add := func(k key, bytes int64) {
		i, seen := index[k]
		if !seen {
			i = len(parts)
			index[k] = i
			parts = append(parts, Usage{Name: k.name, Kind: k.kind})
		}
		parts[i].Tensors++
		parts[i].Bytes += bytes
	}
	rest := g.Memory.TotalBytes
	arena := g.arenaShares()
	for _, t := range g.Tensors {
		bytes := alignUp(t.Bytes())
		if t.Kind == Activation {
			bytes = arena[t]
		}
		add(key{t.role(), t.Kind}, bytes)
		rest -= bytes
	}
	parts = append(parts, Usage{Name: "unused", Kind: Unused, Bytes: rest})
	slices.SortStableFunc(parts, func(a, b Usage) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return parts
}

// arenaShares divides the arena among the activations: each address belongs to the
// largest that has it, the first of equals, as placeArena takes them.
func (g *Graph) arenaShares() map[*Tensor]int64 {
	var bySize []*Tensor
	var bounds []int64
	end := func(t *Tensor) int64 { return t.Offset + alignUp(t.Bytes()) }
	for _, t := range g.Tensors {
		if t.Kind == Activation {
			bySize = append(bySize, t)
			bounds = append(bounds, t.Offset, end(t))
		}
	}
	slices.SortStableFunc(bySize, func(a, b *Tensor) int { return cmp.Compare(b.Bytes(), a.Bytes()) })
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	shares := map[*Tensor]int64{}
	for i := range len(bounds) - 1 {
		owner := slices.IndexFunc(bySize, func(t *Tensor) bool { return t.Offset <= bounds[i] && bounds[i] < end(t) })
		if owner >= 0 {
			shares[bySize[owner]] += bounds[i+1] - bounds[i]
		}
	}
	return shares
}
