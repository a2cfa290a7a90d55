package study

import (
	"fmt"
	"strings"

	"litefront/searchcore/arch"
	"litefront/searchcore/evolve"
	"litefront/searchcore/space"
)

type feasibleFunc = func(arch.Architecture) error

// strategies are the values of Setup.Strategy.
var strategies = []struct {
	name string
	make func(sp space.Space, feasible feasibleFunc) Strategy
}{
	{"lts", func(sp space.Space, feasible feasibleFunc) Strategy { return evolve.New(sp, evolve.LTS(), feasible) }},
	{"lts-block", func(sp space.Space, feasible feasibleFunc) Strategy {
		return evolve.New(sp, evolve.LTSBlock(), feasible)
	}},
	{"archai", func(sp space.Space, feasible feasibleFunc) Strategy {
		return evolve.New(sp, evolve.Archai(), feasible)
	}},
	{"random", func(sp space.Space, feasible feasibleFunc) Strategy { return evolve.NewRandom(sp, feasible) }},
}

// Strategies returns the names that Setup.Strategy may have.
func Strategies() []string {
	names := make([]string, len(strategies))
	for i, s := range strategies {
		names[i] = s.name
	}
	return names
}

func newStrategy(name string, sp space.Space, feasible feasibleFunc) (Strategy, error) {
	for _, s := range strategies {
		if s.name == name {
			return s.make(sp, feasible), nil
		}
	}
	return nil, fmt.Errorf("strategy %q is unknown; use one of %s", name, strings.Join(Strategies(), ", "))
}
