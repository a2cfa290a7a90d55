package exact

import "slices"

// staircase is the boundary of what points in the plane cover: by ascending x, the y
// descending.
type staircase []struct{ x, y int64 }

// search returns how many steps have an x of at most this.
func (s staircase) search(x int64) int {
	low, high := 0, len(s)
	for low < high {
		if i := (low + high) / 2; s[i].x <= x {
			low = i + 1
		} else {
			high = i
		}
	}
	return low
}

// covers reports whether a point of s is at most (x, y).
func (s staircase) covers(x, y int64) bool {
	i := s.search(x)
	return i > 0 && s[i-1].y <= y
}

// lower adds a point, and reports false if it is covered.
func (s *staircase) lower(x, y int64) bool {
	list := *s
	to := list.search(x)
	if to > 0 && list[to-1].y <= y {
		return false
	}
	from := to
	if from > 0 && list[from-1].x == x {
		from--
	}
	for to < len(list) && list[to].y >= y {
		to++
	}
	*s = slices.Replace(list, from, to, struct{ x, y int64 }{x, y})
	return true
}

// level is the staircase of points that have two more coordinates in common.
type level struct {
	u, v  int64
	steps staircase
}

// levels know points of four coordinates, of which the last two take few values: by
// ascending u.
type levels []level

// lower adds a point, and reports false if one is at most as high in all coordinates;
// and how many staircases it was compared with.
func (s *levels) lower(x, y, u, v int64) (added bool, comparisons int) {
	list := *s
	at, same := 0, -1
	for ; at < len(list) && list[at].u <= u; at++ {
		l := &list[at]
		if l.v > v {
			continue
		}
		comparisons++
		if l.steps.covers(x, y) {
			return false, comparisons
		}
		if l.u == u && l.v == v {
			same = at
		}
	}
	if same < 0 {
		// The memory of what was cut off is used again.
		list = slices.Grow(list, 1)[:len(list)+1]
		steps := list[len(list)-1].steps[:0]
		copy(list[at+1:], list[at:])
		list[at], same = level{u, v, steps}, at
	}
	list[same].steps.lower(x, y)
	*s = list
	return true, comparisons
}

// blocks know points of any number of coordinates, in the order in which they came.
// Those that came one after the other are alike, so that whole blocks are passed over
// by their lowest coordinates.
type blocks struct {
	points []int64 // by point, then coordinate
	lowest []int64 // by block, then coordinate
	before []int64 // of this block and all before it
}

const blockPoints = 16

func (b *blocks) clear() { b.points, b.lowest, b.before = b.points[:0], b.lowest[:0], b.before[:0] }

// add adds a point, and reports false if one is at most as high in all coordinates;
// and how many comparisons that took. The last points are the most like it.
func (b *blocks) add(p []int64) (added bool, comparisons int) {
	n := len(p)
	for at := len(b.lowest) - n; at >= 0 && below(b.before[at:at+n], p); at -= n {
		comparisons++
		if !below(b.lowest[at:at+n], p) {
			continue
		}
		for i := min((at+n)*blockPoints, len(b.points)) - n; i >= at*blockPoints; i -= n {
			comparisons++
			if below(b.points[i:i+n], p) {
				return false, comparisons
			}
		}
	}
	if len(b.points) == len(b.lowest)*blockPoints {
		b.lowest = append(b.lowest, p...)
		if len(b.before) == 0 {
			b.before = append(b.before, p...)
		} else {
			b.before = append(b.before, b.before[len(b.before)-n:]...)
		}
	}
	for i, x := range p {
		lowest, before := &b.lowest[len(b.lowest)-n+i], &b.before[len(b.before)-n+i]
		*lowest, *before = min(*lowest, x), min(*before, x)
	}
	b.points = append(b.points, p...)
	return true, comparisons
}

// below reports whether x is at most as high as y in all coordinates.
func below(x, y []int64) bool {
	for i := range x {
		if x[i] > y[i] {
			return false
		}
	}
	return true
}
