package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The steps go through all measured points, in the order of the horizontal axis.
func TestWalk(t *testing.T) {
	s := ready(t)
	s.Walk(Next)
	if s.Selected() != nil || s.Point() != "" {
		t.Errorf("without a study %v is selected: %q", s.Selected(), s.Point())
	}
	w := start(t, s, 1)
	for i := range 12 {
		if i == 5 {
			w.fail("no reason")
			continue
		}
		w.measure()
	}
	for _, x := range []string{"response_ms", "decode_ms", "decoder_params"} {
		s.ShowX(x)
		s.Select(0)
		var values []float64
		var seen []int
		for range 20 { // more than there are: it stays at the end
			s.Walk(Next)
			n := s.Selected().Number
			if len(seen) > 0 && seen[len(seen)-1] == n {
				continue
			}
			r, _ := s.Read(s.Selected(), s.Axes.X)
			seen, values = append(seen, n), append(values, r.Value)
		}
		if len(seen) != 11 || !slices.IsSorted(values) {
			t.Errorf("%s: %v at %v", x, seen, values)
		}
		s.Walk(Previous)
		if got := s.Selected().Number; got != seen[9] {
			t.Errorf("%s: back from the last is %d; want %d", x, got, seen[9])
		}
		s.Walk(First)
		s.Walk(Previous)
		if got := s.Selected().Number; got != seen[0] {
			t.Errorf("%s: the first is %d; want %d", x, got, seen[0])
		}
		s.Walk(Last)
		if got := s.Selected().Number; got != seen[10] {
			t.Errorf("%s: the last is %d; want %d", x, got, seen[10])
		}
		s.Select(0)
		s.Walk(Previous)
		if got := s.Selected().Number; got != seen[10] {
			t.Errorf("%s: back from nowhere is %d; want %d", x, got, seen[10])
		}
	}
}

// What is heard of a point is what is seen of it.
func TestPoint(t *testing.T) {
	s := ready(t)
	s.SetField(FieldConstraints, "peak_mb<=1000")
	w := start(t, s, 1)
	for range 12 {
		w.measure()
	}
	for _, n := range s.walk() {
		s.Select(n)
		c := s.Selected()
		want := ", dominated."
		if c.OnFrontier {
			want = ", on the frontier."
		}
		x, _ := s.Read(c, s.Axes.X)
		text := s.Point()
		for _, part := range []string{fmt.Sprintf("Candidate %d, %s", n, c.Name), "response latency " + s.Axes.X.Format(x.Value), "decoder parameters"} {
			if !strings.Contains(text, part) {
				t.Errorf("%q lacks %q", text, part)
			}
		}
		if !strings.HasSuffix(text, want) {
			t.Errorf("%q does not end with %q", text, want)
		}
	}
}
