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

// A bound of the page is heard as well, and a constraint that is broken.
func TestPointBroken(t *testing.T) {
	s := ready(t)
	s.SetField(FieldConstraints, "decode_ms<=0.000001")
	w := start(t, s, 1)
	w.measure()
	s.Select(1)
	if text := s.Point(); !strings.HasSuffix(text, "Breaks the constraint decode_ms<=1e-06.") {
		t.Errorf("of what breaks the constraint is heard %q", text)
	}

	s = ready(t)
	w = start(t, s, 1)
	for range 3 {
		w.measure()
	}
	s.SetBound("decoder_params", 1) // leaves the least out
	for n := 1; n <= 3; n++ {
		c := s.Trial(n)
		if s.Select(n); strings.Contains(s.Point(), "Outside the bound that is shown") != (c.Outside != "") {
			t.Errorf("trial %d, outside %q, is heard as %q", n, c.Outside, s.Point())
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
		want := "Dominated: another candidate is at least as good in all objectives."
		if c.OnFrontier {
			want = "On the frontier: no candidate beats it in all objectives."
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
