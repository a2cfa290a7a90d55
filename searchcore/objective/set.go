package objective

import (
	"fmt"
	"slices"
	"strings"
)

// Parse returns the objective called name.
func Parse(name string) (Objective, error) {
	i := slices.IndexFunc(table, func(o Objective) bool { return o.Name == name })
	if i < 0 {
		names := make([]string, len(table))
		for i, o := range table {
			names[i] = o.Name
		}
		return Objective{}, fmt.Errorf("objective %.40q is unknown; use one of %s", name, strings.Join(names, ", "))
	}
	return table[i], nil
}

// Set is the objectives of a study, in the order of its values and costs.
type Set []Objective

// ParseSet returns the objectives with the given names: two or more, since one
// has no frontier, and none twice.
func ParseSet(names []string) (Set, error) {
	var set Set
	for i, name := range names {
		o, err := Parse(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("objectives: %q is given twice; each may be given once", name)
		}
		set = append(set, o)
	}
	if len(set) < 2 {
		return nil, fmt.Errorf("objectives: %d given; a frontier needs at least 2", len(set))
	}
	return set, nil
}

// Values returns the value of each objective of c, in its unit. The errors are
// those of [Objective.Value].
func (s Set) Values(c Candidate) ([]float64, error) {
	values := make([]float64, len(s))
	for i, o := range s {
		v, err := o.Value(c)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// Costs returns values as package pareto takes them, all minimised: those of
// maximised objectives are negated. It returns nil, which is no point on any
// front, if there is not one value for each objective.
func (s Set) Costs(values []float64) []float64 {
	if len(values) != len(s) {
		return nil
	}
	return s.AppendCosts(nil, values)
}

// AppendCosts adds the costs of values, one for each objective, to costs.
func (s Set) AppendCosts(costs, values []float64) []float64 {
	for i, o := range s {
		if o.Direction == Maximize {
			costs = append(costs, -values[i])
		} else {
			costs = append(costs, values[i])
		}
	}
	return costs
}
