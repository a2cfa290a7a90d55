// Package robust finds the frontier of several devices together: the architectures to
// ship where a model runs on all of them and cannot be another one on each.
//
// What an architecture costs is told in two parts. Its shared costs, such as (negated)
// parameters and memory, are the same on all devices. Its times are each device's own,
// and those of different devices do not compare: what is slow on one is quick on
// another. So a time counts relative to the best that its device could do by itself at
// equal quality: the shortest among all candidates with the same shared costs or lower
// ones. That ratio, at least 1, is the slowdown on the device, what sharing one
// architecture costs there; of several times, such as prefill and decode, the largest.
//
// An architecture is a member of the robust frontier if no candidate with the same
// shared costs or lower ones has a smaller slowdown in the worst case over the devices;
// or, where devices have shares, a smaller weighted mean of slowdowns. Whoever needs its
// quality loses by no other choice. Of one device with one time, that is its Pareto
// frontier; and always, a member is on the Pareto frontier of all costs together.
package robust

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Candidate is an architecture with its costs.
type Candidate struct {
	ID     string      // decides between candidates that are equal in everything else
	Shared []float64   // costs that are the same on all devices; lower is better
	Times  [][]float64 // by device, then by measured objective: above 0, in any unit
}

// Member is a candidate on the robust frontier.
type Member struct {
	Candidate int       // index of the candidate
	Slowdown  []float64 // by device: over its own best at equal shared costs, at least 1
	Best      []int     // by device: the candidate that has its shortest first time
	Score     float64   // what was minimised: the worst of Slowdown, or their weighted mean
}

// The limits of [Frontier]. Its time grows with the square of the candidates.
const (
	MaxCandidates = 1 << 12
	MaxDevices    = 64
	maxObjectives = 16
)

// Frontier returns the robust frontier of the candidates, in their order. With shares,
// one for each device, not negative and not all 0, the weighted mean of slowdowns
// decides, otherwise the largest. Of candidates with equal scores at equal or lower
// shared costs stays one with the lowest shared costs, then the one with the smallest
// mean slowdown, then the one whose ID comes first.
//
// An error, in one line, says that there are too many candidates or devices, that
// candidates have not as many costs as the first one, that two have one ID, or that a
// number is out of range.
func Frontier(candidates []Candidate, shares []float64) ([]Member, error) {
	if err := check(candidates, shares); err != nil {
		return nil, err
	}
	var members []Member
	for i := range candidates {
		if m, ok := member(candidates, i, shares); ok {
			members = append(members, m)
		}
	}
	return members, nil
}

// member returns candidate i as a member, unless another one is preferred at its level.
func member(candidates []Candidate, i int, shares []float64) (Member, bool) {
	level := candidates[i].Shared
	var eligible []int
	for j, c := range candidates {
		if noWorse(c.Shared, level) {
			eligible = append(eligible, j)
		}
	}
	best, at := ownBests(candidates, eligible)
	m := Member{Candidate: i, Slowdown: slowdowns(candidates[i], best), Best: at}
	m.Score = score(m.Slowdown, shares)
	for _, j := range eligible {
		if j != i && preferred(candidates[j], candidates[i], slowdowns(candidates[j], best), m, shares) {
			return Member{}, false
		}
	}
	return m, true
}

// preferred reports whether a, of the slowdowns given and eligible where b is, is to be
// chosen rather than b, which is the member m.
func preferred(a, b Candidate, slow []float64, m Member, shares []float64) bool {
	if s := score(slow, shares); s != m.Score {
		return s < m.Score
	}
	if !slices.Equal(a.Shared, b.Shared) {
		return true // lower, since it is eligible
	}
	mean := cmp.Compare(score(slow, ones(len(slow))), score(m.Slowdown, ones(len(slow))))
	// Where a device's share is 0, or a time is not its device's largest, only the
	// times themselves tell that one dominates the other.
	return cmp.Or(mean, compareTimes(a, b), cmp.Compare(a.ID, b.ID)) < 0
}

// compareTimes is -1 or +1 where one has no longer time than the other and a shorter
// one, else 0.
func compareTimes(a, b Candidate) int {
	x, y := slices.Concat(a.Times...), slices.Concat(b.Times...)
	switch ab, ba := noWorse(x, y), noWorse(y, x); {
	case ab && !ba:
		return -1
	case ba && !ab:
		return 1
	}
	return 0
}

