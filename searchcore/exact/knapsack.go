package exact

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"litefront/searchcore/arch"
)

// knapsack finds the multisets of a frame's layers that no other of the same depth
// covers. It is the unbounded knapsack problem: each layer of the frame in turn is added
// any number of times to what the layers before it make.
type knapsack struct {
	depth    int     // the largest
	turns    []int   // the layers, in the order of their turns
	params   []int64 // of each layer
	most     int64   // of the params of layers that are still to come
	least    int64   // of the params of a whole multiset
	limit    int64   // of the params of a multiset; 0 for none
	bounds   bounds
	axes     []axis // those with equal first
	byParams bool   // the first axis orders as params do
	arena    *arena // nil when it makes no difference
	sameRank bool   // one covers another only when both have the same arena
	stages   bool   // see order

	fronts []front // by depth
	nodes  []node
	best   [][]int32 // by depth, the nodes that were found

	known       known // of the sweep, whose memory is used again
	comparisons int
}

// axis is a sum in which multisets are compared.
type axis struct {
	layers []int64
	equal  bool // one covers another only when it has the same sum
}

// bounds are those of the params of a whole multiset that are to be compared, 0 for
// none.
type bounds struct{ low, high int64 }

// front lists multisets of one depth in the order of compare.
type front struct {
	params []int64
	sums   []int64 // by multiset, then axis
	rank   []int32 // the highest of a layer
	node   []int32
}

// node is a multiset: a layer and the node of the others. Node 0 is empty.
type node struct{ layer, rest int32 }

// The limits of one frame: multisets that are kept on the way, and how often one is
// compared with another. Frontiers beyond these take tens of seconds and gigabytes,
// which a browser's worker has not; those of two objectives need half of the first
// and a fifth of the second.
const (
	maxNodes       = 1 << 20
	maxComparisons = 1 << 27
)

// fill finds the multisets of all depths.
func (k *knapsack) fill() error {
	k.nodes = make([]node, 1)
	k.fronts = make([]front, k.depth+1)
	k.fronts[0] = front{[]int64{0}, make([]int64, len(k.axes)), []int32{0}, []int32{0}}
	k.best = make([][]int32, k.depth+1)
	var spare front
	stage := len(k.nodes)
	for i, layer := range k.turns {
		if k.stages && i > 0 && k.arena.rank[layer] > k.arena.rank[k.turns[i-1]] {
			k.keep(stage)
			stage = len(k.nodes)
		}
		if k.superfluous(layer) {
			continue
		}
		k.most = 0
		for _, l := range k.turns[i:] {
			k.most = max(k.most, k.params[l])
		}
		for d := 1; d <= k.depth; d++ {
			// The front before has this layer already, so that it may come again.
			nodes := len(k.nodes)
			spare, k.fronts[d] = k.fronts[d], k.merge(spare, d, layer)
			if k.exhausted() {
				return errTooLarge
			}
			// Where all that have this layer are covered by what has not, so are those
			// with one layer more, unless that one has more params than any to come, or
			// decides on the arena.
			if len(k.nodes) == nodes && k.most == slices.Max(k.params) && (k.arena == nil || k.stages) {
				break
			}
		}
	}
	if !k.stages {
		stage = 0
	}
	k.keep(stage)
	return nil
}

// keep adds to the best what the fronts have from node on.
func (k *knapsack) keep(node int) {
	for d := range k.fronts {
		for _, n := range k.fronts[d].node {
			if int(n) >= node {
				k.best[d] = append(k.best[d], n)
			}
		}
	}
}

