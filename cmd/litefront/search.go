package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"litefront/host/journal"
	"litefront/host/report"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// searchFlags are the flags of the command search.
type searchFlags struct {
	*setupFlags
	seeds string
	study string
	out   string
	json  bool
	core  string
}

// searchCommand runs studies, one for each seed.
func searchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Search a space for the frontier of quality proxy, latency and memory",
		Long: "Search a space of architectures. Each candidate becomes a WebAssembly module and is measured on this\n" +
			"device; Ctrl-C ends the search with the frontier so far, and a study kept with --study goes on where it ended.",
		Args: noArgs("a space goes with --space, a study with --study"),
	}
	f := cmd.Flags()
	s := &searchFlags{setupFlags: newSetupFlags(cmd, search.DefaultBudget)}
	f.StringVar(&s.seeds, "seeds", "", "repeat the search with each seed of a range such as 1..5 and compare")
	f.StringVar(&s.study, "study", "", "journal file that keeps the study; an existing one is resumed")
	f.StringVar(&s.out, "out", "", "directory for the results as CSV, JSON and SVG")
	f.BoolVar(&s.json, "json", false, "print one Event a line on standard output instead of the table")
	f.StringVar(&s.core, "core", "native", `where the search core runs: "native", or "wasm" for the same core as a sandboxed WebAssembly guest`)
	s.device.addTarget(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return s.run(cmd) }
	return cmd
}

// job is one study to run: one per seed.
type job struct {
	seed       uint64
	study, out string // files; empty for none
}

// run reads all input, runs the studies one after the other, and with several
// compares them.
func (s *searchFlags) run(cmd *cobra.Command) (err error) {
	// All input is read before anything is started or written.
	jobs, err := s.jobs()
	if err != nil {
		return err
	}
	q, err := s.request(cmd)
	if err != nil {
		return err
	}
	c, err := newCore(s.core)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := writable(j.out); err != nil {
			return err
		}
	}
	if s.core == "wasm" && s.device.target != "cpu" {
		return fmt.Errorf("core %q measures on target \"cpu\" alone, not on %q", s.core, s.device.target)
	}
	process, err := s.device.start()
	if err != nil {
		return err
	}
	defer process.Close()
	if err := measure.CheckWorkload(process, s.workload.Workload); err != nil {
		return err
	}
	noteSoftware(cmd.ErrOrStderr(), process.Device())

	ctx := untilInterrupted(cmd)
	var studies []*study.Study
	for _, j := range jobs {
		if ctx.Err() != nil {
			break
		}
		st, err := s.search(ctx, cmd, j, q, c, process)
		if err != nil {
			return oneLine(err)
		}
		studies = append(studies, st)
	}
	if len(studies) > 1 && !s.json {
		return compareSeeds(cmd.OutOrStdout(), studies)
	}
	return nil
}

// compareSeeds prints how far repeated searches agree.
func compareSeeds(w io.Writer, studies []*study.Study) error {
	var entries []report.Entry
	for _, st := range studies {
		entries = append(entries, report.Entry{Name: st.Started().Study, Study: st})
	}
	c, err := report.Compare(entries, report.CompareOptions{})
	if err != nil {
		return err
	}
	return c.Table(w)
}

// writable makes the directory dir, if it is not empty, and makes sure that files
// can be written there: better to know that before the search than after it.
func writable(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".litefront-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// search runs one study and reports it.
func (s *searchFlags) search(ctx context.Context, cmd *cobra.Command, j job, q search.Request, run core, target measure.Target) (st *study.Study, err error) {
	q.Name, q.Setup.Seed = fmt.Sprintf("%s seed %d", q.Setup.Space.Name, j.seed), j.seed
	var file study.Journal
	if j.study != "" {
		f, err := s.openJournal(cmd, j.study, &q)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		file = f
		note, err := mixture(q, target.Device())
		if err != nil {
			return nil, fmt.Errorf("study %q: %w", j.study, err)
		}
		if note != "" {
			fmt.Fprintln(cmd.ErrOrStderr(), "litefront:", note)
		}
	}
	budget, err := search.ParseBudget(q.Budget)
	if err != nil {
		return nil, err
	}
	progress := newProgress(cmd.ErrOrStderr(), budget, s.json)
	out := json.NewEncoder(cmd.OutOrStdout())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var broken error // why standard output cannot be written
	st, done, err := run(ctx, q, target, file, func(e trial.Event) {
		if s.json && broken == nil {
			if broken = out.Encode(e); broken != nil {
				stop() // nobody hears of what is found
			}
		}
		progress.watch(e)
	})
	progress.done()
	if err == nil {
		if note := ending(done, st, q.Journal); note != "" {
			fmt.Fprintln(cmd.ErrOrStderr(), "litefront:", note)
		}
	}
	err = errors.Join(err, broken)
	// Results are written also when the search failed: they are what was found.
	if st != nil && !s.json {
		err = errors.Join(err, report.Table(cmd.OutOrStdout(), st))
	}
	if st != nil && j.out != "" {
		err = errors.Join(err, report.WriteDir(j.out, st))
	}
	return st, err
}

// openJournal opens the journal at path, or creates it if it does not exist, and
// completes q with what it holds.
func (s *searchFlags) openJournal(cmd *cobra.Command, path string, q *search.Request) (*journal.File, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		// A request that is refused must not leave an empty journal behind.
		if err := q.Check(); err != nil {
			return nil, err
		}
		return journal.Create(path)
	}
	file, events, err := journal.Open(path)
	if err != nil {
		return nil, err
	}
	if note := file.Note(); note != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "litefront:", note)
	}
	if len(events) > 0 {
		q.Journal = events
		if err = s.resume(q); err != nil {
			return nil, errors.Join(fmt.Errorf("journal %s: %w", path, err), file.Close())
		}
	}
	return file, nil
}

