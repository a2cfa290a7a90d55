// Package surrogate holds the strategy that understands the device before it
// searches: it has a few candidates measured that are designed to tell most, fits a model
// of the device's latency to them (package cost), solves the space's exact frontier under
// the model (package exact), and has members of that frontier measured, those that add
// most to the hypervolume of what was measured, and those farthest from it, fitting and
// solving again as results come in. It ends when the model and what was measured agree.
//
// Like all strategies it depends on the calls of Asked and Told alone, in their
// order: models are fitted to the first results, by counts that are fixed, so that
// a replayed journal leads to the same model and the same proposals.
package surrogate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"

	"litefront/searchcore/arch"
	"litefront/searchcore/cost"
	"litefront/searchcore/exact"
	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/trial"
)

// Designed is how many candidates are measured before the first model: one for each
// decile of depth and width, as chosen by package cost, one that reads the most
// bytes, and one more.
const Designed = 12

// Transferred is how many are measured instead where models of other devices are known.
const Transferred = 6

// FirstModel is how many candidates a study of this setup measures before its first
// model.
func FirstModel(setup trial.Setup) int {
	if len(setup.Known) > 0 {
		return Transferred
	}
	return Designed
}

const (
	// batch is how many members of the frontier are measured between two models: by
	// turns for the hypervolume, chosen among so many that are spread over it, and the
	// farthest.
	batch, pool = 5, 100
	// latest is how many results a model is fitted to at most.
	latest = 500
	// settled is how many of the last results are compared with what was predicted of
	// them, and agreement the share that must lie in the 95 % prediction intervals,
	// for an end.
	settled   = 2 * batch
	agreement = 0.9
	// near is how far, as a ratio less one, every member of the predicted frontier
	// may be from a measured one in any objective for an end.
	near = 0.04
)

// The values of trial.Origin.Op.
const (
	opDesign   = "design"
	opFrontier = "frontier"
	opRandom   = "random"
)

// Strategy is a search that fits, solves and measures. It is a study's strategy.
type Strategy struct {
	setup    trial.Setup
	problem  exact.Problem
	feasible func(arch.Architecture) error
	designed int // how many candidates are measured before the first model

	design  []arch.Architecture // once it is planned
	planned bool
	asked   map[string]trial.Proposal
	open    map[string]bool
	results []result // in the order in which they were told

	solution *solution // the last that was computed
}

// result is what became of an architecture.
type result struct {
	arch        arch.Architecture
	op          string             // trial.Origin.Op
	measurement *trial.Measurement // nil if it failed
	usable      bool               // the measurement is something to fit
	costs       []float64          // nil if it failed or broke a constraint
}

// solution is the frontier under a model.
type solution struct {
	fitted    int // results that there were, failures counted
	observed  int // of these, the model was fitted to
	model     *cost.Model
	points    []exact.Point
	selection []arch.Architecture // to be measured next
	farthest  float64             // distance of the first of them from what is measured

	within, checked int // see check
}

// New returns the strategy for a study's setup. feasible is as for package evolve.
// It is an error if the objectives or constraints are not such as package exact
// solves for.
func New(setup trial.Setup, feasible func(arch.Architecture) error) (*Strategy, error) {
	objectives, err := objective.ParseSet(setup.Objectives)
	if err != nil {
		return nil, err
	}
	s := &Strategy{
		setup:    setup,
		problem:  exact.Problem{Space: setup.Space, Workload: setup.Workload, Objectives: objectives, MemoryLimit: setup.MemoryLimit},
		feasible: feasible,
		designed: FirstModel(setup),
		asked:    map[string]trial.Proposal{},
		open:     map[string]bool{},
	}
	if len(setup.Known) > 0 {
		if err := cost.CheckKnown(setup.Known, setup.Workload); err != nil {
			return nil, err
		}
	}
	if s.feasible == nil {
		s.feasible = func(arch.Architecture) error { return nil }
	}
	for _, text := range setup.Constraints {
		c, err := objective.ParseConstraint(text)
		if err != nil {
			return nil, err
		}
		s.problem.Constraints = append(s.problem.Constraints, c)
	}
	if err := s.problem.Check(); err != nil {
		return nil, fmt.Errorf("strategy %q: %w", setup.Strategy, err)
	}
	return s, nil
}