// superfluous reports whether another layer can stand in for this one everywhere.
func (k *knapsack) superfluous(layer int) bool {
	for other := range k.params {
		if other != layer && k.standsIn(other, layer) && (other < layer || !k.standsIn(layer, other)) {
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
	return (k.rank(x) == k.rank(y) || k.stages && k.rank(x) < k.rank(y)) &&
		(k.bounds.low == 0 || k.params[x] >= k.params[y]) && (k.bounds.high == 0 || k.params[x] <= k.params[y])
}

func (a axis) covers(x, y int64) bool { return x == y || x < y && !a.equal }

// merge returns, in the memory of out, what nothing covers of the front of depth d, and
// of that before with one more layer.
func (k *knapsack) merge(out front, d, layer int) front {
	n, old, rest := len(k.axes), k.fronts[d], k.fronts[d-1]
	s := k.sweep(d, out)
	least := k.least - int64(k.depth-d)*k.most // what has fewer params remains below the bound
	i, extended := 0, make([]int64, n)
	for j := range rest.params {
		m := rest.at(j, n)
		for a, axis := range k.axes {
			extended[a] = m.sums[a] + axis.layers[layer]
		}
		m = multiset{extended, m.params + k.params[layer], max(m.rank, k.rank(layer))}
		if m.params < least || k.limit > 0 && m.params > k.limit {
			continue
		}
		for ; i < len(old.params) && k.compare(old.at(i, n), m) <= 0; i++ {
			if old.params[i] >= least {
				s.offer(old.at(i, n), old.node[i])
			}
		}
		if s.offer(m, int32(len(k.nodes))) {
			k.nodes = append(k.nodes, node{int32(layer), rest.node[j]})
		}
		if k.exhausted() {
			return s.kept
		}
	}
	for ; i < len(old.params); i++ {
		if old.params[i] >= least {
			s.offer(old.at(i, n), old.node[i])
		}
	}
	return s.kept
}

var errTooLarge = fmt.Errorf("more than %d combinations of layers to keep, or %d comparisons; give the space fewer values of d_inner or n_head or no min_decoder_params, or the search fewer objectives and constraints", maxNodes, maxComparisons)

func (k *knapsack) exhausted() bool { return len(k.nodes) > maxNodes || k.comparisons > maxComparisons }

// rank returns the rank of a layer; they are all the same when the arena makes no
// difference.
func (k *knapsack) rank(layer int) int32 {
	if k.arena == nil {
		return 0
	}
	return int32(k.arena.rank[layer])
}

// distinguish has multisets compared by the sum of terms, if it tells any apart.
func (k *knapsack) distinguish(terms []int64, equal bool) {
	if slices.Min(terms) == slices.Max(terms) {
		return
	}
	for i, a := range k.axes {
		if alike(a.layers, terms) {
			k.axes[i].equal = a.equal || equal
			return
		}
	}
	k.axes = append(k.axes, axis{terms, equal})
}

// alike reports whether sums of as many of a order as those of b do: one is the other,
// scaled and shifted.
func alike(a, b []int64) bool {
	i := slices.IndexFunc(a, func(x int64) bool { return x != a[0] })
	if i < 0 || (a[i] > a[0]) != (b[i] > b[0]) || b[i] == b[0] {
		return false
	}
	product := func(x, y int64) *big.Int { return new(big.Int).Mul(big.NewInt(x), big.NewInt(y)) }
	for j := range a {
		if product(a[j]-a[0], b[i]-b[0]).Cmp(product(b[j]-b[0], a[i]-a[0])) != 0 {
			return false
		}
	}
	return true
}

// rises reports whether a never falls where b rises.
func rises(a, b []int64) bool {
	for i := range a {
		for j := range a {
			if b[i] < b[j] && a[i] > a[j] {
				return false
			}
		}
	}
	return true
}

// arrange sets the order of the axes and the bounds to compare, the latter within low
// and limit.
func (k *knapsack) arrange(low int64) {
	importance := func(a axis) int {
		switch {
		case a.equal && alike(a.layers, k.params):
			return 0
		case a.equal:
			return 1
		case alike(a.layers, k.params):
			return 2
		case rises(a.layers, k.params): // so that order deals with most of the bounds
			return 3
		}
		return 4
	}
	slices.SortStableFunc(k.axes, func(a, b axis) int { return importance(a) - importance(b) })
	k.least, k.bounds = low, bounds{low, k.limit}
	for i, a := range k.axes {
		switch importance(a) {
		case 0: // what has the same params keeps the same bounds
			k.bounds = bounds{}
		case 2: // what has fewer keeps the upper one
			k.bounds.high = 0
			k.byParams = i == 0
		}
	}
}

// order sets the turns.
//
// Layers with as many heads differ in one dimension, d_inner, so that few multisets of
// them are kept; and under quality most layers with few heads, which come later, are
// covered by what they make. By d_inner, ten times as many would be kept on the way that
// are covered in the end.
//
// Where the arena makes a difference, layers come by rank. If the arena grows with it, no
// arenas need be compared: what nothing covers of all up to a rank is best with the arena
// of that rank. It is kept, stage by stage, before layers of the next come.
func (k *knapsack) order(layers []arch.Layer) {
	for i := range layers {
		k.turns = append(k.turns, i)
	}
	k.stages = k.arena != nil && !k.sameRank && slices.IsSorted(k.arena.bytes)
	slices.SortStableFunc(k.turns, func(i, j int) int {
		fewer := layers[j].Heads - layers[i].Heads
		if k.arena != nil {
			return cmp.Or(k.arena.rank[i]-k.arena.rank[j], fewer)
		}
		return fewer
	})
}

// at returns a multiset, of axes sums.
func (f *front) at(i, axes int) multiset {
	return multiset{f.sums[i*axes : (i+1)*axes], f.params[i], f.rank[i]}
}

// cut keeps the first multisets, of axes sums each.
func (f *front) cut(kept, axes int) {
	f.params, f.sums, f.rank, f.node = f.params[:kept], f.sums[:kept*axes], f.rank[:kept], f.node[:kept]
}

func (k *knapsack) count(depth int) int { return len(k.best[depth]) }

// at returns the indices of the layers of a multiset, ascending, in the memory of buf.
func (k *knapsack) at(depth, i int, buf []int) []int {
	buf = buf[:0]
	for n := k.best[depth][i]; n != 0; n = k.nodes[n].rest {
		buf = append(buf, int(k.nodes[n].layer))
	}
	slices.Sort(buf)
	return buf
}
