package measure

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

func TestSummarize(t *testing.T) {
	tests := []struct {
		name                                 string
		samples                              []float64
		median, low, high, min, mean, spread float64
	}{
		{"none", nil, 0, 0, 0, 0, 0, 0},
		{"one", []float64{3}, 3, 3, 3, 3, 3, 0},
		{"even", []float64{4, 1, 3, 2}, 2.5, 1, 4, 1, 2.5, 1.5},
		{"five: the range", []float64{5, 1, 2, 4, 3}, 3, 1, 5, 1, 3, 2},
		{"eight: still the range", []float64{8, 7, 6, 5, 4, 3, 2, 1}, 4.5, 1, 8, 1, 4.5, 3.5},
		{"nine: second to eighth", []float64{9, 8, 7, 6, 5, 4, 3, 2, 1}, 5, 2, 8, 1, 5, 4},
	}
	for _, tt := range tests {
		s := summarize(tt.samples, 7)
		got := []float64{s.MedianMs, s.LowMs, s.HighMs, s.MinMs, s.MeanMs, s.SpreadMs}
		want := []float64{tt.median, tt.low, tt.high, tt.min, tt.mean, tt.spread}
		if !slices.Equal(got, want) || s.Batch != 7 || !slices.Equal(s.SamplesMs, tt.samples) {
			t.Errorf("%s: got %v of %+v, want %v", tt.name, got, s, want)
		}
	}
}

// rankOfMedianInterval is the definition, in exact arithmetic: the largest k
// with P(B(n, ½) < k) <= 1/40.
func rankOfMedianInterval(n int) int {
	all := new(big.Int).Lsh(big.NewInt(1), uint(n))
	below := new(big.Int)
	k := 0
	for {
		below.Add(below, new(big.Int).Binomial(int64(n), int64(k)))
		if new(big.Int).Mul(below, big.NewInt(40)).Cmp(all) > 0 {
			return max(k, 1)
		}
		k++
	}
}

func TestMedianIntervalIsExact(t *testing.T) {
	for n := 1; n <= 400; n++ {
		sorted := make([]float64, n)
		for i := range sorted {
			sorted[i] = float64(i + 1)
		}
		k := rankOfMedianInterval(n)
		low, high := MedianInterval(sorted)
		if low != float64(k) || high != float64(n+1-k) {
			t.Errorf("n=%d: ranks %v to %v, want %d to %d", n, low, high, k, n+1-k)
		}
	}
}

func TestMedianIntervalMatchesPublishedRanks(t *testing.T) {
	// One more than the critical values of the two-sided 5 % sign test.
	for n, k := range map[int]float64{6: 1, 8: 1, 9: 2, 11: 2, 12: 3, 15: 4, 17: 5, 20: 6, 25: 8, 30: 10, 40: 14, 50: 18, 100: 40} {
		sorted := make([]float64, n)
		for i := range sorted {
			sorted[i] = float64(i + 1)
		}
		if low, _ := MedianInterval(sorted); low != k {
			t.Errorf("n=%d: rank %v, want %v", n, low, k)
		}
	}
}

func TestMedianIntervalCoverage(t *testing.T) {
	standard := distuv.UnitNormal.Quantile
	quantiles := map[string]func(u float64) float64{
		"normal":    standard,
		"lognormal": func(u float64) float64 { return math.Exp(standard(u)) },
		"bimodal": func(u float64) float64 {
			if u < 0.7 {
				return 10 + standard(u/0.7)
			}
			return 30 + standard((u-0.7)/0.3)
		},
	}
	const trials = 4000
	for name, q := range quantiles {
		for _, n := range []int{5, 6, 9, 14, 30, 75} {
			rng := rand.New(rand.NewPCG(1, uint64(n)))
			truth := q(0.5)
			covered := 0
			for range trials {
				samples := make([]float64, n)
				for i := range samples {
					samples[i] = q(rng.Float64())
				}
				s := summarize(samples, 1)
				if s.LowMs <= truth && truth <= s.HighMs {
					covered++
				}
			}
			if share := float64(covered) / trials; share < 0.93 {
				t.Errorf("%s, n=%d: covered %.3f, want at least 0.93", name, n, share)
			}
		}
	}
}

func TestSummarizeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.SliceOfN(rapid.Float64Range(0.001, 1e6), 1, 60).Draw(t, "samples")
		before := slices.Clone(samples)
		s := summarize(samples, 1)
		if !slices.Equal(samples, before) {
			t.Fatal("summarize reordered its input")
		}
		most := slices.Max(samples)
		if !(s.MinMs <= s.LowMs && s.LowMs <= s.MedianMs && s.MedianMs <= s.HighMs && s.HighMs <= most) {
			t.Fatalf("out of order: %+v", s)
		}
		if s.SpreadMs < 0 || s.SpreadMs > most-s.MinMs {
			t.Fatalf("spread %v of a range of %v", s.SpreadMs, most-s.MinMs)
		}

		shuffled := summarize(rapid.Permutation(samples).Draw(t, "shuffled"), 1)
		if shuffled.MedianMs != s.MedianMs || shuffled.LowMs != s.LowMs || shuffled.HighMs != s.HighMs {
			t.Fatal("the order of samples matters")
		}

		doubled := slices.Clone(samples)
		for i := range doubled {
			doubled[i] *= 2
		}
		if d := summarize(doubled, 1); d.MedianMs != 2*s.MedianMs || d.LowMs != 2*s.LowMs || d.SpreadMs != 2*s.SpreadMs {
			t.Fatal("a change of unit changes the result")
		}

		slower := slices.Clone(samples)
		slower[rapid.IntRange(0, len(slower)-1).Draw(t, "i")] *= rapid.Float64Range(1, 10).Draw(t, "factor")
		if r := summarize(slower, 1); r.MedianMs < s.MedianMs || r.LowMs < s.LowMs || r.HighMs < s.HighMs {
			t.Fatalf("a slower sample made it faster: %+v, then %+v", s, r)
		}
	})
}

func TestTight(t *testing.T) {
	tests := []struct {
		samples   []float64
		halfWidth float64
		want      bool
	}{
		{[]float64{100, 100, 100, 100, 100}, 0.001, true},
		{[]float64{98, 99, 100, 101, 102}, 0.02, true},
		{[]float64{98, 99, 100, 101, 102}, 0.019, false},
		{[]float64{1, 99, 100, 100, 100, 100, 100, 101, 1000}, 0.02, true}, // outliers fall outside the ranks
	}
	for _, tt := range tests {
		if got := tight(tt.samples, tt.halfWidth); got != tt.want {
			t.Errorf("tight(%v, %v) = %v", tt.samples, tt.halfWidth, got)
		}
	}
}
