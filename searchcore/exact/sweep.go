package exact

import "slices"

// multiset is what is compared of one, at a depth.
type multiset struct {
	sums   []int64 // by axis
	params int64
	rank   int32
}

// compare orders multisets so that one which covers another comes before it, but where
// their sums are the same and a lower bound on params asks for more: both are kept
// then. One more layer in all of them leaves their order as it is.
func (k *knapsack) compare(a, b multiset) int {
	if c := slices.Compare(a.sums, b.sums); c != 0 {
		return c
	}
	if c := a.params - b.params; c != 0 {
		return int(c)
	}
	return int(k.bytes(a.rank) - k.bytes(b.rank))
}

// bytes is the arena of a rank, 0 when it is not compared.
func (k *knapsack) bytes(rank int32) int64 {
	if k.arena == nil || k.stages {
		return 0
	}
	return k.arena.bytes[rank]
}

// sweep goes through multisets of one depth in order, and keeps those that none
// before covers (Kung, Luccio and Preparata 1975): the sums that must be equal are so
// among neighbours, and the first of the others need not be looked at. What is left to
// compare are quantities, two of which a staircase knows.
type sweep struct {
	*knapsack
	kept   front
	exempt int   // of the axes, the first that order has dealt with
	equal  int   // of those, the ones whose sums must be equal
	low    int64 // bounds.low, 0 where it makes no difference
	reach  int64 // of params up to which no layers to come break the upper bound
	ranked bool  // one covers another only when its rank is at most the other's

	buf []int64 // of quantities
	*known
}

// known is what later multisets are compared with, in one of these, by how many
// quantities there are.
type known struct {
	steps  staircase
	levels levels
	blocks blocks
}

func (k *known) clear() {
	k.steps, k.levels = k.steps[:0], k.levels[:0]
	k.blocks.clear()
}

// sweep begins at a depth, in the memory of kept.
func (k *knapsack) sweep(depth int, kept front) *sweep {
	s := &sweep{knapsack: k, kept: kept, known: &k.known}
	s.known.clear()
	s.kept.cut(0, len(k.axes))
	for s.equal < len(k.axes) && k.axes[s.equal].equal {
		s.equal++
	}
	s.exempt = min(s.equal+1, len(k.axes))
	if int64(depth)*slices.Min(k.params) < k.bounds.low && !k.byParams {
		s.low = k.bounds.low
	}
	s.reach = k.bounds.high - int64(k.depth-depth)*k.most
	return s
}

// offer keeps m, which comes after all that were offered, unless one covers it.
func (s *sweep) offer(m multiset, node int32) bool {
	if last := len(s.kept.params) - 1; last >= 0 && s.apart(s.kept.at(last, len(s.axes)), m) {
		s.known.clear()
	}
	s.comparisons++
	if !s.add(m) {
		return false
	}
	s.kept.params = append(s.kept.params, m.params)
	s.kept.sums = append(s.kept.sums, m.sums...)
	s.kept.rank = append(s.kept.rank, m.rank)
	s.kept.node = append(s.kept.node, node)
	return true
}

// apart reports whether nothing up to last can cover m or what comes after: its sums
// differ that must be equal, or it has fewer params than m and than it may have.
func (s *sweep) apart(last, m multiset) bool {
	return !slices.Equal(last.sums[:s.equal], m.sums[:s.equal]) ||
		s.byParams && last.params < min(s.bounds.low, m.params)
}

// add adds m to what later ones are compared with, and reports false if it is covered:
// if one that was added is as good, whatever layers come to both.
func (s *sweep) add(m multiset) bool {
	q := append(s.buf[:0], m.sums[s.exempt:]...)
	if s.arena != nil && !s.stages {
		q = append(q, s.bytes(m.rank))
		if s.sameRank {
			q = append(q, int64(m.rank), -int64(m.rank))
		}
	}
	if s.ranked {
		q = append(q, int64(m.rank))
	}
	sums := len(q)
	if s.low > 0 {
		q = append(q, max(0, s.low-m.params)) // by how much it lacks the lower bound
	}
	if s.bounds.high > 0 {
		q = append(q, max(0, m.params-s.reach)) // by how much it may break the upper one
	}
	all := len(q)
	q = append(q, 0, 0)
	s.buf = q
	var added bool
	var comparisons int
	switch {
	case all <= 2:
		return s.steps.lower(q[0], q[1])
	case sums == 2: // what is compared of the bounds takes few values
		added, comparisons = s.levels.lower(q[0], q[1], q[2], q[3])
	default:
		added, comparisons = s.blocks.add(q[:all])
	}
	s.comparisons += comparisons
	return added
}
