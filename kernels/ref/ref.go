// Package ref is the forward pass of GPT-2 in plain float64 Go: the numeric
// truth that emitted modules are tested against. It is written to be read
// beside the papers and shares no code with the graph or the emitters, so that
// a mistake in either shows as a difference.
//
// One layer, where LN is layer normalisation:
//
//	x = x + Attention(LN_1(x))
//	x = x + W_proj · GELU(W_fc · LN_2(x) + b_fc) + b_proj
//
// Sources: Radford et al. 2019 (the pre-norm decoder), Vaswani et al. 2017
// (attention), Ba et al. 2016 (layer normalisation), Hendrycks and Gimpel 2016
// (GELU).
package ref

import (
	"fmt"

	"litefront/searchcore/arch"
)

// Logits returns the next-token logits after every token: one row of a.Vocab
// values for each position. It calls w once for every tensor that a has.
//
// It fails, with one line, on an invalid architecture, on one that it does not
// compute (Transformer-XL, several embedding clusters), on no tokens or more
// than a.MaxLen, on a token outside the vocabulary, and on a tensor of the
// wrong length.
func Logits(a arch.Architecture, w Weights, tokens []int) ([][]float64, error) {
	m, err := load(a, w)
	if err != nil {
		return nil, err
	}
	hidden, err := m.forward(tokens)
	if err != nil {
		return nil, err
	}
	logits := make([][]float64, len(hidden))
	for i, x := range hidden {
		logits[i] = m.head(x)
	}
	return logits, nil
}

// LastLogits returns the last row of [Logits] without computing the others:
// with a large vocabulary the output head costs more than the layers.
func LastLogits(a arch.Architecture, w Weights, tokens []int) ([]float64, error) {
	m, err := load(a, w)
	if err != nil {
		return nil, err
	}
	hidden, err := m.forward(tokens)
	if err != nil {
		return nil, err
	}
	return m.head(hidden[len(hidden)-1]), nil
}

// forward returns the residual stream after the last layer, [len(tokens)][d_model].
func (m *model) forward(tokens []int) ([][]float64, error) {
	if len(tokens) < 1 || len(tokens) > m.wpe.rows {
		return nil, fmt.Errorf("ref: %d tokens; allowed are 1 to max_sequence_length %d", len(tokens), m.wpe.rows)
	}
	x := make([][]float64, len(tokens))
	for i, t := range tokens {
		if t < 0 || t >= m.wte.rows {
			return nil, fmt.Errorf("ref: token %d at position %d; allowed are 0 to %d", t, i, m.wte.rows-1)
		}
		x[i] = m.embed(t, i)
	}
	for _, l := range m.layers {
		l.forward(x)
	}
	return x, nil
}

// embed returns the sum of the token's and the position's embedding.
func (m *model) embed(token, pos int) []float64 {
	x := widen(m.wte.row(token))
	if m.embProj != nil {
		x = m.embProj.mul(x)
	}
	add(x, widen(m.wpe.row(pos)))
	return x
}

// head returns the logits of one row of the residual stream. The output
// embedding is the input embedding (Press and Wolf 2017), its projection
// included.
func (m *model) head(x []float64) []float64 {
	y := m.lnF.apply(x)
	if m.embProj != nil {
		y = m.embProj.mulTransposed(y)
	}
	return m.wte.mul(y)
}

// forward adds the layer's two blocks to the residual stream x, in place.
func (l *layer) forward(x [][]float64) {
	attention := l.attention(x)
	for i := range x {
		add(x[i], attention[i])
		add(x[i], l.feedForward(x[i]))
	}
}

func (l *layer) feedForward(x []float64) []float64 {
	h := l.fc.apply(l.ln2.apply(x))
	for i := range h {
		h[i] = gelu(h[i])
	}
	return l.proj.apply(h)
}
