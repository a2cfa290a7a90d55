package objective

import "strconv"

// Format returns value for people, with its unit and about three digits: 12.3
// ms, 512 MiB, 12.3M. Counts above a thousand end in k, M or B (10⁹).
func (o Objective) Format(value float64) string {
	if o.Unit != "" {
		return digits(value) + " " + o.Unit
	}
	for _, scale := range []struct {
		size   float64
		suffix string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if value >= 0.9995*scale.size { // what rounds to 1.00
			return digits(value/scale.size) + scale.suffix
		}
	}
	return strconv.FormatFloat(value, 'f', 0, 64)
}

// digits writes v with three digits: more if it has more before the point, fewer below
// a hundredth.
func digits(v float64) string {
	decimals := 2
	switch {
	case v >= 99.95:
		decimals = 0
	case v >= 9.995:
		decimals = 1
	case v > 0 && v < 0.09995:
		decimals = 4
	case v > 0 && v < 0.9995:
		decimals = 3
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}