// Probe reports why the space is too large to be solved for the objectives and
// constraints, as far as typical times tell.
func (s *Strategy) Probe() error {
	problem := s.problem
	problem.Table = cost.Typical(s.setup.Workload).Table
	if err := problem.Rehearse(); err != nil {
		return fmt.Errorf("strategy %q: %w; or use the strategy \"lts\"", s.setup.Strategy, err)
	}
	return nil
}

// Propose names the next candidate: of the design, then of the frontier, and where a
// model's whole frontier was asked, a random one to check the model elsewhere. The
// errors are [trial.ErrWait] while results that the next model needs are
// outstanding, [trial.ErrConverged], [trial.ErrExhausted] when nothing is left, and
// those of the model.
func (s *Strategy) Propose(r *rand.Rand) (trial.Proposal, error) {
	if len(s.asked) < s.designed {
		if err := s.plan(); err != nil {
			return trial.Proposal{}, err
		}
		if a, ok := s.unasked(s.design); ok {
			return proposal(a, opDesign), nil
		}
		return s.random(r) // of what the design did not come upon
	}
	n := s.due()
	if len(s.results) < n {
		return trial.Proposal{}, trial.ErrWait
	}
	solution, err := s.solve(n)
	if errors.Is(err, errTooFew) { // too many of the design failed
		return s.random(r)
	}
	if err != nil {
		return trial.Proposal{}, err
	}
	if solution.farthest <= math.Log1p(near) && s.agrees(solution) {
		return trial.Proposal{}, trial.ErrConverged
	}
	if a, ok := s.unasked(solution.selection); ok {
		return proposal(a, opFrontier), nil
	}
	return s.random(r)
}

func proposal(a arch.Architecture, op string) trial.Proposal {
	return trial.Proposal{Arch: a, Origin: trial.Origin{Op: op}}
}

// maxTries is how many random candidates are tried until one is new and feasible.
const maxTries = 1 << 12

// random proposes an unseen, feasible random candidate. Where there is none, the
// error names what stood against the last one.
func (s *Strategy) random(r *rand.Rand) (trial.Proposal, error) {
	reason := errors.New("every candidate was proposed before")
	for range maxTries {
		a, err := s.setup.Space.Sample(r)
		if err != nil {
			return trial.Proposal{}, err
		}
		if _, known := s.asked[a.ID()]; known {
			continue
		}
		if err := s.feasible(a); err != nil {
			reason = err
			continue
		}
		return proposal(a, opRandom), nil
	}
	return trial.Proposal{}, fmt.Errorf("%w: %w", trial.ErrExhausted, reason)
}

// Asked records that p was handed out.
func (s *Strategy) Asked(p trial.Proposal) {
	id := p.Arch.ID()
	if _, known := s.asked[id]; !known {
		s.asked[id], s.open[id] = p, true
	}
}

// Told records what measuring an architecture gave.
func (s *Strategy) Told(archID string, costs []float64, m *trial.Measurement) {
	if s.open[archID] {
		delete(s.open, archID)
		p := s.asked[archID]
		r := result{arch: p.Arch, op: p.Origin.Op, measurement: m, costs: slices.Clone(costs)}
		r.usable = m != nil && cost.Observation{Arch: p.Arch, Measurement: *m}.Validate() == nil
		s.results = append(s.results, r)
	}
}

// Predicted returns the frontier under the latest model, less what was told:
// members spread over it, those farthest from all that is measured first. It is nil
// before there is a model.
func (s *Strategy) Predicted() *trial.Predicted {
	n := s.Generation()
	if n == 0 {
		return nil
	}
	solution, err := s.solve(n)
	if err != nil {
		return nil
	}
	p := &trial.Predicted{Total: len(solution.points), Fitted: solution.observed, Checked: solution.checked, Within: solution.within}
	spread, _ := s.spread(solution.points, len(s.results), trial.MaxPredicted)
	for _, point := range spread {
		prediction, err := predict(solution.model, point.Arch)
		if err != nil {
			return nil
		}
		p.Points = append(p.Points, prediction)
	}
	return p
}

// Generation is how many results there were when the model was fitted; 0 before
// there is one.
func (s *Strategy) Generation() int {
	n := s.due()
	if len(s.results) < n {
		n -= batch
	}
	if n < s.designed || len(s.results) < n {
		return 0
	}
	return n
}

