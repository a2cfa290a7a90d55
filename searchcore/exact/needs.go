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
	sums  func(*Problem, *sums) Times
	arena bool // it grows with the arena, too
}{
	{"decoder_params", none, false},
	{"total_params", none, false},
	{"prefill_ms", func(_ *Problem, s *sums) Times { return s.table.Prefill }, false},
	{"decode_ms", func(_ *Problem, s *sums) Times { return s.table.Decode }, false},
	{"response_ms", func(p *Problem, s *sums) Times {
		return s.table.Prefill.plus(int64(p.Workload.Context-p.Workload.PromptLen), s.table.Decode)
	}, false},
	{"peak_mb", (*Problem).bytes, true},
	{"weight_mb", func(_ *Problem, s *sums) Times { return Times{s.weights} }, false},
	{"kv_mb", func(_ *Problem, s *sums) Times { return Times{s.kv} }, false},
}

func none(*Problem, *sums) Times { return nil }

// bytes are weights, relative keys and cache together.
func (p *Problem) bytes(s *sums) Times { return Times{s.weights.plus(1, s.derived).plus(1, s.kv)} }

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
	depths := p.Space.NLayer
	k := &knapsack{depth: depths[len(depths)-1], params: s.params.Layers, maxParams: math.MaxInt64}
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
			for _, terms := range row.sums(p, s).reached(depths[0], k.depth) {
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
