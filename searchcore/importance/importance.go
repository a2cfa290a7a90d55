// Package importance says how much of an objective each dimension of architectures
// explains: the share of its variance that is left between groups of candidates
// which are alike in that dimension. These are main effects, the first-order terms of
// an analysis of variance: a dimension is looked at alone, and dimensions that vary
// together are both credited with what they explain together.
package importance

import (
	"cmp"
	"slices"

	"litefront/searchcore/arch"
)

// MinPoints is the least number of candidates that anything is said about.
const MinPoints = 20

// maxLevels bounds the groups of a dimension. A group per value would leave most
// groups with one member, and nothing to tell chance by.
const maxLevels = 5

// dimension is a number that an architecture has.
type dimension struct {
	name string
	of   func(arch.Architecture) float64
}

// dimensions are those of the decoder.
var dimensions = []dimension{
	{"n_layer", depth},
	{"d_model", func(a arch.Architecture) float64 { return float64(a.DModel) }},
	{"mean heads", func(a arch.Architecture) float64 { return sum(a, heads) / depth(a) }},
	{"mean d_inner", func(a arch.Architecture) float64 { return sum(a, inner) / depth(a) }},
	{"total d_inner", func(a arch.Architecture) float64 { return sum(a, inner) }},
	{"mean d_inner / d_model", func(a arch.Architecture) float64 { return sum(a, inner) / depth(a) / float64(a.DModel) }},
}

func depth(a arch.Architecture) float64 { return float64(len(a.Layers)) }
func heads(l arch.Layer) int            { return l.Heads }
func inner(l arch.Layer) int            { return l.DInner }

func sum(a arch.Architecture, of func(arch.Layer) int) float64 {
	total := 0.0
	for _, l := range a.Layers {
		total += float64(of(l))
	}
	return total
}

// Row is a dimension with the share of each objective's variance that it explains.
type Row struct {
	Dimension string
	Shares    []float64 // 0 to 1, in the order of the objectives
}

// Explain returns a row for each dimension that varies among valid architectures,
// that with the largest share first. Each objective has one finite value for each
// architecture. With fewer than [MinPoints] architectures there are no rows.
//
// A share is epsilon squared, the correlation ratio that Kelley adjusted for the
// number of points ("An unbiased correlation ratio measure", 1935): of what groups
// explain, what groups drawn by chance would explain is taken off. Where that leaves
// less than nothing, the share is 0.
func Explain(list []arch.Architecture, objectives [][]float64) []Row {
	if len(list) < MinPoints {
		return nil
	}
	var rows []Row
	for _, d := range dimensions {
		levels := make([]float64, len(list))
		for i, a := range list {
			levels[i] = d.of(a)
		}
		group, count := groups(levels)
		if count < 2 {
			continue
		}
		r := Row{Dimension: d.name}
		for _, values := range objectives {
			r.Shares = append(r.Shares, max(0, epsilonSquared(group, count, values)))
		}
		rows = append(rows, r)
	}
	largest := func(r Row) float64 { return slices.Max(append([]float64{0}, r.Shares...)) }
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(largest(b), largest(a)) })
	return rows
}

// groups numbers the groups that levels fall into from 0, ascending, and counts them.
// Up to maxLevels distinct levels are a group each; more are cut into groups of about
// the same size, equal levels always in the same.
func groups(levels []float64) (group []int, count int) {
	order := make([]int, len(levels))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(levels[i], levels[j]) })
	starts := []int{} // of each distinct level, in order
	for at, i := range order {
		if at == 0 || levels[i] != levels[order[at-1]] {
			starts = append(starts, at)
		}
	}
	few := len(starts) <= maxLevels
	group = make([]int, len(levels))
	bin := -1
	for n, start := range starts {
		end := len(order)
		if n+1 < len(starts) {
			end = starts[n+1]
		}
		next := n
		if !few { // by the middle, so that the first and the last are never in one group
			next = (start + end) / 2 * maxLevels / len(levels)
		}
		if next != bin {
			bin = next
			count++
		}
		for _, i := range order[start:end] {
			group[i] = count - 1
		}
	}
	return group, count
}

// epsilonSquared is 1 − (n−1)/(n−k) · SSW/SST for n values in k groups, k < n: what
// the sum of squares within groups leaves of the total one, each over its degrees of
// freedom. Over all ways to assign the values to groups of these sizes its mean is 0.
// Values without variance have nothing to explain: 0.
func epsilonSquared(group []int, k int, values []float64) float64 {
	least, span := slices.Min(values), slices.Max(values)-slices.Min(values)
	if span == 0 {
		return 0
	}
	n := float64(len(values))
	scaled := make([]float64, len(values)) // so that no square overflows
	sums, sizes := make([]float64, k), make([]float64, k)
	mean := 0.0
	for i, v := range values {
		scaled[i] = (v - least) / span
		mean += scaled[i] / n
		sums[group[i]] += scaled[i]
		sizes[group[i]]++
	}
	within, total := 0.0, 0.0
	for i, v := range scaled {
		total += (v - mean) * (v - mean)
		d := v - sums[group[i]]/sizes[group[i]]
		within += d * d
	}
	return 1 - within/total*(n-1)/(n-float64(k))
}
