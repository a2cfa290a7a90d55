package main

import (
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
	"github.com/spf13/pflag"

	"litefront/host/journal"
	"litefront/host/report"
	"litefront/host/runtime"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/objective"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
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
	out         string
	json        bool
}

func searchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Search a space for the frontier of quality proxy, latency and memory",
		Long: "Search a space of architectures. Each candidate becomes a WebAssembly module and is measured on this\n" +
			"device; Ctrl-C ends the search with the frontier so far, and a study kept with --study goes on where it ended.",
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	s := &searchFlags{flags: f, workload: addWorkloadFlags(cmd), device: addDeviceFlags(cmd)}
	f.StringVar(&s.space, "space", "archai-gpt2", "search space: "+strings.Join(space.Presets(), ", ")+", or a TOML file")
	f.StringVar(&s.budget, "budget", "60s", "time (60s, 5m) or number of candidates (200) of the whole study")
	f.StringVar(&s.strategy, "strategy", "lts", "how to search: "+strings.Join(study.Strategies(), ", "))
	f.StringSliceVar(&s.objectives, "objective", []string{"decoder_params", "prefill_ms", "peak_mb"}, "objectives: two or more of "+objectiveNames())
	f.StringArrayVar(&s.constraints, "constraint", nil, "demand of every frontier member, such as 'decode_ms<=20'; may be repeated")
	f.Uint64Var(&s.seed, "seed", 1, "seed of the search")
	f.StringVar(&s.seeds, "seeds", "", "repeat the search with each seed of a range such as 1..5 and compare")
	f.StringVar(&s.study, "study", "", "journal file that keeps the study; an existing one is resumed")
	f.StringArrayVar(&s.overlays, "overlay", nil, "configuration file to measure and draw as a reference; may be repeated")
	f.StringVar(&s.out, "out", "", "directory for the results as CSV, JSON and SVG")
	f.BoolVar(&s.json, "json", false, "print one Event a line on standard output instead of the table")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return s.run(cmd) }
	return cmd
}

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

