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
	found, at := p.memory.found[:0], p.memory.at[:0]
	for i, depth := range p.Space.NLayer {
		if found, at, err = p.valued(s, m, depth, found, at); err != nil {
			return nil, err
		}
		if s.arena.exact && i+1 < len(p.Space.NLayer) {
			continue // estimates are compared at equal depth only
		}
		if points, err = p.built(s, m, found, at, points); err != nil {
			return nil, err
		}
		p.memory.found, p.memory.at = found, at
		found, at = found[:0], at[:0]
	}
	return p.nondominated(points), nil
}

// place says which multiset a point is of.
type place struct{ depth, index int }

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

// valued adds the values of one depth to points without architectures.
func (p *Problem) valued(s *sums, m multisets, depth int, points []Point, at []place) ([]Point, []place, error) {
	var layers []int
	a := s.base
	full := 2*len(points) + batch
	for i := range m.count(depth) {
		layers = m.at(depth, i, layers)
		s.fill(&a, layers)
		values, err := p.values(s, a, layers, s.memory(layers))
		if err != nil {
			return nil, nil, err
		}
		if values != nil {
			points, at = append(points, Point{Values: values}), append(at, place{depth, i})
		}
		if len(points) == full {
			points, at = p.thin(points, at)
			full = 2*len(points) + batch
		}
	}
	return points, at, nil
}

// built adds the architectures of those that none dominates to points.
func (p *Problem) built(s *sums, m multisets, found []Point, at []place, points []Point) ([]Point, error) {
	var layers []int
	a := s.base
	for _, i := range p.front(found) {
		layers = m.at(at[i].depth, at[i].index, layers)
		s.fill(&a, layers)
		point := Point{a.Canonical(), found[i].Values}
		if !s.arena.exact {
			g, err := graph.Build(a, p.Workload)
			if err != nil {
				return nil, err
			}
			if point.Values, err = p.values(s, a, layers, g.Memory); err != nil {
				return nil, err
			}
		}
		if point.Values != nil {
			points = append(points, point)
		}
	}
	return points, nil
}

// batch is how many points are collected at least before they are thinned out.
const batch = 1 << 12

// thin keeps the points that none dominates, with their places, where they are.
func (p *Problem) thin(points []Point, at []place) (front []Point, frontAt []place) {
	front, frontAt = points[:0], at[:0]
	for _, i := range pareto.Front(p.costs(points)) { // ascending
		front, frontAt = append(front, points[i]), append(frontAt, at[i])
	}
	return front, frontAt
}

// nondominated returns the points that none dominates, by their costs.
func (p *Problem) nondominated(points []Point) (front []Point) {
	for _, i := range p.front(points) {
		front = append(front, points[i])
	}
	return front
}

// front returns the indices of the points that none dominates, by their costs.
func (p *Problem) front(points []Point) []int {
	costs := p.costs(points)
	order := pareto.Front(costs)
	slices.SortFunc(order, func(i, j int) int { return slices.Compare(costs[i], costs[j]) })
	return order
}

func (p *Problem) costs(points []Point) [][]float64 {
	costs := make([][]float64, len(points))
	for i, point := range points {
		costs[i] = p.Objectives.Costs(point.Values)
	}
	return costs
}
