package exact

import "litefront/searchcore/arch"

// arena tells the size of the arena. The tensors of one layer never live beside
// those of another; what ties layers together is the residual stream, which lives as
// long as they and lies above the largest tensor of any. So the widest layer places
// it, and the arena is that of an architecture with this layer alone. Layers are
// ranked by d_inner, and the arena of a multiset is that of its highest rank.
//
// The arena need not grow with the rank: in a wider layer more tensors may fit below
// the residual stream. But a knapsack adds layers by ascending rank. So once two
// multisets are compared, whatever comes decides the arena of both, and only the one
// they have counts.
//
// All this holds exactly where the plan pads the heads alike whatever their number, as
// in the preset spaces: d_model over it is a multiple of graph.Lane. Else it is an
// estimate: the largest over the numbers of heads.
type arena struct {
	exact bool
	rank  []int   // of each layer
	bytes []int64 // of each rank
}

func newArena(layers []arch.Layer, shared bool) arena {
	a := arena{exact: true, rank: make([]int, len(layers))}
	for i := range layers {
		// Where all layers are the same, each is the widest.
		if i > 0 && (shared || layers[i].DInner > layers[i-1].DInner) {
			a.rank[i] = a.rank[i-1] + 1
		} else if i > 0 {
			a.rank[i] = a.rank[i-1]
		}
	}
	a.bytes = make([]int64, a.rank[len(layers)-1]+1)
	return a
}

// add tells the arena of an architecture with layer i alone.
func (a *arena) add(i int, bytes int64) {
	b := &a.bytes[a.rank[i]]
	a.exact = a.exact && (*b == 0 || *b == bytes)
	*b = max(*b, bytes)
}

// of returns the rank of a multiset.
func (a *arena) of(layers []int) int {
	var rank int
	for _, l := range layers {
		rank = max(rank, a.rank[l])
	}
	return rank
}
