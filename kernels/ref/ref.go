// Package ref is the forward pass of GPT-2 and Transformer-XL in plain float64
// Go: the numeric truth that emitted modules are tested against. It is written to
// be read beside the papers and shares no code with the graph or the emitters, so
// that a mistake in either shows as a difference.
//
// One layer of GPT-2, where LN is layer normalisation:
//
//	x = x + Attention(LN_1(x))
//	x = x + W_proj · GELU(W_fc · LN_2(x) + b_fc) + b_proj
//
// One layer of Transformer-XL, whose attention also sees the segment memory:
//
//	x = LN_1(x + Attention(memory, x))
//	x = LN_2(x + W_proj · ReLU(W_fc · x + b_fc) + b_proj)
//
// Sources: Radford et al. 2019 (GPT-2, the pre-norm decoder), Dai et al. 2019
// (Transformer-XL), Vaswani et al. 2017 (attention), Ba et al. 2016 (layer
// normalisation), Hendrycks and Gimpel 2016 (GELU), Grave et al. 2017 (adaptive
// softmax), Baevski and Auli 2019 (adaptive embedding).
package ref

import (
	"fmt"

	"litefront/searchcore/arch"
)

// Logits returns the next-token logits after every token: one row of a.Vocab
// values for each position. If a has several embedding clusters, they are
// log-probabilities. It calls w once for every tensor that a has.
//
// Transformer-XL runs the tokens as one segment after a memory of a.MemLen zero
// hidden states: the token at position i attends to the whole memory and to the
// positions 0 to i of the segment.
//
// It fails, with one line, on an invalid architecture, on no tokens or, for
// GPT-2, more than a.MaxLen, on a token outside the vocabulary, and on a tensor
// of the wrong length.
func Logits(a arch.Architecture, w Weights, tokens []int) ([][]float64, error) {
	m, hidden, err := run(a, w, tokens)
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
	m, hidden, err := run(a, w, tokens)
	if err != nil {
		return nil, err
	}
	return m.head(hidden[len(hidden)-1]), nil
}

// model is an architecture with its weights.
type model interface {
	// forward returns the residual stream after the last layer, [len(tokens)][d_model].
	forward(tokens []int) [][]float64
	// head returns the logits of one row of it.
	head(x []float64) []float64
}

// run loads a model and runs the tokens through its layers.
func run(a arch.Architecture, w Weights, tokens []int) (model, [][]float64, error) {
	m, err := load(a, w)
	if err != nil {
		return nil, nil, err
	}
	switch n := len(tokens); {
	case n < 1 && a.Backbone == arch.TransformerXL:
		return nil, nil, fmt.Errorf("ref: %d tokens; needed is at least 1", n)
	case a.Backbone == arch.GPT2 && (n < 1 || n > a.MaxLen):
		return nil, nil, fmt.Errorf("ref: %d tokens; allowed are 1 to max_sequence_length %d", n, a.MaxLen)
	}
	for i, t := range tokens {
		if t < 0 || t >= a.Vocab {
			return nil, nil, fmt.Errorf("ref: token %d at position %d; allowed are 0 to %d", t, i, a.Vocab-1)
		}
	}
	return m, m.forward(tokens), nil
}
