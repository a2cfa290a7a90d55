package proxy

import (
	"cmp"
	"fmt"
	"slices"

	"litefront/searchcore/arch"
)

// Ties says which of some models cannot be told apart by predicted perplexity.
// Neighbours are two of them with no other in between.
type Ties struct {
	Corpus     string // whose perplexity is compared; empty without neighbours
	Neighbours int    // pairs of them
	Overlaps   int    // of these, how many have intervals that overlap
	// Tied says of each model whether it ties with its better neighbour.
	Tied []bool
}

// CompareNeighbours finds the ties among valid architectures of one backbone, on
// the first corpus that it is calibrated for. Without one nothing ties.
func CompareNeighbours(list []arch.Architecture) Ties {
	type model struct {
		Prediction
		at int
	}
	var models []model
	for i, a := range list {
		if predictions := Perplexities(a); len(predictions) > 0 {
			models = append(models, model{predictions[0], i})
		}
	}
	slices.SortStableFunc(models, func(a, b model) int { return cmp.Compare(a.Perplexity, b.Perplexity) })
	ties := Ties{Tied: make([]bool, len(list))}
	for i := 1; i < len(models); i++ {
		better, m := models[i-1], models[i]
		ties.Corpus = m.Corpus
		ties.Neighbours++
		if m.Ties(better.Prediction) {
			ties.Overlaps++
			ties.Tied[m.at] = true
		}
	}
	return ties
}

// String is such as "of 23 neighbours by predicted perplexity (WikiText-103), 90 %
// intervals of 21 overlap", and empty without neighbours.
func (t Ties) String() string {
	if t.Neighbours == 0 {
		return ""
	}
	return fmt.Sprintf("of %d neighbours by predicted perplexity (%s), 90 %% intervals of %d overlap", t.Neighbours, t.Corpus, t.Overlaps)
}
