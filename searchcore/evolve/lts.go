package evolve

import (
	"math/rand/v2"
	"slices"
)

// LTS returns the hyper-parameters of LiteTransformerSearch (Javaheripi et al.
// 2022): populations of 100 made of 20 parents, 40 mutants and 40 crossovers,
// with a mutation probability of 0.3 per gene, over 30 iterations. The parents
// have been measured already, so that the search visits 100 + 30·80 = 2,500
// architectures.
func LTS() Options {
	return Options{
		Initial:      100,
		Generations:  30,
		Parents:      20,
		Mutants:      40,
		Crossovers:   40,
		MutationProb: 0.3,
	}
}

// LTSBlock is [LTS] with blocks of layers that mutate together.
func LTSBlock() Options {
	o := LTS()
	o.Blocks = true
	return o
}

// drawParents draws n members of the frontier with replacement, each with a
// weight of 1 / (1 + how often it was chosen for earlier generations), so that
// newcomers breed sooner.
func drawParents(r *rand.Rand, frontier []string, chosen map[string]int, n int) []string {
	if len(frontier) == 0 {
		return nil
	}
	cumulative := make([]float64, len(frontier))
	total := 0.0
	for i, id := range frontier {
		total += 1 / (1 + float64(chosen[id]))
		cumulative[i] = total
	}
	parents := make([]string, n)
	for i := range parents {
		at, _ := slices.BinarySearch(cumulative, r.Float64()*total)
		parents[i] = frontier[min(at, len(frontier)-1)]
	}
	return parents
}
