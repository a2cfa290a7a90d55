package store

import (
	"fmt"
	"slices"
)

// MaxCompared bounds the candidates that are shown side by side.
const MaxCompared = 4

// Compare takes a measured or predicted trial in or out of the comparison. One too
// many is refused with a message.
func (s *Store) Compare(number int, on bool) {
	t := s.Trial(number)
	switch {
	case !on:
		s.compared = slices.DeleteFunc(s.compared, func(n int) bool { return n == number })
	case t == nil || t.Measurement == nil || s.IsCompared(number):
	case len(s.compared) == MaxCompared:
		s.Fail(fmt.Sprintf("%d architectures are compared, which is as many as fit: remove one to compare %s", MaxCompared, t.Name))
	default:
		s.compared = append(s.compared, number)
	}
}

// IsCompared reports whether a trial is in the comparison.
func (s *Store) IsCompared(number int) bool { return slices.Contains(s.compared, number) }

// Compared returns the trials that are compared, in the order in which they were
// chosen.
func (s *Store) Compared() []*Trial {
	list := make([]*Trial, len(s.compared))
	for i, n := range s.compared {
		list[i] = s.Trial(n)
	}
	return list
}