func (s *searchFlags) run(cmd *cobra.Command) (err error) {
	// All input is read before anything is started or written.
	jobs, err := s.jobs()
	if err != nil {
		return err
	}
	budget, err := search.ParseBudget(s.budget)
	if err != nil {
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
	local, process, err := s.device.measurer()
	if err != nil {
		return err
	}
	defer process.Close()

	var studies []*study.Study
	for _, j := range jobs {
		if cmd.Context().Err() != nil {
			break
		}
		st, closeStudy, err := s.open(cmd, j, sp, budget, overlays)
		if err != nil {
			return err
		}
		studies = append(studies, st.Study)
		progress := newProgress(cmd.ErrOrStderr(), budget, s.json)
		st.also(progress.watch)
		_, err = search.Run(cmd.Context(), st.Study, local, st.budget, process.Now, st.announce)
		progress.done()
		// Results are written also when the search failed: they are what was found.
		err = errors.Join(err, closeStudy(), st.broken)
		if !s.json {
			err = errors.Join(err, report.Table(cmd.OutOrStdout(), st.Study))
		}
		if j.out != "" {
			err = errors.Join(err, report.WriteDir(j.out, st.Study))
		}
		if err != nil {
			return oneLine(err)
		}
	}
	if len(jobs) > 1 && !s.json {
		return report.Seeds(cmd.OutOrStdout(), studies)
	}
	return nil
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

// openStudy is a study and those who watch it.
type openStudy struct {
	*study.Study
	budget   search.Budget
	watchers []func(trial.Event)
	broken   error // why standard output could not be written
}

func (o *openStudy) also(watch func(trial.Event)) { o.watchers = append(o.watchers, watch) }

func (o *openStudy) announce(e trial.Event) {
	for _, w := range o.watchers {
		w(e)
	}
}

// open starts the study of j, or resumes it where its journal exists.
func (s *searchFlags) open(cmd *cobra.Command, j job, sp space.Space, budget search.Budget, overlays []arch.Architecture) (_ *openStudy, closeStudy func() error, err error) {
	o := &openStudy{budget: budget}
	if s.json {
		out := json.NewEncoder(cmd.OutOrStdout())
		o.also(func(e trial.Event) { o.broken = errors.Join(o.broken, out.Encode(e)) })
	}
	setup := trial.Setup{
		Space:       sp,
		Workload:    s.workload.Workload,
		Objectives:  s.objectives,
		Constraints: s.constraints,
		Strategy:    s.strategy,
		Protocol:    s.device.protocol,
		Seed:        j.seed,
		MemoryLimit: int64(s.device.memory),
	}
	name := fmt.Sprintf("%s seed %d", sp.Name, j.seed)
	closeStudy = func() error { return nil }
	if j.study == "" {
		o.Study, err = study.New(name, runtime.CodeVersion(), setup, nil, o.announce)
		return o, closeStudy, errors.Join(err, s.prepare(o, overlays))
	}

	var file *journal.File
	var events []trial.Event
	if _, statErr := os.Lstat(j.study); errors.Is(statErr, fs.ErrNotExist) {
		// A setup that is refused must not leave an empty journal behind.
		if _, err = study.New(name, runtime.CodeVersion(), setup, nil, nil); err == nil {
			file, err = journal.Create(j.study)
		}
	} else {
		file, events, err = journal.Open(j.study)
	}
	if err != nil {
		return nil, nil, err
	}
	closeStudy = file.Close
	defer func() {
		if err != nil {
			err = oneLine(errors.Join(err, file.Close()))
		}
	}()
	if note := file.Note(); note != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "litefront:", note)
	}
	if len(events) == 0 {
		if o.Study, err = study.New(name, runtime.CodeVersion(), setup, file, o.announce); err != nil {
			return nil, nil, err
		}
	} else {
		if o.Study, err = study.Replay(events, file, o.announce); err != nil {
			return nil, nil, fmt.Errorf("journal %s: %w", j.study, err)
		}
		if err = s.agrees(o.Study.Started().Setup, setup); err != nil {
			return nil, nil, fmt.Errorf("journal %s: %w", j.study, err)
		}
		if recorded := o.Settings()["budget"]; recorded != "" && !s.flags.Changed("budget") {
			if o.budget, err = search.ParseBudget(recorded); err != nil {
				return nil, nil, fmt.Errorf("journal %s: %w", j.study, err)
			}
		}
	}
	return o, closeStudy, s.prepare(o, overlays)
}

// prepare records the budget and enqueues the references.
func (s *searchFlags) prepare(o *openStudy, overlays []arch.Architecture) error {
	if o.Study == nil {
		return nil
	}
	for i, a := range overlays {
		if err := o.Enqueue(a); err != nil {
			return fmt.Errorf("%s: %w", s.overlays[i], err)
		}
	}
	if o.Settings()["budget"] == o.budget.String() {
		return nil
	}
	return o.Set("budget", o.budget.String())
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
		{"objective", recorded.Objectives, asked.Objectives},
		{"constraint", recorded.Constraints, asked.Constraints},
		{"strategy", recorded.Strategy, asked.Strategy},
		{"protocol", recorded.Protocol, asked.Protocol},
		{"seed", recorded.Seed, asked.Seed},
		{"seeds", recorded.Seed, asked.Seed},
		{"memory-limit", recorded.MemoryLimit, asked.MemoryLimit},
	} {
		a, err := json.Marshal(f.recorded)
		if err != nil {
			return err
		}
		b, err := json.Marshal(f.asks)
		if err != nil {
			return err
		}
		if s.flags.Changed(f.flag) && string(a) != string(b) {
			return fmt.Errorf("the study was started with %s %s; --%s %s would make it another study", f.flag, a, f.flag, b)
		}
	}
	return nil
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
