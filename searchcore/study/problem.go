package study

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/cost"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/trial"
)

// problem is a setup, checked and ready for use: what is optimised, and what a
// candidate must fulfil.
type problem struct {
	setup       trial.Setup
	objectives  objective.Set
	constraints []objective.Constraint
}

// maxConstraints bounds Setup.Constraints.
const maxConstraints = 64

func newProblem(setup trial.Setup) (*problem, error) {
	if err := setup.Space.Validate(); err != nil {
		return nil, err
	}
	if err := setup.Workload.Validate(); err != nil {
		return nil, err
	}
	if setup.Protocol != trial.Litefront && setup.Protocol != trial.LTS {
		return nil, fmt.Errorf("protocol %q is unknown; use one of %s, %s", setup.Protocol, trial.Litefront, trial.LTS)
	}
	if setup.MemoryLimit <= 0 {
		return nil, fmt.Errorf("memory_limit %d must be a positive number of bytes", setup.MemoryLimit)
	}
	if n := len(setup.Constraints); n > maxConstraints {
		return nil, fmt.Errorf("constraints: %d given; the limit is %d", n, maxConstraints)
	}
	if n := len(setup.Known); n > 0 && setup.Strategy != exactStrategy {
		return nil, fmt.Errorf("known: %d device models are given, which only the strategy %q starts from, not %q", n, exactStrategy, setup.Strategy)
	}
	if err := cost.CheckKnown(setup.Known, setup.Workload); err != nil {
		return nil, err
	}
	objectives, err := objective.ParseSet(setup.Objectives)
	if err != nil {
		return nil, err
	}
	p := &problem{setup: setup, objectives: objectives}
	for _, text := range setup.Constraints {
		c, err := objective.ParseConstraint(text)
		if err != nil {
			return nil, err
		}
		p.constraints = append(p.constraints, c)
	}
	return p, nil
}

// probeDraws is how many samples of a space may be unbuildable before the space
// is refused: single ones may be too large for what others are not.
const probeDraws = 20

// probe reports why nothing in the space can be built for the workload.
func (p *problem) probe() error {
	r := rand.New(rand.NewPCG(0, 0))
	var first error
	for range probeDraws {
		a, err := p.setup.Space.Sample(r)
		if err == nil {
			_, err = graph.Build(a, p.setup.Workload)
		}
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return fmt.Errorf("space %q: %w", p.setup.Space.Name, first)
}

// plan builds a and checks it against the memory limit, or against what
// WebAssembly can address if that is less.
func (p *problem) plan(a arch.Architecture) (objective.Candidate, error) {
	g, err := graph.Build(a, p.setup.Workload)
	if err != nil {
		return objective.Candidate{}, err
	}
	if err := g.Memory.Fit(p.setup.MemoryLimit); err != nil {
		return objective.Candidate{}, fmt.Errorf("%v: %w", a, err)
	}
	return objective.NewCandidate(g, nil), nil
}

// feasible reports why a must not be proposed: it cannot be built, needs too
// much memory, or breaks a constraint that can be told without measuring.
func (p *problem) feasible(a arch.Architecture) error {
	c, err := p.plan(a)
	if err != nil {
		return err
	}
	for _, constraint := range p.constraints {
		if !constraint.Objective.Static() {
			continue
		}
		v, err := constraint.Objective.Value(c)
		if err != nil {
			return err
		}
		if !constraint.Satisfied(v) {
			return fmt.Errorf("%v breaks %s with %g", a, constraint, v)
		}
	}
	return nil
}

// values are the objectives of a measured architecture.
func (p *problem) values(a arch.Architecture, m *trial.Measurement) ([]float64, error) {
	g, err := graph.Build(a, p.setup.Workload)
	if err != nil {
		return nil, err
	}
	return p.objectives.Values(objective.NewCandidate(g, m))
}

// violated returns the first constraint that a result breaks, or "". Values that
// the result records are taken from there. Constraints that need no measurement
// are checked too: they may be younger than the result.
func (p *problem) violated(a arch.Architecture, values []float64, m *trial.Measurement) (string, error) {
	c := objective.Candidate{Arch: a, Workload: p.setup.Workload, Measurement: m}
	planned := false
	for _, constraint := range p.constraints {
		i := slices.Index(p.setup.Objectives, constraint.Objective.Name)
		if i >= 0 {
			if !constraint.Satisfied(values[i]) {
				return constraint.String(), nil
			}
			continue
		}
		if constraint.Objective.Static() && !planned {
			g, err := graph.Build(a, p.setup.Workload)
			if err != nil {
				return "", err
			}
			c, planned = objective.NewCandidate(g, m), true
		}
		v, err := constraint.Objective.Value(c)
		if err != nil {
			return "", err
		}
		if !constraint.Satisfied(v) {
			return constraint.String(), nil
		}
	}
	return "", nil
}
