package ref

import "math"

// attention returns causal multi-head self-attention of the normalised stream,
// [len(x)][d_model]: head h reads rows h·d_head to (h+1)·d_head of q, k and v.
func (l *layer) attention(x [][]float64) [][]float64 {
	n := len(x)
	q, k, v := make([][]float64, n), make([][]float64, n), make([][]float64, n)
	for i := range x {
		y := l.ln1.apply(x[i])
		q[i], k[i], v[i] = l.q.apply(y), l.k.apply(y), l.v.apply(y)
	}

	d := len(x[0])
	dHead := d / l.heads
	out := make([][]float64, n)
	for i := range out {
		mixed := make([]float64, d)
		for lo := 0; lo < d; lo += dHead {
			hi := lo + dHead
			p := make([]float64, i+1) // causal: position i sees 0..i
			for j := range p {
				p[j] = dot(q[i][lo:hi], k[j][lo:hi]) / math.Sqrt(float64(dHead))
			}
			softmax(p)
			for j := range p {
				for c := lo; c < hi; c++ {
					mixed[c] += p[j] * v[j][c]
				}
			}
		}
		out[i] = l.o.apply(mixed)
	}
	return out
}

// softmax replaces p by exp(p)/Σexp(p). Subtracting the maximum first changes
// nothing but the overflow.
func softmax(p []float64) {
	top := math.Inf(-1)
	for _, v := range p {
		top = max(top, v)
	}
	sum := 0.0
	for i, v := range p {
		p[i] = math.Exp(v - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}
