package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"litefront/host/runtime"
	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// workloadFlags say what a candidate is asked to do.
type workloadFlags struct {
	trial.Workload
	flags *pflag.FlagSet
}

// addWorkloadFlags gives cmd the flags of a workload.
func addWorkloadFlags(cmd *cobra.Command) *workloadFlags {
	w := &workloadFlags{trial.DefaultWorkload(), cmd.Flags()}
	cmd.Flags().IntVar(&w.PromptLen, "prompt", w.PromptLen, "tokens in the prompt")
	cmd.Flags().IntVar(&w.Context, "context", w.Context, "tokens the KV cache holds: the prompt and what is decoded after it; with --prompt alone, 64 more than that; without the flag at most what the models have positions for")
	addPrecisionFlag(cmd, &w.Precision)
	return w
}

// addPrecisionFlag gives cmd the flag of a workload's precision.
func addPrecisionFlag(cmd *cobra.Command, p *trial.Precision) {
	cmd.Flags().StringVar((*string)(p), "precision", string(*p), `format of the weights: "f32" or "int8"`)
}

// addThreads adds the flag of those commands that run candidates.
func (w *workloadFlags) addThreads() {
	w.flags.IntVar(&w.Threads, "threads", w.Threads, "threads that share the work of each operation, at most as many as there are cores")
}

// resolve gives the context, where only a prompt was asked for, the room after it
// that it has by default.
func (w *workloadFlags) resolve() {
	if w.flags.Changed("prompt") && !w.flags.Changed("context") {
		usual := trial.DefaultWorkload()
		w.Context = w.PromptLen + usual.Context - usual.PromptLen
	}
}

// fitting is the workload, cut to what a has positions for where the user left
// the choice to us.
func (w *workloadFlags) fitting(a arch.Architecture) (trial.Workload, error) {
	fit, err := w.within(a.Backbone, a.MaxLen)
	if err != nil {
		return fit, err
	}
	return fit, fit.ValidateFor(a)
}

// within is the workload, cut to so many positions, where the backbone has some, and where
// the user left the choice to us.
func (w *workloadFlags) within(b arch.Backbone, maxLen int) (trial.Workload, error) {
	w.resolve()
	fit := w.Workload
	if b == arch.GPT2 {
		if !w.flags.Changed("context") {
			if w.flags.Changed("prompt") && fit.PromptLen > maxLen { // the context is not what was given
				return fit, fmt.Errorf("prompt %d must be at most %d, the max_sequence_length", fit.PromptLen, maxLen)
			}
			fit.Context = min(fit.Context, maxLen)
		}
		if !w.flags.Changed("prompt") {
			fit.PromptLen = min(fit.PromptLen, fit.Context)
		}
	}
	return fit, nil
}

// limitFlags say what a candidate may take.
type limitFlags struct {
	memory    bytesValue
	trialTime time.Duration
	callLimit time.Duration
	target    string // as its flag explains
}

// addLimitFlags gives cmd the flags that limit candidates, trialTime being the default
// of that which usage explains.
func addLimitFlags(cmd *cobra.Command, trialTime time.Duration, usage string) *limitFlags {
	l := &limitFlags{memory: 2 << 30, target: "cpu"}
	f := cmd.Flags()
	f.Var(&l.memory, "memory-limit", "memory that a candidate may need, such as 512MiB or 2GiB")
	f.DurationVar(&l.trialTime, "trial-time", trialTime, usage)
	f.DurationVar(&l.callLimit, "call-limit", 30*time.Second, "kill a candidate whose single call takes longer")
	return l
}

// orF16 says what precisions GPUs have, where a command has the flag.
func orF16(cmd *cobra.Command) {
	if p := cmd.Flags().Lookup("precision"); p != nil {
		p.Usage += `, on a GPU "f32" or "f16"`
	}
}

// addTarget adds the flag of those commands that measure on this machine.
func (l *limitFlags) addTarget(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.target, "target", l.target, `what measures: "cpu", as WebAssembly; "gpu"; or "gpu:" and a part of its adapter's name`)
	orF16(cmd)
}

// start starts the engine in a child process, which the caller closes.
func (l *limitFlags) start() (*runtime.Process, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	kind, adapter, named := strings.Cut(l.target, ":")
	switch {
	case kind == "gpu" && (!named || adapter != ""):
		return runtime.NewGPUProcess(adapter, l.callLimit)
	case kind == "cpu" && !named:
		return runtime.NewProcess(cacheDir(), l.callLimit)
	}
	return nil, fmt.Errorf(`target %.40q must be "cpu", "gpu", or "gpu:" and a part of an adapter's name`, l.target)
}

