package judge

import (
	"math"

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
