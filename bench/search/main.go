// Command search runs the strategies side by side on one engine and compares how
// soon, in device time, each finds what the others find: lts-gpt2 of up to six
// layers, at 32 tokens and 16 decoded ones, by decoder parameters, response time and
// peak memory. Each search is a study whose journal lies in bench/results/search, so
// that a benchmark which was interrupted, or ran into its limit, goes on where it
// stopped when it is started again.
//
// It prints a table with a verdict per goal and writes bench/results/search.json;
// with -docs also the hypervolumes over time, to docs/search.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"reflect"
	goruntime "runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"litefront/bench/contest"
	"litefront/host/journal"
	"litefront/host/report"
	"litefront/host/runtime"
	"litefront/kernels/search"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

func main() {
	runtime.ServeChild()
	log.SetFlags(0)
	o := options{}
	flag.IntVar(&o.trials, "trials", 2500, "candidates of a search")
	flag.IntVar(&o.exact, "exact", 300, "candidates of a search by exact, if fewer")
	flag.IntVar(&o.seeds, "seeds", 3, "searches of each kind")
	flag.IntVar(&o.lanes, "lanes", 1, "how many searches measure at the same time; each needs a core of its own")
	flag.DurationVar(&o.trialTime, "trial-time", 150*time.Millisecond, "time of a measurement; less than the least number of samples takes is not used")
	flag.DurationVar(&o.limit, "limit", 20*time.Minute, "time for all; later calls go on")
	flag.BoolVar(&o.docs, "docs", false, "write the curves to "+docs)
	flag.StringVar(&o.dir, "dir", filepath.Join("bench", "results", "search"), "where the journals are")
	flag.StringVar(&o.out, "out", filepath.Join("bench", "results", "search.json"), "where to write the results")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal("bench: ", err)
	}
}

var docs = filepath.Join("docs", "search")

type options struct {
	trials, exact    int
	seeds            int
	lanes            int
	trialTime, limit time.Duration
	docs             bool
	dir, out         string
}

// reference is the point that hypervolumes are measured from, fixed before anything
// was measured: the smallest model of the space, a response of a second, half a
// gibibyte. The whole space lies within it on a laptop.
var reference = []float64{6e6, 1000, 512}

// slice is how many candidates a search measures in its turn, so that whatever
// disturbs the machine meets all searches alike.
const slice = 25

// contender is one search.
type contender struct {
	request search.Request
	path    string
	study   *study.Study
	ended   bool // nothing is left to measure
}

// run searches until all have ended or time is up.
func run(o options) error {
	if o.trials < 1 || o.exact < 1 || o.seeds < 1 || o.lanes < 1 {
		return fmt.Errorf("trials %d, exact %d, seeds %d and lanes %d must be at least 1", o.trials, o.exact, o.seeds, o.lanes)
	}
	if cores := goruntime.NumCPU(); o.lanes > cores {
		return fmt.Errorf("lanes %d: each needs one of the %d cores to itself", o.lanes, cores)
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	groups, err := contenders(o)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background()) // a deadline would read as a spent budget
	defer stop()
	time.AfterFunc(o.limit, stop)
	var device trial.Device
	for _, g := range groups {
		if device, err = g.run(ctx, o.lanes); err != nil {
			return err
		}
	}
	r := results{Code: runtime.CodeVersion(), Device: device, Trials: o.trials, Exact: min(o.exact, o.trials), Lanes: o.lanes, Reference: reference}
	for _, g := range groups {
		if err := r.add(g, o); err != nil {
			return err
		}
	}
	r.print()
	return contest.Write(o.out, r)
}

// group are searches that compare: of one protocol, by strategy, then by seed.
type group struct {
	protocol   string
	seeds      int
	strategies []string
	contenders []*contender
}

