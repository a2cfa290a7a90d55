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
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"litefront/host/journal"
	"litefront/host/report"
	"litefront/host/runtime"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/objective"
	"litefront/searchcore/results"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/surrogate"
	"litefront/searchcore/trial"
)

// searchFlags are the flags of the command search.
type searchFlags struct {
	flags       *pflag.FlagSet
	workload    *workloadFlags
	device      *deviceFlags
	space       string
	budget      string
	strategy    string
	objectives  []string
	constraints []string
	seed        uint64
	seeds       string
	study       string
	overlays    []string
	known       []string
	out         string
	json        bool
	core        string
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
	s := &searchFlags{flags: f, workload: addWorkloadFlags(cmd), device: addDeviceFlags(cmd)}
	s.workload.addThreads()
	f.StringVar(&s.space, "space", "archai-gpt2", "search space: "+strings.Join(space.Presets(), ", ")+", or a TOML file")
	f.StringVar(&s.budget, "budget", search.DefaultBudget, "time (60s, 5m) or number of candidates (200) of the whole study, references not counted; a study that is resumed keeps its own")
	f.StringVar(&s.strategy, "strategy", study.Strategies()[0], "how to search: "+strings.Join(study.Strategies(), ", "))
	f.StringSliceVar(&s.objectives, "objective", objective.Defaults(), "objectives: two or more of "+objectiveNames())
	f.StringSliceVar(&s.constraints, "constraint", nil, "demand of every frontier member, such as 'decode_ms<=20'; several with commas, or repeated. For a study that is resumed these replace its own, and none removes them")
	f.Uint64Var(&s.seed, "seed", 1, "seed of the search")
	f.StringVar(&s.seeds, "seeds", "", "repeat the search with each seed of a range such as 1..5 and compare")
	f.StringVar(&s.study, "study", "", "journal file that keeps the study; an existing one is resumed")
	f.StringArrayVar(&s.overlays, "overlay", nil, "configuration file to measure and draw as a reference; may be repeated")
	f.StringSliceVar(&s.known, "known", nil, fmt.Sprintf("journals of studies on other devices: the model of this one starts from theirs, so that %d candidates are measured before it instead of %d", surrogate.Transferred, surrogate.Designed))
	f.StringVar(&s.out, "out", "", "directory for the results as CSV, JSON and SVG")
	f.BoolVar(&s.json, "json", false, "print one Event a line on standard output instead of the table")
	f.StringVar(&s.core, "core", "native", `where the search core runs: "native", or "wasm" for the same core as a sandboxed WebAssembly guest`)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return s.run(cmd) }
	return cmd
}

