// Package exact solves a search problem whose costs add up over the layers: it
// finds the whole Pareto frontier of a space, without leaving anything to chance.
// Parameters and memory do add up, by the formulas of package arch and the plan of
// package graph; latency does under a model such as package cost fits.
//
// Where costs add up, the order of the layers does not matter, so that a multiset
// of layers stands for its architecture, and part of a best multiset is best among
// the parts that could stand in its place. [Solve] uses both, frame by frame
// (space.Frame): depth after depth it extends multisets that nothing covers, by layers
// that go with each of theirs. That visits some hundred thousand of them where the space
// has 10³⁵ architectures.
//
// What is compared, and why the result is exact:
//
//   - Multisets of equal depth are compared by the sums that the objectives and
//     constraints need: one is covered by another that is at most as high in all of
//     them, or has the same where more is asked for as well, as of decoder parameters
//     that are maximised. All sums are integers. Those of quality are in units of
//     proxy.Resolution, so that none differ which the objective calls equal.
//   - A bound on the decoder parameters counts only where it may decide: fewer are as
//     good as more, except below the lower bound, and unless what may come still
//     crosses the upper one. What cannot reach the lower bound any more is dropped.
//   - Times are sums over the layers and what comes on top ([Times]), hence the larger
//     of two sums, which are compared both, unless all architectures of the frame lie
//     on the same side. The time of a response is one such time, rounded as a whole.
//   - Peak memory is what weights, relative keys and cache add up to, and an arena
//     that the widest layer decides. Only where heads are padded unlike, their number
//     dividing d_model into parts that are no multiples of graph.Lane, is it estimated,
//     on the high side; the values of the points are the plan's all the same.
//   - An upper bound keeps whatever covers what it keeps. For a lower bound on a time or
//     on memory, the sums it needs must be equal for one multiset to cover another;
//     that is exact as well, but may need more than the limit of [Solve].
package exact

