package judge

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// How an expression is searched for, by genetic programming (Koza 1992), as
// Auto-Prox (Wei et al. 2024) searches for proxies.
const (
	population  = 300
	generations = 60
	elite       = 20
	tournament  = 4
	jitter      = 0.5   // of a constant's logarithm
	lengthPrice = 0.002 // of each number, statistic and operator, in correlation
	maxGrown    = 25    // size of what crossover and mutation make
)

// Discovery is a search for expressions in progress: one for each set, which
// never sees it, and a last one on all sets. It is plain data, so that it can be
// kept and gone on with.
type Discovery struct {
	Seed     uint64   `json:"seed"`
	Searches []Search `json:"searches"`
}

// Search is the search that leaves out one set.
type Search struct {
	HeldOut    string   `json:"held_out"` // empty for the one on all sets
	Generation int      `json:"generation"`
	Population []string `json:"population"` // best first
}

// NewDiscovery prepares a search on sets. It is an error if there are fewer than
// two, or some that cannot be ranked.
func NewDiscovery(sets []Set, seed uint64) (*Discovery, error) {
	if err := check(sets); err != nil {
		return nil, err
	}
	if len(sets) < 2 {
		return nil, errors.New("discovery needs at least 2 sets (column exp) to judge by leaving one out; the tables have 1")
	}
	d := &Discovery{Seed: seed}
	for _, s := range sets {
		d.Searches = append(d.Searches, Search{HeldOut: s.Name})
	}
	d.Searches = append(d.Searches, Search{})
	return d, nil
}

// Validate checks a discovery from outside against the sets that it is to go on
// with.
func (d *Discovery) Validate(sets []Set) error {
	fresh, err := NewDiscovery(sets, d.Seed)
	if err != nil {
		return err
	}
	if len(d.Searches) != len(fresh.Searches) {
		return fmt.Errorf("discovery: %d searches, must be %d for these tables", len(d.Searches), len(fresh.Searches))
	}
	for i, s := range d.Searches {
		switch {
		case s.HeldOut != fresh.Searches[i].HeldOut:
			return fmt.Errorf("discovery: search %d holds out %.60q, must be %q for these tables", i, s.HeldOut, fresh.Searches[i].HeldOut)
		case s.Generation < 0 || s.Generation > generations:
			return fmt.Errorf("discovery: search %d: generation %d must be 0 to %d", i, s.Generation, generations)
		case s.Generation > 0 && len(s.Population) != population:
			return fmt.Errorf("discovery: search %d: population of %d must be %d", i, len(s.Population), population)
		}
		if _, err := parseAll(s.Population); err != nil {
			return fmt.Errorf("discovery: search %d: %w", i, err)
		}
	}
	return nil
}

// Progress is how many generations are done, and of how many.
func (d *Discovery) Progress() (done, all int) {
	for _, s := range d.Searches {
		done += s.Generation
	}
	return done, generations * len(d.Searches)
}

// Step adds one generation to the first search that is not done. Equal seeds and
// sets give equal expressions, in one go or in several.
func (d *Discovery) Step(sets []Set) error {
	for i := range d.Searches {
		if s := &d.Searches[i]; s.Generation < generations {
			seen := slices.DeleteFunc(slices.Clone(sets), func(set Set) bool { return set.Name == s.HeldOut })
			return s.step(newRanker(seen), rand.New(rand.NewPCG(d.Seed, uint64(i)<<32|uint64(s.Generation))))
		}
	}
	return nil
}

// Best returns the search's best expression so far.
func (s Search) Best() (*Expression, error) {
	if len(s.Population) == 0 {
		return nil, errors.New("discovery: no generation is done")
	}
	return ParseExpression(s.Population[0])
}

