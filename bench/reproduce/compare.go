//go:build !wasm

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"litefront/bench/contest"
	"litefront/bench/engines"
	"litefront/host/runtime"
	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/cost"
	"litefront/searchcore/exact"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/space"
)

// compare sets baselines beside the models that are best with at least as many
// decoder parameters, objective by objective, under each engine. Every table is
// written to o.out as it is measured, and taken from there if it has been.
func compare(ctx context.Context, o options) (*results, error) {
	layers, err := depths(o.layers)
	if err != nil {
		return nil, err
	}
	if o.rounds < 1 {
		return nil, fmt.Errorf("rounds %d must be at least 1", o.rounds)
	}
	if o.train < cost.MinObservations {
		return nil, fmt.Errorf("train %d must be at least %d", o.train, cost.MinObservations)
	}
	opened, end, err := engines.Open(o.engines, o.trialTime)
	if err != nil {
		return nil, err
	}
	defer end()
	r := &results{settings: settings{runtime.CodeVersion(), layers, o.rounds, o.train, float64(o.trialTime) / float64(time.Millisecond)}}
	if !o.fresh {
		if err := r.resume(o.out); err != nil {
			return nil, err
		}
	}
	for _, b := range allBaselines {
		sp, err := b.space()
		if err != nil {
			return nil, err
		}
		f := r.family(b.backbone)
		if f == nil {
			pairs, err := b.smallest(sp, layers)
			if err != nil {
				return nil, err
			}
			r.Families = append(r.Families, family{Backbone: b.backbone, Peak: pairs})
			f = r.family(b.backbone)
		}
		for _, e := range opened {
			if f.holds(e.Name, e.Device) {
				fmt.Printf("%s, %s: measured before\n", b.title, e.Name)
				continue
			}
			fmt.Printf("%s, %s\n", b.title, e.Name)
			pairs, err := b.fastest(ctx, sp, layers, e, o)
			if err != nil {
				return nil, err
			}
			f.put(engine{e.Name, title(e), e.Device, pairs})
			if err := contest.Write(o.out, r); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// title says what an engine ran on.
func title(e *engines.Engine) string {
	if e.Device.CPU == "" {
		return e.Device.Engine
	}
	return e.Device.Engine + ", " + e.Device.CPU
}

// smallest are the models of least peak memory, which the plan tells.
func (b baselines) smallest(sp space.Space, layers []int) (pairs []pair, err error) {
	best, err := solve(sp, peak, nil)
	if err != nil {
		return nil, err
	}
	for _, n := range layers {
		base, model, err := b.match(n, best)
		if err != nil {
			return nil, err
		}
		var bytes [2]float64
		for i, a := range []arch.Architecture{base, model} {
			g, err := graph.Build(a, workload)
			if err != nil {
				return nil, err
			}
			bytes[i] = float64(g.Memory.TotalBytes)
		}
		x := bytes[0] / bytes[1]
		pairs = append(pairs, pair{n, peak, model, ratio{x, x, x}})
	}
	return pairs, nil
}

// fastest are the quickest models by a cost model of e, and how much quicker they
// prove to be.
func (b baselines) fastest(ctx context.Context, sp space.Space, layers []int, e *engines.Engine, o options) (pairs []pair, err error) {
	device, err := fit(ctx, sp, e, o.train)
	if err != nil {
		return nil, err
	}
	for _, objective := range []string{prefill, decode, response} {
		best, err := solve(sp, objective, device)
		if err != nil {
			return nil, err
		}
		for _, n := range layers {
			base, model, err := b.match(n, best)
			if err != nil {
				return nil, err
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			x, err := race(e, base, model, objective, o.rounds)
			if err != nil {
				return nil, err
			}
			fmt.Printf("  %d layers, %s: %.3f× [%.3f, %.3f], %v\n", n, objective, x.Value, x.Low, x.High, model)
			pairs = append(pairs, pair{n, objective, model, x})
		}
	}
	return pairs, nil
}

// fit measures designed candidates.
func fit(ctx context.Context, sp space.Space, e *engines.Engine, train int) (*cost.Model, error) {
	list, err := cost.Design(sp, workload, train, rand.New(rand.NewPCG(1, 1)), nil, nil, nil)
	if err != nil {
		return nil, err
	}
	var observations []cost.Observation
	for _, a := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, err := e.Measure(a, workload)
		if err != nil {
			return nil, err
		}
		observations = append(observations, cost.Observation{Arch: a, Measurement: m})
	}
	return cost.Fit(observations)
}

// solve returns the frontier of decoder parameters and the objective.
func solve(sp space.Space, name string, device *cost.Model) ([]exact.Point, error) {
	objectives, err := objective.ParseSet([]string{"decoder_params", name})
	if err != nil {
		return nil, err
	}
	p := exact.Problem{Space: sp, Workload: workload, Objectives: objectives}
	if device != nil {
		p.Table = device.Table
	}
	return exact.Solve(p)
}

// match returns the baseline of so many layers and the best model with at least as
// many decoder parameters.
func (b baselines) match(layers int, frontier []exact.Point) (base, model arch.Architecture, err error) {
	if base, err = b.model(layers); err != nil {
		return base, model, err
	}
	frontier = slices.DeleteFunc(slices.Clone(frontier), func(p exact.Point) bool {
		return p.Arch.DecoderParams() < base.DecoderParams()
	})
	if len(frontier) == 0 {
		return base, model, fmt.Errorf("%s: nothing has the %d decoder parameters of %d layers", b.title, base.DecoderParams(), layers)
	}
	least := slices.MinFunc(frontier, func(x, y exact.Point) int { return slices.Compare(x.Values[1:], y.Values[1:]) })
	return base, least.Arch, nil
}

// race times both side by side: a disturbance hits both alike.
func race(e *engines.Engine, base, model arch.Architecture, objective string, rounds int) (ratio, error) {
	var all []*contest.Contestant
	var of [2]struct{ prefill, decode *contest.Contestant }
	for i, a := range []arch.Architecture{base, model} {
		p, d, leave, err := e.Enter(a, workload)
		if err != nil {
			return ratio{}, err
		}
		defer leave()
		of[i].prefill, of[i].decode = p, d
		if objective != decode {
			all = append(all, p)
		}
		if objective != prefill {
			all = append(all, d)
		}
	}
	if err := contest.Run(all, rounds); err != nil {
		return ratio{}, err
	}
	ratios := make([]float64, rounds)
	for k := range ratios {
		var ms [2]float64
		for i, x := range of {
			switch objective {
			case prefill:
				ms[i] = x.prefill.Ms[k]
			case decode:
				ms[i] = x.decode.Ms[k]
			case response:
				ms[i] = x.prefill.Ms[k] + float64(workload.Context-workload.PromptLen)*x.decode.Ms[k]
			}
		}
		ratios[k] = ms[0] / ms[1]
	}
	slices.Sort(ratios)
	low, high := measure.MedianInterval(ratios)
	return ratio{contest.Median(ratios), low, high}, nil
}
