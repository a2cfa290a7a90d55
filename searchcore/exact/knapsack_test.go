package exact

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"litefront/searchcore/arch"
)

// instance is a knapsack whose multisets can be listed.
type instance struct {
	layers  []arch.Layer
	params  []int64
	terms   [][]int64
	equal   []bool
	ar      *arena
	same    bool
	depth   int
	low, hi int64
}

// randomInstance draws one: params grow with the rank, differ within it, or are any.
func randomInstance(r *rand.Rand) instance {
	mode := [...]string{"mono", "xl", "any"}[r.IntN(3)]
	var x instance
	inner := 1 + r.IntN(4)
	heads := 1 + r.IntN(3)
	hs := []int{11, 10, 9}[:heads]
	dm := int64(2 + r.IntN(6))
	step := 1 + r.IntN(3)
	var s []int64
	for range hs {
		s = append(s, 1+r.Int64N(12))
	}
	for i := range inner {
		for j := heads - 1; j >= 0; j-- {
			x.layers = append(x.layers, arch.Layer{Heads: hs[j], DInner: 1 + i*step})
			switch mode {
			case "mono":
				x.params = append(x.params, int64(3+i*step))
			case "xl":
				x.params = append(x.params, dm*s[j]+int64(1+i*step))
			case "any":
				x.params = append(x.params, 1+r.Int64N(20))
			}
		}
	}
	n := len(x.layers)
	for range r.IntN(4) {
		t := make([]int64, n)
		hi := 2 + r.Int64N(12)
		slope := r.Int64N(3)
		for i := range t {
			t[i] = r.Int64N(hi) + slope*x.params[i]/2
		}
		if r.IntN(8) == 0 {
			copy(t, x.params)
		}
		x.terms = append(x.terms, t)
		x.equal = append(x.equal, r.IntN(8) == 0)
	}
	x.depth = 1 + r.IntN(5)
	if r.IntN(3) > 0 {
		a := newArena(x.layers, false)
		b := int64(0)
		for i := range a.bytes {
			b += r.Int64N(3)
			a.bytes[i] = b
		}
		if r.IntN(4) == 0 {
			r.Shuffle(len(a.bytes), func(i, j int) { a.bytes[i], a.bytes[j] = a.bytes[j], a.bytes[i] })
		}
		x.ar = &a
		x.same = r.IntN(6) == 0
	}
	most := int64(x.depth) * slices.Max(x.params)
	if r.IntN(3) > 0 {
		x.low = r.Int64N(most + 1)
	}
	if r.IntN(3) == 0 {
		x.hi = max(1, x.low+r.Int64N(most-x.low+1))
	}
	return x
}

// check compares what fill finds with all multisets: each is covered, by what it needs
// to be.
func check(x instance) error {
	k := &knapsack{memory: new(memory), depth: x.depth, params: x.params}
	for i, t := range x.terms {
		k.distinguish(t, x.equal[i])
	}
	k.arena, k.sameRank = x.ar, x.same
	if most := int64(x.depth) * slices.Max(x.params); x.hi > 0 && most > x.hi {
		k.limit = x.hi
	}
	k.arrange(x.low)
	k.order(x.layers)
	if err := k.fill(); err != nil {
		return err
	}
	type val struct {
		sums   []int64
		params int64
		rank   int32
	}
	value := func(ls []int) val {
		v := val{sums: make([]int64, len(x.terms))}
		for _, l := range ls {
			for a := range x.terms {
				v.sums[a] += x.terms[a][l]
			}
			v.params += x.params[l]
			v.rank = max(v.rank, k.rank(l))
		}
		return v
	}
	feasible := func(v val) bool { return v.params >= x.low && (x.hi == 0 || v.params <= x.hi) }
	for d := 1; d <= x.depth; d++ {
		var got []val
		for i := range k.count(d) {
			v := value(k.at(d, i, nil))
			if len(k.at(d, i, nil)) != d {
				return fmt.Errorf("wrong depth")
			}
			if feasible(v) {
				got = append(got, v)
			}
		}
		var bad error
		var rec func(ls []int)
		rec = func(ls []int) {
			if bad != nil {
				return
			}
			if len(ls) == d {
				z := value(ls)
				if !feasible(z) {
					return
				}
				for _, w := range got {
					ok := true
					for a := range z.sums {
						if w.sums[a] > z.sums[a] || x.equal[a] && w.sums[a] != z.sums[a] {
							ok = false
							break
						}
					}
					if ok && x.ar != nil {
						if x.same {
							ok = x.ar.bytes[w.rank] == x.ar.bytes[z.rank]
						} else {
							ok = x.ar.bytes[w.rank] <= x.ar.bytes[z.rank]
						}
					}
					if ok {
						return
					}
				}
				bad = fmt.Errorf("depth %d: lost %v (%+v)", d, ls, z)
				return
			}
			from := 0
			if len(ls) > 0 {
				from = ls[len(ls)-1]
			}
			for l := from; l < len(x.layers); l++ {
				rec(append(ls[:len(ls):len(ls)], l))
			}
		}
		rec(nil)
		if bad != nil {
			return fmt.Errorf("%w; stages %v pairs %v turns %v richest %v", bad, k.stages, k.pairs != nil, k.turns, k.richest)
		}
	}
	return nil
}

// TestKnapsack checks thousands of small knapsacks, of a kind that no space need have:
// any parameters, sums, arenas and bounds.
func TestKnapsack(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 11))
	for i := range 6000 {
		x := randomInstance(r)
		if err := check(x); err != nil {
			t.Fatalf("instance %d: %v\n%+v, arena %+v", i, err, x, x.ar)
		}
	}
}

// TestKnapsackReturns has multisets whose last layer alone leaves them too small: what
// is made of them with an earlier one does not end with them.
func TestKnapsackReturns(t *testing.T) {
	x := instance{
		layers: []arch.Layer{{Heads: 1, DInner: 1}, {Heads: 2, DInner: 1}, {Heads: 1, DInner: 2}, {Heads: 2, DInner: 2}},
		params: []int64{6, 31, 7, 32}, terms: [][]int64{{3, 5, 1, 10}}, equal: []bool{false},
		ar: &arena{exact: true, rank: []int{0, 0, 1, 1}, bytes: []int64{1, 2}}, depth: 4, low: 77,
	}
	if err := check(x); err != nil {
		t.Error(err)
	}
}
