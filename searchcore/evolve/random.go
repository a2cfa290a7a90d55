package evolve

import (
	"math/rand/v2"

	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// Random is random search: unseen, feasible samples of the space until none is
// found. It implements the ask and tell of a study's strategy.
type Random struct{ archive archive }

// NewRandom returns a random search of sp; feasible is as in [New].
func NewRandom(sp space.Space, feasible func(arch.Architecture) error) *Random {
	return &Random{newArchive(sp, feasible)}
}

// Propose names an unseen candidate. It never waits; the errors are
// [trial.ErrExhausted] when no unseen feasible architecture was found in 4,096
// draws, and those of [space.Space.Sample].
func (s *Random) Propose(r *rand.Rand) (trial.Proposal, error) {
	return s.archive.proposeRandom(r, trial.Origin{})
}

// Asked records that p was handed out.
func (s *Random) Asked(p trial.Proposal) { s.archive.ask(p.Arch) }

// Told records that the architecture is measured. Nothing follows from its
// costs.
func (s *Random) Told(archID string, costs []float64, _ *trial.Measurement) {
	s.archive.tell(archID, costs)
}
