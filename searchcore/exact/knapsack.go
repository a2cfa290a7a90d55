package exact

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"litefront/searchcore/arch"
)

// knapsack finds the multisets of a frame's layers that no other of the same depth
// covers. It is the unbounded knapsack problem: what nothing covers of one depth is made
// of what nothing covers of the depth before, with one layer more.
type knapsack struct {
	depth    int     // the largest
	turns    []int   // the layers that may be needed; each multiset is made in their order
	all      []int32 // every turn
	richest  []int64 // by turn, the most params of a layer of this turn and later ones
	params   []int64 // of each layer
	most     int64   // of the params of layers that may still come
	least    int64   // of the params of a whole multiset
	limit    int64   // of the params of a multiset; 0 for none
	bounds   bounds
	axes     []axis // those with equal first
	byParams bool   // the first axis orders as params do
	arena    *arena // nil when it makes no difference
	sameRank bool   // one covers another only when both have the same arena
	stages   bool   // see order
	pairs    *pairs // nil where all are allowed

	nodes []node
	best  [][]int32 // by depth, the nodes that were found

	comparisons int
	refused     error // by a limit

	*memory
}

// memory is what one depth after the other needs, and one frame after the other.
type memory struct {
	known  known
	spare  front
	fresh  extensions
	fronts []front // by depth
	found  found
}

// axis is a sum in which multisets are compared.
type axis struct {
	layers []int64
	equal  bool // one covers another only when it has the same sum
}

// bounds are those of the params of a whole multiset that are to be compared, 0 for
// none.
type bounds struct{ low, high int64 }

// front lists multisets of one depth, in the order of compare.
type front struct {
	params []int64
	sums   []int64 // by multiset, then axis
	rank   []int32 // the highest of a layer
	node   []int32
}

// node is a multiset: the turn of its last layer, and the node of the others. Node 0 is
// empty.
type node struct{ turn, rest int32 }

// The limits of one frame: layers to choose from, each of which is compared with each
// other, multisets that are kept on the way, how often one is compared with another, and
// how many are made of one depth before any are compared. Frontiers beyond these take
// tens of seconds and gigabytes, which a browser's worker has not; those of two
// objectives keep a third as many multisets.
const (
	maxLayers      = 1 << 13
	maxNodes       = 1 << 20
	maxComparisons = 1 << 27
	maxExtensions  = 1 << 22 // of one depth at a time
)

// fill finds the multisets of all depths.
func (k *knapsack) fill() error {
	k.nodes = make([]node, 1)
	k.fronts = slices.Grow(k.fronts[:0], k.depth+1)[:k.depth+1]
	for d := range k.fronts {
		k.fronts[d].cut(0, len(k.axes))
	}
	k.fronts[0] = front{[]int64{0}, make([]int64, len(k.axes)), []int32{0}, []int32{0}}
	k.best = make([][]int32, k.depth+1)
	if k.pair(); k.exhausted() {
		return k.refused
	}
	for from, to := 0, 0; from < len(k.turns); from = to {
		to = k.group(from)
		stage := len(k.nodes)
		k.most = k.richest[from]
		for d := 1; d <= k.depth; d++ {
			nodes := len(k.nodes)
			k.extend(d, from, to)
			if k.exhausted() {
				return k.refused
			}
			// Where all that have a layer of these turns are covered by what has none, so are
			// those with one layer more, unless that one has more params than any that may
			// follow the last of these turns, or decides on the arena.
			if len(k.nodes) == nodes && k.richest[to-1] == k.richest[0] && (k.arena == nil || k.stages) {
				break
			}
		}
		if k.stages {
			k.keep(stage)
		}
	}
	if !k.stages {
		k.keep(0)
	}
	return nil
}

// group returns where the turns end that are made together, beginning with from. They
// are all, or where the arena makes a difference those of a rank; but without pairs to
// go by, each is made by itself.
func (k *knapsack) group(from int) (to int) {
	to = from + 1
	for k.pairs != nil && to < len(k.turns) && k.rank(k.turns[to]) == k.rank(k.turns[from]) {
		to++
	}
	return to
}

