package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"litefront/searchcore/pareto"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Seeds writes how far repeated searches agree: for each study its measured
// trials, the size of its frontier and its hypervolume, then their median and
// range, and the size of the frontier of all studies together. Overlays do not
// count.
//
// Objectives are scaled so that over the measured trials of all studies the best
// value is 0 and the worst 1. The hypervolume is that below the worst corner, as
// a share of that of the frontier of all studies, so 100 % means that the other
// studies found nothing better.
//
// It is an error if there is no study, or if two differ in their objectives,
// constraints, workload or protocol, since then their values do not compare.
func Seeds(w io.Writer, studies []*study.Study) error {
	if len(studies) == 0 {
		return errors.New("seeds: no study given; at least 1 is needed")
	}
	searches, union, err := compare(studies)
	if err != nil {
		return err
	}
	rows := [][]string{{"study", "strategy", "seed", "measured", "frontier", "hypervolume"}}
	for _, s := range searches {
		rows = append(rows, []string{
			printable(s.started.Study), s.started.Strategy, strconv.FormatUint(s.started.Seed, 10),
			strconv.Itoa(s.measured), strconv.Itoa(len(s.frontier)), percent(s.share),
		})
	}
	column := func(value func(search) float64) []float64 {
		column := make([]float64, len(searches))
		for i, s := range searches {
			column[i] = value(s)
		}
		slices.Sort(column)
		return column
	}
	measured := column(func(s search) float64 { return float64(s.measured) })
	frontier := column(func(s search) float64 { return float64(len(s.frontier)) })
	share := column(func(s search) float64 { return s.share })
	rows = append(rows,
		[]string{"median", "", "", number(median(measured)), number(median(frontier)), percent(median(share))},
		[]string{"range", "", "", span(measured, number), span(frontier, number), span(share, percent)})
	var b bytes.Buffer
	if err := align(&b, rows); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\nfrontier of all studies together: %d points; hypervolume is a share of theirs\n", union)
	_, err = w.Write(b.Bytes())
	return err
}

// search is one study in the comparison.
type search struct {
	started  trial.Started
	measured int
	frontier [][]float64 // costs
	share    float64     // of the union's hypervolume; NaN if that is 0
}

// compare returns the studies with their shares, and the size of the frontier of
// all together.
func compare(studies []*study.Study) (searches []search, union int, err error) {
	var all, frontiers [][]float64
	for _, s := range studies {
		v, err := newView(s, Cut{})
		if err != nil {
			return nil, 0, err
		}
		next := search{started: v.started}
		if len(searches) > 0 {
			if err := checkComparable(searches[0].started, v.started); err != nil {
				return nil, 0, err
			}
		}
		for _, p := range v.measured(false) {
			next.measured++
			all = append(all, v.objectives.Costs(p.Values))
		}
		for _, p := range v.frontier {
			next.frontier = append(next.frontier, v.objectives.Costs(p.Values))
		}
		frontiers = append(frontiers, next.frontier...)
		searches = append(searches, next)
	}
	box := boxOf(all)
	total := box.volume(frontiers)
	for i := range searches {
		searches[i].share = math.NaN()
		if total > 0 {
			searches[i].share = box.volume(searches[i].frontier) / total
		}
	}
	return searches, len(pareto.Front(frontiers)), nil
}

// checkComparable demands that values of a and b mean the same.
func checkComparable(a, b trial.Started) error {
	for _, field := range []struct {
		name string
		a, b any
	}{
		{"objectives", a.Objectives, b.Objectives},
		{"constraints", a.Constraints, b.Constraints},
		{"workload", a.Workload, b.Workload},
		{"protocol", a.Protocol, b.Protocol},
	} {
		if x, y := fmt.Sprint(field.a), fmt.Sprint(field.b); x != y {
			return fmt.Errorf("seeds: study %q has %s %s, study %q has %s; they must be the same",
				a.Study, field.name, x, b.Study, y)
		}
	}
	return nil
}

// box spans points: low and high are its best and its worst corner.
type box struct{ low, high []float64 }

func boxOf(points [][]float64) box {
	var b box
	for i, p := range points {
		if i == 0 {
			b.low, b.high = slices.Clone(p), slices.Clone(p)
		}
		for k, c := range p {
			b.low[k], b.high[k] = min(b.low[k], c), max(b.high[k], c)
		}
	}
	return b
}

// volume is the hypervolume of points as a share of the box. A cost that is
// the same everywhere is 0, so that the others decide.
func (b box) volume(points [][]float64) float64 {
	if len(points) == 0 {
		return 0
	}
	scaled := make([][]float64, len(points))
	for i, p := range points {
		scaled[i] = make([]float64, len(p))
		for k, c := range p {
			if size := b.high[k] - b.low[k]; size > 0 {
				scaled[i][k] = (c - b.low[k]) / size
			}
		}
	}
	return pareto.Hypervolume(scaled, slices.Repeat([]float64{1}, len(b.low)))
}

// median of sorted values, of which there is at least one.
func median(sorted []float64) float64 {
	n := len(sorted)
	return sorted[(n-1)/2]/2 + sorted[n/2]/2
}

func span(sorted []float64, text func(float64) string) string {
	return text(sorted[0]) + " to " + text(sorted[len(sorted)-1])
}

// percent writes a share; "-" if there is none.
func percent(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return strconv.FormatFloat(100*share, 'f', 1, 64) + " %"
}
