package search

import (
	"context"
	"fmt"

	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// Load is what a page has its worker run beside a search: architectures that are looked
// at closely, under the workload and the limits of their study.
type Load struct {
	Archs       []arch.Architecture `json:"archs"`
	Workload    trial.Workload      `json:"workload"`
	MemoryLimit int64               `json:"memory_limit"`        // as that of trial.Setup
	Code        string              `json:"code"`                // version of the running program
	Sustained   string              `json:"sustained,omitempty"` // of DoSustain: how long, as measure.ParseSustained reads it
}

// Profile profiles the one architecture of the load on target.
func (q Load) Profile(ctx context.Context, target measure.Target) (trial.Profile, error) {
	if n := len(q.Archs); n != 1 {
		return trial.Profile{}, fmt.Errorf("a profile is of one architecture, not of %d", n)
	}
	local, err := q.measurer(target)
	if err != nil {
		return trial.Profile{}, err
	}
	defer local.Close()
	return local.Profile(ctx, q.Archs[0], q.Workload)
}

// Sustain runs the load on target as [measure.LocalMeasurer.Sustain] does.
func (q Load) Sustain(ctx context.Context, target measure.Target, watch func([]trial.Round)) (trial.Sustained, error) {
	d, err := measure.ParseSustained(q.Sustained)
	if err != nil {
		return trial.Sustained{}, err
	}
	local, err := q.measurer(target)
	if err != nil {
		return trial.Sustained{}, err
	}
	defer local.Close()
	return local.Sustain(ctx, q.Archs, q.Workload, d, watch)
}

func (q Load) measurer(target measure.Target) (*measure.LocalMeasurer, error) {
	o := measure.DefaultOptions()
	o.MemoryLimit, o.Code = q.MemoryLimit, q.Code
	return measure.Local(target, o)
}