// contenders are those by this package's own protocol, and for comparison one of each
// by that of LiteTransformerSearch.
func contenders(o options) ([]*group, error) {
	sp, err := space.Preset("lts-gpt2")
	if err != nil {
		return nil, err
	}
	sp.Name += " of up to 6 layers"
	sp.NLayer = slices.DeleteFunc(sp.NLayer, func(n int) bool { return n > 6 })
	groups := []*group{
		{protocol: trial.Litefront, seeds: o.seeds, strategies: []string{exact, lts, "random"}},
		{protocol: trial.LTS, seeds: 1, strategies: []string{exact, lts}},
	}
	for _, g := range groups {
		for _, strategy := range g.strategies {
			budget := o.trials
			if strategy == exact {
				budget = min(o.exact, budget)
			}
			for seed := range g.seeds {
				name := fmt.Sprintf("%s-%s-seed%d", g.protocol, strategy, seed+1)
				g.contenders = append(g.contenders, &contender{
					path: filepath.Join(o.dir, name+".jsonl"),
					request: search.Request{
						Name: name, Code: runtime.CodeVersion(), Budget: strconv.Itoa(budget),
						TrialTimeMs: float64(o.trialTime) / float64(time.Millisecond),
						Setup: trial.Setup{
							Space:       sp,
							Workload:    trial.Workload{PromptLen: 32, Context: 32 + 16, Precision: trial.F32, Threads: 1},
							Objectives:  []string{"decoder_params", "response_ms", "peak_mb"},
							Strategy:    strategy,
							Protocol:    g.protocol,
							Seed:        uint64(seed + 1),
							MemoryLimit: 2 << 30,
						},
					},
				})
			}
		}
	}
	return groups, nil
}

// run has the group's searches take turns, in as many lanes as there are, until all
// have ended or ctx is done, and says which device measured. A search that waits
// longest is the next, whichever lane is free.
func (g *group) run(ctx context.Context, lanes int) (trial.Device, error) {
	waiting := make(chan *contender, len(g.contenders))
	for _, c := range g.contenders {
		waiting <- c
	}
	var left atomic.Int64 // searches that go on
	devices := make([]trial.Device, lanes)
	work, ctx := errgroup.WithContext(ctx)
	left.Store(int64(len(g.contenders)))
	for lane := range lanes {
		work.Go(func() error {
			process, err := runtime.NewProcess("", time.Minute)
			if err != nil {
				return err
			}
			defer process.Close()
			devices[lane] = process.Device()
			for c := range waiting {
				err := c.turn(ctx, process)
				if err == nil && !c.ended && ctx.Err() == nil {
					waiting <- c
					continue
				}
				if left.Add(-1) == 0 {
					close(waiting)
				}
				if err != nil {
					return fmt.Errorf("%s: %w", c.path, err)
				}
			}
			return nil
		})
	}
	err := work.Wait()
	return devices[0], err
}

// turn measures a slice of candidates, none if ctx is done, and has c.study hold what
// is known.
func (c *contender) turn(ctx context.Context, process *runtime.Process) (err error) {
	file, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	left := slice
	st, done, err := c.request.Run(ctx, process, file, func(e trial.Event) {
		if e.Kind == trial.KindMeasured || e.Kind == trial.KindFailed {
			if left--; left == 0 {
				stop()
			}
		}
	})
	if err != nil {
		return err
	}
	c.study, c.ended = st, done.Reason != search.DoneInterrupted
	fmt.Printf("%-24s %5d candidates, %7.1f s: %s\n", c.request.Name, done.Measured+done.Failed, search.Spent(st).Seconds(), done.Reason)
	return nil
}

// open opens the journal, or creates it, and completes the request with what it
// holds, which must be of the same setup.
func (c *contender) open() (*journal.File, error) {
	if _, err := os.Stat(c.path); errors.Is(err, fs.ErrNotExist) {
		return journal.Create(c.path)
	}
	file, events, err := journal.Open(c.path)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		if s := events[0].Started; s == nil || !reflect.DeepEqual(s.Setup, c.request.Setup) {
			return nil, errors.Join(errors.New("is of another setup; remove it to begin anew"), file.Close())
		}
	}
	c.request.Journal = events
	return file, nil
}

// entries are the studies with their names.
func (g *group) entries() (list []report.Entry) {
	for _, c := range g.contenders {
		list = append(list, report.Entry{Name: c.request.Name, Study: c.study})
	}
	return list
}
