package objective

import (
	"slices"

	"litefront/searchcore/proxy"
	"litefront/searchcore/trial"
)

// table lists the objectives in the order in which people see them.
var table = []Objective{
	{
		Name:        "decoder_params",
		Direction:   Maximize,
		Description: "Parameters of the decoder layers, the training-free proxy for quality.",
		static:      func(c Candidate) float64 { return float64(c.Arch.DecoderParams()) },
	},
	{
		Name:        "quality",
		Direction:   Maximize,
		Description: "Decoder parameters, discounted for narrow, shallow and few-headed shapes.",
		static:      func(c Candidate) float64 { return proxy.Quality(c.Arch) },
	},
	{
		Name:        "total_params",
		Direction:   Minimize,
		Description: "All parameters, embeddings included and shared ones counted once.",
		static:      func(c Candidate) float64 { return float64(c.Arch.TotalParams()) },
	},
	{
		Name:        "flops",
		Direction:   Minimize,
		Description: "Floating-point operations to read the prompt and decode until the context is full.",
		static:      func(c Candidate) float64 { return float64(c.FLOPs) },
	},
	{
		Name:        "prefill_ms",
		Unit:        "ms",
		Direction:   Minimize,
		Description: "Time to read the prompt and compute the logits of its last token.",
		measured: func(c Candidate, pick func(trial.Stat) float64) float64 {
			return pick(c.Measurement.Prefill)
		},
	},
	{
		Name:        "decode_ms",
		Unit:        "ms",
		Direction:   Minimize,
		Description: "Time to decode one token, half-way between prompt and end of context.",
		measured: func(c Candidate, pick func(trial.Stat) float64) float64 {
			return pick(c.Measurement.Decode)
		},
	},
	{
		Name:        "response_ms",
		Unit:        "ms",
		Direction:   Minimize,
		Description: "Time to read the prompt and decode until the context is full.",
		measured: func(c Candidate, pick func(trial.Stat) float64) float64 {
			return c.Workload.ResponseMs(pick(c.Measurement.Prefill), pick(c.Measurement.Decode))
		},
	},
	{
		Name:        "peak_mb",
		Unit:        "MiB",
		Direction:   Minimize,
		Description: "Peak memory: the whole linear memory of the compiled module.",
		static:      func(c Candidate) float64 { return mib(c.Memory.TotalBytes) },
	},
	{
		Name:        "weight_mb",
		Unit:        "MiB",
		Direction:   Minimize,
		Description: "Memory that the weights take.",
		static:      func(c Candidate) float64 { return mib(c.Memory.WeightBytes) },
	},
	{
		Name:        "kv_mb",
		Unit:        "MiB",
		Direction:   Minimize,
		Description: "Memory that the key and value cache takes at full context.",
		static:      func(c Candidate) float64 { return mib(c.Memory.KVBytes) },
	},
}

// Defaults are the names of the objectives of a search that asks for no others:
// quality by its proxy, the latency that a user feels, and memory.
func Defaults() []string { return []string{"decoder_params", "response_ms", "peak_mb"} }

// All returns every objective, in the order in which to list them.
func All() []Objective { return slices.Clone(table) }

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
