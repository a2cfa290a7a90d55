package exact

import (
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/proxy"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// sums is all that a frame's architectures consist of.
type sums struct {
	frame  space.Frame
	depths []int             // of the space
	least  int64             // decoder parameters
	tokens int               // that a response decodes
	base   arch.Architecture // canonical but for its layers
	params Terms             // decoder parameters
	flops  Terms
	lack   Terms     // of quality: less its sum over the layers, in units of proxy.Resolution
	global []float64 // of quality, by depth: the factor of that sum
	table  Table

	io                   int64 // bytes
	weights, derived, kv Terms // bytes
	arena                arena

	measurement *trial.Measurement // of the architecture whose values are asked for; nil without a table
}

// sums takes f's architectures apart. What a layer adds follows from an architecture
// that has it alone and another that has it twice, so formulas and plan stay where
// they are.
func (p *Problem) sums(f space.Frame) (*sums, error) {
	s := &sums{frame: f, depths: p.Space.NLayer, least: p.Space.MinDecoderParams, tokens: p.Workload.Context - p.Workload.PromptLen, base: f.Architecture(f.Layers[0])}
	if p.Table != nil {
		var err error
		if s.table, err = p.Table(f); err != nil {
			return nil, err
		}
		if err := s.table.validate(f, slices.Max(s.depths), s.tokens); err != nil {
			return nil, err
		}
		s.measurement = &trial.Measurement{Protocol: trial.Litefront}
	}
	two, _, err := p.measure(s, f.Layers[0], f.Layers[0])
	if err != nil {
		return nil, err
	}
	s.global = make([]float64, slices.Max(s.depths)+1)
	for depth := range s.global {
		a := s.base
		a.Layers = make([]arch.Layer, depth)
		s.global[depth] = proxy.Fitted().Global(a)
	}
	s.arena = newArena(f.Layers, p.Space.Shared)
	terms := []*Terms{&s.params, &s.flops, &s.lack, &s.weights, &s.derived, &s.kv}
	for i, l := range f.Layers {
		one, m, err := p.measure(s, l)
		if err != nil {
			return nil, err
		}
		for j, t := range terms {
			if i == 0 {
				t.Constant = 2*one[j] - two[j]
			}
			t.Layers = append(t.Layers, one[j]-t.Constant)
		}
		s.io = m.IOBytes
		s.arena.add(i, m.ArenaBytes)
	}
	return s, nil
}

func (s *sums) stacks() stacks { return stacks{s.depths, s.params, s.least} }

// measure returns what adds up, and the plan, of the architecture with layers.
func (p *Problem) measure(s *sums, layers ...arch.Layer) (sums [6]int64, m graph.Memory, err error) {
	a := s.base
	a.Layers = layers
	g, err := graph.Build(a, p.Workload)
	if err != nil {
		return sums, m, err
	}
	m = g.Memory
	var lack int64
	for i := range layers {
		lack -= int64(proxy.Fitted().Layer(a, i) / proxy.Resolution)
	}
	return [6]int64{a.DecoderParams(), g.ResponseWork().FLOPs(), lack, m.WeightBytes, m.DerivedBytes, m.KVBytes}, m, nil
}

// memory is the plan of the architecture with these layers.
func (s *sums) memory(layers []int) graph.Memory {
	m := graph.Memory{
		IOBytes: s.io, WeightBytes: s.weights.of(layers), DerivedBytes: s.derived.of(layers), KVBytes: s.kv.of(layers),
		ArenaBytes: s.arena.bytes[s.arena.of(layers)],
	}
	m.TotalBytes = pages(m.IOBytes + m.WeightBytes + m.DerivedBytes + m.KVBytes + m.ArenaBytes)
	return m
}

// mostBytes is what no architecture of at most this depth exceeds.
func (s *sums) mostBytes(depth int) int64 {
	most := s.io + slices.Max(s.arena.bytes)
	for _, t := range []Terms{s.weights, s.derived, s.kv} {
		most += t.Constant + int64(depth)*slices.Max(t.Layers)
	}
	return pages(most)
}

// pages rounds up to whole pages.
func pages(bytes int64) int64 {
	return (bytes + graph.PageBytes - 1) / graph.PageBytes * graph.PageBytes
}

// fill makes a the architecture with these layers, in the memory of a.Layers.
func (s *sums) fill(a *arch.Architecture, layers []int) {
	a.Layers = a.Layers[:0]
	for _, l := range layers {
		a.Layers = append(a.Layers, s.frame.Layers[l])
	}
}

// values adds the objectives of a, which has these layers and needs this memory, to
// values, or returns nil when it breaks a bound.
func (p *Problem) values(s *sums, a arch.Architecture, layers []int, m graph.Memory, values []float64) ([]float64, error) {
	params := s.params.of(layers)
	if params < p.Space.MinDecoderParams || p.Space.MaxDecoderParams > 0 && params > p.Space.MaxDecoderParams {
		return nil, nil
	}
	c := objective.Candidate{Arch: a, Workload: p.Workload, Memory: m, FLOPs: s.flops.of(layers), Measurement: s.measurement}
	if c.Memory.TotalBytes > p.MemoryLimit {
		return nil, nil
	}
	for _, constraint := range p.Constraints {
		v, err := p.value(s, constraint.Objective, c, layers)
		if err != nil {
			return nil, err
		}
		if !constraint.Satisfied(v) {
			return nil, nil
		}
	}
	for _, o := range p.Objectives {
		v, err := p.value(s, o, c, layers)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// value returns an objective of c, which has these layers. The time of a response is
// rounded as a whole: what its parts were rounded by would decide between
// architectures that take equally long. Parameters, and quality, which takes
// exponentials of each layer, are made of the sums that are known.
func (p *Problem) value(s *sums, o objective.Objective, c objective.Candidate, layers []int) (float64, error) {
	switch o.Name {
	case "decoder_params":
		return float64(s.params.of(layers)), nil
	case "quality":
		return s.global[len(layers)] * float64(-s.lack.of(layers)) * proxy.Resolution, nil
	case "response_ms":
		v := ms(s.table.responseFs(layers, s.tokens))
		return v, o.Check(v)
	}
	if !o.Static() {
		s.measurement.Prefill.MedianMs, s.measurement.Decode.MedianMs = s.table.Prefill.Ms(layers), s.table.Decode.Ms(layers)
	}
	return o.Value(c)
}
