package proxy

import (
	"fmt"
	"math"
	"slices"

	"litefront/searchcore/arch"
)

// Calibration maps quality to the perplexity that models of one backbone reach
// on one corpus, in tokens of its published set, after that set's training:
//
//	ln perplexity = Intercept - Slope·ln quality
//
// a power law, as loss follows one in the number of parameters (Kaplan et al.
// 2020).
type Calibration struct {
	Corpus    string
	Backbone  arch.Backbone
	Intercept float64
	Slope     float64 // at least 0, so that more quality is never worse
	// Margin is what 90 % of errors of ln perplexity stay within, by split
	// conformal prediction (Vovk et al. 2005, Lei et al. 2018).
	Margin float64
	// MinQuality and MaxQuality bound the models that it was made from.
	MinQuality, MaxQuality float64
}

// Calibrations returns those of the published sets, fitted by package judge.
func Calibrations() []Calibration { return slices.Clone(calibrations) }

// The corpora of the published sets.
const (
	wikiText103 = "WikiText-103"
	lm1b        = "LM1B"
)

var calibrations = []Calibration{
	{wikiText103, arch.GPT2, 5.3706, 0.1331, 0.0510, 1846, 1.629e7},
	{wikiText103, arch.TransformerXL, 5.4193, 0.1376, 0.0614, 8617, 8.461e6},
	{lm1b, arch.GPT2, 5.7464, 0.1057, 0.0284, 6.536e5, 4.696e7},
	{lm1b, arch.TransformerXL, 6.0997, 0.1469, 0.0511, 4.721e5, 4.946e7},
}

// Prediction is a perplexity on a corpus with its 90 % interval.
type Prediction struct {
	Corpus     string  `json:"corpus"`
	Perplexity float64 `json:"perplexity"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	// Extrapolated says that the architecture lies outside the calibrated range, by
	// quality or by shape: no set of the corpus has the like, and the interval
	// promises nothing.
	Extrapolated bool `json:"extrapolated"`
}

// String is such as "38.9, 90 % [37.0, 40.9]", with a note if p is extrapolated.
func (p Prediction) String() string {
	note := ""
	if p.Extrapolated {
		note = "; outside the calibrated range"
	}
	return fmt.Sprintf("%.1f, 90 %% [%.1f, %.1f]%s", p.Perplexity, p.Low, p.High, note)
}

// Ties reports whether p and q are on the same corpus and their intervals
// overlap, so that neither model can be called better.
func (p Prediction) Ties(q Prediction) bool {
	return p.Corpus == q.Corpus && p.Low <= q.High && q.Low <= p.High
}

// Perplexities predicts a valid architecture's perplexity on each corpus that its
// backbone is calibrated for. Those of different backbones do not compare: their
// vocabularies differ.
func Perplexities(a arch.Architecture) []Prediction {
	var list []Prediction
	for _, c := range calibrations {
		if c.Backbone == a.Backbone {
			list = append(list, c.Predict(Fitted(), a))
		}
	}
	return list
}

// Predict is the perplexity of a valid architecture of c's backbone, its quality
// by the form that c was made with.
func (c Calibration) Predict(form Form, a arch.Architecture) Prediction {
	quality := form.Quality(a)
	log := c.Intercept - c.Slope*math.Log(quality)
	return Prediction{
		Corpus:       c.Corpus,
		Perplexity:   math.Exp(log),
		Low:          math.Exp(log - c.Margin),
		High:         math.Exp(log + c.Margin),
		Extrapolated: quality < c.MinQuality || quality > c.MaxQuality || len(outside(a, c.Corpus).Departures) > 0,
	}
}
