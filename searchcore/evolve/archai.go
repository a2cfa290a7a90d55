package evolve

import (
	"math/rand/v2"
	"slices"
)

// Archai returns the hyper-parameters of the authors' later rewrite of the
// search, archai's discrete_search: from 10 random architectures, 10 iterations
// in which every member of the frontier is mutated once, and which add 5
// crossovers and 5 random architectures; no iteration adds more than 100.
func Archai() Options {
	return Options{
		Initial:          10,
		Generations:      10,
		Crossovers:       5,
		Randoms:          5,
		MutantsPerParent: 1,
		MaxChildren:      100,
		MutationProb:     0.3,
	}
}

// everyParent makes each member of the frontier a parent once. The order is
// random, so that a bound on the children favours nobody.
func everyParent(r *rand.Rand, frontier []string) []string {
	parents := slices.Clone(frontier)
	r.Shuffle(len(parents), func(i, j int) { parents[i], parents[j] = parents[j], parents[i] })
	return parents
}
