package importance

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/arch"
)

// By hand: the sums of squares are whole numbers.
func TestEpsilonSquared(t *testing.T) {
	for _, tt := range []struct {
		name   string
		groups int
		group  []int
		values []float64
		want   float64
	}{
		// Means 2, 6 and 4 of all: SST 28, SSW 2+2.
		{"two apart", 2, []int{0, 0, 0, 1, 1, 1}, []float64{1, 2, 3, 5, 6, 7}, 1 - 4.0/28*5/4},
		// Means 3, 6, 2 and 3 of all: SST 16, SSW 2+0+2.
		{"sizes differ", 3, []int{0, 0, 1, 2, 2, 2}, []float64{2, 4, 6, 1, 2, 3}, 1 - 4.0/16*5/3},
		// Equal means: all is within, and less than chance is between.
		{"nothing between", 2, []int{0, 1, 0, 1}, []float64{1, 1, 3, 3}, 1 - 4.0/4*3/2},
		{"nothing within", 2, []int{0, 1, 0, 1}, []float64{5, 9, 5, 9}, 1},
		{"no variance", 2, []int{0, 1, 0, 1}, []float64{7, 7, 7, 7}, 0},
		{"huge", 2, []int{0, 0, 1, 1}, []float64{0, 0, math.MaxFloat64, math.MaxFloat64}, 1},
	} {
		if got := epsilonSquared(tt.group, tt.groups, tt.values); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Groups that chance makes explain nothing on average: over all ways to choose the
// first group the mean is 0, where the plain correlation ratio would have (k−1)/(n−1).
func TestChanceExplainsNothing(t *testing.T) {
	values := []float64{1, 1, 2, 5, 11, 30, 31}
	for size := 1; size < len(values); size++ {
		total, ways := 0.0, 0
		for set := range 1 << len(values) {
			group, members := make([]int, len(values)), 0
			for i := range values {
				group[i] = set >> i & 1
				members += group[i]
			}
			if members == size {
				total += epsilonSquared(group, 2, values)
				ways++
			}
		}
		if mean := total / float64(ways); math.Abs(mean) > 1e-12 {
			t.Errorf("groups of %d: %v on average over %d ways", size, mean, ways)
		}
	}
}

func TestGroups(t *testing.T) {
	for _, tt := range []struct {
		name   string
		levels []float64
		want   []int
		count  int
	}{
		{"one level", []float64{3, 3, 3}, []int{0, 0, 0}, 1},
		{"few levels", []float64{9, 1, 4, 9}, []int{2, 0, 1, 2}, 3},
		{"many levels", []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, []int{4, 4, 3, 3, 2, 2, 1, 1, 0, 0}, 5},
		// The level 1 fills the first three fifths; the rest starts there.
		{"equal ones stay together", []float64{1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6}, []int{0, 0, 0, 0, 0, 0, 1, 2, 2, 3, 3}, 4},
	} {
		got, count := groups(tt.levels)
		if !slices.Equal(got, tt.want) || count != tt.count {
			t.Errorf("%s: %v (%d), want %v (%d)", tt.name, got, count, tt.want, tt.count)
		}
	}
}

func model(layers, dModel, dInner, heads int) arch.Architecture {
	return arch.Architecture{Backbone: arch.GPT2, Vocab: 100, DModel: dModel, MaxLen: 64,
		Layers: slices.Repeat([]arch.Layer{{Heads: heads, DInner: dInner}}, layers)}
}

// A full grid of depths and widths: what only depth changes, depth explains whole,
// and width not at all.
func TestExplain(t *testing.T) {
	var list []arch.Architecture
	var byDepth, byWidth, none []float64
	for layers := 1; layers <= 4; layers++ {
		for width := 1; width <= 6; width++ {
			list = append(list, model(layers, 64*width, 128, 2))
			byDepth = append(byDepth, float64(layers*layers))
			byWidth = append(byWidth, float64(width))
			none = append(none, 3)
		}
	}
	shares := map[string][]float64{}
	rows := Explain(list, [][]float64{byDepth, byWidth, none})
	for _, r := range rows {
		shares[r.Dimension] = r.Shares
	}
	for _, name := range []string{"n_layer", "total d_inner"} {
		if got := shares[name]; len(got) != 3 || math.Abs(got[0]-1) > 1e-12 || got[1] != 0 || got[2] != 0 {
			t.Errorf("%s explains %v, want all, nothing and nothing", name, got)
		}
	}
	// Six widths make five groups; the two in one group differ by 1, in four rows each:
	// SSW is 8·¼, SST 4·17.5.
	for _, name := range []string{"d_model", "mean d_inner / d_model"} {
		if got, want := shares[name], 1-2.0/70*23/19; len(got) != 3 || got[0] != 0 || math.Abs(got[1]-want) > 1e-12 {
			t.Errorf("%s explains %v, want nothing and %v", name, got, want)
		}
	}
	if len(rows) != 4 || rows[0].Shares[0] != slices.Max(rows[0].Shares) {
		t.Errorf("rows %v: heads and d_inner do not vary, and the largest share comes first", rows)
	}
	if few := Explain(list[:MinPoints-1], [][]float64{byDepth[:MinPoints-1]}); few != nil {
		t.Errorf("%d points explain %v", MinPoints-1, few)
	}
	if rows := Explain(list[:MinPoints], [][]float64{byDepth[:MinPoints]}); len(rows) == 0 {
		t.Errorf("%d points explain nothing", MinPoints)
	}
}

// A share is between 0 and 1, is no more than the plain correlation ratio, and depends neither on
// an objective's unit nor on where its zero is nor on the order of the points.
func TestExplainProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(MinPoints, 60).Draw(t, "n")
		list := make([]arch.Architecture, n)
		values, moved := make([]float64, n), make([]float64, n)
		unit, zero := rapid.Float64Range(0.01, 100).Draw(t, "unit"), rapid.Float64Range(-100, 100).Draw(t, "zero")
		for i := range list {
			list[i] = model(rapid.IntRange(1, 8).Draw(t, "layers"), 64*rapid.IntRange(1, 4).Draw(t, "d_model"), 64*rapid.IntRange(1, 9).Draw(t, "d_inner"), 2)
			values[i] = rapid.Float64Range(0, 1000).Draw(t, "value")
			moved[i] = unit*values[i] + zero
		}
		// Rounding is relative to the values, which may all but agree.
		if slices.Max(values)-slices.Min(values) < 1 {
			t.Skip("too little variance")
		}
		backwards, behind := slices.Clone(list), slices.Clone(values)
		slices.Reverse(backwards)
		slices.Reverse(behind)
		rows := Explain(list, [][]float64{values, moved})
		reversed := Explain(backwards, [][]float64{behind, behind})
		for i, r := range rows {
			share := r.Shares[0]
			if !(share >= 0 && share <= 1) {
				t.Fatalf("%s explains %v", r.Dimension, share)
			}
			if math.Abs(share-r.Shares[1]) > 1e-6 {
				t.Fatalf("%s explains %v of values and %v of them in another unit", r.Dimension, share, r.Shares[1])
			}
			j := slices.IndexFunc(reversed, func(other Row) bool { return other.Dimension == r.Dimension })
			if j < 0 || math.Abs(share-reversed[j].Shares[0]) > 1e-9 {
				t.Fatalf("row %d: %v, and %v backwards", i, r, reversed)
			}
			d := slices.IndexFunc(dimensions, func(d dimension) bool { return d.name == r.Dimension })
			if plain := correlationRatio(list, dimensions[d].of, values); share > plain+1e-9 {
				t.Fatalf("%s explains %v, more than the plain ratio of a group per value, %v", r.Dimension, share, plain)
			}
		}
	})
}

// correlationRatio is eta squared with a group for each value of the dimension, by
// its definition: finer groups than those of Explain, so never less.
func correlationRatio(list []arch.Architecture, of func(arch.Architecture) float64, values []float64) float64 {
	mean := func(keep func(int) bool) (mean float64) {
		n := 0
		for i, v := range values {
			if keep(i) {
				mean += v
				n++
			}
		}
		return mean / float64(n)
	}
	all := mean(func(int) bool { return true })
	between, total := 0.0, 0.0
	for i, v := range values {
		own := mean(func(j int) bool { return of(list[j]) == of(list[i]) })
		between += (own - all) * (own - all)
		total += (v - all) * (v - all)
	}
	return between / total
}