// objectiveNames lists the objectives for the help text.
func objectiveNames() string {
	var names []string
	for _, o := range objective.All() {
		names = append(names, o.Name)
	}
	return strings.Join(names, ", ")
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
	s.workload.resolve()
	jobs, err := s.jobs()
	if err != nil {
		return err
	}
	if _, err := search.ParseBudget(s.budget); err != nil {
		return err
	}
	sp, err := readSpace(s.space)
	if err != nil {
		return err
	}
	overlays := make([]arch.Architecture, len(s.overlays))
	for i, path := range s.overlays {
		if overlays[i], err = readArch(cmd, path); err != nil {
			return err
		}
	}
	known, err := readKnown(s.known)
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
	process, err := s.device.start()
	if err != nil {
		return err
	}
	defer process.Close()
	if err := measure.CheckThreads(process, s.workload.Workload); err != nil {
		return err
	}

	ctx := untilInterrupted(cmd)
	var studies []*study.Study
	for _, j := range jobs {
		if ctx.Err() != nil {
			break
		}
		st, err := s.search(ctx, cmd, j, sp, overlays, known, c, process)
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
func (s *searchFlags) search(ctx context.Context, cmd *cobra.Command, j job, sp space.Space, overlays []arch.Architecture, known []trial.DeviceModel, run core, target measure.Target) (st *study.Study, err error) {
	q := search.Request{
		Name: fmt.Sprintf("%s seed %d", sp.Name, j.seed),
		Code: runtime.CodeVersion(),
		Setup: trial.Setup{
			Space:       sp,
			Workload:    s.workload.Workload,
			Objectives:  s.objectives,
			Constraints: s.constraints,
			Strategy:    s.strategy,
			Protocol:    s.device.protocol,
			Seed:        j.seed,
			MemoryLimit: int64(s.device.memory),
			Known:       known,
		},
		Budget:      s.budget,
		Overlays:    overlays,
		TrialTimeMs: float64(s.device.trialTime) / float64(time.Millisecond),
	}
	var file study.Journal
	if j.study != "" {
		f, err := s.openJournal(cmd, j.study, &q)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		file = f
		if note := mixture(q, target.Device()); note != "" {
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
	if len(q.Setup.Constraints) == 1 && q.Setup.Constraints[0] == "none" {
		q.Setup.Constraints = nil
	}
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
// quite comparable with what this program measures here; empty if not.
func mixture(q search.Request, here trial.Device) string {
	for _, e := range slices.Backward(q.Journal) {
		if e.Measured == nil {
			continue
		}
		switch m := e.Measured.Measurement; {
		case m.Device.Name != here.Name || m.Device.CPU != here.CPU || m.Device.Engine != here.Engine:
			return fmt.Sprintf("note: the study was measured on %s by %s and goes on here; latencies of different devices do not compare",
				m.Device.Name, m.Device.Engine)
		case m.Code != q.Code:
			return fmt.Sprintf("note: the study was measured by version %s of this program and goes on with %s", m.Code, q.Code)
		}
		return ""
	}
	return ""
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

// readKnown returns the models of the devices that studies were measured on.
func readKnown(paths []string) (known []trial.DeviceModel, err error) {
	for _, path := range paths {
		st, err := readStudy(path)
		if err != nil {
			return nil, err
		}
		m, _, err := results.Model(st)
		if err != nil {
			return nil, fmt.Errorf("known: journal %s gives no model: %w", path, err)
		}
		known = append(known, m.Known())
	}
	return known, nil
}

// readSpace finds a preset, or else reads a file.
func readSpace(name string) (space.Space, error) {
	if slices.Contains(space.Presets(), name) {
		return space.Preset(name)
	}
	data, err := readFile(name)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, "./\\") {
		_, err = space.Preset(name) // names the presets
		return space.Space{}, err
	}
	if err != nil {
		return space.Space{}, err
	}
	sp, err := space.ParseTOML(data)
	if err != nil {
		return space.Space{}, fmt.Errorf("%s: %w", name, err)
	}
	return sp, nil
}

// agrees reports a flag that was given and contradicts the recorded setup: with
// it, this would be another study.
func (s *searchFlags) agrees(recorded, asked trial.Setup) error {
	for _, f := range []struct {
		flag           string
		recorded, asks any
	}{
		{"space", recorded.Space, asked.Space},
		{"prompt", recorded.Workload.PromptLen, asked.Workload.PromptLen},
		{"context", recorded.Workload.Context, asked.Workload.Context},
		{"precision", recorded.Workload.Precision, asked.Workload.Precision},
		{"threads", recorded.Workload.Threads, asked.Workload.Threads},
		{"objective", recorded.Objectives, asked.Objectives},
		{"strategy", recorded.Strategy, asked.Strategy},
		{"protocol", recorded.Protocol, asked.Protocol},
		{"seed", recorded.Seed, asked.Seed},
		{"seeds", recorded.Seed, asked.Seed},
		{"known", recorded.Known, asked.Known},
		{"memory-limit", recorded.MemoryLimit, asked.MemoryLimit},
	} {
		if s.flags.Changed(f.flag) && !equal(f.recorded, f.asks) {
			return fmt.Errorf("the study was started with --%s %s; with %s it would be another one", f.flag, shown(f.recorded), shown(f.asks))
		}
	}
	return nil
}

// equal compares two values of a flag; of lists that are empty, one may be nil.
func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && (string(x) == string(y) || shown(a) == "none" && shown(b) == "none")
}

// shown is the value of a flag as one would type it; of a space, its name and
// size.
func shown(value any) string {
	switch v := value.(type) {
	case space.Space:
		return fmt.Sprintf("%s (of %v architectures)", v.Name, v.Size())
	case []trial.DeviceModel:
		if len(v) == 0 {
			return "none"
		}
		return fmt.Sprintf("models of %d devices", len(v))
	case []string:
		if len(v) == 0 {
			return "none"
		}
		return strings.Join(v, ",")
	}
	return fmt.Sprint(value)
}

// readFile reads a file of at most maxConfig bytes.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxConfig))
}
