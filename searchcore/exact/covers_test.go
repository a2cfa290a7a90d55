package exact

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCovers offers random points, with many ties, to each structure, and compares with
// going through all that were added.
func TestCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	var s staircase
	var l levels
	var b blocks
	for _, c := range []struct {
		name        string
		coordinates int
		clear       func()
		add         func([]int64) bool
	}{
		{"staircase", 2, func() { s = s[:0] }, func(p []int64) bool {
			covered := s.covers(p[0], p[1])
			added := s.lower(p[0], p[1])
			if added == covered {
				t.Errorf("staircase: added %v, though covered %v", added, covered)
			}
			return added
		}},
		{"levels", 4, func() { l = l[:0] }, func(p []int64) bool {
			added, _ := l.lower(p[0], p[1], p[2], p[3])
			return added
		}},
		{"blocks", 3, func() { b.clear() }, func(p []int64) bool {
			added, _ := b.add(p)
			return added
		}},
		{"blocks", 5, func() { b.clear() }, func(p []int64) bool {
			added, _ := b.add(p)
			return added
		}},
	} {
		for range 200 { // in the memory of those before
			c.clear()
			var all [][]int64
			high := 2 + r.Int64N(30)
			kept := 0
			for range 1 + r.IntN(200) {
				p := make([]int64, c.coordinates)
				for i := range p {
					p[i] = r.Int64N(high)
				}
				want := !slices.ContainsFunc(all, func(q []int64) bool { return below(q, p) })
				if got := c.add(p); got != want {
					t.Fatalf("%s: %v after %v: added %v, want %v", c.name, p, all, got, want)
				}
				if want {
					all = append(all, slices.Clone(p))
					kept++
				}
			}
			if kept == 0 {
				t.Errorf("%s: nothing was kept", c.name)
			}
		}
	}
}
