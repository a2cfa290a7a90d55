// Command core runs the same search with the native core and with the core as a
// sandboxed guest, in turn on one engine, for the same time. It prints how many
// candidates each measured and what a candidate cost beside its measuring, with
// a verdict, and writes bench/results/core.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
	"time"

	"litefront/bench/contest"
	"litefront/host/runtime"
	"litefront/host/web"
	"litefront/kernels/search"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// goal is the share of the native core's candidates that the guest must reach.
const goal = 0.9

func main() {
	runtime.ServeChild()
	log.SetFlags(0)
	budget := flag.Duration("budget", time.Minute, "time of each search")
	rounds := flag.Int("rounds", 1, "rounds; each runs both cores once")
	out := flag.String("out", filepath.Join("bench", "results", "core.json"), "where to write the results")
	flag.Parse()
	if err := run(*budget, *rounds, *out); err != nil {
		log.Fatal("bench: ", err)
	}
}

type results struct {
	Code   string       `json:"code"`
	Device trial.Device `json:"device"`
	Budget string       `json:"budget"`
	Rounds []round      `json:"rounds"`
	Ratio  float64      `json:"ratio"` // of all candidates: guest over native
	Goal   float64      `json:"goal"`
	Pass   bool         `json:"pass"`
}

// round is both cores with the same seed.
type round struct {
	Seed   uint64  `json:"seed"`
	Native session `json:"native"`
	Guest  session `json:"wasm"`
}

// core runs a search.
type core func(q search.Request, watch func(trial.Event)) (*study.Study, trial.Done, error)

func run(budget time.Duration, rounds int, out string) error {
	if rounds < 1 {
		return fmt.Errorf("rounds %d must be at least 1", rounds)
	}
	dist, err := web.Dist()
	if err != nil {
		return err
	}
	wasm, err := fs.ReadFile(dist, "edge.wasm")
	if err != nil {
		return err
	}
	cache, err := os.MkdirTemp("", "litefront-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	process, err := runtime.NewProcess(cache, time.Minute)
	if err != nil {
		return err
	}
	defer process.Close()

	ctx := context.Background()
	native := func(q search.Request, watch func(trial.Event)) (*study.Study, trial.Done, error) {
		return q.Run(ctx, process, nil, watch)
	}
	guest := func(q search.Request, watch func(trial.Event)) (*study.Study, trial.Done, error) {
		return runtime.RunGuest(ctx, wasm, cache, q, process, nil, watch)
	}
	for _, c := range []core{native, guest} { // caches fill: the guest is compiled here
		if _, err := timed(c, "1", 1); err != nil {
			return err
		}
	}
	r := results{Code: runtime.CodeVersion(), Device: process.Device(), Budget: budget.String(), Goal: goal}
	for i := range rounds {
		both := round{Seed: uint64(i + 1)}
		turns := []func() error{
			func() (err error) { both.Native, err = timed(native, budget.String(), both.Seed); return err },
			func() (err error) { both.Guest, err = timed(guest, budget.String(), both.Seed); return err },
		}
		if i%2 == 1 { // neither always has the cooler machine
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			if err := turn(); err != nil {
				return err
			}
		}
		r.Rounds = append(r.Rounds, both)
	}
	if err := r.judge(); err != nil {
		return err
	}
	r.print()
	return contest.Write(out, r)
}

// timed runs one search, as the command line does by default.
func timed(c core, budget string, seed uint64) (session, error) {
	sp, err := space.Preset("archai-gpt2")
	if err != nil {
		return session{}, err
	}
	q := search.Request{Name: "bench", Code: runtime.CodeVersion(), Budget: budget, Setup: trial.Setup{
		Space:       sp,
		Workload:    trial.DefaultWorkload(),
		Objectives:  []string{"decoder_params", "prefill_ms", "peak_mb"},
		Strategy:    "lts",
		Protocol:    trial.Litefront,
		Seed:        seed,
		MemoryLimit: 2 << 30,
	}}
	l := stopwatch{called: time.Now()}
	st, done, err := c(q, func(e trial.Event) { l.watch(e, time.Now()) })
	if err != nil {
		return session{}, err
	}
	return l.session(st.Trials(), done), nil
}

// judge compares the counts of candidates.
func (r *results) judge() error {
	var native, guest int
	for _, x := range r.Rounds {
		native += x.Native.Measured
		guest += x.Guest.Measured
	}
	if native == 0 {
		return fmt.Errorf("budget %s: too short for a single candidate", r.Budget)
	}
	r.Ratio = float64(guest) / float64(native)
	r.Pass = r.Ratio >= r.Goal
	return nil
}

func (r results) print() {
	fmt.Printf("%s, %s; searches of %s in turn\n\n", r.Device.CPU, r.Device.Engine, r.Budget)
	fmt.Printf("%-6s %-8s %10s %8s %12s %14s %14s\n", "seed", "core", "measured", "failed", "startup ms", "compile ms", "overhead ms")
	for _, x := range r.Rounds {
		for _, line := range []struct {
			core string
			session
		}{{"native", x.Native}, {"wasm", x.Guest}} {
			fmt.Printf("%-6d %-8s %10d %8d %12.0f %14.2f %14.2f\n", x.Seed, line.core,
				line.Measured, line.Failed, line.StartupMs, line.CompileMs, line.OverheadMs)
		}
	}
	fmt.Println("\nstartup: before the budget begins, with the guest's compiled code in the cache.\n" +
		"compile: of a candidate, in its time; the median. overhead: beside that time, to ask, tell and announce; the mean.")
	fmt.Println()
	contest.Verdict(r.Pass, "the wasm core measured %.3f× the candidates of the native one (goal %.1f×)", r.Ratio, r.Goal)
}
