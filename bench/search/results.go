package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"litefront/bench/contest"
	"litefront/host/report"
	"litefront/searchcore/trial"
)

// The strategies that the goals are about.
const (
	exact = "exact"
	lts   = "lts"
)

// How many times fewer device seconds exact must take than lts.
const (
	goalWhole = 50 // than the whole search
	goalEqual = 30 // to an equal hypervolume
)

// nearly is a share of the hypervolume of all searches together.
const nearly = 0.99

type results struct {
	Code      string        `json:"code"`
	Device    trial.Device  `json:"device"`
	Trials    int           `json:"trials"`
	Reference []float64     `json:"reference"`
	Groups    []groupResult `json:"protocols"`
	Goals     []goalResult  `json:"goals"`
}

type groupResult struct {
	Protocol string      `json:"protocol"`
	Runs     []runResult `json:"runs"`
	Faster   []faster    `json:"faster"` // exact than each other strategy
}

// runResult is one search.
type runResult struct {
	Strategy    string   `json:"strategy"`
	Seed        uint64   `json:"seed"`
	Candidates  int      `json:"candidates"`
	Ended       bool     `json:"ended"` // by itself or by the number of trials
	Seconds     float64  `json:"seconds"`
	Hypervolume *float64 `json:"hypervolume"`       // share of that of all together
	Nearly      *float64 `json:"seconds_to_99"`     // to 99 % of that
	Equal       *float64 `json:"seconds_to_exacts"` // to that of exact with the same seed
}

// faster is how many times fewer device seconds exact took than a strategy.
type faster struct {
	Strategy string `json:"strategy"`
	Whole    factor `json:"whole"`
	Equal    factor `json:"equal"`
	Nearly   factor `json:"to_99"`
}

// factor is a median over the seeds. It is a lower bound where some of the other
// searches did not get there in what they measured.
type factor struct {
	Times      *float64 `json:"times"` // null where exact did not get there itself
	AtLeast    bool     `json:"at_least"`
	Candidates int      `json:"candidates,omitempty"` // the fewest that one of those measured
}

type goalResult struct {
	Name string `json:"name"`
	factor
	Goal float64 `json:"goal"`
	Pass bool    `json:"pass"`
}

// add compares the searches of a protocol.
func (r *results) add(g *group, o options) error {
	c, err := report.Compare(g.entries(), report.CompareOptions{Reference: reference})
	if err != nil {
		return fmt.Errorf("%s: %w", g.protocol, err)
	}
	if o.docs {
		if err := c.WriteDir(filepath.Join(docs, g.protocol)); err != nil {
			return err
		}
	}
	result := groupResult{Protocol: g.protocol}
	for i, x := range g.contenders {
		p := x.study.Progress()
		setup := x.study.Started().Setup
		seconds, share := c.End(i)
		_, goal := c.End(i % o.seeds) // exact comes first
		result.Runs = append(result.Runs, runResult{
			Strategy: setup.Strategy, Seed: setup.Seed, Candidates: p.Measured + p.Failed, Ended: x.ended, Seconds: seconds,
			Hypervolume: known(share), Nearly: known(c.Reached(i, nearly)), Equal: known(c.Reached(i, goal)),
		})
	}
	for s, strategy := range g.strategies[1:] {
		ours, theirs := result.Runs[:o.seeds], result.Runs[(s+1)*o.seeds:(s+2)*o.seeds]
		result.Faster = append(result.Faster, faster{
			Strategy: strategy,
			Whole:    compare(ours, theirs, runResult.whole),
			Equal:    compare(ours, theirs, func(r runResult) *float64 { return r.Equal }),
			Nearly:   compare(ours, theirs, func(r runResult) *float64 { return r.Nearly }),
		})
	}
	r.Groups = append(r.Groups, result)
	if g.protocol == trial.Litefront {
		r.judge(result.Faster[0])
	}
	return nil
}

// whole are the seconds of a search that ended.
func (r runResult) whole() *float64 {
	if !r.Ended {
		return nil
	}
	return &r.Seconds
}

// known is x, or nil for NaN.
func known(x float64) *float64 {
	if math.IsNaN(x) {
		return nil
	}
	return &x
}

// compare is how many times fewer seconds ours took than theirs, seed by seed. Those
// of theirs that did not get there count with all the time that they had.
func compare(ours, theirs []runResult, secondsOf func(runResult) *float64) (f factor) {
	var ratios []float64
	for i := range ours {
		seconds, reached := secondsOf(ours[i]), secondsOf(theirs[i])
		if seconds == nil || *seconds == 0 {
			return factor{}
		}
		if reached == nil {
			reached = &theirs[i].Seconds
			if n := theirs[i].Candidates; !f.AtLeast || n < f.Candidates {
				f.AtLeast, f.Candidates = true, n
			}
		}
		ratios = append(ratios, *reached / *seconds)
	}
	median := contest.Median(ratios)
	f.Times = &median
	return f
}

func (r *results) judge(f faster) {
	for _, g := range []struct {
		name string
		f    factor
		goal float64
	}{
		{fmt.Sprintf("exact over all of lts (%d candidates)", r.Trials), f.Whole, goalWhole},
		{"exact over lts, to the hypervolume that exact ends with", f.Equal, goalEqual},
	} {
		r.Goals = append(r.Goals, goalResult{g.name, g.f, g.goal, g.f.Times != nil && *g.f.Times >= g.goal})
	}
}

func (r results) print() {
	fmt.Printf("\n%s, %s; up to %d candidates a search\n", r.Device.CPU, r.Device.Engine, r.Trials)
	for _, g := range r.Groups {
		fmt.Printf("\nprotocol %s\n%-10s %5s %12s %12s %12s %10s %12s\n", g.Protocol, "strategy", "seed", "candidates", "device s", "hypervolume", "s to 99 %", "s to exact's")
		for _, x := range g.Runs {
			cut := ""
			if !x.Ended {
				cut = " (cut off)"
			}
			fmt.Printf("%-10s %5d %12d %12.1f %12s %10s %12s%s\n", x.Strategy, x.Seed, x.Candidates, x.Seconds,
				contest.Cell("%.1f %%", x.Hypervolume, 100), contest.Cell("%.1f", x.Nearly, 1), contest.Cell("%.1f", x.Equal, 1), cut)
		}
		for _, f := range g.Faster {
			fmt.Printf("exact over %s in the median: %v for the whole search, %v to an equal hypervolume, %v to 99 %% of all together\n",
				f.Strategy, f.Whole, f.Equal, f.Nearly)
		}
	}
	fmt.Println("\ndevice time: compiling, initialising, warming up, sampling, sentinels and repeats.")
	fmt.Println()
	for _, g := range r.Goals {
		contest.Verdict(g.Pass, "%s: %v fewer device seconds (goal %g×)", g.Name, g.factor, g.Goal)
	}
}

func (f factor) String() string {
	if f.Times == nil {
		return "unknown"
	}
	var b strings.Builder
	if f.AtLeast {
		b.WriteString("≥ ")
	}
	fmt.Fprintf(&b, "%.1f×", *f.Times)
	if f.AtLeast {
		fmt.Fprintf(&b, " (cut off after %d candidates)", f.Candidates)
	}
	return b.String()
}