func parseAll(texts []string) ([]*Expression, error) {
	list := make([]*Expression, len(texts))
	for i, text := range texts {
		var err error
		if list[i], err = ParseExpression(text); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// step breeds the next generation and sorts it.
func (s *Search) step(r ranker, random *rand.Rand) error {
	parents, err := parseAll(s.Population)
	if err != nil {
		return err
	}
	next := slices.Clone(parents[:min(elite, len(parents))])
	seen := map[string]bool{}
	for _, e := range next {
		seen[e.String()] = true
	}
	for tries := 0; len(next) < population; tries++ {
		e := child(random, parents)
		// Expressions become rarer than tries in the end.
		if text := e.String(); len(text) <= maxText && (!seen[text] || tries > 20*population) {
			seen[text] = true
			next = append(next, e)
		}
	}
	s.Population = r.sorted(next)
	s.Generation++
	return nil
}

// child draws an expression: at first any, later a crossover or a mutant of
// parents, which are sorted, that won a tournament.
func child(r *rand.Rand, parents []*Expression) *Expression {
	if len(parents) == 0 || r.IntN(20) == 0 {
		return grow(r, 3)
	}
	win := func() *Expression {
		best := len(parents)
		for range tournament {
			best = min(best, r.IntN(len(parents)))
		}
		return parents[best]
	}
	var e *Expression
	switch a := win(); r.IntN(4) {
	case 0:
		e = replace(a, r.IntN(a.size()), grow(r, 2))
	case 1:
		e = nudge(r, a)
	case 2: // what one has, added to the other
		e = &Expression{kind: operation, at: r.IntN(4), args: []*Expression{a, part(win(), r)}}
	default:
		e = replace(a, r.IntN(a.size()), part(win(), r))
	}
	if e.size() > maxGrown {
		return grow(r, 3)
	}
	return e
}

// grow draws an expression of at most so many levels of operators.
func grow(r *rand.Rand, levels int) *Expression {
	switch kind := r.IntN(10); {
	case levels == 0 && kind < 3 || kind == 0:
		return &Expression{constant: round(math.Exp(2 * r.NormFloat64()))}
	case levels == 0 || kind < 4:
		return &Expression{kind: variable, at: r.IntN(len(statistics))}
	}
	e := &Expression{kind: operation, at: r.IntN(len(operators))}
	for range operators[e.at].arity {
		e.args = append(e.args, grow(r, levels-1))
	}
	return e
}

// round keeps three digits, so that constants are short to write.
func round(x float64) float64 {
	scale := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
	if rounded := math.Round(x*scale) / scale; !math.IsNaN(rounded) && !math.IsInf(rounded, 0) {
		return rounded
	}
	return x
}

// nudge changes one constant a little, or exchanges one statistic.
func nudge(r *rand.Rand, e *Expression) *Expression {
	at := r.IntN(e.size())
	switch old := nth(e, at); old.kind {
	case constant:
		return replace(e, at, &Expression{constant: round(old.constant * math.Exp(jitter*r.NormFloat64()))})
	case variable:
		return replace(e, at, &Expression{kind: variable, at: r.IntN(len(statistics))})
	}
	return replace(e, at, grow(r, 1))
}

func part(e *Expression, r *rand.Rand) *Expression { return nth(e, r.IntN(e.size())) }

// nth returns the n-th part of e, itself first.
func nth(e *Expression, n int) *Expression {
	if n == 0 {
		return e
	}
	n--
	for _, a := range e.args {
		if size := a.size(); n >= size {
			n -= size
			continue
		}
		return nth(a, n)
	}
	return e
}

// replace returns e with its n-th part replaced.
func replace(e *Expression, n int, by *Expression) *Expression {
	if n == 0 {
		return by
	}
	n--
	copied := *e
	copied.args = slices.Clone(e.args)
	for i, a := range copied.args {
		if size := a.size(); n >= size {
			n -= size
			continue
		}
		copied.args[i] = replace(a, n, by)
		break
	}
	return &copied
}

// ranker scores expressions on sets.
type ranker struct {
	exams   []*exam
	columns [][][]float64
}

func newRanker(sets []Set) ranker {
	var r ranker
	for _, s := range sets {
		r.exams = append(r.exams, newExam(s))
		r.columns = append(r.columns, columns(s.archs()))
	}
	return r
}

// fitness is the mean over sets and over three correlations, overall, among the
// best and at equal size, less the price of length. It is -Inf for an expression
// that is not finite everywhere or constant on a set.
func (r ranker) fitness(e *Expression) float64 {
	sum, n := 0.0, 0.0
	for i, exam := range r.exams {
		scores := e.evaluate(r.columns[i])
		if !finite(scores) {
			return math.Inf(-1)
		}
		counts := ones(len(scores))
		for _, m := range metrics {
			if m.Name == "spearman" || m.Name == Top30 || m.Name == Within10 {
				// Without pairs of equal size a set says nothing about them.
				if m.near > 0 && len(exam.near[m.near]) == 0 {
					continue
				}
				value := exam.value(m, scores, counts)
				if math.IsNaN(value) {
					return math.Inf(-1)
				}
				sum, n = sum+value, n+1
			}
		}
	}
	return sum/n - lengthPrice*float64(e.size())
}

// sorted writes expressions, the best first.
func (r ranker) sorted(list []*Expression) []string {
	type entry struct {
		text    string
		fitness float64
	}
	entries := make([]entry, len(list))
	for i, e := range list {
		entries[i] = entry{e.String(), r.fitness(e)}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(-cmp.Compare(a.fitness, b.fitness), cmp.Compare(a.text, b.text))
	})
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = e.text
	}
	return texts
}
