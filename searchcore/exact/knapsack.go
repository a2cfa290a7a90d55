package exact

import (
	"fmt"
	"math"
	"slices"
)

// knapsack finds the multisets of a frame's layers that no other of the same depth
// and the same decoder parameters covers. It is the unbounded knapsack problem: each
// layer of the frame in turn, by ascending rank, is added any number of times to what
// the layers before it make.
type knapsack struct {
	depth     int     // the largest
	params    []int64 // of each layer
	maxParams int64   // of the layers together
	axes      []axis
	arena     *arena // nil when it makes no difference
	sameRank  bool   // one covers another only when both have the same arena

	fronts []front // by depth
	nodes  []node

	comparisons int
}

// axis is a sum in which multisets are compared.
type axis struct {
	layers []int64
	equal  bool // one covers another only when it has the same sum
}

// front lists multisets of one depth by ascending params.
type front struct {
	params []int64
	sums   []int64 // by multiset, then axis
	rank   []int32 // the highest of a layer
	node   []int32
}

// node is a multiset: a layer and the node of the others. Node 0 is empty.
type node struct{ layer, rest int32 }

// The limits of one frame: multisets that are kept on the way, and how often one is
// compared with another.
const (
	maxNodes       = 1 << 22
	maxComparisons = 1 << 28
)

// fill finds the multisets of all depths.
func (k *knapsack) fill() error {
	k.nodes = make([]node, 1)
	k.fronts = make([]front, k.depth+1)
	k.fronts[0] = front{[]int64{0}, make([]int64, len(k.axes)), []int32{0}, []int32{0}}
	var spare front
	for layer := range k.params {
		if k.superfluous(layer) {
			continue
		}
		for d := 1; d <= k.depth; d++ {
			// The front before has this layer already, so that it may come again.
			spare, k.fronts[d] = k.fronts[d], k.merge(spare, k.fronts[d], k.fronts[d-1], layer)
			if k.exhausted() {
				return errTooLarge
			}
		}
	}
	return nil
}

// superfluous reports whether another layer can stand in for this one everywhere.
func (k *knapsack) superfluous(layer int) bool {
	for other := range k.params {
		if other != layer && k.params[other] == k.params[layer] && k.standsIn(other, layer) &&
			(other < layer || !k.standsIn(layer, other)) {
			return true
		}
	}
	return false
}

func (k *knapsack) standsIn(x, y int) bool {
	for _, a := range k.axes {
		if !a.covers(a.layers[x], a.layers[y]) {
			return false
		}
	}
	return k.rank(x) == k.rank(y)
}

func (a axis) covers(x, y int64) bool { return x == y || x < y && !a.equal }

// merge returns, in the memory of out, what nothing covers of a, and of b with one
// more layer.
func (k *knapsack) merge(out, a, b front, layer int) front {
	out.cut(0, len(k.axes))
	extended := make([]int64, len(k.axes))
	for i, j := 0, 0; i < len(a.params) || j < len(b.params); {
		params := int64(math.MaxInt64)
		if i < len(a.params) {
			params = a.params[i]
		}
		if j < len(b.params) {
			params = min(params, b.params[j]+k.params[layer])
		}
		if params > k.maxParams || k.exhausted() {
			break
		}
		first := len(out.params)
		for ; i < len(a.params) && a.params[i] == params; i++ {
			out.add(params, a.sums[i*len(k.axes):(i+1)*len(k.axes)], a.rank[i], a.node[i])
		}
		for ; j < len(b.params) && b.params[j]+k.params[layer] == params && !k.exhausted(); j++ {
			for n, axis := range k.axes {
				extended[n] = b.sums[j*len(k.axes)+n] + axis.layers[layer]
			}
			rank := max(b.rank[j], k.rank(layer))
			if k.offer(&out, first, params, extended, rank) {
				k.nodes = append(k.nodes, node{int32(layer), b.node[j]})
			}
		}
	}
	return out
}

var errTooLarge = fmt.Errorf("more than %d combinations of layers to keep, or %d comparisons; give the space fewer values of d_inner or n_head, or the search fewer objectives and constraints", maxNodes, maxComparisons)

func (k *knapsack) exhausted() bool { return len(k.nodes) > maxNodes || k.comparisons > maxComparisons }

// offer adds the multiset that the next node will stand for, unless one of those from
// first on, which have the same params, covers it; those that it covers go.
func (k *knapsack) offer(f *front, first int, params int64, sums []int64, rank int32) bool {
	n := len(k.axes)
	kept := first
	k.comparisons += len(f.params) - first
	for i := first; i < len(f.params); i++ {
		other := f.sums[i*n : (i+1)*n]
		if k.covers(other, f.rank[i], sums, rank) {
			return false // and covers nothing, so that kept is i
		}
		if k.covers(sums, rank, other, f.rank[i]) {
			continue
		}
		copy(f.sums[kept*n:], other)
		f.rank[kept], f.node[kept] = f.rank[i], f.node[i]
		kept++
	}
	f.cut(kept, n)
	f.add(params, sums, rank, int32(len(k.nodes)))
	return true
}

// covers reports whether the multiset with x and rank xr is as good as that with y and
// yr, whatever layers come to both.
func (k *knapsack) covers(x []int64, xr int32, y []int64, yr int32) bool {
	for i, a := range k.axes {
		if !a.covers(x[i], y[i]) {
			return false
		}
	}
	return k.coversRank(xr, yr)
}

func (k *knapsack) coversRank(x, y int32) bool {
	return x == y || !k.sameRank && k.arena.bytes[x] <= k.arena.bytes[y]
}

// rank returns the rank of a layer; they are all the same when the arena makes no
// difference.
func (k *knapsack) rank(layer int) int32 {
	if k.arena == nil {
		return 0
	}
	return int32(k.arena.rank[layer])
}

// compare has multisets compared by the sum of terms, if it tells any apart.
func (k *knapsack) compare(terms []int64, equal bool) {
	if slices.Min(terms) == slices.Max(terms) {
		return
	}
	for i, a := range k.axes {
		if slices.Equal(a.layers, terms) {
			k.axes[i].equal = a.equal || equal
			return
		}
	}
	k.axes = append(k.axes, axis{terms, equal})
}

func (f *front) add(params int64, sums []int64, rank, node int32) {
	f.params = append(f.params, params)
	f.sums = append(f.sums, sums...)
	f.rank = append(f.rank, rank)
	f.node = append(f.node, node)
}

// cut keeps the first multisets, of axes sums each.
func (f *front) cut(kept, axes int) {
	f.params, f.sums, f.rank, f.node = f.params[:kept], f.sums[:kept*axes], f.rank[:kept], f.node[:kept]
}

func (k *knapsack) count(depth int) int { return len(k.fronts[depth].node) }

// at returns the indices of the layers of a multiset, ascending, in the memory of buf.
func (k *knapsack) at(depth, i int, buf []int) []int {
	buf = buf[:0]
	for n := k.fronts[depth].node[i]; n != 0; n = k.nodes[n].rest {
		buf = append(buf, int(k.nodes[n].layer))
	}
	slices.Reverse(buf)
	return buf
}
