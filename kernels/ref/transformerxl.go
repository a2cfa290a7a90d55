package ref

import (
	"fmt"
	"math"

	"litefront/searchcore/arch"
)

type transformerXL struct {
	embedding
	memLen, dModel int
	layers         []xlLayer
}

type xlLayer struct {
	heads, dHead      int
	q, k, v, r, o     *matrix
	content, position []float32 // biases of the queries: u and v in the paper
	ln1, ln2          norm
	fc, proj          linear
}

func loadTransformerXL(a arch.Architecture, r *reader) *transformerXL {
	m := &transformerXL{embedding: r.embedding(a), memLen: a.MemLen, dModel: a.DModel}
	for i, l := range a.Layers {
		name, d := fmt.Sprintf("h.%d.", i), a.DModel
		dHead := d / l.Heads // rounded down
		s := l.Heads * dHead
		m.layers = append(m.layers, xlLayer{
			heads:    l.Heads,
			dHead:    dHead,
			q:        r.matrix(name+"attn.q.weight", s, d),
			k:        r.matrix(name+"attn.k.weight", s, d),
			v:        r.matrix(name+"attn.v.weight", s, d),
			r:        r.matrix(name+"attn.r.weight", s, d),
			o:        r.matrix(name+"attn.o.weight", d, s),
			content:  r.tensor(name+"attn.content.bias", s),
			position: r.tensor(name+"attn.position.bias", s),
			ln1:      r.norm(name+"ln_1", d),
			fc:       r.linear(name+"mlp.fc", l.DInner, d),
			proj:     r.linear(name+"mlp.proj", d, l.DInner),
			ln2:      r.norm(name+"ln_2", d),
		})
	}
	return m
}

func (m *transformerXL) forward(tokens []int) [][]float64 {
	x := make([][]float64, len(tokens))
	for i, t := range tokens {
		x[i] = m.embed(t)
		for c := range x[i] {
			x[i][c] *= math.Sqrt(float64(m.dModel))
		}
	}
	memory := make([][]float64, m.memLen) // the same for every layer
	for i := range memory {
		memory[i] = make([]float64, m.dModel)
	}
	for _, l := range m.layers {
		l.forward(memory, x)
	}
	return x
}

func (m *transformerXL) head(x []float64) []float64 { return m.logits(x) }

// forward runs the layer on x, in place.
func (l *xlLayer) forward(memory, x [][]float64) {
	attention := l.attention(memory, x)
	for i := range x {
		add(x[i], attention[i])
		x[i] = l.ln1.apply(x[i])
		add(x[i], l.feedForward(x[i]))
		x[i] = l.ln2.apply(x[i])
	}
}

func (l *xlLayer) feedForward(x []float64) []float64 {
	h := l.fc.apply(x)
	for i := range h {
		h[i] = max(h[i], 0)
	}
	return l.proj.apply(h)
}

// attention returns the relative attention of x over memory and itself,
// [len(x)][d_model]. The score of query i and key j, both counted from the start
// of the memory, is
//
//	((q_i + content) · k_j + (q_i + position) · R_{i-j}) / √d_head
func (l *xlLayer) attention(memory, x [][]float64) [][]float64 {
	var k, v, r [][]float64
	for _, h := range append(append([][]float64(nil), memory...), x...) {
		k, v = append(k, l.k.mul(h)), append(v, l.v.mul(h))
	}
	for distance := range k {
		r = append(r, l.r.mul(sinusoid(distance, len(x[0]))))
	}

	out := make([][]float64, len(x))
	for n := range x {
		i := len(memory) + n
		q := l.q.mul(x[n])
		toContent, toPosition := widen(l.content), widen(l.position)
		add(toContent, q)
		add(toPosition, q)

		mixed := make([]float64, l.heads*l.dHead)
		for lo := 0; lo < len(mixed); lo += l.dHead {
			hi := lo + l.dHead
			p := make([]float64, i+1)
			for j := range p {
				p[j] = (dot(toContent[lo:hi], k[j][lo:hi]) + dot(toPosition[lo:hi], r[i-j][lo:hi])) / math.Sqrt(float64(l.dHead))
			}
			softmax(p)
			for j := range p {
				for c := lo; c < hi; c++ {
					mixed[c] += p[j] * v[j][c]
				}
			}
		}
		out[n] = l.o.mul(mixed)
	}
	return out
}

// sinusoid returns the encoding of a distance: all sines, then all cosines, the
// last of which has no room if d is odd.
func sinusoid(distance, d int) []float64 {
	var sines, cosines []float64
	for c := 0; c < d; c += 2 {
		angle := float64(distance) * math.Pow(10000, -float64(c)/float64(d))
		sines, cosines = append(sines, math.Sin(angle)), append(cosines, math.Cos(angle))
	}
	return append(sines, cosines...)[:d]
}
