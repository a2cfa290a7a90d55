package exact

import "slices"

// multiset is what is compared of one, at a depth.
type multiset struct {
	sums   []int64 // by axis
	params int64
	rank   int32
}

// compare orders multisets so that one which covers another comes before it, and so
// that one more layer in all of them leaves their order as it is.
func (k *knapsack) compare(a, b multiset) int {
	if c := slices.Compare(a.sums, b.sums); c != 0 {
		return c
	}
	if c := a.params - b.params; c != 0 {
		return int(c)
	}
	return int(k.bytes(a.rank) - k.bytes(b.rank))
}

// bytes is the arena of a rank, 0 when it makes no difference.
func (k *knapsack) bytes(rank int32) int64 {
	if k.arena == nil {
		return 0
	}
	return k.arena.bytes[rank]
}

// sweep goes through multisets of one depth in order, and keeps those that none
// before covers (Kung, Luccio and Preparata 1975): the sums that must be equal are so
// among neighbours, and the first of the others need not be looked at. Of what is left
// to compare, a staircase knows two quantities, so that most that nothing covers are
// kept at once.
type sweep struct {
	*knapsack
	kept   front
	exempt int   // of the axes, the first that order has dealt with
	equal  int   // of those, the ones whose sums must be equal
	first  int   // of those kept, the first that may cover what comes
	low    int64 // bounds.low, 0 where it makes no difference
	reach  int64 // of params up to which no layers to come break the upper bound
	steps  staircase
	planar bool // the staircase knows all that is to be compared
}

// sweep begins at a depth, in the memory of kept.
func (k *knapsack) sweep(depth int, kept front) *sweep {
	s := &sweep{knapsack: k, kept: kept}
	s.kept.cut(0, len(k.axes))
	for s.equal < len(k.axes) && k.axes[s.equal].equal {
		s.equal++
	}
	s.exempt = min(s.equal+1, len(k.axes))
	if int64(depth)*slices.Min(k.params) < k.bounds.low && !k.byParams {
		s.low = k.bounds.low
	}
	s.reach = k.bounds.high - int64(k.depth-depth)*slices.Max(k.params)
	quantities := len(k.axes) - s.exempt
	for _, compared := range []bool{s.low > 0, k.bounds.high > 0, k.arena != nil} {
		if compared {
			quantities++
		}
	}
	s.planar = quantities <= 2 && !k.sameRank
	return s
}

// offer keeps m, which comes after all that were offered, unless one covers it.
func (s *sweep) offer(m multiset, node int32) bool {
	n := len(s.axes)
	if last := len(s.kept.params) - 1; last >= 0 && s.apart(s.kept.at(last, n), m) {
		s.first, s.steps = last+1, s.steps[:0]
	}
	s.comparisons++
	x, y := s.quantities(m)
	if !s.steps.lower(x, y) && (s.planar || s.covered(m)) {
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

// covered reports whether one that was kept is as good as m, whatever layers come to
// both. The last ones are the most like it.
func (s *sweep) covered(m multiset) bool {
	for i := len(s.kept.params) - 1; i >= s.first; i-- {
		s.comparisons++
		if s.covers(s.kept.at(i, len(s.axes)), m) {
			return true
		}
	}
	return false
}

// covers compares what order has not.
func (s *sweep) covers(x, y multiset) bool {
	for i := s.exempt; i < len(s.axes); i++ {
		if x.sums[i] > y.sums[i] {
			return false
		}
	}
	return s.short(x) <= s.short(y) && s.beyond(x) <= s.beyond(y) &&
		(x.rank == y.rank || !s.sameRank && s.bytes(x.rank) <= s.bytes(y.rank))
}

// short is by how much m lacks the lower bound on params.
func (s *sweep) short(m multiset) int64 { return max(0, s.low-m.params) }

// beyond is by how much m may break the upper bound on params.
func (s *sweep) beyond(m multiset) int64 {
	if s.bounds.high == 0 {
		return 0
	}
	return max(0, m.params-s.reach)
}

// quantities are two of those that covers compares, 0 for one that there is not. The
// bounds come first: they contradict the sums most.
func (s *sweep) quantities(m multiset) (x, y int64) {
	var list [5]int64
	n := 0
	if s.low > 0 {
		list[n] = s.short(m)
		n++
	}
	if s.bounds.high > 0 {
		list[n] = s.beyond(m)
		n++
	}
	n += copy(list[n:n+2], m.sums[s.exempt:])
	list[n] = s.bytes(m.rank)
	return list[0], list[1]
}

// staircase is the boundary of what points in the plane cover: by ascending x, the y
// descending.
type staircase []struct{ x, y int64 }

// lower adds a point, and reports false if it is covered.
func (s *staircase) lower(x, y int64) bool {
	list := *s
	from, found := slices.BinarySearchFunc(list, x, func(p struct{ x, y int64 }, x int64) int {
		switch {
		case p.x < x:
			return -1
		case p.x > x:
			return 1
		}
		return 0
	})
	if found && list[from].y <= y || from > 0 && list[from-1].y <= y {
		return false
	}
	to := from
	for to < len(list) && list[to].y >= y {
		to++
	}
	*s = slices.Replace(list, from, to, struct{ x, y int64 }{x, y})
	return true
}
