package pareto

// prefixMax holds non-negative integers under the keys 1..n, all 0 at first,
// and answers in O(log n) which is the largest up to a key (a Fenwick tree).
type prefixMax []int

func newPrefixMax(n int) prefixMax { return make(prefixMax, n+1) }

// upTo returns the largest value under the keys 1..key.
func (t prefixMax) upTo(key int) int {
	best := 0
	for ; key > 0; key &= key - 1 {
		best = max(best, t[key])
	}
	return best
}

// raise sets the value under key to at least value.
func (t prefixMax) raise(key, value int) {
	for ; key < len(t); key += key & -key {
		t[key] = max(t[key], value)
	}
}

// clear undoes every raise of key, and of other keys where they share nodes
// with it: once all raised keys are cleared, all values are 0 again.
func (t prefixMax) clear(key int) {
	for ; key < len(t); key += key & -key {
		t[key] = 0
	}
}
