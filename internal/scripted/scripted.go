// Package scripted has devices measure what a formula says, so that tests know the
// right frontier and benchmarks of a fleet have hundreds of devices on one machine.
package scripted

import (
	"context"
	"hash/fnv"
	"math"
	"time"

	"litefront/kernels"
	"litefront/kernels/jobs"
	"litefront/kernels/measure"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// Measure is what a device measures whose times are a function of the architecture
// alone, times factor. Everything else is as the protocol gives it.
func Measure(j jobs.Job, d trial.Device, factor float64) (m trial.Measurement, err error) {
	g, err := graph.Build(j.Arch, j.Workload)
	if err != nil {
		return m, err
	}
	module, err := kernels.Compile(g, kernels.Features{})
	if err != nil {
		return m, err
	}
	// No engine keeps to a formula: each architecture has up to 2 % of its own.
	hash := fnv.New32a()
	hash.Write([]byte(j.Arch.ID()))
	factor *= 1 + float64(hash.Sum32()%1000)/50_000
	stat := func(ms float64) trial.Stat {
		ms = math.Round(ms*factor*1e6) / 1e6
		return measure.Summarize(j.Protocol, []float64{ms, ms, ms}, 1)
	}
	parameters := float64(g.Memory.WeightBytes) / 4e6 // millions
	return trial.Measurement{
		ArchID: j.Arch.ID(), Workload: j.Workload, Device: d, Code: j.Code, ModuleSHA256: module.SHA256, Protocol: j.Protocol,
		Prefill: stat(3 + parameters + float64(len(j.Arch.Layers))), Decode: stat(0.1 + parameters/50),
		MemoryBytes: g.Memory.TotalBytes, SpentMs: 1, Slowdown: 1, Verdict: trial.OK,
	}, nil
}

// Device does jobs by the script, and takes its time. It is a device.Doer.
type Device struct {
	Device trial.Device
	Factor float64       // of its times; 1 for an honest device
	Takes  time.Duration // for a job
}

// Do does a job.
func (d Device) Do(ctx context.Context, j jobs.Job) (m trial.Measurement, logits string, err error) {
	if m, err = Measure(j, d.Device, d.Factor); err != nil {
		return m, "", err
	}
	select {
	case <-ctx.Done():
		return m, "", ctx.Err()
	case <-time.After(d.Takes):
		return m, "", nil
	}
}
