package main

import (
	"fmt"
	"math"
	"path/filepath"

	"litefront/bench/contest"
	"litefront/host/report"
	"litefront/searchcore/trial"
)

// The strategies that the goals are about.
const (
	exact = "exact"
	lts   = "lts"
)

// How many times fewer device seconds exact must take to the hypervolume that lts ends
// with.
const (
	goalEnd   = 50 // than the whole search by lts
	goalEqual = 30 // than lts took when it first had it
)

// nearly is a share of the hypervolume of all searches together.
const nearly = 0.99

type results struct {
	Code      string        `json:"code"`
	Device    trial.Device  `json:"device"`
	Trials    int           `json:"trials"`
	Exact     int           `json:"trials_of_exact"`
	Lanes     int           `json:"lanes"` // searches that measured at the same time, in the last call
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
	Code        string   `json:"code"` // that began it
	Seed        uint64   `json:"seed"`
	Candidates  int      `json:"candidates"`
	Ended       bool     `json:"ended"` // by itself or by the number of trials
	Seconds     float64  `json:"seconds"`
	Hypervolume *float64 `json:"hypervolume"`        // share of that of all together
	Nearly      *float64 `json:"seconds_to_99"`      // to 99 % of that
	Own         *float64 `json:"seconds_to_its_end"` // to what it ends with
	Exact       *float64 `json:"seconds_of_exact"`   // that exact with the same seed takes to that
}

// faster is how many times fewer device seconds exact took than a strategy.
type faster struct {
	Strategy string `json:"strategy"`
	End      factor `json:"to_its_end"` // to the hypervolume it ends with, than all of it
	Equal    factor `json:"to_equal"`   // to that, than it took when it first had it
	Nearly   factor `json:"to_99"`      // to 99 % of all together
}

// factor is a median over the seeds.
type factor struct {
	Times *float64 `json:"times"` // null where exact did not get there itself
	// Candidates is how many the shortest of the other searches had measured which did
	// not get there, so that all their time counts; 0 if all did.
	Candidates int `json:"cut_off_after,omitempty"`
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
		result.Runs = append(result.Runs, runResult{
			Strategy: setup.Strategy, Code: x.study.Started().Code, Seed: setup.Seed, Candidates: p.Measured + p.Failed, Ended: x.ended, Seconds: seconds,
			Hypervolume: known(share), Nearly: known(c.Reached(i, nearly)),
			Own: known(c.Reached(i, share)), Exact: known(c.Reached(i%g.seeds, share)), // exact comes first
		})
	}
	for s, strategy := range g.strategies[1:] {
		exacts, theirs := result.Runs[:g.seeds], result.Runs[(s+1)*g.seeds:(s+2)*g.seeds]
		result.Faster = append(result.Faster, faster{
			Strategy: strategy,
			End:      compare(theirs, runResult.whole, theirs, runResult.exact),
			Equal:    compare(theirs, runResult.own, theirs, runResult.exact),
			Nearly:   compare(theirs, runResult.nearly, exacts, runResult.nearly),
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

// own are the seconds to what a search that ended ends with.
func (r runResult) own() *float64 {
	if !r.Ended {
		return nil
	}
	return r.Own
}

func (r runResult) exact() *float64  { return r.Exact }
func (r runResult) nearly() *float64 { return r.Nearly }

// known is x, or nil for NaN.
func known(x float64) *float64 {
	if math.IsNaN(x) {
		return nil
	}
	return &x
}

// compare is how many times fewer seconds ours took than theirs, seed by seed. Those
// of theirs that did not get there count with all the time that they had.
func compare(theirs []runResult, secondsOfTheirs func(runResult) *float64, ours []runResult, secondsOfOurs func(runResult) *float64) (f factor) {
	var ratios []float64
	for i := range ours {
		seconds, reached := secondsOfOurs(ours[i]), secondsOfTheirs(theirs[i])
		if seconds == nil || *seconds == 0 {
			return factor{}
		}
		if reached == nil {
			reached = &theirs[i].Seconds
			if n := theirs[i].Candidates; f.Candidates == 0 || n < f.Candidates {
				f.Candidates = n
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
		{fmt.Sprintf("exact, to the hypervolume that lts ends with, than all of lts (%d candidates)", r.Trials), f.End, goalEnd},
		{"exact, to that hypervolume, than lts when it first had it", f.Equal, goalEqual},
	} {
		ended := g.f.Times != nil && g.f.Candidates == 0
		r.Goals = append(r.Goals, goalResult{g.name, g.f, g.goal, ended && *g.f.Times >= g.goal})
	}
}

func (r results) print() {
	fmt.Printf("\n%s, %s; up to %d candidates a search, %d by exact; %d at a time\n", r.Device.CPU, r.Device.Engine, r.Trials, r.Exact, r.Lanes)
	for _, g := range r.Groups {
		fmt.Printf("\nprotocol %s\n%-10s %5s %12s %12s %12s %10s %12s\n", g.Protocol, "strategy", "seed", "candidates", "device s", "hypervolume", "s to 99 %", "exact, to it")
		for _, x := range g.Runs {
			cut := ""
			if !x.Ended {
				cut = " (cut off)"
			}
			fmt.Printf("%-10s %5d %12d %12.1f %12s %10s %12s%s\n", x.Strategy, x.Seed, x.Candidates, x.Seconds,
				contest.Cell("%.1f %%", x.Hypervolume, 100), contest.Cell("%.1f", x.Nearly, 1), contest.Cell("%.1f", x.Exact, 1), cut)
		}
		for _, f := range g.Faster {
			fmt.Printf("exact over %s in the median: to what it ends with %v than all of it and %v than when it first had it; to 99 %% of all together %v\n",
				f.Strategy, f.End, f.Equal, f.Nearly)
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
	text := fmt.Sprintf("%.1f×", *f.Times)
	if f.Candidates > 0 {
		text += fmt.Sprintf(" so far (after %d candidates)", f.Candidates)
	}
	return text
}
