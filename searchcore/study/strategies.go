package study

import (
	"fmt"
	"slices"
	"strings"

	"litefront/searchcore/arch"
	"litefront/searchcore/evolve"
	"litefront/searchcore/surrogate"
	"litefront/searchcore/trial"
)

// exactStrategy is the one that fits models of devices.
const exactStrategy = "exact"

// Strategies returns the names that Setup.Strategy may have, the default first.
func Strategies() []string { return []string{exactStrategy, "lts", "lts-block", "archai", "random"} }

func errStrategy(name string) error {
	return fmt.Errorf("strategy %q is unknown; use one of %s", name, strings.Join(Strategies(), ", "))
}

// newStrategy makes the strategy of a setup.
func newStrategy(setup trial.Setup, feasible func(arch.Architecture) error) (Strategy, error) {
	if !slices.Contains(Strategies(), setup.Strategy) {
		return nil, errStrategy(setup.Strategy)
	}
	switch setup.Strategy {
	case "lts":
		return evolve.New(setup.Space, evolve.LTS(), feasible), nil
	case "lts-block":
		return evolve.New(setup.Space, evolve.LTSBlock(), feasible), nil
	case "archai":
		return evolve.New(setup.Space, evolve.Archai(), feasible), nil
	case "random":
		return evolve.NewRandom(setup.Space, feasible), nil
	}
	return surrogate.New(setup, feasible)
}
