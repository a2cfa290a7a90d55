package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"litefront/searchcore/arch"
	"litefront/searchcore/proxy"
)

// coverage is the share of perplexities that an interval is to contain.
const coverage = 0.9

// Calibrate makes a calibration of each corpus and backbone by split conformal
// prediction: on one half of the models, drawn with the seed, the power law is
// fitted by least squares; the margin is that of the ⌈0.9·(n+1)⌉-th smallest of
// the n errors on the other half, so that a new model of the same kind is within
// it with a probability of at least 0.9. It is an error if a corpus has fewer than
// 20 models of a backbone.
func Calibrate(form proxy.Form, sets []Set, seed uint64) ([]proxy.Calibration, error) {
	if err := check(sets); err != nil {
		return nil, err
	}
	var list []proxy.Calibration
	for _, g := range groups(sets) {
		c, err := calibrate(form, g, rand.New(rand.NewPCG(seed, 0)))
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// group is the models of a corpus and a backbone.
type group struct {
	corpus   string
	backbone arch.Backbone
	models   []Model
}

func groups(sets []Set) []group {
	var list []group
	for _, s := range sets {
		corpus, backbone := s.Corpus(), s.Models[0].Arch.Backbone
		at := slices.IndexFunc(list, func(g group) bool { return g.corpus == corpus && g.backbone == backbone })
		if at < 0 {
			at = len(list)
			list = append(list, group{corpus: corpus, backbone: backbone})
		}
		list[at].models = append(list[at].models, s.Models...)
	}
	return list
}

func calibrate(form proxy.Form, g group, r *rand.Rand) (proxy.Calibration, error) {
	const least = 20
	if len(g.models) < least {
		return proxy.Calibration{}, fmt.Errorf("corpus %q has %d trained models of %s; calibrating needs at least %d", g.corpus, len(g.models), g.backbone, least)
	}
	models := slices.Clone(g.models)
	r.Shuffle(len(models), func(i, j int) { models[i], models[j] = models[j], models[i] })
	x, y := make([]float64, len(models)), make([]float64, len(models))
	for i, m := range models {
		x[i], y[i] = math.Log(form.Quality(m.Arch)), math.Log(m.Perplexity)
	}
	c := proxy.Calibration{
		Corpus: g.corpus, Backbone: g.backbone,
		MinQuality: math.Exp(slices.Min(x)), MaxQuality: math.Exp(slices.Max(x)),
	}
	half := len(models) / 2
	intercept, slope := stat.LinearRegression(x[:half], y[:half], nil, false)
	if !(slope <= 0) { // NaN where all qualities are equal
		intercept, slope = stat.Mean(y[:half], nil), 0
	}
	c.Intercept, c.Slope = intercept, -slope
	errs := make([]float64, 0, len(models)-half)
	for i := half; i < len(models); i++ {
		errs = append(errs, math.Abs(y[i]-(intercept+slope*x[i])))
	}
	slices.Sort(errs)
	c.Margin = errs[min(int(math.Ceil(coverage*float64(len(errs)+1))), len(errs))-1]
	return c, nil
}