// resume checks that the flags agree with the journal in q, and takes the budget
// from there if none was given.
func (s *searchFlags) resume(q *search.Request) error {
	st, err := study.Replay(q.Journal, nil, nil)
	if err != nil {
		return err
	}
	if recorded := st.Settings()["budget"]; recorded != "" && !s.flags.Changed("budget") {
		q.Budget = recorded
	}
	q.Reconstrain = s.flags.Changed("constraint")
	return s.agrees(st.Started().Setup, q.Setup)
}

// ending says in one line why a search ended, where that is not what one expects;
// empty if it is.
func ending(done trial.Done, st *study.Study, before []trial.Event) string {
	ended := 0
	for _, e := range before {
		if e.Measured != nil || e.Failed != nil {
			ended++
		}
	}
	switch {
	case done.Reason == search.DoneExhausted:
		return fmt.Sprintf("the search ended before its budget: %v", trial.ErrExhausted)
	case done.Reason == search.DoneConverged:
		return fmt.Sprintf("the search ended before its budget: %v", trial.ErrConverged)
	case done.Reason == search.DoneBudget && ended > 0 && done.Measured+done.Failed == ended:
		return fmt.Sprintf("the study's budget of %s was spent already; a larger --budget continues it", st.Settings()["budget"])
	}
	return ""
}

// mixture says in one line that the journal in q holds measurements that are not
// quite comparable with what this program measures here; empty if not. Between CPU and
// GPU nothing compares: a study stays on what it began on.
func mixture(q search.Request, here trial.Device) (note string, err error) {
	for _, e := range slices.Backward(q.Journal) {
		if e.Measured == nil {
			continue
		}
		switch m := e.Measured.Measurement; {
		case search.OnGPU(m.Device) && !search.OnGPU(here):
			return "", fmt.Errorf("it was measured on a GPU, %s, and goes on with --target gpu", m.Device.CPU)
		case !search.OnGPU(m.Device) && search.OnGPU(here):
			return "", errors.New("it was measured on a CPU and goes on with --target cpu")
		case m.Device.Name != here.Name || m.Device.CPU != here.CPU || m.Device.Engine != here.Engine:
			return fmt.Sprintf("note: the study was measured on %s by %s and goes on here; latencies of different devices do not compare",
				m.Device.Name, m.Device.Engine), nil
		case m.Code != q.Code:
			return fmt.Sprintf("note: the study was measured by version %s of this program and goes on with %s", m.Code, q.Code), nil
		}
		return "", nil
	}
	return "", nil
}

// oneLine joins the lines of a joined error.
func oneLine(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// jobs lists the studies to run: with several seeds, each has files of its own.
func (s *searchFlags) jobs() ([]job, error) {
	if s.seeds == "" {
		return []job{{s.seed, s.study, s.out}}, nil
	}
	if s.flags.Changed("seed") {
		return nil, errors.New("--seed and --seeds exclude each other")
	}
	const most = 1000
	first, last, ok := strings.Cut(s.seeds, "..")
	from, err1 := strconv.ParseUint(first, 10, 64)
	to, err2 := strconv.ParseUint(last, 10, 64)
	if !ok || err1 != nil || err2 != nil || to < from || to-from >= most {
		return nil, fmt.Errorf("seeds %q must be a range such as 1..5, of at most %d seeds", s.seeds, most)
	}
	var jobs []job
	for seed := from; ; seed++ {
		j := job{seed: seed}
		if s.study != "" {
			ext := filepath.Ext(s.study)
			j.study = fmt.Sprintf("%s-seed%d%s", strings.TrimSuffix(s.study, ext), seed, ext)
		}
		if s.out != "" {
			j.out = filepath.Join(s.out, fmt.Sprintf("seed%d", seed))
		}
		if jobs = append(jobs, j); seed == to {
			return jobs, nil
		}
	}
}
