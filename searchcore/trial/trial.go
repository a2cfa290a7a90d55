// Package trial holds the words that everyone in the program speaks: what is
// run (Workload), where (Device), which candidate (Trial), what came out
// (Measurement) and what is told to whoever watches (Event). It decides
// nothing; it fixes the shapes and the JSON that cross every boundary, between
// goroutines, processes, machines and versions.
package trial

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"litefront/searchcore/arch"
)

// Precision names the number format of a module's weights.
type Precision string

// The precisions.
const (
	F32 Precision = "f32" // IEEE single precision for weights and activations
	// I8 is int8 for matrices of weights, with a scale for each row. Products with
	// them are of integers, for which activations are rounded far finer than that.
	I8 Precision = "int8"
	// F16 is half precision for matrices of weights; arithmetic and activations stay
	// in single precision. Only GPUs have it.
	F16 Precision = "f16"
)

// Precisions lists the precisions of WebAssembly modules, the default first.
func Precisions() []Precision { return []Precision{F32, I8} }

// GPUPrecisions lists those of GPU programs, the default first.
func GPUPrecisions() []Precision { return []Precision{F32, F16} }

// allPrecisions lists every precision once.
func allPrecisions() []Precision { return []Precision{F32, I8, F16} }

// Workload says what a candidate is asked to do while it is measured. Batch
// size is always 1.
//
// For Transformer-XL the prompt is the beginning of a segment, the context the
// whole segment. The architecture's memory comes on top: it precedes the segment,
// always full, and every token attends to all of it.
type Workload struct {
	PromptLen int       `json:"prompt_len"` // tokens in the prefill
	Context   int       `json:"context"`    // tokens the KV cache holds, at least PromptLen
	Precision Precision `json:"precision"`
	Threads   int       `json:"threads"` // 1 to MaxThreads; they share the work of each operation
}

// DefaultWorkload is LTS's prompt of 192 tokens and room to decode 64 more, in
// f32 on one thread.
func DefaultWorkload() Workload {
	return Workload{PromptLen: 192, Context: 256, Precision: F32, Threads: 1}
}

// MaxContext bounds Workload.Context, so that a hostile message cannot ask for
// an absurd plan.
const MaxContext = 1 << 17

// MaxThreads bounds Workload.Threads, as MaxContext does the context: every thread
// has scratch memory of its own.
const MaxThreads = 64

// Validate reports the first field that is out of range.
func (w Workload) Validate() error {
	switch {
	case w.PromptLen < 1:
		return fmt.Errorf("workload: prompt_len %d must be at least 1", w.PromptLen)
	case w.Context < w.PromptLen:
		return fmt.Errorf("workload: context %d is shorter than prompt_len %d", w.Context, w.PromptLen)
	case w.Context > MaxContext:
		return fmt.Errorf("workload: context %d exceeds the limit of %d", w.Context, MaxContext)
	case !slices.Contains(allPrecisions(), w.Precision):
		return fmt.Errorf("workload: precision %q must be one of %q", w.Precision, allPrecisions())
	case w.Threads < 1 || w.Threads > MaxThreads:
		return fmt.Errorf("workload: threads %d must be between 1 and %d", w.Threads, MaxThreads)
	}
	return nil
}

// ValidateFor is Validate, and also checks that a has positions for the whole
// context. Transformer-XL's are relative: it has them for any.
func (w Workload) ValidateFor(a arch.Architecture) error {
	if err := w.Validate(); err != nil {
		return err
	}
	if a.Backbone == arch.GPT2 && w.Context > a.MaxLen {
		return fmt.Errorf("workload: context %d exceeds the architecture's max_sequence_length %d", w.Context, a.MaxLen)
	}
	return nil
}

// DecodePos is the position whose decoding step is timed: the middle of the
// stretch that is decoded after the prompt. A step's time grows linearly with
// its position, so this one's time multiplied by the number of decoded tokens
// is the time of the stretch.
func (w Workload) DecodePos() int {
	return min(w.PromptLen+(w.Context-w.PromptLen)/2, w.Context-1)
}

// ResponseMs is the time to read the prompt and decode until the context is full,
// given those of a prefill and of a decoding step.
func (w Workload) ResponseMs(prefillMs, decodeMs float64) float64 {
	return prefillMs + float64(w.Context-w.PromptLen)*decodeMs
}

// Device says what executed a measurement.
type Device struct {
	ID          string   `json:"id,omitempty"` // by which a fleet knows it; empty outside of one
	Name        string   `json:"name"`
	OS          string   `json:"os"`
	Arch        string   `json:"arch"`
	CPU         string   `json:"cpu,omitempty"`
	Cores       int      `json:"cores"`
	Engine      string   `json:"engine"`   // e.g. "wazero 1.12.0 compiler"
	Features    []string `json:"features"` // e.g. "simd128", "relaxed-simd"
	TimerStepNs int64    `json:"timer_step_ns"`
}

// Same reports whether two descriptions are of one device, or of alike ones that a fleet
// takes for one and calls the same. What TimerStepNs says differs from start to start.
func (d Device) Same(other Device) bool {
	d.ID, other.ID = "", ""
	d.TimerStepNs, other.TimerStepNs = 0, 0
	return reflect.DeepEqual(d, other)
}

