package kernels

// GPU is what a GPU's adapter offers to programs: its limits, by WebGPU's names, and
// features.
type GPU struct {
	MaxBufferSize                     int64  `json:"maxBufferSize"`               // bytes
	MaxStorageBufferBindingSize       int64  `json:"maxStorageBufferBindingSize"` // bytes
	MaxComputeWorkgroupStorageSize    uint32 `json:"maxComputeWorkgroupStorageSize"`
	MaxComputeInvocationsPerWorkgroup uint32 `json:"maxComputeInvocationsPerWorkgroup"`
	MaxComputeWorkgroupsPerDimension  uint32 `json:"maxComputeWorkgroupsPerDimension"`

	Timestamps bool `json:"timestamps,omitempty"` // kernels' times, apart from those of submissions
	// Subgroup is how many invocations exchange values without their workgroup's memory:
	// a power of two, at most 64; 0 where none do, or not always so many.
	Subgroup uint32 `json:"subgroup,omitempty"`
	// Software says that the adapter computes on the CPU: its programs are right, and
	// its times tell nothing of GPUs.
	Software bool `json:"software,omitempty"`
}
