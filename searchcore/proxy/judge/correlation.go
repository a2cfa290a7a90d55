package judge

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"litefront/searchcore/proxy"
)

// spearman is the rank correlation of x and y, equal values sharing the mean of
// their ranks. NaN where x or y is constant.
func spearman(x, y []float64) float64 {
	return stat.Correlation(proxy.Ranks(x), proxy.Ranks(y), nil)
}

// kendall counts pairs for Kendall's tau-b.
type kendall struct{ concordant, discordant, tiedX, tiedY float64 }

// add counts a pair of models n times, by the differences of x and y. A pair tied
// in both tells nothing.
func (k *kendall) add(dx, dy, n float64) {
	switch {
	case dx == 0 && dy == 0:
	case dx == 0:
		k.tiedX += n
	case dy == 0:
		k.tiedY += n
	case (dx > 0) == (dy > 0):
		k.concordant += n
	default:
		k.discordant += n
	}
}

// tau is (C - D) / √((C + D + tiedX)·(C + D + tiedY)), NaN without a pair that
// differs in x and one that differs in y. With ties in x alone, a proxy that
// cannot tell models apart gets less than one that can.
func (k kendall) tau() float64 {
	untied := k.concordant + k.discordant
	return (k.concordant - k.discordant) / math.Sqrt((untied+k.tiedX)*(untied+k.tiedY))
}

// tau is Kendall's tau-b over all pairs of x and y, in O(n log n) by Knight's
// algorithm (1966): with the values sorted by x, pairs in the wrong order of y are
// what a merge sort exchanges.
func tau(x, y []float64) float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case x[i] < x[j] || x[i] == x[j] && y[i] < y[j]:
			return -1
		case x[i] > x[j] || y[i] > y[j]:
			return 1
		}
		return 0
	})
	sorted := make([]float64, len(y))
	for at, i := range order {
		sorted[at] = y[i]
	}
	tiedX := ties(len(x), func(a, b int) bool { return x[order[a]] == x[order[b]] })
	tiedBoth := ties(len(x), func(a, b int) bool { return x[order[a]] == x[order[b]] && y[order[a]] == y[order[b]] })
	discordant := inversions(sorted, make([]float64, len(y)))
	tiedY := ties(len(y), func(a, b int) bool { return sorted[a] == sorted[b] })
	all := pairs(len(x))
	return (all - tiedX - tiedY + tiedBoth - 2*discordant) / math.Sqrt((all-tiedX)*(all-tiedY))
}

// pairs is how many there are of n.
func pairs(n int) float64 { return float64(n) * float64(n-1) / 2 }

// ties counts pairs within runs of neighbours that are the same.
func ties(n int, same func(a, b int) bool) float64 {
	sum := 0.0
	for first := 0; first < n; {
		end := first + 1
		for end < n && same(first, end) {
			end++
		}
		sum += pairs(end - first)
		first = end
	}
	return sum
}

// inversions counts pairs in descending order, and sorts list with the help of
// as much scratch.
func inversions(list, scratch []float64) float64 {
	if len(list) < 2 {
		return 0
	}
	half := len(list) / 2
	left, right := list[:half], list[half:]
	n := inversions(left, scratch[:half]) + inversions(right, scratch[half:])
	copy(scratch, list)
	left, right = scratch[:half], scratch[half:]
	for i := range list {
		if len(right) == 0 || len(left) > 0 && left[0] <= right[0] {
			list[i], left = left[0], left[1:]
			continue
		}
		list[i], right = right[0], right[1:]
		n += float64(len(left))
	}
	return n
}