// Origin says how a strategy came to propose an architecture.
type Origin struct {
	Op         string   `json:"op"`                   // "random", "mutation", "crossover", "design", "frontier", "overlay", ...
	Generation int      `json:"generation,omitempty"` // 0 for the initial population
	Parents    []string `json:"parents,omitempty"`    // IDs of the architectures it was made from
	// Pool lists the generation's parents in the order they were drawn. It is
	// set on the first proposal of a generation only, so that a replayed journal
	// restores the strategy without drawing again.
	Pool []string `json:"pool,omitempty"`
}

// Proposal is an architecture and where it came from.
type Proposal struct {
	Arch   arch.Architecture `json:"arch"`
	Origin Origin            `json:"origin"`
}

// Trial is a proposal that was handed out to be measured.
type Trial struct {
	Number int `json:"trial"` // 1, 2, 3, ... in the order of asking
	// Token names this attempt at the trial. A result that carries another token
	// is stale: the trial was handed out again in the meantime.
	Token string `json:"token"`
	Proposal
}

// Strategies return these from Propose.
var (
	// ErrWait says that nothing can be proposed before an outstanding trial is
	// told.
	ErrWait = errors.New("waiting for outstanding trials")
	// ErrExhausted says that nothing is left to propose.
	ErrExhausted = errors.New("nothing is left to propose")
	// ErrConverged says that measuring more would tell nothing new: a fitted model
	// and what was measured agree.
	ErrConverged = errors.New("the model agrees with what was measured")
)

// Stat summarises repeated timings of one program. Times are milliseconds for
// one run, whatever the batch.
type Stat struct {
	SamplesMs []float64 `json:"samples_ms"` // in the order they were taken; each the mean over a batch, or the median of several
	Batch     int       `json:"batch"`      // runs per batch
	MedianMs  float64   `json:"median_ms"`
	LowMs     float64   `json:"low_ms"`  // 95 % confidence interval of the median;
	HighMs    float64   `json:"high_ms"` // under the protocol lts, of the mean
	MinMs     float64   `json:"min_ms"`
	MeanMs    float64   `json:"mean_ms"`
	SpreadMs  float64   `json:"spread_ms"` // interquartile range
}

// The measuring protocols, Setup.Protocol and Measurement.Protocol.
const (
	Litefront = "litefront" // kernels/measure's own
	LTS       = "lts"       // the mean of ten runs, as LiteTransformerSearch measures
)

// Verdict says how far a measurement can be trusted.
type Verdict string

// The verdicts of the measuring protocol.
const (
	OK          Verdict = "ok"          // intervals tight, device steady
	Noisy       Verdict = "noisy"       // the budget ended before the intervals were tight
	Drifted     Verdict = "drifted"     // the device was slower than usual, or Background, and no repeat helped
	Interrupted Verdict = "interrupted" // stopped half-way; never told to a study
)

// Measurement is what measuring one architecture gave, with everything needed
// to judge and to repeat it.
type Measurement struct {
	ArchID       string   `json:"arch_id"`
	Workload     Workload `json:"workload"`
	Device       Device   `json:"device"`
	Code         string   `json:"code"`          // version of the program that measured
	ModuleSHA256 string   `json:"module_sha256"` // of the WebAssembly module or GPU program that ran
	Protocol     string   `json:"protocol"`      // Litefront or LTS

	Prefill Stat `json:"prefill"` // Workload.PromptLen tokens and the last one's logits
	Decode  Stat `json:"decode"`  // one token and its logits at Workload.DecodePos

	// The sentinels are fixed programs that ran between the samples: one bound by
	// arithmetic, one by memory. Slowdown is the larger of their medians, each
	// over what its quickest readings on this device are.
	Compute  Stat    `json:"compute_sentinel"`
	Stream   Stat    `json:"stream_sentinel"`
	Slowdown float64 `json:"slowdown"`

	MemoryBytes int64 `json:"memory_bytes"`        // linear memory of the module after the run, or a GPU program's buffers: exact
	RSSBytes    int64 `json:"rss_bytes,omitempty"` // growth of the process's peak resident set; 0 where the platform does not tell

	// SubmitMs is what submitting work to a GPU took beyond its kernels, whose times
	// alone the others are: the median over samples, each of a whole batch. It is 0
	// elsewhere, and where kernels cannot be timed apart.
	SubmitMs float64 `json:"submit_ms,omitempty"`

	CompileMs float64 `json:"compile_ms"` // emitting and compiling the module
	InitMs    float64 `json:"init_ms"`    // filling its weights
	WarmupMs  float64 `json:"warmup_ms"`
	SpentMs   float64 `json:"spent_ms"` // all device time, repeats and sentinels included

	Verdict Verdict `json:"verdict"`
	Repeats int     `json:"repeats,omitempty"` // how often it was measured again because of drift or Background
	// Lost says that the GPU was lost under a first attempt, of which nothing is kept: this
	// is the second, on the GPU as it was opened anew.
	Lost bool `json:"lost,omitempty"`
	// Background says that the program which measured was in the background at times,
	// and no repeat was free of it: browsers give less of the device to a page that is
	// hidden.
	Background bool `json:"background,omitempty"`
}