func noWorse(a, b []float64) bool {
	for k := range a {
		if a[k] > b[k] {
			return false
		}
	}
	return true
}

// ownBests returns the shortest times among the eligible, by device and objective, and
// for each device who has the shortest first time: the first such ID.
func ownBests(candidates []Candidate, eligible []int) (best [][]float64, at []int) {
	for d, times := range candidates[eligible[0]].Times {
		shortest, who := slices.Repeat([]float64{math.Inf(1)}, len(times)), eligible[0]
		for _, j := range eligible {
			c := candidates[j]
			for k, t := range c.Times[d] {
				shortest[k] = min(shortest[k], t)
			}
			if by := cmp.Or(cmp.Compare(c.Times[d][0], candidates[who].Times[d][0]), cmp.Compare(c.ID, candidates[who].ID)); by < 0 {
				who = j
			}
		}
		best, at = append(best, shortest), append(at, who)
	}
	return best, at
}

func slowdowns(c Candidate, best [][]float64) []float64 {
	slow := make([]float64, len(best))
	for d := range best {
		for k, t := range c.Times[d] {
			slow[d] = max(slow[d], t/best[d][k])
		}
	}
	return slow
}

// score is the largest slowdown, or with shares the weighted mean.
func score(slow, shares []float64) float64 {
	if shares == nil {
		return slices.Max(slow)
	}
	var sum, all float64
	for d, share := range shares {
		sum, all = sum+share*slow[d], all+share
	}
	return sum / all
}

func ones(n int) []float64 { return slices.Repeat([]float64{1}, n) }

const maxShare = 1e9

// CheckShares reports, in one line, a share that is out of range, or that there is not
// one for each of so many devices. None at all are fine.
func CheckShares(shares []float64, devices int) error {
	if shares == nil {
		return nil
	}
	if len(shares) != devices {
		return fmt.Errorf("shares: %d given for %d devices; give one for each", len(shares), devices)
	}
	sum := 0.0
	for _, s := range shares {
		if !(s >= 0 && s <= maxShare) {
			return fmt.Errorf("shares: %v must be between 0 and %g", s, float64(maxShare))
		}
		sum += s
	}
	if sum == 0 {
		return fmt.Errorf("shares: all are 0; at least one must be above")
	}
	return nil
}

func check(candidates []Candidate, shares []float64) error {
	if n := len(candidates); n > MaxCandidates {
		return fmt.Errorf("robust: %d candidates; at most %d are allowed", n, MaxCandidates)
	}
	ids := map[string]bool{}
	for i, c := range candidates {
		first := candidates[0]
		switch n := len(c.Times); {
		case n < 1 || n > MaxDevices:
			return fmt.Errorf("robust: candidate %d has times of %d devices; allowed are 1 to %d", i+1, n, MaxDevices)
		case n != len(first.Times) || len(c.Shared) != len(first.Shared):
			return fmt.Errorf("robust: candidate %d has %d shared costs and times of %d devices, the first one %d and %d", i+1, len(c.Shared), n, len(first.Shared), len(first.Times))
		case len(c.Shared) > maxObjectives:
			return fmt.Errorf("robust: candidate %d has %d shared costs; at most %d are allowed", i+1, len(c.Shared), maxObjectives)
		case ids[c.ID]:
			return fmt.Errorf("robust: candidate %d has the ID %.40q of another", i+1, c.ID)
		}
		ids[c.ID] = true
		for _, x := range c.Shared {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("robust: candidate %d has the shared cost %v, which must be finite", i+1, x)
			}
		}
		for d, times := range c.Times {
			if n := len(times); n < 1 || n > maxObjectives || n != len(first.Times[d]) {
				return fmt.Errorf("robust: candidate %d has %d times on device %d, the first one %d; allowed are 1 to %d", i+1, n, d+1, len(first.Times[d]), maxObjectives)
			}
			for _, t := range times {
				if !(t > 0) || math.IsInf(t, 1) {
					return fmt.Errorf("robust: candidate %d takes %v on device %d, which must be above 0 and finite", i+1, t, d+1)
				}
			}
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	return CheckShares(shares, len(candidates[0].Times))
}
