package proxy

import (
	"fmt"
	"strings"

	"litefront/searchcore/arch"
)

// Departure is a quantity of an architecture's shape beyond the range that a set
// of trained models covers.
type Departure struct {
	Quantity  string // "n_layer", "d_model", "d_inner/d_model", "d_model/n_layer", "d_embed/d_model"
	Value     float64
	Low, High float64 // the set's range
}

// Factor is by how much the value is beyond the range's nearer end; above 1.
func (d Departure) Factor() float64 { return max(d.Low/d.Value, d.Value/d.High) }

// String is such as "d_inner/d_model 31.5 (validated 2.38 to 27.7, off by 1.14×)".
func (d Departure) String() string {
	return fmt.Sprintf("%s %.3g (validated %.3g to %.3g, off by %.2f×)", d.Quantity, d.Value, d.Low, d.High, d.Factor())
}

// Verdict says how an architecture's shape relates to the sets of trained models
// that proxies were tried on.
type Verdict struct {
	Set        string      // the set that is nearest
	Departures []Departure // from it; none if the shape is within
}

// Factor is the largest of the departures' factors, 1 if there are none.
func (v Verdict) Factor() float64 {
	factor := 1.0
	for _, d := range v.Departures {
		factor = max(factor, d.Factor())
	}
	return factor
}

// String lists the departures and names the set: others may cover one of them, but
// none covers the shape better.
func (v Verdict) String() string {
	texts := make([]string, len(v.Departures))
	for i, d := range v.Departures {
		texts[i] = d.String()
	}
	if len(texts) == 0 {
		return ""
	}
	return strings.Join(texts, ", ") + "; of all sets the nearest is " + v.Set
}

// Outside compares the shape of a valid architecture with the published sets of
// its backbone, and reports the nearest: the one whose ranges it leaves by the
// least factor. No departures mean that one set covers every quantity.
func Outside(a arch.Architecture) Verdict { return outside(a, "") }

// outside is Outside for the sets of one corpus, or of all if it is empty.
func outside(a arch.Architecture, corpus string) Verdict {
	var nearest Verdict
	for _, v := range validated {
		if v.backbone != a.Backbone || corpus != "" && v.corpus != corpus {
			continue
		}
		verdict := Verdict{Set: v.set}
		for i, q := range shape(a) {
			r := v.ranges[i]
			if q.low < r[0] {
				verdict.Departures = append(verdict.Departures, Departure{q.name, q.low, r[0], r[1]})
			}
			if q.high > r[1] {
				verdict.Departures = append(verdict.Departures, Departure{q.name, q.high, r[0], r[1]})
			}
		}
		if nearest.Set == "" || verdict.Factor() < nearest.Factor() {
			nearest = verdict
		}
	}
	return nearest
}

// quantity is one measure of an architecture's shape, with its extremes over the
// layers.
type quantity struct {
	name      string
	low, high float64
}

func shape(a arch.Architecture) []quantity {
	narrowest, widest := a.Layers[0].DInner, a.Layers[0].DInner
	for _, l := range a.Layers {
		narrowest, widest = min(narrowest, l.DInner), max(widest, l.DInner)
	}
	depth, d, embed := float64(len(a.Layers)), float64(a.DModel), embedWidth(a)
	return []quantity{
		{"n_layer", depth, depth},
		{"d_model", d, d},
		{"d_inner/d_model", float64(narrowest) / d, float64(widest) / d},
		{"d_model/n_layer", d / depth, d / depth},
		{"d_embed/d_model", embed / d, embed / d},
	}
}

// validated lists the published sets with the extremes of their models' shapes,
// in the order of shape.
var validated = []struct {
	set      string
	corpus   string
	backbone arch.Backbone
	ranges   [5][2]float64
}{
	{"random_GPT2_wt103", wikiText103, arch.GPT2, [5][2]float64{{2, 16}, {64, 512}, {1.705, 32}, {4, 256}, {0.25, 8}}},
	{"random_TransXL_wt103", wikiText103, arch.TransformerXL, [5][2]float64{{5, 8}, {64, 512}, {2, 31.97}, {8, 102.4}, {0.25, 8}}},
	{"pareto_GPT2_lm1b_corei7", lm1b, arch.GPT2, [5][2]float64{{2, 11}, {320, 960}, {1.733, 10}, {87.27, 480}, {1, 1}}},
	{"pareto_GPT2_lm1b_titanxp", lm1b, arch.GPT2, [5][2]float64{{2, 10}, {256, 960}, {1.866, 15.25}, {85.33, 480}, {1, 1}}},
	{"pareto_TransXL_lm1b_corei7", lm1b, arch.TransformerXL, [5][2]float64{{2, 13}, {384, 960}, {1.846, 7.334}, {59.07, 480}, {1, 1}}},
	{"pareto_TransXL_lm1b_titanxp", lm1b, arch.TransformerXL, [5][2]float64{{2, 12}, {384, 960}, {2, 6.715}, {69.33, 480}, {1, 1}}},
}
