package wgsl

import (
	"litefront/kernels"
)

const (
	// StreamSentinelBytes is how much memory one run of the stream sentinel reads:
	// more than caches hold, and less than every adapter binds.
	StreamSentinelBytes = kernels.StreamSentinelBytes

	// The compute sentinel has so many invocations, each with chains of products that
	// depend on their last alone.
	computeGroups         = 4096
	computeGroupsSoftware = 16
	computeInvocations    = 64
	computeTurns          = 128
	computeChains         = 4 // of vectors of 4
	streamGroups          = 1 << 10
)

// ComputeFLOPs is how many operations one run of [ComputeSentinel] takes: fewer on an
// adapter that computes on the CPU, so that a run takes no longer than a candidate's.
func ComputeFLOPs(a kernels.GPU) int64 {
	return int64(groupsOf(a)) * computeInvocations * computeTurns * 4 * computeChains * 4 * 2
}

func groupsOf(a kernels.GPU) int {
	if a.Software {
		return computeGroupsSoftware
	}
	return computeGroups
}

// ComputeSentinel is a fixed program bound by arithmetic in registers. Its rate is the
// adapter's peak of f32 arithmetic.
func ComputeSentinel(a kernels.GPU) (*kernels.Module, error) {
	return sentinel(16, constants{"TURNS": computeTurns}, "compute", Dispatch{X: uint32(groupsOf(a)), Y: 1, Z: 1},
		int64(groupsOf(a))*computeInvocations*16)
}

// StreamSentinel is a fixed program bound by memory: one run reads 96 MiB once.
func StreamSentinel(kernels.GPU) (*kernels.Module, error) {
	return sentinel(StreamSentinelBytes, constants{"TURNS": StreamSentinelBytes / 16 / (streamGroups * computeInvocations)}, "stream",
		Dispatch{X: streamGroups, Y: 1, Z: 1}, streamGroups*computeInvocations*16)
}

// CopyBytes is how much memory one run of [CopyProgram] reads, and writes again.
const CopyBytes = 32 << 20

// CopyProgram copies memory: its rate is what adapters are compared by.
func CopyProgram(kernels.GPU) (*kernels.Module, error) {
	return sentinel(CopyBytes, constants{"TURNS": CopyBytes / 16 / (streamGroups * computeInvocations)}, "copy",
		Dispatch{X: streamGroups, Y: 1, Z: 1}, CopyBytes)
}

// sentinel is a program of one kernel, over a buffer that init fills, into the state.
func sentinel(bytes int64, c constants, name string, d Dispatch, state int64) (*kernels.Module, error) {
	n := uint32(bytes / 16)
	groups := (n + 63) / 64
	wide := min(groups, 1<<14)
	p := &Program{
		V: Version, Matrices: []int64{bytes}, Vectors: 64, State: state, Tokens: 64, LogitsBytes: 16,
		Params: []uint32{
			0, n * 4, 1, n, 1, 1, n * 4, n * 4, 0x30000000, 0x3f800000, 0, 0, 0, 0, 0, 0, // entries near 1
		},
		Pipelines: []Pipeline{
			fill(0),
			{Source: c.text() + text("f32") + text("common") + text(name)},
		},
	}
	d.Pipeline = 1
	p.Lists = map[string][]Dispatch{
		"init": {{X: wide, Y: (groups + wide - 1) / wide, Z: 1}},
		"loop": {d},
	}
	m, err := p.module()
	if err == nil {
		m.Fixed = true
	}
	return m, err
}
