package study

import (
	"fmt"
	"strings"

	"litefront/searchcore/arch"
	"litefront/searchcore/evolve"
	"litefront/searchcore/surrogate"
	"litefront/searchcore/trial"
)

type feasibleFunc = func(arch.Architecture) error

// strategies are the values of Setup.Strategy.
var strategies = []struct {
	name string
	make func(setup trial.Setup, feasible feasibleFunc) (Strategy, error)
}{
	{"exact", func(setup trial.Setup, feasible feasibleFunc) (Strategy, error) {
		return surrogate.New(setup, feasible)
	}},
	{"lts", func(setup trial.Setup, feasible feasibleFunc) (Strategy, error) {
		return evolve.New(setup.Space, evolve.LTS(), feasible), nil
	}},
	{"lts-block", func(setup trial.Setup, feasible feasibleFunc) (Strategy, error) {
		return evolve.New(setup.Space, evolve.LTSBlock(), feasible), nil
	}},
	{"archai", func(setup trial.Setup, feasible feasibleFunc) (Strategy, error) {
		return evolve.New(setup.Space, evolve.Archai(), feasible), nil
	}},
	{"random", func(setup trial.Setup, feasible feasibleFunc) (Strategy, error) {
		return evolve.NewRandom(setup.Space, feasible), nil
	}},
}

// Strategies returns the names that Setup.Strategy may have, the default first.
func Strategies() []string {
	names := make([]string, len(strategies))
	for i, s := range strategies {
		names[i] = s.name
	}
	return names
}

func newStrategy(setup trial.Setup, feasible feasibleFunc) (Strategy, error) {
	for _, s := range strategies {
		if s.name == setup.Strategy {
			return s.make(setup, feasible)
		}
	}
	return nil, fmt.Errorf("strategy %q is unknown; use one of %s", setup.Strategy, strings.Join(Strategies(), ", "))
}
