package generate

import (
	"fmt"
	"math"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Request is what to generate, as it crosses the boundary to a browser's worker.
type Request struct {
	Arch arch.Architecture `json:"arch"`
	// Workload is what the module is made for. Where PromptLen or Context are 0 they
	// are as large as the prompt and the tokens need. With a context given these must
	// have room in it; a shorter PromptLen grows with the prompt.
	Workload trial.Workload `json:"workload"`
	// MemoryLimit bounds the module's linear memory, in bytes; 0 does not.
	MemoryLimit int64 `json:"memory_limit,omitempty"`

	Prompt []int `json:"prompt"` // token ids
	Tokens int   `json:"tokens"` // how many to generate after it
	// Temperature is what tokens are sampled at; 0 takes the likeliest.
	Temperature float64 `json:"temperature,omitempty"`
	// Seed is that of weights that are not given, and of sampling.
	Seed uint32 `json:"seed"`
	// WarmUp has the module run until it is as fast as it gets before its times count,
	// as it does before it is measured: engines make code faster while it runs.
	WarmUp bool `json:"warm_up,omitempty"`
}

// The fields that an [InvalidError] names.
const (
	FieldPrompt      = "prompt-ids"
	FieldTokens      = "tokens"
	FieldContext     = "context"
	FieldTemperature = "temperature"
)

// InvalidError says in one line what is wrong with a field of a [Request].
type InvalidError struct {
	Field string
	line  string
}

func (e *InvalidError) Error() string { return e.line }

func invalid(field, format string, args ...any) error {
	return &InvalidError{field, fmt.Sprintf(format, args...)}
}

// Plan checks the request and plans its module. An error that concerns one field alone
// is an [InvalidError].
func (q Request) Plan() (*graph.Graph, error) {
	if err := q.Arch.Validate(); err != nil {
		return nil, err
	}
	w, err := q.workload()
	if err != nil {
		return nil, err
	}
	if !(q.Temperature >= 0) || math.IsInf(q.Temperature, 1) {
		return nil, invalid(FieldTemperature, "temperature %v must be 0 or above", q.Temperature)
	}
	g, err := graph.Build(q.Arch, w)
	if err != nil {
		return nil, err
	}
	limit := int64(graph.MaxBytes)
	if q.MemoryLimit > 0 {
		limit = q.MemoryLimit
	}
	return g, g.Memory.Fit(limit)
}

// workload is what the module is made for, in which prompt and tokens have room.
func (q Request) workload() (trial.Workload, error) {
	w := q.Workload
	positions, limit := trial.MaxContext, "the limit"
	if q.Arch.Backbone == arch.GPT2 {
		positions, limit = q.Arch.MaxLen, "max_sequence_length"
	}
	if w.Context < 0 || w.Context > positions {
		return w, invalid(FieldContext, "context %d must be 1 to %s %d", w.Context, limit, positions)
	}
	if w.Context > 0 {
		positions, limit = w.Context, "the context"
	}
	// The last token generated takes no position: nothing comes after it.
	n := len(q.Prompt)
	switch {
	case n < 1 || n > positions:
		return w, invalid(FieldPrompt, "prompt-ids has %d tokens, must be 1 to %s %d", n, limit, positions)
	case q.Tokens < 1 || q.Tokens > positions-n+1:
		return w, invalid(FieldTokens, "tokens %d must be 1 to %d: with a prompt of %d they reach %s %d",
			q.Tokens, positions-n+1, n, limit, positions)
	}
	for _, id := range q.Prompt {
		if id < 0 || id >= q.Arch.Vocab {
			return w, invalid(FieldPrompt, "prompt-ids: token %d must be 0 to %d", id, q.Arch.Vocab-1)
		}
	}
	if w.Context == 0 {
		w.Context = n + q.Tokens - 1
	}
	w.PromptLen = min(max(w.PromptLen, n), w.Context)
	return w, nil
}
