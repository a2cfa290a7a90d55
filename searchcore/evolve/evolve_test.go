package evolve

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// strategy is what a study drives.
type strategy interface {
	Propose(*rand.Rand) (trial.Proposal, error)
	Asked(trial.Proposal)
	Told(archID string, costs []float64, m *trial.Measurement)
}

func preset(t testing.TB, name string) space.Space {
	t.Helper()
	s, err := space.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tiny has 2·(4 + 4²) = 40 architectures.
func tiny() space.Space {
	return space.Space{
		Name: "tiny", Backbone: arch.GPT2, Vocab: 100, MaxLen: 16,
		NLayer: space.Choices{1, 2}, DModel: space.Choices{8, 16},
		DInner: space.Choices{8, 32}, NHead: space.Choices{2, 4},
	}
}

// costs is an additive device: decoder parameters against a latency that knows
// an overhead for each layer, one for each head, and widths that fill its
// vectors badly, and against memory with the vocabulary matrix and activations.
func costs(a arch.Architecture) []float64 {
	latency, memory := 0.0, float64(a.Vocab*a.DModel)
	for _, l := range a.Layers {
		work := float64(a.DModel * (4*a.DModel + 2*l.DInner))
		memory += work + float64(192*(l.DInner+2*a.DModel))
		if l.DInner%256 != 0 {
			work *= 1.5
		}
		latency += 2e6 + work*(1+float64(l.Heads)/8)
	}
	return []float64{-float64(a.DecoderParams()), latency, memory}
}

// ask proposes with the generator of that trial number.
func ask(s strategy, number int) (trial.Proposal, error) {
	return s.Propose(rand.New(rand.NewPCG(99, uint64(number))))
}

// exhaust runs s to its end, one trial at a time, and returns its proposals.
func exhaust(t testing.TB, s strategy, limit int) []trial.Proposal {
	t.Helper()
	var all []trial.Proposal
	for len(all) <= limit {
		p, err := ask(s, len(all)+1)
		if errors.Is(err, trial.ErrExhausted) {
			return all
		}
		if err != nil {
			t.Fatalf("trial %d: %v", len(all)+1, err)
		}
		s.Asked(p)
		s.Told(p.Arch.ID(), costs(p.Arch), nil)
		all = append(all, p)
	}
	t.Fatalf("more than %d proposals", limit)
	return nil
}

// dominated compares with every other point, from the definition.
func dominated(c []float64, others [][]float64) bool {
	return slices.ContainsFunc(others, func(o []float64) bool {
		better := false
		for i := range c {
			if o[i] > c[i] {
				return false
			}
			better = better || o[i] < c[i]
		}
		return better
	})
}

func TestLTSVisitsThePublishedNumberOfCandidates(t *testing.T) {
	sp := preset(t, "lts-gpt2")
	refused := 0
	feasible := func(a arch.Architecture) error {
		if a.Layers[0].Heads == 8 && a.DModel > 512 {
			refused++
			return errors.New("no")
		}
		return nil
	}
	e := New(sp, LTS(), feasible)
	all := exhaust(t, e, 3000)
	if len(all) != 2500 {
		t.Errorf("%d candidates, want 2500", len(all))
	}
	if refused == 0 {
		t.Error("the constraint refused nothing: the test shows little")
	}
	type key struct {
		generation int
		op         string
	}
	ops := map[key]int{}
	generation := map[string]int{}
	var pool []string
	for i, p := range all {
		id := p.Arch.ID()
		if _, seen := generation[id]; seen {
			t.Errorf("trial %d: %s proposed twice", i+1, id)
		}
		generation[id] = p.Origin.Generation
		if err := sp.Contains(p.Arch); err != nil {
			t.Errorf("trial %d: %v", i+1, err)
		}
		if err := feasible(p.Arch); err != nil {
			t.Errorf("trial %d is infeasible", i+1)
		}
		if first := i >= 100 && (i-100)%80 == 0; first != (len(p.Origin.Pool) > 0) {
			t.Errorf("trial %d: pool of %d", i+1, len(p.Origin.Pool))
		} else if first {
			if pool = p.Origin.Pool; len(pool) != 20 {
				t.Errorf("trial %d: %d parents, want 20", i+1, len(pool))
			}
		}
		for _, parent := range p.Origin.Parents {
			if !slices.Contains(pool, parent) {
				t.Errorf("trial %d: parent %s is not in the pool", i+1, parent)
			}
		}
		if want := map[string]int{"random": 0, "mutation": 1, "crossover": 2}[p.Origin.Op]; len(p.Origin.Parents) != want {
			t.Errorf("trial %d: %s of %d parents", i+1, p.Origin.Op, len(p.Origin.Parents))
		}
		ops[key{p.Origin.Generation, p.Origin.Op}]++
	}
	if n := ops[key{0, "random"}]; n != 100 {
		t.Errorf("initial population of %d, want 100", n)
	}
	for g := 1; g <= 30; g++ {
		if m, c := ops[key{g, "mutation"}], ops[key{g, "crossover"}]; m != 40 || c != 40 {
			t.Errorf("generation %d: %d mutants and %d crossovers, want 40 and 40", g, m, c)
		}
	}

	// The frontier is that of all candidates, the last generation's among them.
	var points [][]float64
	for _, p := range all {
		points = append(points, costs(p.Arch))
	}
	var want []string
	last := 0
	for i, p := range all {
		twin := slices.ContainsFunc(points[:i], func(o []float64) bool { return slices.Equal(o, points[i]) })
		if !twin && !dominated(points[i], points) {
			want = append(want, p.Arch.ID())
			if p.Origin.Generation == 30 {
				last++
			}
		}
	}
	if got := e.archive.frontier(); !slices.Equal(got, want) {
		t.Errorf("frontier of %d, want %d", len(got), len(want))
	}
	if last == 0 {
		t.Error("none of the last generation is in the frontier")
	}
}

func TestParentsAreOfTheWholeFrontier(t *testing.T) {
	e := New(preset(t, "lts-gpt2"), LTS(), nil)
	for number := 1; number <= 100+5*80; number++ {
		p, err := ask(e, number)
		if err != nil {
			t.Fatal(err)
		}
		if p.Origin.Pool != nil {
			frontier := e.archive.frontier()
			for _, id := range p.Origin.Pool {
				if !slices.Contains(frontier, id) {
					t.Errorf("trial %d: parent %s is not on the frontier", number, id)
				}
			}
		}
		e.Asked(p)
		e.Told(p.Arch.ID(), costs(p.Arch), nil)
	}
	total := 0
	for _, n := range e.chosen {
		total += n
	}
	if total != 5*20 {
		t.Errorf("%d choices of parents counted, want 100", total)
	}
}

func TestDrawParentsWeights(t *testing.T) {
	frontier := []string{"new", "once", "thrice", "also new"}
	chosen := map[string]int{"once": 1, "thrice": 3, "gone": 50}
	const n = 27500
	got := map[string]int{}
	for _, id := range drawParents(rand.New(rand.NewPCG(1, 2)), frontier, chosen, n) {
		got[id]++
	}
	statistic := 0.0
	for id, weight := range map[string]float64{"new": 1, "once": 1. / 2, "thrice": 1. / 4, "also new": 1} {
		expected := n * weight / 2.75
		statistic += (float64(got[id]) - expected) * (float64(got[id]) - expected) / expected
	}
	if statistic > 16.3 { // 0.1 % of chi-square with 3 degrees of freedom
		t.Errorf("chi-square %.1f: %v", statistic, got)
	}
	if p := drawParents(rand.New(rand.NewPCG(1, 2)), nil, nil, 20); len(p) != 0 {
		t.Errorf("parents %v from an empty frontier", p)
	}
}

func TestArchaiMutatesEveryFrontierMemberOnce(t *testing.T) {
	e := New(preset(t, "archai-gpt2"), Archai(), nil)
	generations := make([]map[string]int, 11) // how many of each operator
	parents := make([]int, 11)
	var unmutated map[string]bool
	for number := 1; ; number++ {
		p, err := ask(e, number)
		if errors.Is(err, trial.ErrExhausted) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		g := p.Origin.Generation
		if pool := p.Origin.Pool; pool != nil {
			if got, want := slices.Sorted(slices.Values(pool)), slices.Sorted(slices.Values(e.archive.frontier())); !slices.Equal(got, want) {
				t.Errorf("generation %d: %d parents, frontier of %d", g, len(got), len(want))
			}
			parents[g] = len(pool)
			unmutated = map[string]bool{}
			for _, id := range pool {
				unmutated[id] = true
			}
		}
		if p.Origin.Op == "mutation" {
			if !unmutated[p.Origin.Parents[0]] {
				t.Errorf("trial %d: parent %s mutates again", number, p.Origin.Parents[0])
			}
			delete(unmutated, p.Origin.Parents[0])
		}
		if generations[g] == nil {
			generations[g] = map[string]int{}
		}
		generations[g][p.Origin.Op]++
		e.Asked(p)
		e.Told(p.Arch.ID(), costs(p.Arch), nil)
	}
	for g, got := range generations {
		want := map[string]int{"crossover": 5, "random": 5, "mutation": min(parents[g], 90)}
		if g == 0 {
			want = map[string]int{"random": 10}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("generation %d with %d parents: %v, want %v", g, parents[g], got, want)
		}
	}
}

func TestMaxChildrenCutsMutantsOnly(t *testing.T) {
	o := Archai()
	o.Generations, o.MaxChildren = 1, 12
	ops := map[string]int{}
	for _, p := range exhaust(t, New(preset(t, "lts-gpt2"), o, nil), 100) {
		if p.Origin.Generation == 1 {
			ops[p.Origin.Op]++
		}
	}
	if want := map[string]int{"crossover": 5, "random": 5, "mutation": 2}; !reflect.DeepEqual(ops, want) {
		t.Errorf("children %v, want %v", ops, want)
	}
}

// TestExhaustion runs every algorithm in a space that is smaller than its
// schedule: each visits every feasible architecture once and then stops.
func TestExhaustion(t *testing.T) {
	sp := tiny()
	feasible := func(a arch.Architecture) error {
		if a.DModel == 16 && a.Layers[0].Heads == 2 {
			return errors.New("no")
		}
		return nil
	}
	// At d_model 16, 2 of 4 first layers are refused: 20 + 2 + 2·4.
	const want = 30
	lts := LTS()
	lts.Initial = 5
	block := LTSBlock()
	block.Initial = 5
	archai := Archai()
	for name, s := range map[string]strategy{
		"lts": New(sp, lts, feasible), "lts-block": New(sp, block, feasible), "archai": New(sp, archai, feasible), "random": NewRandom(sp, feasible),
	} {
		t.Run(name, func(t *testing.T) {
			ids := map[string]bool{}
			for _, p := range exhaust(t, s, 40) {
				if feasible(p.Arch) != nil {
					t.Errorf("proposed the infeasible %v", p.Arch)
				}
				ids[p.Arch.ID()] = true
			}
			if len(ids) != want {
				t.Errorf("%d architectures visited, want %d", len(ids), want)
			}
		})
	}
}

func TestNothingFeasible(t *testing.T) {
	never := func(arch.Architecture) error { return errors.New("no") }
	for _, s := range []strategy{New(tiny(), LTS(), never), New(tiny(), Options{Generations: 3}, nil)} {
		if p, err := ask(s, 1); !errors.Is(err, trial.ErrExhausted) {
			t.Errorf("proposed %v, %v", p, err)
		}
	}
	for _, s := range []strategy{New(space.Space{}, LTS(), nil), NewRandom(space.Space{}, nil)} {
		if p, err := ask(s, 1); err == nil || errors.Is(err, trial.ErrExhausted) || errors.Is(err, trial.ErrWait) {
			t.Errorf("in an invalid space: proposed %v, %v", p, err)
		}
	}
}

func TestGenerationsAreSynchronous(t *testing.T) {
	e := New(preset(t, "lts-gpt2"), LTS(), nil)
	var population []trial.Proposal
	for number := 1; number <= 100; number++ {
		p, err := ask(e, number)
		if err != nil {
			t.Fatalf("trial %d: %v", number, err) // trials of one generation do not wait
		}
		e.Asked(p)
		population = append(population, p)
	}
	for i, p := range population {
		if _, err := ask(e, 101); !errors.Is(err, trial.ErrWait) {
			t.Fatalf("with %d outstanding: %v, want ErrWait", len(population)-i, err)
		}
		if i%2 == 0 {
			e.Told(p.Arch.ID(), nil, nil) // a failure is an answer as well
		} else {
			e.Told(p.Arch.ID(), costs(p.Arch), nil)
		}
	}
	p, err := ask(e, 101)
	if err != nil || p.Origin.Generation != 1 {
		t.Errorf("after all were told: generation %d, %v", p.Origin.Generation, err)
	}
	for i, q := range population {
		if i%2 == 0 && slices.Contains(p.Origin.Pool, q.Arch.ID()) {
			t.Errorf("the failed trial %d is a parent", i+1)
		}
	}
}

func TestAllFailedContinuesAtRandom(t *testing.T) {
	o := LTS()
	o.Initial, o.Generations = 3, 2
	e := New(preset(t, "lts-gpt2"), o, nil)
	for number := 1; number <= 3+2*80; number++ {
		p, err := ask(e, number)
		if err != nil {
			t.Fatal(err)
		}
		if p.Origin.Op != "random" || p.Origin.Generation != (number+76)/80 {
			t.Fatalf("trial %d: %+v", number, p.Origin)
		}
		e.Asked(p)
		e.Told(p.Arch.ID(), nil, nil)
	}
	if _, err := ask(e, 164); !errors.Is(err, trial.ErrExhausted) {
		t.Errorf("%v, want ErrExhausted", err)
	}
}

func TestForeignCallsChangeNothing(t *testing.T) {
	o := Options{Initial: 2, Generations: 1, Parents: 2, Mutants: 2, MutationProb: 0.5}
	run := func(noise bool) (all []trial.Proposal) {
		e := New(preset(t, "lts-gpt2"), o, nil)
		for number := 1; number <= 4; number++ {
			p, err := ask(e, number)
			if err != nil {
				t.Fatal(err)
			}
			e.Asked(p)
			if noise {
				e.Asked(p)
				e.Told("never asked", []float64{-1e9, 0, 0}, nil)
			}
			e.Told(p.Arch.ID(), costs(p.Arch), nil)
			if noise {
				e.Told(p.Arch.ID(), []float64{0, 0, 0}, nil)
				e.Asked(p)
			}
			all = append(all, p)
		}
		return all
	}
	if quiet, noisy := run(false), run(true); !reflect.DeepEqual(quiet, noisy) {
		t.Errorf("%v, want %v", noisy, quiet)
	}
}

func TestUnknownParentsAreAnError(t *testing.T) {
	o := Options{Initial: 1, Generations: 1, Mutants: 5, MutationProb: 0.5}
	e := New(preset(t, "lts-gpt2"), o, nil)
	p, err := ask(e, 1)
	if err != nil {
		t.Fatal(err)
	}
	p.Origin.Generation, p.Origin.Pool = 1, []string{"forged"}
	e.Asked(p)
	if p, err := ask(e, 2); err == nil {
		t.Errorf("proposed %v", p)
	}
}

// call is one entry of a simulated journal.
type call struct {
	asked *trial.Proposal
	told  string
	costs []float64
	err   error // of a Propose that gave no proposal
}

// throughJSON is p as a journal gives it back.
func throughJSON(t testing.TB, p trial.Proposal) *trial.Proposal {
	line, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back trial.Proposal
	if err := json.Unmarshal(line, &back); err != nil {
		t.Fatal(err)
	}
	return &back
}

// replay applies a journal to s and returns s and the number of the next trial.
func replay(s strategy, journal []call) (strategy, int) {
	next := 1
	for _, c := range journal {
		switch {
		case c.told != "":
			s.Told(c.told, c.costs, nil)
		case c.asked != nil:
			s.Asked(*c.asked)
			next++
		}
	}
	return s, next
}

// simulate drives s as a study with several devices does: up to workers trials
// outstanding, answers in any order, some of them failures.
func simulate(t testing.TB, s strategy, workers int, r *rand.Rand, limit int) (journal []call) {
	var open []arch.Architecture
	asked := 0
	for asked < limit {
		if len(open) < workers && r.IntN(3) > 0 {
			p, err := ask(s, asked+1)
			switch {
			case err == nil:
				s.Asked(p)
				journal = append(journal, call{asked: throughJSON(t, p)})
				open = append(open, p.Arch)
				asked++
				continue
			case errors.Is(err, trial.ErrExhausted):
				return append(journal, call{err: err})
			case !errors.Is(err, trial.ErrWait):
				t.Fatal(err)
			}
			journal = append(journal, call{err: err})
		}
		if len(open) > 0 {
			i := r.IntN(len(open))
			c := call{told: open[i].ID()}
			if r.IntN(5) > 0 {
				c.costs = costs(open[i])
			}
			s.Told(c.told, c.costs, nil)
			journal = append(journal, c)
			open = slices.Delete(open, i, i+1)
		}
	}
	return journal
}

// TestReplayContinuesTheSearch cuts a simulated search at every point and
// replays what was recorded into a fresh strategy, which never proposed: it must
// propose what the uninterrupted search did. As the next cut replays that
// proposal, the cuts together cover all that remains after each of them.
func TestReplayContinuesTheSearch(t *testing.T) {
	archai := preset(t, "archai-gpt2")
	small := Options{Initial: 6, Generations: 4, Parents: 4, Crossovers: 3, Mutants: 4, MutationProb: 0.3}
	blocks := small
	blocks.Blocks = true
	every := Archai()
	every.Initial, every.Generations, every.MaxChildren = 4, 3, 14
	searches := map[string]func() strategy{
		"lts":    func() strategy { return New(archai, small, nil) },
		"blocks": func() strategy { return New(preset(t, "lts-gpt2"), blocks, nil) },
		"archai": func() strategy { return New(archai, every, nil) },
		"random": func() strategy { return NewRandom(archai, nil) },
		"tiny":   func() strategy { return New(tiny(), small, nil) },
	}
	for name, fresh := range searches {
		for _, workers := range []int{1, 2, 5} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprintf("%s/%d workers/%d", name, workers, seed), func(t *testing.T) {
					journal := simulate(t, fresh(), workers, rand.New(rand.NewPCG(seed, 1)), 40)
					for cut, next := range journal {
						if next.told == "" {
							p, err := ask(replay(fresh(), journal[:cut]))
							if !errors.Is(err, next.err) || next.asked != nil && !reflect.DeepEqual(p, *next.asked) {
								t.Fatalf("cut at %d: proposes %v, %v; the journal has %v", cut, p, err, next)
							}
						}
					}
				})
			}
		}
	}
}

