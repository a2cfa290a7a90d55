package trial

import (
	"cmp"
	"slices"
)

// Profile says where the time and the memory of one architecture go. Operations
// are grouped by their role: an attn.q of every layer is one group.
type Profile struct {
	ArchID       string   `json:"arch_id"`
	Workload     Workload `json:"workload"`
	Device       Device   `json:"device"`
	Code         string   `json:"code"`          // version of the program that measured
	ModuleSHA256 string   `json:"module_sha256"` // of the WebAssembly module that ran

	Prefill PhaseProfile `json:"prefill"` // Workload.PromptLen tokens and the last one's logits
	Decode  PhaseProfile `json:"decode"`  // one token and its logits at Workload.DecodePos

	// Memory divides MemoryBytes, the planned linear memory, the largest part
	// first: the parts add up to it.
	Memory      []MemoryPart `json:"memory"`
	MemoryBytes int64        `json:"memory_bytes"`
}

// PhaseProfile divides the time of prefill or of a decoding step.
type PhaseProfile struct {
	Whole Stat `json:"whole"` // the undivided pass, timed in the same rounds
	// SumMs adds up the medians of the groups. How far it is from Whole.MedianMs
	// says how far times of parts tell of the whole.
	SumMs float64     `json:"sum_ms"`
	Ops   []OpProfile `json:"ops"` // in the order of the forward pass
}

// ByTime lists the groups, what takes most first.
func (p PhaseProfile) ByTime() []OpProfile {
	return slices.SortedStableFunc(slices.Values(p.Ops), func(a, b OpProfile) int {
		return cmp.Compare(b.Time.MedianMs, a.Time.MedianMs)
	})
}

// OpProfile is one group of operations.
type OpProfile struct {
	Name  string `json:"name"`
	Count int    `json:"count"` // of operations
	Time  Stat   `json:"time"`  // of all of them, one after the other
	// Share of SumMs, from 0 to 1.
	Share float64 `json:"share"`

	MACs  int64 `json:"macs"`  // multiply-adds of matrix products and attention
	FLOPs int64 `json:"flops"` // two for a multiply-add, one for any other result
	Bytes int64 `json:"bytes"` // weights, keys and values that are read, each once
	// FLOPs and Bytes by the median time, in 10⁹ a second.
	GFLOPS float64 `json:"gflops"`
	GBPerS float64 `json:"gb_per_s"`
}

// MemoryPart is the memory of all tensors of one role. Activations may share
// addresses; their bytes count for the largest.
type MemoryPart struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"` // "weights", "cache", ...; "unused" for what no tensor has
	Tensors int    `json:"tensors"`
	Bytes   int64  `json:"bytes"` // aligned
}

// LargestParts lists the parts that take at least a thousandth of all, and then the
// others together as one without a kind.
func LargestParts(parts []MemoryPart) []MemoryPart {
	var total int64
	for _, p := range parts {
		total += p.Bytes
	}
	others := MemoryPart{Name: "others"}
	var large []MemoryPart
	for _, p := range parts {
		if 1000*p.Bytes >= total {
			large = append(large, p)
			continue
		}
		others.Tensors += p.Tensors
		others.Bytes += p.Bytes
	}
	return append(large, others)
}
