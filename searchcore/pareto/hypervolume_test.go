package pareto

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/quick"
)

// near reports whether a and b agree but for rounding.
func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-12*max(1, math.Abs(a), math.Abs(b))
}

func TestHypervolume(t *testing.T) {
	tests := []struct {
		name   string
		points [][]float64
		ref    []float64
		want   float64
	}{
		{"no points", nil, []float64{1, 1}, 0},
		{"length", [][]float64{{3}, {1}, {2}}, []float64{10}, 9},
		{"rectangle", [][]float64{{1, 2}}, []float64{4, 7}, 15},
		{"box", [][]float64{{1, 2, 3}}, []float64{2, 4, 6}, 6},
		{"box in 5 costs", [][]float64{{1, 2, 3, 4, 5}}, []float64{2, 4, 6, 8, 10}, 120},
		{"negative costs", [][]float64{{-3, -2}}, []float64{-1, -1}, 2},
		{"two rectangles", [][]float64{{0, 2}, {2, 0}}, []float64{3, 3}, 5},
		{"equal points", [][]float64{{1, 1}, {1, 1}}, []float64{2, 3}, 2},
		{"dominated", [][]float64{{1, 1, 1}, {1, 2, 1}, {2, 2, 2}}, []float64{3, 3, 3}, 8},
		{"on and beyond the reference", [][]float64{{3, 0}, {0, 3}, {9, -9}, {inf, 0}, {1, 1}}, []float64{3, 3}, 4},
		{"ill-formed", [][]float64{{nan, 0}, {0}, {0, 0, 0}, {1, 1}}, []float64{3, 3}, 4},
		{"unbounded", [][]float64{{-inf, 0}, {1, 1}}, []float64{3, 3}, inf},
		{"unbounded but beyond", [][]float64{{-inf, 3}, {1, 1}}, []float64{3, 3}, 4},
		{"empty reference", [][]float64{{}}, nil, nan},
		{"reference not a number", nil, []float64{1, nan}, nan},
		{"infinite reference", [][]float64{{0, 0}}, []float64{1, inf}, nan},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Hypervolume(tt.points, tt.ref)
			if got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// simplex returns all points of non-negative integers with the given sum.
func simplex(dim, sum int) [][]float64 {
	if dim == 1 {
		return [][]float64{{float64(sum)}}
	}
	var points [][]float64
	for first := 0; first <= sum; first++ {
		for _, rest := range simplex(dim-1, sum-first) {
			points = append(points, append([]float64{float64(first)}, rest...))
		}
	}
	return points
}

// TestHypervolumeSimplex counts unit cells: of the n^d below (n, ..., n), the
// points with sum n leave out those whose lowest corner has a sum below n, of
// which there are C(n-1+d, d).
func TestHypervolumeSimplex(t *testing.T) {
	for dim, n := range map[int]int{1: 9, 2: 50, 3: 20, 4: 8, 5: 5, 6: 4} {
		binomial := 1
		for k := 1; k <= dim; k++ {
			binomial = binomial * (n - 1 + k) / k
		}
		ref := slices.Repeat([]float64{float64(n)}, dim)
		want := math.Pow(float64(n), float64(dim)) - float64(binomial)
		if got := Hypervolume(simplex(dim, n), ref); got != want {
			t.Errorf("%d costs, sum %d: got %v, want %v", dim, n, got, want)
		}
	}
}

// TestHypervolumeSphere samples the lower octant of the unit sphere around
// (1, 1, 1) on a grid. Each cell of the grid is covered from the height at its
// lowest corner, which gives the sum; the sum tends to the octant's volume π/6.
func TestHypervolumeSphere(t *testing.T) {
	const n = 60
	var points [][]float64
	want := 0.0
	for i := range n {
		for j := range n {
			x, y := float64(i)/n, float64(j)/n
			if inside := 1 - (1-x)*(1-x) - (1-y)*(1-y); inside > 0 {
				height := math.Sqrt(inside)
				points = append(points, []float64{x, y, 1 - height})
				want += height / (n * n)
			}
		}
	}
	got := Hypervolume(points, []float64{1, 1, 1})
	if !near(got, want) {
		t.Errorf("got %v, want the sum %v", got, want)
	}
	if math.Abs(got-math.Pi/6) > 1.0/n {
		t.Errorf("got %v, want about π/6 = %v", got, math.Pi/6)
	}
}

// inclusionExclusion adds up the boxes of all subsets with alternating signs.
func inclusionExclusion(points [][]float64, ref []float64) float64 {
	sum := 0.0
	for subset := 1; subset < 1<<len(points); subset++ {
		box, sign := 1.0, -1.0
		for k := range ref {
			corner := -inf
			for i, p := range points {
				if subset>>i&1 == 1 {
					corner = max(corner, p[k])
				}
			}
			box *= max(0, ref[k]-corner)
		}
		for i := range points {
			if subset>>i&1 == 1 {
				sign = -sign
			}
		}
		sum += sign * box
	}
	return sum
}

// randomPoints draws n points of dim costs in [0, 1); with grid > 0 the costs
// are multiples of 1/grid, so that many are equal.
func randomPoints(rng *rand.Rand, n, dim, grid int) [][]float64 {
	points := make([][]float64, n)
	for i := range points {
		points[i] = make([]float64, dim)
		for k := range points[i] {
			points[i][k] = rng.Float64()
			if grid > 0 {
				points[i][k] = float64(rng.IntN(grid)) / float64(grid)
			}
		}
	}
	return points
}

func TestHypervolumeInclusionExclusion(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, dim := range []int{1, 2, 3, 4, 5, 6} {
		for range 12 {
			for _, grid := range []int{0, 4} {
				points := randomPoints(rng, 1+rng.IntN(10), dim, grid)
				ref := slices.Repeat([]float64{0.9}, dim)
				got, want := Hypervolume(points, ref), inclusionExclusion(points, ref)
				if math.Abs(got-want) > 1e-12 {
					t.Fatalf("points %v: got %v, want %v", points, got, want)
				}
			}
		}
	}
}

// TestHypervolumeProperties checks, on random sets, what must not change the
// volume and what must not lower it.
func TestHypervolumeProperties(t *testing.T) {
	property := func(seed uint64) bool {
		rng := rand.New(rand.NewPCG(seed, 0))
		dim := 1 + rng.IntN(5)
		points := randomPoints(rng, 1+rng.IntN(25), dim, rng.IntN(2)*5)
		ref := slices.Repeat([]float64{1}, dim)
		v := Hypervolume(points, ref)

		shuffled := slices.Clone(points)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		var front [][]float64
		for _, i := range Front(points) {
			front = append(front, points[i])
		}
		mirrored := make([][]float64, len(points)) // costs in the opposite order
		for i, p := range points {
			mirrored[i] = slices.Clone(p)
			slices.Reverse(mirrored[i])
		}
		p := randomPoints(rng, 1, dim, 0)[0]
		more := Hypervolume(append(slices.Clone(points), p), ref)
		farther := Hypervolume(points, slices.Repeat([]float64{1.5}, dim))

		return near(Hypervolume(shuffled, ref), v) &&
			near(Hypervolume(front, ref), v) &&
			near(Hypervolume(mirrored, ref), v) &&
			math.Abs(Contribution(points, p, ref)-(more-v)) < 1e-12 &&
			Contribution(points, points[0], ref) == 0 && Contribution(points, ref, ref) == 0 &&
			more >= v-1e-12 && farther > v && v > 0 && v <= 1+1e-12
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
}

// TestHypervolumeDimensionsAgree embeds sets in one more dimension, where a last
// cost of 0 below a reference of 2 doubles the volume: three costs by one
// algorithm must agree with four by another.
func TestHypervolumeDimensionsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, dim := range []int{1, 2, 3, 4} {
		points := randomPoints(rng, 60, dim, 0)
		ref := slices.Repeat([]float64{1}, dim)
		want := 2 * Hypervolume(points, ref)
		for i := range points {
			points[i] = append([]float64{0}, points[i]...)
		}
		if got := Hypervolume(points, append([]float64{2}, ref...)); !near(got, want) {
			t.Errorf("%d costs embedded: got %v, want %v", dim, got, want)
		}
	}
}
