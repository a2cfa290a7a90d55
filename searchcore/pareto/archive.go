package pareto

import "slices"

// Member is a point on the frontier of an [Archive].
type Member struct {
	ID    int       // as given to Add
	Costs []float64 // not to be modified
}

// Archive is a frontier that is kept while points come in. At any time it holds
// what [Front] would select from all points added so far. The zero value is an
// empty archive. It is not safe for concurrent use.
type Archive struct {
	members []Member
}

// Add offers a point, known to the caller as id, and reports whether the
// frontier changed: then the point is on it, and the members that it dominates
// are gone. A point that equals a member changes nothing. An ill-formed point,
// one with a NaN or with another number of costs than the first member, is
// ignored. The time is linear in the size of the frontier.
func (a *Archive) Add(id int, costs []float64) (changed bool) {
	dim := len(costs)
	if len(a.members) > 0 {
		dim = len(a.members[0].Costs)
	}
	if !wellFormed(costs, dim) {
		return false
	}
	for _, m := range a.members {
		if covers(m.Costs, costs) {
			return false
		}
	}
	a.members = slices.DeleteFunc(a.members, func(m Member) bool { return covers(costs, m.Costs) })
	a.members = append(a.members, Member{id, slices.Clone(costs)})
	return true
}

// Members returns the frontier in the order in which its points were added.
func (a *Archive) Members() []Member {
	return slices.Clone(a.members)
}
