// Package contest times several programs side by side: all of them once a round,
// in turn, so that a disturbance hits all alike, and reports medians and spreads.
package contest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/stat"

	"litefront/bench/programs"
	"litefront/host/runtime"
	"litefront/host/wholefile"
	"litefront/kernels/measure"
)

// minSampleNs is how long a sample lasts at least.
const minSampleNs = 20e6

// Contestant is something to time.
type Contestant struct {
	Name string
	// Work is floating-point operations of one run, and Bytes what it reads; 0 for a
	// time alone.
	Work, Bytes float64
	// Run runs reps times and returns the nanoseconds that took.
	Run func(reps int) (ns int64, err error)

	Ms   []float64 // per run, one sample a round
	reps int
}

// Native is programs of one module on one instance of the engine.
func Native(e *runtime.Engine, ps ...programs.Program) (all []*Contestant, err error) {
	prepared, err := e.Prepare(ps[0].Module)
	if err == nil {
		_, err = prepared.Run(measure.Call{Export: "init", Arg: 1})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ps[0].Name, err)
	}
	for _, p := range ps {
		all = append(all, &Contestant{Name: p.Name, Work: p.FLOPs, Bytes: p.Bytes, Run: func(reps int) (int64, error) {
			return prepared.Run(measure.Call{Export: p.Export, Arg: p.Arg, Reps: uint32(reps)})
		}})
	}
	return all, nil
}

// Run times all for so many rounds.
func Run(all []*Contestant, rounds int) error {
	for _, c := range all {
		var ns int64
		for range 3 { // caches fill, engines tier up
			var err error
			if ns, err = c.Run(1); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
		}
		c.reps = 1 + int(minSampleNs/float64(max(ns, 1)))
	}
	for range rounds {
		for _, c := range all {
			ns, err := c.Run(c.reps)
			if err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			c.Ms = append(c.Ms, float64(ns)/1e6/float64(c.reps))
		}
	}
	return nil
}

// Result is a contestant's numbers.
type Result struct {
	Name     string  `json:"name"`
	MedianMs float64 `json:"median_ms"`
	MinMs    float64 `json:"min_ms"`
	IQRMs    float64 `json:"iqr_ms"`
	GFLOPS   float64 `json:"gflops,omitempty"`   // at the median
	GBPerS   float64 `json:"gb_per_s,omitempty"` // at the median
}

// Result summarises the samples.
func (c *Contestant) Result() Result {
	sorted := slices.Sorted(slices.Values(c.Ms))
	q := func(p float64) float64 { return stat.Quantile(p, stat.LinInterp, sorted, nil) }
	r := Result{Name: c.Name, MedianMs: Median(c.Ms), MinMs: sorted[0], IQRMs: q(0.75) - q(0.25)}
	r.GFLOPS = c.Work / r.MedianMs / 1e6
	r.GBPerS = c.Bytes / r.MedianMs / 1e6
	return r
}

// Ratio is how many times faster a is than b: the median over the rounds of the
// ratio within each.
func Ratio(a, b *Contestant) float64 {
	ratios := make([]float64, len(a.Ms))
	for i := range ratios {
		ratios[i] = b.Ms[i] / a.Ms[i]
	}
	return Median(ratios)
}

// Median is the median of x.
func Median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Verdict prints a line that says whether a goal was reached, and returns that.
func Verdict(pass bool, format string, args ...any) bool {
	verdict := "PASS"
	if !pass {
		verdict = "MISS"
	}
	fmt.Printf("%s  %s\n", verdict, fmt.Sprintf(format, args...))
	return pass
}

// Cell formats so many times a number that may be unknown: "-" for nil.
func Cell(format string, x *float64, times float64) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf(format, *x*times)
}

// Unmeasured prints a line for a goal that nothing measured could show.
func Unmeasured(goal string) { fmt.Printf("----  %s: not measured\n", goal) }

// Write writes results as JSON. Whatever interrupts it, the file is whole: the new
// one or the one before.
func Write(path string, results any) error {
	data, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := wholefile.Write(path, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	}); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
