package results

import (
	"fmt"

	"litefront/searchcore/trial"
)

// Difference is a field of their setups in which two studies differ, and what either
// has there.
type Difference struct{ Field, A, B string }

// The fields of a Difference.
const (
	FieldObjectives  = "objectives" // only another cut makes their values compare
	FieldConstraints = "constraints"
	FieldWorkload    = "workload"
	FieldProtocol    = "protocol"
)

// Differences lists what keeps the values of two studies from meaning the same.
// Strategies, spaces and seeds may differ: that is what is compared.
func Differences(a, b trial.Setup) (list []Difference) {
	for _, field := range []struct {
		name string
		a, b any
	}{
		{FieldObjectives, a.Objectives, b.Objectives},
		{FieldConstraints, a.Constraints, b.Constraints},
		{FieldWorkload, flags(a.Workload), flags(b.Workload)},
		{FieldProtocol, a.Protocol, b.Protocol},
	} {
		if x, y := fmt.Sprint(field.a), fmt.Sprint(field.b); x != y {
			list = append(list, Difference{field.name, x, y})
		}
	}
	return list
}

// flags is a workload as it is asked for.
func flags(w trial.Workload) string {
	return fmt.Sprintf("--prompt %d --context %d --precision %s --threads %d", w.PromptLen, w.Context, w.Precision, w.Threads)
}
