package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"litefront/host/runtime"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/objective"
	"litefront/searchcore/results"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/surrogate"
	"litefront/searchcore/trial"
)

// setupFlags say what a study is about.
type setupFlags struct {
	flags       *pflag.FlagSet
	workload    *workloadFlags
	device      *deviceFlags
	space       string
	budget      string
	strategy    string
	objectives  []string
	constraints []string
	seed        uint64
	overlays    []string
	known       []string
}

// newSetupFlags gives cmd the flags of a study.
func newSetupFlags(cmd *cobra.Command, budget string) *setupFlags {
	f := cmd.Flags()
	s := &setupFlags{flags: f, workload: addWorkloadFlags(cmd), device: addDeviceFlags(cmd)}
	s.workload.addThreads()
	f.StringVar(&s.space, "space", "archai-gpt2", "search space: "+strings.Join(space.Presets(), ", ")+", or a TOML file")
	f.StringVar(&s.budget, "budget", budget, "time (60s, 5m) or number of candidates (200) of the whole study, references not counted; a study that is resumed keeps its own")
	f.StringVar(&s.strategy, "strategy", study.Strategies()[0], "how to search: "+strings.Join(study.Strategies(), ", "))
	f.StringSliceVar(&s.objectives, "objective", objective.Defaults(), "objectives: two or more of "+objectiveNames())
	f.StringSliceVar(&s.constraints, "constraint", nil, "demand of every frontier member, such as 'decode_ms<=20'; several with commas, or repeated. For a study that is resumed these replace its own, and none removes them")
	f.Uint64Var(&s.seed, "seed", 1, "seed of the search")
	f.StringArrayVar(&s.overlays, "overlay", nil, "configuration file to measure and draw as a reference; may be repeated")
	f.StringSliceVar(&s.known, "known", nil, fmt.Sprintf("journals of studies on other devices: the model of this one starts from theirs, so that %d candidates are measured before it instead of %d", surrogate.Transferred, surrogate.Designed))
	return s
}

// request reads all that the flags name. The study has no name yet.
func (s *setupFlags) request(cmd *cobra.Command) (q search.Request, err error) {
	if _, err := search.ParseBudget(s.budget); err != nil {
		return q, err
	}
	sp, err := readSpace(s.space)
	if err != nil {
		return q, err
	}
	workload, err := s.workload.within(sp.Backbone, sp.MaxLen)
	if err != nil && s.flags.Changed("space") { // otherwise a study that goes on may have another
		return q, fmt.Errorf("space %q: %w", sp.Name, err)
	}
	constraints := s.constraints
	if len(constraints) == 1 && constraints[0] == "none" {
		constraints = nil
	}
	overlays := make([]arch.Architecture, len(s.overlays))
	for i, path := range s.overlays {
		if overlays[i], err = readArch(cmd, path); err != nil {
			return q, err
		}
	}
	known, err := readKnown(s.known)
	if err != nil {
		return q, err
	}
	return search.Request{
		Code: runtime.CodeVersion(),
		Setup: trial.Setup{
			Space:       sp,
			Workload:    workload,
			Objectives:  s.objectives,
			Constraints: constraints,
			Strategy:    s.strategy,
			Protocol:    s.device.protocol,
			Seed:        s.seed,
			MemoryLimit: int64(s.device.memory),
			Known:       known,
		},
		Budget:      s.budget,
		Overlays:    overlays,
		TrialTimeMs: float64(s.device.trialTime) / float64(time.Millisecond),
	}, nil
}

// objectiveNames lists the objectives for the help text.
func objectiveNames() string {
	var names []string
	for _, o := range objective.All() {
		names = append(names, o.Name)
	}
	return strings.Join(names, ", ")
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
func (s *setupFlags) agrees(recorded, asked trial.Setup) error {
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
