package trial

// Sustained tells how fast architectures and the device itself were while they ran
// for long without a pause, and how much of their first speed was left in the end.
type Sustained struct {
	Workload Workload `json:"workload"`
	Device   Device   `json:"device"`
	Code     string   `json:"code"`     // version of the program that measured
	AskedMs  float64  `json:"asked_ms"` // how long it was to run
	TookMs   float64  `json:"took_ms"`  // how long it ran: less where it was stopped

	Archs []SustainedArch `json:"archs"`
	// Compute and Stream are the sentinels of Measurement. They and Archs[i].Kept
	// are nil where the run was too short to tell.
	Compute *Kept `json:"compute_sentinel,omitempty"`
	Stream  *Kept `json:"stream_sentinel,omitempty"`

	Rounds []Round `json:"rounds"`
}

// SustainedArch is an architecture of a sustained run.
type SustainedArch struct {
	ArchID       string `json:"arch_id"`
	ModuleSHA256 string `json:"module_sha256"`
	Kept         *Kept  `json:"kept,omitempty"` // of the speed of responses
}

// Kept is the speed at the end of a run as a share of that at its beginning, with its
// 95 % confidence interval.
type Kept struct {
	Share float64 `json:"share"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Machine is what the device itself kept of its speed: that of the sentinel which kept
// less.
func (s Sustained) Machine() *Kept {
	if s.Compute != nil && s.Stream != nil && s.Stream.Share < s.Compute.Share {
		return s.Stream
	}
	return s.Compute
}

// Round is one turn of a sustained run. Times are of one run each, in milliseconds.
type Round struct {
	AtMs      float64 `json:"at_ms"` // when it began, after the first did
	ComputeMs float64 `json:"compute_ms"`
	StreamMs  float64 `json:"stream_ms"`
	// PrefillMs and DecodeMs are in the order of Sustained.Archs.
	PrefillMs []float64 `json:"prefill_ms"`
	DecodeMs  []float64 `json:"decode_ms"`
}
