package exact

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
	needed []bool // by the later turn, then the earlier
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
	p := &pairs{n, make([]bool, n*n)}
	s := k.sweep(2, front{})
	s.ranked = k.stages
	two := k.extensions(2, 0, n, true)
	for _, i := range two.order {
		if s.offer(two.at(int(i), len(k.axes)), i) {
			made := two.made[i]
			p.needed[int(made.turn)*n+int(k.nodes[made.rest].turn)] = true
		}
	}
	single.cut(0, len(k.axes))
	k.pairs, k.nodes = p, k.nodes[:1]
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
