// Package evolve holds the strategies of a search: which architecture is worth
// measuring next. [New] runs the evolutionary algorithms, whose published
// hyper-parameters are [LTS], [LTSBlock] and [Archai]; [NewRandom] is the baseline.
//
// A strategy is driven by asking and telling. Propose names a candidate and
// changes nothing; Asked records that a proposal was handed out, Told what its
// measurement gave. A strategy's state depends on the calls of Asked and Told
// alone, in their order, and it holds no generator: replaying those calls from a
// journal therefore continues a search exactly where it stopped, as long as each
// Propose gets the generator that it would have got.
package evolve

import (
	"math/rand/v2"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// Options are the hyper-parameters of an evolutionary search, none negative. An
// initial population of random architectures is generation 0. A later generation
// consists of the new children only, since its parents have been measured
// already.
type Options struct {
	Initial     int // size of the initial population
	Generations int // number of generations after it

	// Parents is how many parents are drawn from the frontier for a generation;
	// 0 makes every member of the frontier a parent once.
	Parents int

	Crossovers       int // children of two of the generation's parents
	Randoms          int // random architectures
	Mutants          int // mutants of parents that are drawn at random
	MutantsPerParent int // mutants of each parent, besides Mutants

	// MaxChildren bounds the size of a generation, at the expense of
	// MutantsPerParent; 0 means no bound.
	MaxChildren int

	MutationProb float64 // probability that a gene mutates
	Blocks       bool    // contiguous blocks of layers mutate together
}

// children is the size of a generation with that many parents.
func (o Options) children(parents int) int {
	n := o.Crossovers + o.Randoms + o.Mutants + o.MutantsPerParent*parents
	if o.MaxChildren > 0 {
		n = min(n, o.MaxChildren)
	}
	return n
}

// Evolution is an evolutionary search with synchronous generations: the next
// one begins when all of the last are told. It is a study's strategy.
type Evolution struct {
	options Options
	archive archive

	generation int
	proposed   int            // of this generation
	pool       []string       // IDs of this generation's parents
	chosen     map[string]int // how often an ID was in a pool
}

// New returns an evolutionary search of sp. feasible tells why an architecture
// may not be proposed, or nil; it should be cheap and always answer the same. A
// nil feasible allows the whole space.
func New(sp space.Space, o Options, feasible func(arch.Architecture) error) *Evolution {
	return &Evolution{
		options: o,
		archive: newArchive(sp, feasible),
		chosen:  map[string]int{},
	}
}

// Propose names the next candidate: in the space, feasible, and never asked
// before. When a bounded number of tries yields no such child, a random
// architecture takes its place.
//
// The errors are [trial.ErrWait] when a new generation is due and one of the
// last is not yet told, [trial.ErrExhausted] after the last generation or when
// not even a random architecture is found, and those of [space.Space.Sample].
func (e *Evolution) Propose(r *rand.Rand) (trial.Proposal, error) {
	slot, pool := e.proposed, e.pool
	origin := trial.Origin{Generation: e.generation}
	if slot >= e.size() {
		switch {
		case e.generation >= e.options.Generations:
			return trial.Proposal{}, trial.ErrExhausted
		case e.archive.waiting():
			return trial.Proposal{}, trial.ErrWait
		}
		slot, pool = 0, e.selectParents(r)
		if e.options.children(len(pool)) <= 0 {
			return trial.Proposal{}, trial.ErrExhausted
		}
		origin = trial.Origin{Generation: e.generation + 1, Pool: pool}
	}
	if origin.Generation > 0 {
		for range maxChildTries {
			parents := e.parents(r, slot, pool)
			if len(parents) == 0 {
				break // the slot is for a random architecture
			}
			child, op, err := e.breed(r, parents)
			if err != nil {
				return trial.Proposal{}, err
			}
			if e.archive.refuses(child) == nil {
				origin.Op, origin.Parents = op, parents
				return trial.Proposal{Arch: child, Origin: origin}, nil
			}
		}
	}
	return e.archive.proposeRandom(r, origin)
}

// size is how many proposals the current generation has.
func (e *Evolution) size() int {
	if e.generation == 0 {
		return e.options.Initial
	}
	return e.options.children(len(e.pool))
}

// selectParents chooses the parents of the next generation.
func (e *Evolution) selectParents(r *rand.Rand) []string {
	frontier := e.archive.frontier()
	if e.options.Parents > 0 {
		return drawParents(r, frontier, e.chosen, e.options.Parents)
	}
	return everyParent(r, frontier)
}

// parents draws the parents of the generation's child number slot: two for a
// crossover, one for a mutant, none for a random architecture or when pool is
// too small. What MaxChildren may cut off comes last.
func (e *Evolution) parents(r *rand.Rand, slot int, pool []string) []string {
	randoms := e.options.Crossovers
	mutants := randoms + e.options.Randoms
	perParent := mutants + e.options.Mutants
	switch {
	case slot < randoms:
		if len(pool) < 2 {
			return nil
		}
		i, j := r.IntN(len(pool)), r.IntN(len(pool)-1)
		if j >= i {
			j++
		}
		return []string{pool[i], pool[j]}
	case slot < mutants || len(pool) == 0:
		return nil
	case slot < perParent:
		return []string{pool[r.IntN(len(pool))]}
	default:
		return []string{pool[(slot-perParent)/e.options.MutantsPerParent]}
	}
}

// breed mutates one parent or crosses two.
func (e *Evolution) breed(r *rand.Rand, parents []string) (child arch.Architecture, op string, err error) {
	a := e.archive.seen[parents[0]]
	if len(parents) == 1 {
		mutate := e.archive.space.Mutate
		if e.options.Blocks {
			mutate = e.archive.space.MutateBlocks
		}
		child, err = mutate(r, a, e.options.MutationProb)
		return child, "mutation", err
	}
	child, err = e.archive.space.Crossover(r, a, e.archive.seen[parents[1]])
	return child, "crossover", err
}

// Asked records that p was handed out. The first proposal of a generation
// carries the generation's parents. Handing out an architecture again changes
// nothing.
func (e *Evolution) Asked(p trial.Proposal) {
	if !e.archive.ask(p.Arch) {
		return
	}
	if p.Origin.Generation != e.generation {
		e.generation, e.proposed = p.Origin.Generation, 0
		e.pool = slices.Clone(p.Origin.Pool)
		for _, id := range e.pool {
			e.chosen[id]++
		}
	}
	e.proposed++
}

// Told records the costs that measuring an architecture gave, all minimised, or
// nil when it failed. IDs that were never asked, or told before, change nothing.
func (e *Evolution) Told(archID string, costs []float64, _ *trial.Measurement) {
	e.archive.tell(archID, costs)
}