func TestProposeChangesNothing(t *testing.T) {
	e := New(preset(t, "lts-gpt2"), Options{Initial: 3, Generations: 2, Parents: 2, Crossovers: 2, Mutants: 2, MutationProb: 0.3}, nil)
	for number := 1; number <= 11; number++ {
		for range 5 {
			if _, err := ask(e, number*1000); err != nil {
				t.Fatal(err)
			}
		}
		first, err := ask(e, number)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ask(e, number)
		if err != nil || !reflect.DeepEqual(first, again) {
			t.Fatalf("trial %d: %v, then %v, %v", number, first, again, err)
		}
		e.Asked(first)
		e.Told(first.Arch.ID(), costs(first.Arch), nil)
	}
}

// The search beats the sampling it starts from: more of the last generation than
// of the initial population is on the frontier.
func TestEvolutionImproves(t *testing.T) {
	all := exhaust(t, New(preset(t, "lts-gpt2"), LTS(), nil), 2500)
	var points [][]float64
	for _, p := range all {
		points = append(points, costs(p.Arch))
	}
	onFrontier := map[int]int{}
	for i, p := range all {
		if !dominated(points[i], points) {
			onFrontier[p.Origin.Generation]++
		}
	}
	if onFrontier[30] <= onFrontier[0] {
		t.Errorf("%d of the 100 initial candidates and %d of the last 80 are on the frontier", onFrontier[0], onFrontier[30])
	}
}
