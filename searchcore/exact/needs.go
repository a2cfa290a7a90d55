package exact

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"litefront/searchcore/objective"
)

// additive lists the objectives that [Solve] knows, with the sums that each follows
// at a given frame and depth: it grows with them, or falls.
var additive = []struct {
	name  string
	sums  func(*sums) []Terms
	falls bool
	arena bool // it grows with the arena, too
}{
	{name: "decoder_params", sums: func(s *sums) []Terms { return []Terms{s.params} }},
	{name: "quality", sums: func(s *sums) []Terms { return []Terms{s.lack} }, falls: true},
	{name: "total_params", sums: func(s *sums) []Terms { return []Terms{s.params} }},
	{name: "flops", sums: func(s *sums) []Terms { return []Terms{s.flops} }},
	{name: "prefill_ms", sums: func(s *sums) []Terms { return s.table.Prefill.sums(s.stacks()) }},
	{name: "decode_ms", sums: func(s *sums) []Terms { return s.table.Decode.sums(s.stacks()) }},
	{name: "response_ms", sums: func(s *sums) []Terms { return s.table.sums(s.stacks(), s.tokens) }},
	{name: "peak_mb", sums: func(s *sums) []Terms { return []Terms{s.weights.plus(s.derived).plus(s.kv)} }, arena: true},
	{name: "weight_mb", sums: func(s *sums) []Terms { return []Terms{s.weights} }},
	{name: "kv_mb", sums: func(s *sums) []Terms { return []Terms{s.kv} }},
}

// need is an objective whose value must follow from what is compared.
type need struct {
	objective objective.Objective
	more      bool // less of it may be worse, or break a bound that more of it keeps
}

// needs lists what objectives and constraints need.
func (p *Problem) needs() []need { return p.needsWithin(math.MaxInt64) }

// needsWithin lists what they need in a frame whose architectures take at most so many
// bytes: an upper bound on memory that none can break needs nothing.
func (p *Problem) needsWithin(most int64) []need {
	var list []need
	for _, o := range p.Objectives {
		list = append(list, need{o, o.Direction == objective.Maximize})
	}
	for _, c := range p.Constraints {
		if c.Objective.Name != peak.Name || !c.Satisfied(0) || !c.Satisfied(float64(most)/(1<<20)) {
			list = append(list, need{c.Objective, c.Satisfied(math.Inf(1))})
		}
	}
	if p.MemoryLimit < most {
		list = append(list, need{peak, false})
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
	k := &knapsack{memory: p.memory, depth: slices.Max(p.Space.NLayer), params: s.params.Layers}
	for _, n := range p.needsWithin(s.mostBytes(k.depth)) {
		for _, row := range additive {
			if row.name != n.objective.Name {
				continue
			}
			// Lower sums are better, unless the objective should rise with them.
			equal := n.more != row.falls
			for _, terms := range row.sums(s) {
				k.distinguish(terms.Layers, equal)
			}
			if row.arena {
				k.arena, k.sameRank = &s.arena, k.sameRank || equal
			}
		}
	}
	if most := int64(k.depth) * slices.Max(k.params); p.Space.MaxDecoderParams > 0 && most > p.Space.MaxDecoderParams-s.params.Constant {
		k.limit = max(1, p.Space.MaxDecoderParams-s.params.Constant) // no layer is that small
	}
	k.arrange(max(0, p.Space.MinDecoderParams-s.params.Constant))
	k.order(s.frame.Layers)
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
