package ref

import (
	"math"
	"slices"
)

// softmax replaces p by exp(p)/Σexp(p). Subtracting the maximum first changes
// nothing but the overflow.
func softmax(p []float64) {
	logSoftmax(p)
	for i, v := range p {
		p[i] = math.Exp(v)
	}
}

// logSoftmax replaces p by the logarithm of its softmax.
func logSoftmax(p []float64) {
	top, sum := slices.Max(p), 0.0
	for _, v := range p {
		sum += math.Exp(v - top)
	}
	for i := range p {
		p[i] -= top + math.Log(sum)
	}
}