// plan makes the design, which depends on the setup alone. It prefers what would be on
// the frontier if the device took typical times: much of that is on its own, too.
func (s *Strategy) plan() error {
	if s.planned {
		return nil
	}
	s.planned = true
	problem := s.problem
	problem.Table = cost.Typical(s.setup.Workload).Table
	points, err := exact.Solve(problem)
	if err != nil {
		points = nil // it is a preference only; that of the model may be solved for
	}
	var typical []arch.Architecture
	spread, _ := s.spread(points, 0, pool)
	for _, p := range spread {
		typical = append(typical, p.Arch)
	}
	r := rand.New(rand.NewPCG(s.setup.Seed, 0))
	s.design, err = cost.Design(s.setup.Space, s.setup.Workload, s.designed, r, nil, typical, s.feasible)
	return err
}

// unasked returns the first of list that was not asked.
func (s *Strategy) unasked(list []arch.Architecture) (arch.Architecture, bool) {
	for _, a := range list {
		if _, known := s.asked[a.ID()]; !known {
			return a, true
		}
	}
	return arch.Architecture{}, false
}

// due is how many results the model has that proposals come from now: those of the
// design, and of all full batches after them.
func (s *Strategy) due() int { return s.designed + max(len(s.asked)-s.designed, 0)/batch*batch }

var errTooFew = errors.New("too few results for a model")

// fit returns the model of the first n results, and how many of them it was fitted to.
func (s *Strategy) fit(n int) (model *cost.Model, observed int, err error) {
	var usable []cost.Observation
	for _, r := range s.results[:n] {
		if r.usable {
			usable = append(usable, cost.Observation{Arch: r.arch, Measurement: *r.measurement})
		}
	}
	observations := cost.Latest(usable, latest)
	fewest := cost.MinObservations
	if len(s.setup.Known) > 0 {
		fewest = cost.MinTransferred
	}
	if len(observations) < fewest {
		return nil, 0, errTooFew
	}
	if model, err = cost.FitFrom(s.setup.Known, observations); err != nil {
		return nil, 0, err
	}
	return model.Latencies(), len(observations), nil
}

// predict returns what model expects of a. It is an error if that has no bounds.
func predict(model *cost.Model, a arch.Architecture) (trial.Prediction, error) {
	prefill, decode, err := model.Predict(a)
	if high := prefill.HighMs + decode.HighMs; err == nil && !(high <= math.MaxFloat64) {
		err = fmt.Errorf("architecture %s: the model bounds no time", a.ID())
	}
	return trial.Prediction{Arch: a, Prefill: trial.Estimate(prefill), Decode: trial.Estimate(decode)}, err
}

// solve returns the frontier under the model of the first n results.
func (s *Strategy) solve(n int) (*solution, error) {
	if s.solution != nil && s.solution.fitted == n {
		return s.solution, nil
	}
	model, observed, err := s.fit(n)
	if err != nil {
		return nil, err
	}
	problem := s.problem
	problem.Table = model.Table
	points, err := exact.Solve(problem)
	if err != nil {
		return nil, err
	}
	spread, farthest := s.spread(points, n, pool)
	solution := &solution{fitted: n, observed: observed, model: model, points: points, farthest: farthest}
	solution.selection = s.promising(spread, n)
	solution.within, solution.checked = s.check(n)
	s.solution = solution
	return solution, nil
}

// spread chooses up to n points, each the farthest from all chosen before it and
// from the first results (Gonzalez 1985), and returns the distance of the first.
// Distances are those of the logarithms of values, the largest over the objectives.
// What was among these results is not chosen.
func (s *Strategy) spread(points []exact.Point, results, n int) (chosen []exact.Point, farthest float64) {
	known := map[string]bool{}
	for _, r := range s.results[:results] {
		known[r.arch.ID()] = true
	}
	var measured [][]float64
	for _, costs := range s.measured(results) {
		measured = append(measured, logs(costs))
	}
	var at [][]float64
	var left []exact.Point
	var distance []float64
	for _, p := range points {
		if known[p.Arch.ID()] {
			continue
		}
		v, d := logs(p.Values), math.Inf(1)
		for _, m := range measured {
			d = min(d, chebyshev(v, m))
		}
		left, at, distance = append(left, p), append(at, v), append(distance, d)
	}
	for range min(n, len(left)) {
		i := floats.MaxIdx(distance)
		if len(chosen) == 0 {
			farthest = distance[i]
		}
		chosen = append(chosen, left[i])
		for j := range left {
			distance[j] = min(distance[j], chebyshev(at[i], at[j]))
		}
		distance[i] = -1
	}
	return chosen, farthest
}

