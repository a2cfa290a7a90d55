package proxy

import "litefront/searchcore/arch"

// Ranges returns the extremes of the shapes that set is listed with.
func Ranges(set string) (ranges [5][2]float64) {
	for _, v := range validated {
		if v.set == set {
			ranges = v.ranges
		}
	}
	return ranges
}

// Extremes returns those of as.
func Extremes(as []arch.Architecture) (ranges [5][2]float64) {
	for n, a := range as {
		for i, q := range shape(a) {
			if n == 0 {
				ranges[i] = [2]float64{q.low, q.high}
			}
			ranges[i] = [2]float64{min(ranges[i][0], q.low), max(ranges[i][1], q.high)}
		}
	}
	return ranges
}
