package evolve

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/pareto"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// How many candidates are tried until one is unseen and feasible. Children run
// out near a converged frontier and have random architectures to fall back on;
// random architectures run out only when the space is nearly exhausted, where
// finding one of the last takes as many tries as the space is large.
const (
	maxChildTries  = 256
	maxRandomTries = 1 << 12
)

// archive remembers every architecture that was ever asked and what became of
// it, and judges candidates against that.
type archive struct {
	space    space.Space
	feasible func(arch.Architecture) error

	seen map[string]arch.Architecture // by ID
	open map[string]int               // asked and not yet told: the number of the ask

	// The measured architectures in the order in which they were asked, so that the
	// order in which several devices tell does not matter.
	told []told
}

// told is an architecture that was measured.
type told struct {
	id    string
	asked int // number of the ask
	costs []float64
}

func newArchive(sp space.Space, feasible func(arch.Architecture) error) archive {
	if feasible == nil {
		feasible = func(arch.Architecture) error { return nil }
	}
	return archive{
		space:    sp,
		feasible: feasible,
		seen:     map[string]arch.Architecture{},
		open:     map[string]int{},
	}
}

var errSeen = errors.New("every candidate was proposed before")

// refuses says why a may not be proposed; nil if it may. The order is from cheap
// to dear.
func (v *archive) refuses(a arch.Architecture) error {
	if v.knows(a.ID()) {
		return errSeen
	}
	if err := v.space.Contains(a); err != nil {
		return err
	}
	return v.feasible(a)
}

func (v *archive) knows(id string) bool {
	_, ok := v.seen[id]
	return ok
}

// waiting reports whether an architecture is asked and not yet told.
func (v *archive) waiting() bool { return len(v.open) > 0 }

// ask records a as outstanding, and reports whether it is new.
func (v *archive) ask(a arch.Architecture) bool {
	id := a.ID()
	if v.knows(id) {
		return false
	}
	v.seen[id] = a
	v.open[id] = len(v.seen)
	return true
}

func (v *archive) tell(id string, costs []float64) {
	asked, open := v.open[id]
	if !open {
		return
	}
	delete(v.open, id)
	if costs != nil {
		at, _ := slices.BinarySearchFunc(v.told, asked, func(t told, asked int) int { return t.asked - asked })
		v.told = slices.Insert(v.told, at, told{id, asked, slices.Clone(costs)})
	}
}

// frontier lists the IDs of the non-dominated architectures in the order in
// which they were asked. Weakly dominated ones are not among them.
func (v *archive) frontier() []string {
	costs := make([][]float64, len(v.told))
	for i, t := range v.told {
		costs[i] = t.costs
	}
	front := pareto.Front(costs)
	ids := make([]string, len(front))
	for i, at := range front {
		ids[i] = v.told[at].id
	}
	return ids
}

// proposeRandom proposes an unseen, feasible random architecture. Where there is
// none, the error names what stood against the last one.
func (v *archive) proposeRandom(r *rand.Rand, origin trial.Origin) (trial.Proposal, error) {
	origin.Op = "random"
	reason := errSeen
	for range maxRandomTries {
		a, err := v.space.Sample(r)
		if err != nil {
			return trial.Proposal{}, err
		}
		err = v.refuses(a)
		if err == nil {
			return trial.Proposal{Arch: a, Origin: origin}, nil
		}
		if err != errSeen {
			reason = err
		}
	}
	return trial.Proposal{}, fmt.Errorf("%w: %w", trial.ErrExhausted, reason)
}
