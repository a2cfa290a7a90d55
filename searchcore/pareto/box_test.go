package pareto

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestBox(t *testing.T) {
	points := [][]float64{{10, 3, 7}, {15, 1, 7}, {20, 5, 7}}
	b := BoxOf(points, 3)
	if !slices.Equal(b.Best, []float64{10, 1, 7}) || !slices.Equal(b.Reference, []float64{20, 5, 7}) {
		t.Fatalf("the box goes from %v to %v", b.Best, b.Reference)
	}
	if again := BoxOf([][]float64{b.Reference, b.Best}, 3); !slices.Equal(again.Best, b.Best) || !slices.Equal(again.Reference, b.Reference) {
		t.Errorf("its corners make %v", again)
	}
	scaled := b.Scaled(points)
	for i, want := range [][]float64{{0, 0.5, 0}, {0.5, 0, 0}, {1, 1, 0}} {
		if !slices.Equal(scaled[i], want) {
			t.Errorf("point %d is scaled to %v, want %v", i, scaled[i], want)
		}
	}
	if v := b.Volume(scaled); v != 0.75 {
		t.Errorf("the volume is %v, want 3/4", v)
	}
	if empty := BoxOf(nil, 2); empty.Volume(nil) != 0 || !math.IsInf(empty.Best[0], 1) || !math.IsInf(empty.Reference[1], -1) {
		t.Errorf("without points the box is %v", empty)
	}
}

func TestNotDominated(t *testing.T) {
	if v := NotDominated(nil, [][]float64{{1}}); v != 0 {
		t.Errorf("of no points %v are not dominated", v)
	}
	rapid.Check(t, func(t *rapid.T) {
		dim := dims(t)
		points, others := pointSets(dim, 8).Draw(t, "points"), pointSets(dim, 8).Draw(t, "others")
		kept := 0.0
		for _, p := range points {
			beaten := slices.ContainsFunc(others, func(q []float64) bool {
				lower := false
				for k := range p {
					if len(q) != len(p) || !(q[k] <= p[k]) {
						return false
					}
					lower = lower || q[k] < p[k]
				}
				return lower
			})
			if !beaten {
				kept++
			}
		}
		if got := NotDominated(points, others); math.Abs(got-kept/float64(len(points))) > 1e-12 {
			t.Fatalf("%v of %d points are not dominated, want %v", got, len(points), kept)
		}
	})
}