func (l *limitFlags) check() error {
	if l.callLimit <= 0 {
		return fmt.Errorf("call-limit %v must be above 0", l.callLimit)
	}
	if l.trialTime <= 0 {
		return fmt.Errorf("trial-time %v must be above 0, such as 1.5s", l.trialTime)
	}
	if l.trialTime > time.Hour {
		return fmt.Errorf("trial-time %v must be at most 1h", l.trialTime)
	}
	return nil
}

// deviceFlags say how candidates are measured.
type deviceFlags struct {
	*limitFlags
	protocol string
}

// addDeviceFlags gives cmd the flags of the measuring protocol and its engine.
func addDeviceFlags(cmd *cobra.Command) *deviceFlags {
	o := measure.DefaultOptions()
	d := &deviceFlags{limitFlags: addLimitFlags(cmd, o.Budget, "time to spend on each candidate")}
	cmd.Flags().StringVar(&d.protocol, "protocol", o.Protocol, `how to measure: "litefront" (medians with intervals, sentinels) or "lts" (mean of ten runs)`)
	return d
}

// start starts the engine in a child process, which the caller closes.
func (d *deviceFlags) start() (*runtime.Process, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := d.options().Validate(); err != nil {
		return nil, err
	}
	return d.limitFlags.start()
}

func isSoftware(d trial.Device) bool { return slices.Contains(d.Features, measure.SoftwareAdapter) }

// noteSoftware says so where a GPU's adapter computes on the CPU.
func noteSoftware(w io.Writer, d trial.Device) {
	if isSoftware(d) {
		fmt.Fprintf(w, "litefront: note: %s is a software adapter; its times tell nothing of GPUs\n", d.CPU)
	}
}

// options are those of the measuring protocol.
func (d *deviceFlags) options() measure.Options {
	o := measure.DefaultOptions()
	o.Protocol, o.Code, o.MemoryLimit, o.Budget = d.protocol, runtime.CodeVersion(), int64(d.memory), d.trialTime
	return o
}

// cacheDir is where compiled code is kept; empty (no cache) where the platform
// has no place for it.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir = filepath.Join(dir, "litefront", "wazero")
	if os.MkdirAll(dir, 0o755) != nil {
		return ""
	}
	return dir
}

// bytesValue is a flag in bytes with a binary unit.
type bytesValue int64

var byteUnits = []struct {
	suffix string
	bytes  float64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func (b *bytesValue) Set(text string) error {
	number, scale := text, 1.0
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			number, scale = rest, u.bytes
			break
		}
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(x*scale >= 1 && x*scale < math.MaxInt64) {
		return errors.New("not a number of bytes") // flagError says what is
	}
	*b = bytesValue(x * scale)
	return nil
}

func (b *bytesValue) String() string {
	for _, u := range byteUnits {
		if x := float64(*b) / u.bytes; x >= 1 {
			return strconv.FormatFloat(x, 'g', 6, 64) + u.suffix
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

func (b *bytesValue) Type() string { return "bytes" }

// maxConfig is one byte more than the largest configuration that package arch
// accepts, so that it can tell that a file is too large.
const maxConfig = 1<<20 + 1

// readArch reads an architecture from a file, or from standard input for "-".
func readArch(cmd *cobra.Command, path string) (arch.Architecture, error) {
	r := cmd.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return arch.Architecture{}, err
		}
		defer f.Close()
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, maxConfig))
	if err != nil {
		return arch.Architecture{}, fmt.Errorf("%s: %w", path, err)
	}
	a, err := arch.Parse(data)
	if err != nil {
		return arch.Architecture{}, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// allowed says what the values of a flag may be, by their type.
var allowed = map[string]string{
	"bool":         "true or false",
	"float64Slice": "numbers separated by commas, such as 1e6,0.5",
	"intSlice":     "whole numbers separated by commas, such as 1,2,3",
	"int":          "a whole number of at most 64 bits",
	"uint32":       fmt.Sprintf("a whole number from 0 to %d", uint32(math.MaxUint32)),
	"uint64":       fmt.Sprintf("a whole number from 0 to %d", uint64(math.MaxUint64)),
	"float64":      "a number, such as 0.5",
	"duration":     "a time, such as 1.5s or 2m",
	"bytes":        "a positive number of bytes, such as 512MiB or 2GiB",
}

// flagError says of a value that cannot be read what is allowed.
func flagError(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	f := invalid.GetFlag()
	if want, known := allowed[f.Value.Type()]; known {
		return fmt.Errorf("%s %.40q must be %s", f.Name, invalid.GetValue(), want)
	}
	return err
}