// measured are the costs that the first results had on the device of the latest of
// them, which the model is of.
func (s *Strategy) measured(results int) (costs [][]float64) {
	var device trial.Device
	for _, r := range s.results[:results] {
		if r.usable {
			device = r.measurement.Device
		}
	}
	for _, r := range s.results[:results] {
		if r.costs != nil && r.measurement.Device.Same(device) {
			costs = append(costs, r.costs)
		}
	}
	return costs
}

// promising chooses a batch of spread points, the farthest first. By turns it is the
// one that adds most to the hypervolume of the first results and of those chosen
// before it (greedily chosen points have 1 - 1/e of what as many could add; Nemhauser,
// Wolsey and Fisher 1978), and the farthest: volumes alone neglect small models, and
// distances alone take half as long again to most of the volume.
func (s *Strategy) promising(points []exact.Point, results int) (chosen []arch.Architecture) {
	costs := make([][]float64, len(points))
	for i, p := range points {
		costs[i] = s.problem.Objectives.Costs(p.Values)
	}
	reference := corner(costs)
	dominated := s.measured(results)
	gains := slices.Repeat([]float64{math.Inf(1)}, len(points)) // at most: more points leave less to gain
	for len(chosen) < min(batch, len(points)) {
		best := slices.IndexFunc(gains, func(gain float64) bool { return gain >= 0 })
		if len(chosen)%2 == 0 {
			for fresh := map[int]bool{}; !fresh[best]; {
				fresh[best] = true
				gains[best] = pareto.Contribution(dominated, costs[best], reference)
				best = floats.MaxIdx(gains)
			}
		}
		chosen, dominated = append(chosen, points[best].Arch), append(dominated, costs[best])
		gains[best] = -1 // chosen
	}
	return chosen
}

// corner is a point that is worse than all of costs: beyond the worst of each, by a
// tenth of the range, so that the extremes count.
func corner(costs [][]float64) []float64 {
	var best, worst []float64
	for _, c := range costs {
		if best == nil {
			best, worst = slices.Clone(c), slices.Clone(c)
		}
		for k, x := range c {
			best[k], worst[k] = min(best[k], x), max(worst[k], x)
		}
	}
	for k, x := range best {
		worst[k] += max((worst[k]-x)/10, math.Abs(worst[k])/1000)
	}
	return worst
}

// agrees reports whether enough was checked of what models predict, and it agreed.
func (s *Strategy) agrees(solution *solution) bool {
	return solution.fitted-settled >= s.designed && solution.checked > 0 &&
		float64(solution.within) >= agreement*float64(solution.checked)
}

// check counts the latencies of the last results among the first n, those of the
// design left aside, and how many lie in the intervals in which the models that
// proposed them predicted them.
func (s *Strategy) check(n int) (within, all int) {
	for i := max(n-settled, s.designed); i < n; i += batch {
		model, _, err := s.fit(i)
		if err != nil {
			return 0, 0
		}
		for _, r := range s.results[i : i+batch] {
			if !r.usable || r.op == opDesign {
				continue
			}
			p, err := predict(model, r.arch)
			if err != nil {
				return 0, 0
			}
			all += 2
			within += in(objective.LatencyMs(r.measurement.Protocol, r.measurement.Prefill), p.Prefill)
			within += in(objective.LatencyMs(r.measurement.Protocol, r.measurement.Decode), p.Decode)
		}
	}
	return within, all
}

func in(ms float64, e trial.Estimate) int {
	if e.LowMs <= ms && ms <= e.HighMs {
		return 1
	}
	return 0
}

// logs are the logarithms of values, or of costs, which differ in sign only.
func logs(values []float64) []float64 {
	v := make([]float64, len(values))
	for i := range v {
		v[i] = math.Log(max(math.Abs(values[i]), math.SmallestNonzeroFloat64))
	}
	return v
}

// chebyshev is the largest difference.
func chebyshev(a, b []float64) float64 { return floats.Distance(a, b, math.Inf(1)) }
