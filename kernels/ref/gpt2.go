package ref

import (
	"fmt"
	"math"

	"litefront/searchcore/arch"
)

type gpt2 struct {
	embedding
	wpe    *matrix
	layers []gpt2Layer
	lnF    norm
}

type gpt2Layer struct {
	heads      int
	ln1, ln2   norm
	q, k, v, o linear
	fc, proj   linear
}

func loadGPT2(a arch.Architecture, r *reader) *gpt2 {
	m := &gpt2{
		embedding: r.embedding(a),
		wpe:       r.matrix("wpe", a.MaxLen, a.DModel),
		lnF:       r.norm("ln_f", a.DModel),
	}
	for i, l := range a.Layers {
		name, d := fmt.Sprintf("h.%d.", i), a.DModel
		m.layers = append(m.layers, gpt2Layer{
			heads: l.Heads,
			ln1:   r.norm(name+"ln_1", d),
			q:     r.linear(name+"attn.q", d, d),
			k:     r.linear(name+"attn.k", d, d),
			v:     r.linear(name+"attn.v", d, d),
			o:     r.linear(name+"attn.o", d, d),
			ln2:   r.norm(name+"ln_2", d),
			fc:    r.linear(name+"mlp.fc", l.DInner, d),
			proj:  r.linear(name+"mlp.proj", d, l.DInner),
		})
	}
	return m
}

func (m *gpt2) forward(tokens []int) [][]float64 {
	x := make([][]float64, len(tokens))
	for i, t := range tokens {
		x[i] = m.embed(t)
		add(x[i], widen(m.wpe.row(i)))
	}
	for _, l := range m.layers {
		l.forward(x)
	}
	return x
}

func (m *gpt2) head(x []float64) []float64 { return m.logits(m.lnF.apply(x)) }

// forward adds the layer's two blocks to the residual stream x, in place.
func (l *gpt2Layer) forward(x [][]float64) {
	attention := l.attention(x)
	for i := range x {
		add(x[i], attention[i])
		add(x[i], l.feedForward(x[i]))
	}
}

func (l *gpt2Layer) feedForward(x []float64) []float64 {
	h := l.fc.apply(l.ln2.apply(x))
	for i := range h {
		h[i] = gelu(h[i])
	}
	return l.proj.apply(h)
}

// attention returns causal multi-head self-attention of the normalised stream,
// [len(x)][d_model]: head h reads rows h·d_head to (h+1)·d_head of q, k and v.
func (l *gpt2Layer) attention(x [][]float64) [][]float64 {
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
