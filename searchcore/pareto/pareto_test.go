package pareto

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var (
	nan = math.NaN()
	inf = math.Inf(1)
)

// pointSets draws sets of up to size points with dim costs. Few values make ties
// and equal points common; some points are ill-formed.
func pointSets(dim, size int) *rapid.Generator[[][]float64] {
	cost := rapid.OneOf(
		rapid.Map(rapid.IntRange(0, 6), func(i int) float64 { return float64(i) }),
		rapid.SampledFrom([]float64{math.Copysign(0, -1), -inf, inf, 2.5}),
	)
	point := rapid.Custom(func(t *rapid.T) []float64 {
		p := rapid.SliceOfN(cost, dim, dim).Draw(t, "costs")
		switch rapid.IntRange(0, 19).Draw(t, "form") {
		case 0:
			p[rapid.IntRange(0, dim-1).Draw(t, "nan at")] = nan
		case 1:
			p = append(p, 0)
		}
		return p
	})
	return rapid.Custom(func(t *rapid.T) [][]float64 {
		// The first point says how many costs the others need.
		first := rapid.SliceOfN(cost, dim, dim).Draw(t, "first")
		return append([][]float64{first}, rapid.SliceOfN(point, 0, size-1).Draw(t, "points")...)
	})
}

func dims(t *rapid.T) int { return rapid.IntRange(1, 5).Draw(t, "dim") }

// bruteRanks peels off one front after the other, straight from the definition.
func bruteRanks(points [][]float64) []int {
	ranks := make([]int, len(points))
	var left []int
	for i, p := range points {
		ranks[i] = len(points)
		if len(p) == len(points[0]) && !slices.ContainsFunc(p, math.IsNaN) {
			left = append(left, i)
		}
	}
	for rank := 0; len(left) > 0; rank++ {
		var rest []int
		for _, i := range left {
			if slices.ContainsFunc(left, func(j int) bool { return Dominates(points[j], points[i]) }) {
				rest = append(rest, i)
			} else {
				ranks[i] = rank
			}
		}
		left = rest
	}
	return ranks
}

// bruteFront keeps the first of equal points of rank 0.
func bruteFront(points [][]float64) []int {
	var front []int
	for i, rank := range bruteRanks(points) {
		same := func(j int) bool { return slices.Equal(points[i], points[j]) }
		if rank == 0 && !slices.ContainsFunc(front, same) {
			front = append(front, i)
		}
	}
	return front
}

func TestDominates(t *testing.T) {
	tests := []struct {
		a, b []float64
		want bool
	}{
		{[]float64{1, 2}, []float64{1, 3}, true},
		{[]float64{1, 3}, []float64{1, 2}, false},
		{[]float64{1, 2}, []float64{2, 3}, true},
		{[]float64{1, 2}, []float64{1, 2}, false},
		{[]float64{1, 3}, []float64{2, 2}, false},
		{[]float64{-inf, 0}, []float64{0, inf}, true},
		{[]float64{inf}, []float64{inf}, false},
		{[]float64{0}, []float64{math.Copysign(0, -1)}, false},
		{[]float64{math.Copysign(0, -1)}, []float64{0}, false},
		{[]float64{nan, 0}, []float64{1, 1}, false},
		{[]float64{0, 0}, []float64{nan, 1}, false},
		{[]float64{0}, []float64{1, 1}, false},
		{nil, nil, false},
	}
	for _, tt := range tests {
		if got := Dominates(tt.a, tt.b); got != tt.want {
			t.Errorf("Dominates(%v, %v) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestFrontAndSort(t *testing.T) {
	tests := []struct {
		name   string
		points [][]float64
		front  []int
		ranks  []int
	}{
		{"none", nil, nil, []int{}},
		{"one", [][]float64{{3, 3}}, []int{0}, []int{0}},
		{"first of equal points", [][]float64{{1, 1}, {0, 2}, {1, 1}, {0, 2}}, []int{0, 1}, []int{0, 0, 0, 0}},
		{"weakly dominated", [][]float64{{1, 5}, {1, 4}, {2, 4}}, []int{1}, []int{1, 0, 1}},
		{"chain", [][]float64{{3, 3, 3}, {1, 1, 1}, {2, 2, 2}}, []int{1}, []int{2, 0, 1}},
		{"antichain", [][]float64{{0, 2, 1}, {1, 1, 1}, {2, 0, 1}}, []int{0, 1, 2}, []int{0, 0, 0}},
		{"one cost", [][]float64{{2}, {1}, {1}, {3}}, []int{1}, []int{1, 0, 0, 2}},
		{"four costs", [][]float64{{1, 1, 1, 2}, {1, 1, 1, 1}, {0, 9, 9, 9}}, []int{1, 2}, []int{1, 0, 0}},
		{"not a number", [][]float64{{nan, 0}, {1, 1}, {0, nan}}, []int{1}, []int{3, 0, 3}},
		{"only not a number", [][]float64{{nan, 0}, {nan, 0}}, nil, []int{2, 2}},
		{"infinite", [][]float64{{inf, 0}, {0, inf}, {inf, inf}}, []int{0, 1}, []int{0, 0, 1}},
		{"ragged", [][]float64{{1, 1}, {0}, {0, 0, 0}}, []int{0}, []int{0, 3, 3}},
		{"no costs", [][]float64{{}, {}}, nil, []int{2, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Front(tt.points); !slices.Equal(got, tt.front) {
				t.Errorf("Front = %v, want %v", got, tt.front)
			}
			if got := Sort(tt.points); !slices.Equal(got, tt.ranks) {
				t.Errorf("Sort = %v, want %v", got, tt.ranks)
			}
		})
	}
}

func TestFrontMatchesDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := pointSets(dims(t), 40).Draw(t, "points")
		if got, want := Front(points), bruteFront(points); !slices.Equal(got, want) {
			t.Fatalf("Front = %v, want %v", got, want)
		}
	})
}

func TestSortMatchesDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := pointSets(dims(t), 40).Draw(t, "points")
		if got, want := Sort(points), bruteRanks(points); !slices.Equal(got, want) {
			t.Fatalf("Sort = %v, want %v", got, want)
		}
	})
}

// TestSortManyFronts covers what small random sets do not: many ranks, and
// halves of very different size.
func TestSortManyFronts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, dim := range []int{1, 2, 3, 4} {
		for _, values := range []int{5, 40, 1 << 30} {
			points := make([][]float64, 300)
			for i := range points {
				points[i] = make([]float64, dim)
				for k := range points[i] {
					points[i][k] = float64(rng.IntN(values) + values*i/100)
				}
			}
			rng.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
			if got, want := Sort(points), bruteRanks(points); !slices.Equal(got, want) {
				t.Errorf("%d costs of %d values: Sort = %v, want %v", dim, values, got, want)
			}
			if got, want := Front(points), bruteFront(points); !slices.Equal(got, want) {
				t.Errorf("%d costs of %d values: Front = %v, want %v", dim, values, got, want)
			}
		}
	}
}

func TestSortIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := dims(t)
		points := slices.DeleteFunc(pointSets(dim, 30).Draw(t, "points"), func(p []float64) bool { return len(p) != dim })
		perm := rapid.Permutation(indices(len(points))).Draw(t, "perm")
		shuffled := make([][]float64, len(points))
		for i, j := range perm {
			shuffled[i] = points[j]
		}
		ranks, shuffledRanks := Sort(points), Sort(shuffled)
		for i, j := range perm {
			if shuffledRanks[i] != ranks[j] {
				t.Fatalf("rank of %v is %d, after shuffling %d", points[j], ranks[j], shuffledRanks[i])
			}
		}
		if a, b := costsOf(points, Front(points)), costsOf(shuffled, Front(shuffled)); !reflect.DeepEqual(a, b) {
			t.Fatalf("front is %v, after shuffling %v", a, b)
		}
	})
}

// costsOf returns the listed points, sorted, with -0 written as 0.
func costsOf(points [][]float64, list []int) [][]float64 {
	var costs [][]float64
	for _, i := range list {
		p := slices.Clone(points[i])
		for k := range p {
			p[k] += 0
		}
		costs = append(costs, p)
	}
	slices.SortFunc(costs, slices.Compare[[]float64])
	return costs
}

func indices(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func TestInputsAreNotModified(t *testing.T) {
	points := [][]float64{{3, 1, 2, 5}, {1, 2, 3, 4}, {2, 2, 2, 2}}
	ref := []float64{9, 9, 9, 9}
	before := []any{[][]float64{{3, 1, 2, 5}, {1, 2, 3, 4}, {2, 2, 2, 2}}, []float64{9, 9, 9, 9}}
	Front(points)
	Sort(points)
	Hypervolume(points, ref)
	if after := []any{points, ref}; !reflect.DeepEqual(after, before) {
		t.Errorf("inputs became %v", after)
	}
}
