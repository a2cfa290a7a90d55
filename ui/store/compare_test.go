package store

import (
	"slices"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	s, w := searching(t, 1)
	for range 6 {
		w.measure()
	}
	w.fail("no reason")
	w.ask()
	predict(t, s, s.Trial(1).Arch, s.Trial(2).Arch)
	check := func(when string, want ...int) {
		t.Helper()
		got := numbers(s.Compared())
		if !slices.Equal(got, append([]int{}, want...)) {
			t.Errorf("%s: %v are compared, want %v", when, got, want)
		}
	}
	for _, n := range []int{0, 7, 8, 99, -3} { // none, failed, under way, unknown, not predicted
		s.Compare(n, true)
	}
	check("what has no measurement")
	for _, n := range []int{3, 1, -2, 3, 5} {
		s.Compare(n, true)
	}
	check("four of them", 3, 1, -2, 5)
	s.Compare(6, true)
	check("one too many", 3, 1, -2, 5)
	if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], s.Trial(6).Name) || !strings.Contains(s.Errors[0], "4 architectures") {
		t.Errorf("messages %q", s.Errors)
	}
	s.Compare(1, false)
	s.Compare(2, false) // is not in it
	s.Compare(6, true)
	check("another instead", 3, -2, 5, 6)
	if !s.IsCompared(6) || s.IsCompared(1) {
		t.Error("what is compared is not said")
	}
	predict(t, s, s.Trial(4).Arch, s.Trial(5).Arch)
	check("other predictions under the same numbers, and measured what was predicted", 3, 2, 5, 6)
	s.clear()
	check("no study")
}

// What is compared stays while others give way.
func TestComparedStays(t *testing.T) {
	s, w := searching(t, 1)
	w.measure()
	w.measure()
	s.Compare(1, true)
	s.Compare(2, true)
	for _, n := range []int{1, 2} {
		s.trials[n].OnFrontier = false
	}
	s.reported, s.frontier = nil, nil
	a := s.Trial(1).Arch
	for n := 3; n <= maxTrials+10; n++ {
		asked := w.study.Trials()[0].Trial
		asked.Number, asked.Arch = n, a
		if err := s.asked(asked); err != nil {
			t.Fatal(err)
		}
	}
	if got := numbers(s.Compared()); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("%v are compared", got)
	}
}
