package exact

import "slices"

// pairs tells which two layers a multiset may need at once: those that no other two
// cover, whatever comes to both. Where a multiset has two that others cover, these can
// take their place, and again others the place of two there, until all of its pairs are
// needed. That comes to an end, since with each step the sums get lower in the first
// that changes, or they stay and the params get fewer, or those stay too and the layers
// are of earlier turns (compareTurns). Fronts leave out what is covered by the same order.
// So of all multisets that are as good, the first in it is left out by neither, and nor
// are its first layers, which it is made of by adding the last. Few pairs of all are
// needed.
type pairs struct {
	turns  int
	needed []bool    // by the later turn, then the earlier
	after  [][]int32 // by the earlier turn, the later ones, ascending
}

// pair finds them. Where it is more than the rank of the widest layer that decides on
// the arena, what covers two layers may not cover what they come to: all are allowed.
func (k *knapsack) pair() {
	if k.depth < 2 || k.arena != nil && !k.stages {
		return
	}
	n := len(k.turns)
	k.most = k.richest[0]
	single := &k.fronts[1]
	for turn, layer := range k.turns {
		for _, a := range k.axes {
			single.sums = append(single.sums, a.layers[layer])
		}
		single.params, single.rank = append(single.params, k.params[layer]), append(single.rank, k.rank(layer))
		single.node = append(single.node, int32(len(k.nodes)))
		k.nodes = append(k.nodes, node{turn: int32(turn)})
	}
	s := k.sweep(2, front{})
	s.ranked = k.stages
	two := k.extensions(2, 0, n, true)
	if k.exhausted() {
		return
	}
	p := &pairs{n, make([]bool, n*n), make([][]int32, n)}
	for _, o := range two.order {
		if k.exhausted() {
			return
		}
		if s.offer(two.at(int(o.index), len(k.axes)), o.index) {
			made := two.made[o.index]
			p.needed[int(made.turn)*n+int(k.nodes[made.rest].turn)] = true
		}
	}
	for later := range n {
		for earlier := range later + 1 {
			if p.needed[later*n+earlier] {
				p.after[earlier] = append(p.after[earlier], int32(later))
			}
		}
	}
	single.cut(0, len(k.axes))
	k.pairs, k.nodes = p, k.nodes[:1]
}

// following lists the turns among these that the multiset of a node may be extended by, as
// far as its last layer tells.
func (k *knapsack) following(made int32, from, to int) []int32 {
	last := k.nodes[made].turn
	if made == 0 || k.pairs == nil {
		return k.all[max(from, int(last)):to]
	}
	list := k.pairs.after[last]
	low, _ := slices.BinarySearch(list, int32(from))
	high, _ := slices.BinarySearch(list, int32(to))
	return list[low:high]
}

// allow reports whether the multiset of this node may get the layer of a turn that is
// not before any of its own.
func (p *pairs) allow(nodes []node, made int32, turn int) bool {
	if p == nil {
		return true
	}
	row := p.needed[turn*p.turns : (turn+1)*p.turns]
	for last := int32(-1); made != 0; made = nodes[made].rest {
		if t := nodes[made].turn; t != last {
			if !row[t] {
				return false
			}
			last = t
		}
	}
	return true
}
