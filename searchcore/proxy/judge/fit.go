package judge

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat"

	"litefront/searchcore/proxy"
)

// Fit finds the coefficients of the closed form by least squares: the logarithm
// of perplexity is to be linear in that of quality, with an intercept and a slope
// of each set's own, since corpora differ in both. Every set has the same weight.
// Coefficients stay positive. The errors are those of sets that cannot be ranked.
func Fit(sets []Set) (proxy.Form, error) {
	if err := check(sets); err != nil {
		return proxy.Form{}, err
	}
	truth := make([][]float64, len(sets))
	for i, s := range sets {
		truth[i] = logPerplexity(s)
	}
	loss := func(x []float64) float64 {
		form, sum := formAt(x), 0.0
		for i, s := range sets {
			sum += unexplained(logQuality(s, form), truth[i])
		}
		return sum
	}
	found, err := optimize.Minimize(optimize.Problem{Func: loss}, make([]float64, 3), &optimize.Settings{
		Converger: &optimize.FunctionConverge{Absolute: 1e-12, Iterations: 60},
	}, &optimize.NelderMead{})
	if err != nil {
		return proxy.Form{}, fmt.Errorf("fit: %w", err)
	}
	return formAt(found.X), nil
}

// formAt keeps coefficients positive, and of about the same size to the optimiser.
func formAt(x []float64) proxy.Form {
	return proxy.Form{Width: 100 * math.Exp(x[0]), Depth: math.Exp(x[1]), Heads: 0.5 * math.Exp(x[2])}
}

// unexplained is the mean square that is left of y by the best line in x.
func unexplained(x, y []float64) float64 {
	correlation := stat.Correlation(x, y, nil)
	if math.IsNaN(correlation) { // x is constant
		correlation = 0
	}
	return stat.PopVariance(y, nil) * (1 - correlation*correlation)
}

func logPerplexity(s Set) []float64 {
	list := make([]float64, len(s.Models))
	for i, m := range s.Models {
		list[i] = math.Log(m.Perplexity)
	}
	return list
}

func logQuality(s Set, form proxy.Form) []float64 {
	list := make([]float64, len(s.Models))
	for i, m := range s.Models {
		list[i] = math.Log(form.Quality(m.Arch))
	}
	return list
}

// Fold is what was fitted without some sets, to be judged on those.
type Fold[T any] struct {
	Group   string // the name of what is held out
	HeldOut []Set
	Fitted  T // on all other sets
}

// Folds holds out the sets of each group in turn, such as [BySet] or [ByCorpus],
// and fits on the rest. It is an error if there is only one group.
func Folds[T any](sets []Set, group func(Set) string, fit func([]Set) (T, error)) ([]Fold[T], error) {
	var names []string
	for _, s := range sets {
		if !slices.Contains(names, group(s)) {
			names = append(names, group(s))
		}
	}
	if len(names) < 2 {
		return nil, fmt.Errorf("holding out needs at least 2 sets (column exp) of different name or corpus; the tables have %d", len(names))
	}
	var folds []Fold[T]
	for _, name := range names {
		fold := Fold[T]{Group: name}
		var rest []Set
		for _, s := range sets {
			if group(s) == name {
				fold.HeldOut = append(fold.HeldOut, s)
			} else {
				rest = append(rest, s)
			}
		}
		var err error
		if fold.Fitted, err = fit(rest); err != nil {
			return nil, err
		}
		folds = append(folds, fold)
	}
	return folds, nil
}

// BySet groups each set by itself.
func BySet(s Set) string { return s.Name }

// ByCorpus groups sets that were trained on the same corpus.
func ByCorpus(s Set) string { return s.Corpus() }
