package browser

import (
	"fmt"
	"slices"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
)

// gpuTimerStepNs is what browsers round the GPU's timestamps to.
const gpuTimerStepNs = 100_000

// DescribeGPU is the device that a browser's GPU is, given the browser's own and what
// the adapter calls itself.
func DescribeGPU(d trial.Device, name string, g kernels.GPU) trial.Device {
	d.CPU = clean(name)
	if d.CPU == "" {
		d.CPU = "unnamed GPU"
	}
	d.Engine = "WebGPU of " + d.Engine
	isolation := slices.DeleteFunc(slices.Clone(d.Features), func(f string) bool { return f != "isolated" && f != measure.NotIsolated })
	d.Features = append([]string{"webgpu", fmt.Sprintf("maxBufferSize=%d", g.MaxBufferSize),
		fmt.Sprintf("maxStorageBufferBindingSize=%d", g.MaxStorageBufferBindingSize)}, isolation...)
	if g.Timestamps {
		d.Features = append(d.Features, "timestamp-query")
		d.TimerStepNs = gpuTimerStepNs
	}
	if g.Subgroup > 0 {
		d.Features = append(d.Features, fmt.Sprintf("subgroup=%d", g.Subgroup))
	}
	if g.Software {
		d.Features = append(d.Features, measure.SoftwareAdapter)
	}
	return d
}
