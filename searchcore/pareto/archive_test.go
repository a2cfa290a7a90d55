package pareto

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func ids(members []Member) []int {
	var list []int
	for _, m := range members {
		list = append(list, m.ID)
	}
	return list
}

func TestArchive(t *testing.T) {
	var a Archive
	steps := []struct {
		id      int
		costs   []float64
		changed bool
		members []int
	}{
		{1, nil, false, nil},
		{2, []float64{nan, 0}, false, nil},
		{3, []float64{5, 5}, true, []int{3}},
		{4, []float64{5, 5}, false, []int{3}},
		{5, []float64{4, 6}, true, []int{3, 5}},
		{6, []float64{6, 5}, false, []int{3, 5}},
		{7, []float64{0}, false, []int{3, 5}},
		{8, []float64{0, nan}, false, []int{3, 5}},
		{9, []float64{9, 1}, true, []int{3, 5, 9}},
		{10, []float64{4, 5}, true, []int{9, 10}},
		{11, []float64{0, 0}, true, []int{11}},
	}
	for _, s := range steps {
		if got := a.Add(s.id, s.costs); got != s.changed {
			t.Errorf("Add(%d, %v) = %v, want %v", s.id, s.costs, got, s.changed)
		}
		if got := ids(a.Members()); !slices.Equal(got, s.members) {
			t.Errorf("after Add(%d, %v) members are %v, want %v", s.id, s.costs, got, s.members)
		}
	}
}

func TestArchiveMatchesFront(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := pointSets(dims(t), 40).Draw(t, "points")
		var a Archive
		var last []int
		for i, p := range points {
			changed := a.Add(i, p)
			got, want := ids(a.Members()), Front(points[:i+1])
			if !slices.Equal(got, want) {
				t.Fatalf("after %v: archive holds %v, Front selects %v", points[:i+1], got, want)
			}
			if changed == slices.Equal(got, last) {
				t.Fatalf("Add(%v) = %v, frontier went from %v to %v", p, changed, last, got)
			}
			last = got
		}
		for _, m := range a.Members() {
			if !slices.Equal(m.Costs, points[m.ID]) {
				t.Fatalf("member %d has costs %v, added were %v", m.ID, m.Costs, points[m.ID])
			}
		}
	})
}

func TestArchiveKeepsItsOwnCosts(t *testing.T) {
	var a Archive
	costs := []float64{1, 2}
	a.Add(1, costs)
	costs[0] = 7
	members := a.Members()
	members[0].ID = 9
	if m := a.Members()[0]; m.ID != 1 || m.Costs[0] != 1 {
		t.Errorf("member became %v", m)
	}
}