// keep adds to the best what the fronts have from node on and has enough params.
func (k *knapsack) keep(node int) {
	for d := range k.fronts {
		for i, n := range k.fronts[d].node {
			if int(n) >= node && k.fronts[d].params[i] >= k.least {
				k.best[d] = append(k.best[d], n)
			}
		}
	}
}

// standsIn reports whether x is as good as y in any multiset.
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

// extend makes of the front of depth d what nothing covers of it and of the front before
// with one more layer of these turns.
func (k *knapsack) extend(d, from, to int) {
	n, old := len(k.axes), k.fronts[d]
	fresh := k.extensions(d, from, to, false)
	if k.exhausted() {
		return
	}
	s := k.sweep(d, k.spare)
	s.kept.grow(len(old.params)+len(fresh.order), n)
	k.nodes = slices.Grow(k.nodes, len(fresh.order))
	i := 0
	offerOld := func() {
		if k.reaches(d, old.params[i], from) {
			s.offer(old.at(i, n), old.node[i])
		}
		i++
	}
	for _, o := range fresh.order {
		m := fresh.at(int(o.index), n)
		for i < len(old.params) && k.compare(old.at(i, n), m) <= 0 {
			offerOld()
		}
		if s.offer(m, int32(len(k.nodes))) {
			k.nodes = append(k.nodes, fresh.made[o.index])
		}
		if k.exhausted() {
			return
		}
	}
	for i < len(old.params) {
		offerOld()
	}
	k.spare, k.fronts[d] = old, s.kept
}

// reaches reports whether a multiset of depth d with these params reaches the lower bound
// with layers of this turn and later ones.
func (k *knapsack) reaches(d int, params int64, turn int) bool {
	return params+int64(k.depth-d)*k.richest[turn] >= k.least
}

// extensions are multisets that are still to be compared.
type extensions struct {
	front        // but for the nodes
	made  []node // what the nodes will be
	order []ordered

	sorted []ordered // in the memory of the last
	ends   []int32   // of the parts it is sorted by
}

// ordered is one of them, with its first sum, which tells most of them apart.
type ordered struct {
	first int64
	index int32
}

// sort puts x in order. Sums are spread over their range, so that it is nearly done once
// they are dealt out to parts of it; that takes a third of the time of comparing all.
func (x *extensions) sort(compare func(a, b ordered) int) {
	if len(x.order) == 0 {
		return
	}
	least, most := x.order[0].first, x.order[0].first
	for _, o := range x.order {
		least, most = min(least, o.first), max(most, o.first)
	}
	parts := len(x.order)
	scale := float64(parts-1) / max(1, float64(most-least))
	part := func(o ordered) int { return int(float64(o.first-least) * scale) }
	x.ends = slices.Grow(x.ends[:0], parts)[:parts]
	clear(x.ends)
	for _, o := range x.order {
		x.ends[part(o)]++
	}
	var before int32
	for i, n := range x.ends {
		x.ends[i], before = before, before+n
	}
	x.sorted = slices.Grow(x.sorted[:0], parts)[:parts]
	for _, o := range x.order {
		end := &x.ends[part(o)]
		x.sorted[*end] = o
		*end++
	}
	var from int32
	for _, to := range x.ends {
		if to > from+1 {
			slices.SortFunc(x.sorted[from:to], compare)
		}
		from = to
	}
	x.order, x.sorted = x.sorted, x.order
}

