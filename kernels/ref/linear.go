package ref

import "math"

// matrix is a row-major [rows][cols] matrix; a weight's rows are its outputs.
type matrix struct {
	rows, cols int
	data       []float32
}

func (m *matrix) row(i int) []float32 { return m.data[i*m.cols : (i+1)*m.cols] }

// mul returns m · x.
func (m *matrix) mul(x []float64) []float64 {
	y := make([]float64, m.rows)
	for i := range y {
		y[i] = dot(m.row(i), x)
	}
	return y
}

// mulTransposed returns mᵀ · x.
func (m *matrix) mulTransposed(x []float64) []float64 {
	y := make([]float64, m.cols)
	for i, v := range x {
		for j, w := range m.row(i) {
			y[j] += float64(w) * v
		}
	}
	return y
}

// linear is y = w · x + b.
type linear struct {
	w *matrix
	b []float32
}

func (l linear) apply(x []float64) []float64 {
	y := l.w.mul(x)
	add(y, widen(l.b))
	return y
}

// norm is layer normalisation with a gain and a bias.
type norm struct{ weight, bias []float32 }

// eps is layer_norm_epsilon of every published GPT-2 and Transformer-XL.
const eps = 1e-5

func (n norm) apply(x []float64) []float64 {
	mean := 0.0
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	variance := 0.0 // of the population, not of a sample
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	variance /= float64(len(x))

	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = (v-mean)/math.Sqrt(variance+eps)*float64(n.weight[i]) + float64(n.bias[i])
	}
	return y
}

// gelu is the tanh approximation, "gelu_new" in configuration files.
func gelu(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// dot is Σ a[i]·b[i], in this order.
func dot[T float32 | float64](a []T, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * b[i]
	}
	return sum
}

// add is y += x.
func add(y, x []float64) {
	for i, v := range x {
		y[i] += v
	}
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
