package pareto

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The sets of points that the benchmarks run on.
var benchSets = []struct {
	name string
	draw func(rng *rand.Rand) []float64
}{
	{"uniform", func(rng *rand.Rand) []float64 {
		return []float64{rng.Float64(), rng.Float64(), rng.Float64()}
	}},
	{"correlated", func(rng *rand.Rand) []float64 { // few points on the front, many fronts
		size := rng.Float64()
		return []float64{size + 0.01*rng.NormFloat64(), size + 0.01*rng.NormFloat64(), size + 0.01*rng.NormFloat64()}
	}},
	{"front", func(rng *rand.Rand) []float64 { // all points on one front: the unit sphere
		x, y, z := rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
		r := math.Sqrt(x*x + y*y + z*z)
		return []float64{1 - math.Abs(x)/r, 1 - math.Abs(y)/r, 1 - math.Abs(z)/r}
	}},
}

func benchPoints(draw func(*rand.Rand) []float64, n int) [][]float64 {
	rng := rand.New(rand.NewPCG(7, 8))
	points := make([][]float64, n)
	for i := range points {
		points[i] = draw(rng)
	}
	return points
}

func BenchmarkSort100kx3(b *testing.B) {
	for _, set := range benchSets {
		points := benchPoints(set.draw, 100_000)
		b.Run(set.name, func(b *testing.B) {
			for b.Loop() {
				Sort(points)
			}
		})
	}
}

func BenchmarkFront100kx3(b *testing.B) {
	for _, set := range benchSets {
		points := benchPoints(set.draw, 100_000)
		b.Run(set.name, func(b *testing.B) {
			for b.Loop() {
				Front(points)
			}
		})
	}
}

func BenchmarkHypervolume3(b *testing.B) {
	ref := []float64{1, 1, 1}
	for _, n := range []int{100, 10_000, 100_000} {
		points := benchPoints(benchSets[2].draw, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				Hypervolume(points, ref)
			}
		})
	}
}

// BenchmarkHypervolume100 shows what more costs do to a front of 100 points.
func BenchmarkHypervolume100(b *testing.B) {
	for dim := 3; dim <= 6; dim++ {
		rng := rand.New(rand.NewPCG(9, 10))
		points := randomPoints(rng, 100, dim, 0)
		for _, p := range points { // on the simplex
			sum := 0.0
			for _, c := range p {
				sum += c
			}
			for k := range p {
				p[k] /= sum
			}
		}
		ref := slices.Repeat([]float64{1}, dim)
		b.Run(fmt.Sprintf("costs=%d", dim), func(b *testing.B) {
			for b.Loop() {
				Hypervolume(points, ref)
			}
		})
	}
}