// extensions returns the multisets of the front before depth d with one more layer of
// these turns, in order. What comes to them is of the same turn or later ones, or may be
// any.
func (k *knapsack) extensions(d, from, to int, anyOrder bool) *extensions {
	n, rest, x := len(k.axes), &k.fronts[d-1], &k.fresh
	x.cut(0, n)
	x.made, x.order = x.made[:0], x.order[:0]
	for i, params := range rest.params {
		made := rest.node[i]
		for _, turn := range k.following(made, from, to) {
			turn := int(turn)
			layer := k.turns[turn]
			sum := params + k.params[layer]
			next := turn
			if anyOrder {
				next = 0
			}
			if !k.reaches(d, sum, next) || k.limit > 0 && sum > k.limit || !k.pairs.allow(k.nodes, made, turn) {
				continue
			}
			for a, axis := range k.axes {
				x.sums = append(x.sums, rest.sums[i*n+a]+axis.layers[layer])
			}
			x.params, x.rank = append(x.params, sum), append(x.rank, max(rest.rank[i], k.rank(layer)))
			x.made, x.order = append(x.made, node{int32(turn), made}), append(x.order, ordered{index: int32(len(x.order))})
		}
		if k.comparisons+len(x.made) > maxComparisons {
			k.refused = tooLarge(maxComparisons, "comparisons of combinations of layers")
		} else if len(x.made) > maxExtensions {
			k.refused = tooLarge(maxExtensions, "combinations of layers to compare at once")
		}
		if k.refused != nil {
			return x
		}
	}
	if to > from+1 {
		for i := range x.order {
			if n > 0 {
				x.order[i].first = x.sums[i*n]
			}
		}
		x.sort(func(a, b ordered) int {
			if a.first != b.first {
				return cmp.Compare(a.first, b.first)
			}
			if c := k.compare(x.at(int(a.index), n), x.at(int(b.index), n)); c != 0 {
				return c
			}
			return k.compareTurns(x.made[a.index], x.made[b.index])
		})
	}
	return x
}

// compareTurns orders multisets of one depth by their last turns, then those before:
// one more layer in both leaves their order as it is (Dershowitz and Manna 1979).
func (k *knapsack) compareTurns(a, b node) int {
	for a != b {
		if a.turn != b.turn {
			return int(a.turn - b.turn)
		}
		a, b = k.nodes[a.rest], k.nodes[b.rest]
	}
	return 0
}

// tooLarge names the limit that a frame exceeds, and what helps.
func tooLarge(limit int, of string) error {
	return fmt.Errorf("more than %d %s; give the space fewer values of d_inner or n_head or no min_decoder_params, or the search fewer objectives and constraints", limit, of)
}

// exhausted reports whether a limit is exceeded, which refused names then.
func (k *knapsack) exhausted() bool {
	switch {
	case k.refused != nil:
	case len(k.nodes) > maxNodes:
		k.refused = tooLarge(maxNodes, "combinations of layers to keep")
	case k.comparisons > maxComparisons:
		k.refused = tooLarge(maxComparisons, "comparisons of combinations of layers")
	}
	return k.refused != nil
}

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
// A multiset is made from the layers with the most params on, so that none is made whose
// layers to come, with no more than the last, leave it below the lower bound.
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
		return cmp.Or(cmp.Compare(k.params[j], k.params[i]), fewer)
	})
	k.turns = k.needed()
	k.all = make([]int32, len(k.turns))
	for turn := range k.all {
		k.all[turn] = int32(turn)
	}
	k.richest = make([]int64, len(k.turns))
	for turn, layer := range slices.Backward(k.turns) {
		k.richest[turn] = k.params[layer]
		if turn+1 < len(k.turns) {
			k.richest[turn] = max(k.richest[turn], k.richest[turn+1])
		}
	}
}

// needed returns the turns without the layers for which another can stand in
// everywhere.
func (k *knapsack) needed() (turns []int) {
	for i, layer := range k.turns {
		standIn := slices.ContainsFunc(k.turns[:i], func(other int) bool { return k.standsIn(other, layer) }) ||
			slices.ContainsFunc(k.turns[i+1:], func(other int) bool { return k.standsIn(other, layer) && !k.standsIn(layer, other) })
		if !standIn {
			turns = append(turns, layer)
		}
	}
	return turns
}

// at returns a multiset, of axes sums.
func (f *front) at(i, axes int) multiset {
	return multiset{f.sums[i*axes : (i+1)*axes], f.params[i], f.rank[i]}
}

// grow makes room for so many multisets of axes sums each.
func (f *front) grow(multisets, axes int) {
	f.params, f.sums = slices.Grow(f.params, multisets), slices.Grow(f.sums, multisets*axes)
	f.rank, f.node = slices.Grow(f.rank, multisets), slices.Grow(f.node, multisets)
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
		buf = append(buf, k.turns[k.nodes[n].turn])
	}
	slices.Sort(buf)
	return buf
}
