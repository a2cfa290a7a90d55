package exact

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"litefront/searchcore/objective"
)

// additive lists the objectives that [Solve] knows, with the sums that each grows with
// at a given frame, depth and count of decoder parameters.
var additive = []struct {
	name  string
	sums  func(*sums) []Terms
	arena bool // it grows with the arena, too
}{
	{"decoder_params", func(*sums) []Terms { return nil }, false},
	{"total_params", func(*sums) []Terms { return nil }, false},
	{"prefill_ms", func(s *sums) []Terms { return []Terms{s.table.Prefill.Terms} }, false},
	{"decode_ms", func(s *sums) []Terms { return []Terms{s.table.Decode.Terms} }, false},
	{"response_ms", func(s *sums) []Terms { return []Terms{s.table.Prefill.Terms, s.table.Decode.Terms} }, false},
	{"peak_mb", func(s *sums) []Terms { return []Terms{s.weights.plus(s.derived).plus(s.kv)} }, true},
	{"weight_mb", func(s *sums) []Terms { return []Terms{s.weights} }, false},
	{"kv_mb", func(s *sums) []Terms { return []Terms{s.kv} }, false},
}

// need is an objective whose value must follow from what is compared.
type need struct {
	objective objective.Objective
	equal     bool // less of it may break a bound that more of it keeps
}

// needs lists what objectives and constraints need.
func (p *Problem) needs() []need {
	var list []need
	for _, o := range p.Objectives {
		list = append(list, need{o, o.Direction == objective.Maximize})
	}
	for _, c := range p.Constraints {
		list = append(list, need{c.Objective, c.Satisfied(math.Inf(1))})
	}
	return list
}

// validate reports why the objective cannot be solved for.
func (n need) validate(timed bool) error {
	var names []string
	for _, row := range additive {
		names = append(names, row.name)
	}
	if !slices.Contains(names, n.objective.Name) {
		return fmt.Errorf("exact: objective %q is not known to add up over the layers; those that do are %s", n.objective.Name, strings.Join(names, ", "))
	}
	if !n.objective.Static() && !timed {
		return fmt.Errorf("exact: objective %s needs a table of times", n.objective.Name)
	}
	return nil
}

// knapsack returns the problem of one frame.
func (p *Problem) knapsack(s *sums) *knapsack {
	k := &knapsack{depth: slices.Max(p.Space.NLayer), params: s.params.Layers, maxParams: math.MaxInt64}
	if p.Space.MaxDecoderParams > 0 {
		k.maxParams = p.Space.MaxDecoderParams - s.params.Constant
	}
	needs := p.needs()
	if s.mostBytes(k.depth) > p.MemoryLimit {
		needs = append(needs, need{peak, false})
	}
	for _, n := range needs {
		for _, row := range additive {
			if row.name != n.objective.Name {
				continue
			}
			for _, terms := range row.sums(s) {
				k.compare(terms.Layers, n.equal)
			}
			if row.arena {
				k.arena, k.sameRank = &s.arena, k.sameRank || n.equal
			}
		}
	}
	return k
}

// peak is what Problem.MemoryLimit bounds.
var peak = func() objective.Objective {
	o, err := objective.Parse("peak_mb")
	if err != nil {
		panic(err) // a row of package objective
	}
	return o
}()