import (
	"fmt"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// Problem is what to solve. Objectives and constraints are those that package objective
// has today: all of them add up. One that [Solve] does not know is an error.
type Problem struct {
	Space       space.Space
	Workload    trial.Workload
	Objectives  objective.Set
	Constraints []objective.Constraint
	// MemoryLimit is how many bytes of linear memory an architecture may need, by
	// graph.Memory.TotalBytes; at most graph.MaxBytes, which 0 stands for.
	MemoryLimit int64
	// Table tells the times of a frame's architectures. It may be nil when no
	// objective and no constraint is measured.
	Table func(space.Frame) (Table, error)

	memory *memory // of the frames, one after the other
}

// Point is an architecture on the frontier.
type Point struct {
	Arch   arch.Architecture // canonical, the layers by d_inner, then n_head
	Values []float64         // of Problem.Objectives, in their units; times as predicted, rounded to nanoseconds
}

// Solve returns the Pareto frontier of p: for each combination of values that no
// architecture of the space surpasses one architecture that has it, by ascending
// costs of the first objective, then of the next. The same problem always gives the
// same points.
//
// It returns no points when nothing in the space keeps the constraints. An error
// says what of the problem is not valid, or that a frame has more combinations than can
// be kept or compared.
func Solve(p Problem) ([]Point, error) {
	frames, err := p.check()
	if err != nil {
		return nil, err
	}
	var points []Point
	for _, f := range frames {
		found, err := p.solveFrame(f)
		if err != nil {
			return nil, inFrame(f, err)
		}
		points = append(points, found...)
	}
	return p.nondominated(points), nil
}

// Check reports why [Solve] would refuse p, whatever times its table will tell.
func (p Problem) Check() error {
	if p.Table == nil {
		p.Table = func(space.Frame) (Table, error) { return Table{}, nil }
	}
	_, err := p.check()
	return err
}

// Rehearse reports why [Solve] would refuse p, as far as one frame tells: the first of
// those with the most layers to choose from, and among those in which a bound on memory
// matters the first as well. It takes a fraction of the time, and under a table of typical
// times warns of most that is too large.
func (p Problem) Rehearse() error {
	frames, err := p.check()
	if err != nil {
		return err
	}
	var hardest, bounded *sums // the latter where memory is needed as well
	for _, f := range frames {
		if hardest != nil && len(f.Layers) <= len(hardest.frame.Layers) && (bounded != nil || len(p.Constraints) == 0) {
			continue
		}
		s, err := p.sums(f)
		if err != nil {
			return inFrame(f, err)
		}
		most := s.mostBytes(slices.Max(p.Space.NLayer))
		switch {
		case hardest == nil || len(f.Layers) > len(hardest.frame.Layers):
			hardest = s
		case bounded == nil && len(p.needsWithin(most)) > len(p.needsWithin(hardest.mostBytes(slices.Max(p.Space.NLayer)))):
			bounded = s
		}
	}
	for _, s := range []*sums{hardest, bounded} {
		if s == nil {
			continue
		}
		if _, err := p.multisets(s); err != nil {
			return inFrame(s.frame, err)
		}
	}
	return nil
}

// maxConstraints bounds Problem.Constraints.
const maxConstraints = 64

func (p *Problem) check() ([]space.Frame, error) {
	p.memory = new(memory)
	frames, err := p.Space.Frames()
	if err != nil {
		return nil, err
	}
	for _, f := range frames {
		if n := len(f.Layers); n > maxLayers && !p.Space.Shared {
			return nil, inFrame(f, fmt.Errorf("%d layers to choose from; at most %d are allowed: give the space fewer values of d_inner or n_head", n, maxLayers))
		}
	}
	if err := p.Workload.Validate(); err != nil {
		return nil, err
	}
	if len(p.Constraints) > maxConstraints {
		return nil, fmt.Errorf("exact: %d constraints; at most %d are allowed", len(p.Constraints), maxConstraints)
	}
	if p.MemoryLimit < 0 {
		return nil, fmt.Errorf("exact: memory_limit %d must be a number of bytes, or 0 for no limit", p.MemoryLimit)
	}
	if p.MemoryLimit == 0 || p.MemoryLimit > graph.MaxBytes {
		p.MemoryLimit = graph.MaxBytes
	}
	for _, n := range p.needs() {
		if err := n.validate(p.Table != nil); err != nil {
			return nil, err
		}
	}
	return frames, nil
}

// inFrame says which frame err is of, if it is any.
func inFrame(f space.Frame, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("exact: d_model %d: %w", f.DModel, err)
}

// solveFrame returns the frontier of one frame.
func (p *Problem) solveFrame(f space.Frame) ([]Point, error) {
	s, err := p.sums(f)
	if err != nil {
		return nil, err
	}
	m, err := p.multisets(s)
	if err != nil {
		return nil, err
	}
	var points []Point
	found := &p.memory.found
	found.clear()
	for i, depth := range p.Space.NLayer {
		if err = p.valued(s, m, depth, found); err != nil {
			return nil, err
		}
		if s.arena.exact && i+1 < len(p.Space.NLayer) {
			continue // estimates are compared at equal depth only
		}
		if points, err = p.built(s, m, found, points); err != nil {
			return nil, err
		}
		found.clear()
	}
	return p.nondominated(points), nil
}

// found are multisets with the values of their architectures.
type found struct {
	values []float64 // by multiset, then objective
	at     []place
}

// place says which multiset of a depth it is.
type place struct{ depth, index int32 }

func (f *found) clear() { f.values, f.at = f.values[:0], f.at[:0] }

// of returns the values of multiset i.
func (f *found) of(i int) []float64 {
	n := len(f.values) / len(f.at)
	return f.values[i*n : (i+1)*n]
}

// multisets lists some of a frame's layers.
type multisets interface {
	count(depth int) int
	// at returns the indices of the layers of one, in the memory of buf.
	at(depth, i int, buf []int) []int
}

// multisets returns those of one frame that may be on its frontier.
func (p *Problem) multisets(s *sums) (multisets, error) {
	if p.Space.Shared {
		return repeated(len(s.frame.Layers)), nil
	}
	k := p.knapsack(s)
	return k, k.fill()
}

// repeated lists the multisets of one out of so many layers.
type repeated int

func (r repeated) count(int) int { return int(r) }

func (r repeated) at(depth, i int, buf []int) []int {
	buf = buf[:0]
	for range depth {
		buf = append(buf, i)
	}
	return buf
}

// valued adds the multisets of one depth whose architectures keep all bounds.
func (p *Problem) valued(s *sums, m multisets, depth int, f *found) error {
	var layers []int
	var values []float64
	a := s.base
	full := 2*len(f.at) + batch
	for i := range m.count(depth) {
		layers = m.at(depth, i, layers)
		s.fill(&a, layers)
		kept, err := p.values(s, a, layers, s.memory(layers), values[:0])
		if err != nil {
			return err
		}
		if kept == nil {
			continue
		}
		values = kept
		f.values, f.at = append(f.values, values...), append(f.at, place{int32(depth), int32(i)})
		if len(f.at) == full {
			p.thin(f)
			full = 2*len(f.at) + batch
		}
	}
	return nil
}

// built adds the architectures of those that none dominates to points.
func (p *Problem) built(s *sums, m multisets, f *found, points []Point) ([]Point, error) {
	var layers []int
	a := s.base
	for _, i := range p.front(len(f.at), f.of) {
		layers = m.at(int(f.at[i].depth), int(f.at[i].index), layers)
		s.fill(&a, layers)
		point := Point{a.Canonical(), slices.Clone(f.of(i))}
		if !s.arena.exact {
			g, err := graph.Build(a, p.Workload)
			if err != nil {
				return nil, err
			}
			if point.Values, err = p.values(s, a, layers, g.Memory, nil); err != nil {
				return nil, err
			}
		}
		if point.Values != nil {
			points = append(points, point)
		}
	}
	return points, nil
}

// batch is how many multisets are collected at least before they are thinned out.
const batch = 1 << 12

// thin keeps the multisets that none dominates.
func (p *Problem) thin(f *found) {
	n := len(p.Objectives)
	kept := pareto.Front(p.costs(len(f.at), f.of)) // ascending
	for to, from := range kept {
		copy(f.values[to*n:(to+1)*n], f.of(from))
		f.at[to] = f.at[from]
	}
	f.values, f.at = f.values[:len(kept)*n], f.at[:len(kept)]
}

// nondominated returns the points that none dominates, by their costs.
func (p *Problem) nondominated(points []Point) (front []Point) {
	for _, i := range p.front(len(points), func(i int) []float64 { return points[i].Values }) {
		front = append(front, points[i])
	}
	return front
}

// front returns the indices of those of n values that none dominates, by their costs.
func (p *Problem) front(n int, values func(i int) []float64) []int {
	costs := p.costs(n, values)
	order := pareto.Front(costs)
	slices.SortFunc(order, func(i, j int) int { return slices.Compare(costs[i], costs[j]) })
	return order
}

func (p *Problem) costs(n int, values func(i int) []float64) [][]float64 {
	each := len(p.Objectives)
	all, costs := make([]float64, 0, n*each), make([][]float64, n)
	for i := range costs {
		all = p.Objectives.AppendCosts(all, values(i))
		costs[i] = all[i*each:]
	}
	return costs
}
