package robust_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/pareto"
	"litefront/searchcore/robust"
)

func frontier(t interface{ Fatal(...any) }, candidates []robust.Candidate, shares []float64) []robust.Member {
	members, err := robust.Frontier(candidates, shares)
	if err != nil {
		t.Fatal(err)
	}
	return members
}

func ids(candidates []robust.Candidate, members []robust.Member) (list []string) {
	for _, m := range members {
		list = append(list, candidates[m.Candidate].ID)
	}
	return list
}

// one is a candidate with a quality, and one time on each device.
func one(id string, quality float64, times ...float64) robust.Candidate {
	c := robust.Candidate{ID: id, Shared: []float64{-quality}}
	for _, t := range times {
		c.Times = append(c.Times, []float64{t})
	}
	return c
}

func TestFrontier(t *testing.T) {
	for _, c := range []struct {
		name       string
		candidates []robust.Candidate
		shares     []float64
		want       string
	}{
		{"none", nil, nil, "[]"},
		{"the compromise wins the worst case", []robust.Candidate{one("a", 1, 10, 30), one("b", 1, 30, 10), one("c", 1, 12, 12)}, nil, "[c]"},
		{"a large share prefers its device's own best", []robust.Candidate{one("a", 1, 10, 30), one("b", 1, 30, 10), one("c", 1, 12, 12)}, []float64{9, 0.1}, "[a]"},
		{"a device that nobody has", []robust.Candidate{one("a", 1, 10, 30), one("b", 1, 10, 20)}, []float64{1, 0}, "[b]"},
		{"each quality has its own", []robust.Candidate{one("a", 1, 10, 10), one("b", 2, 20, 20), one("c", 1.5, 30, 30)}, nil, "[a b]"},
		{"exact ties: the first ID", []robust.Candidate{one("b", 1, 10, 20), one("a", 1, 10, 20)}, nil, "[a]"},
		{"exact ties: the better quality", []robust.Candidate{one("a", 1, 10, 20), one("b", 2, 10, 20)}, nil, "[b]"},
		{"equal worst cases: the smaller mean", []robust.Candidate{one("a", 1, 10, 20), one("b", 1, 20, 10), one("c", 1, 20, 19)}, nil, "[a]"},
		{"slowdowns, not milliseconds", []robust.Candidate{one("a", 1, 100, 1.5), one("b", 1, 130, 1)}, nil, "[b]"},
	} {
		if got := fmt.Sprint(ids(c.candidates, frontier(t, c.candidates, c.shares))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestSlowdowns(t *testing.T) {
	c := []robust.Candidate{one("a", 1, 10, 30), one("b", 1, 30, 10), one("c", 1, 12, 15), one("d", 0.5, 1, 1)}
	m := frontier(t, c, nil)
	if len(m) != 2 || !slices.Equal(m[0].Slowdown, []float64{1.2, 1.5}) || !slices.Equal(m[0].Best, []int{0, 1}) || m[0].Score != 1.5 {
		t.Errorf("%+v", m)
	}
	if m = frontier(t, c, []float64{2, 1}); m[0].Score != (2*1.2+1.5)/3 {
		t.Errorf("%+v", m)
	}
}

// drawn are candidates of a small grid, so that ties are common.
func drawn(rt *rapid.T, devices, shared, times int) []robust.Candidate {
	small := rapid.IntRange(1, 4)
	candidates := make([]robust.Candidate, rapid.IntRange(0, 12).Draw(rt, "n"))
	for i := range candidates {
		c := &candidates[i]
		c.ID = fmt.Sprint("c", (i*7)%len(candidates), "-", i)
		for range shared {
			c.Shared = append(c.Shared, -float64(small.Draw(rt, "shared")))
		}
		for range devices {
			var of []float64
			for range times {
				of = append(of, float64(small.Draw(rt, "time")))
			}
			c.Times = append(c.Times, of)
		}
	}
	return candidates
}

func all(c robust.Candidate) []float64 {
	return append(slices.Clone(c.Shared), slices.Concat(c.Times...)...)
}

func dominates(a, b []float64) bool {
	strictly := false
	for k := range a {
		if a[k] > b[k] {
			return false
		}
		strictly = strictly || a[k] < b[k]
	}
	return strictly
}

// The definition, by brute force: a member's score is the smallest at its level, every
// level has a member whose score at its own level nothing eligible there undercuts, and
// nothing dominates a member.
func TestFrontierIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		devices, times := rapid.IntRange(1, 3).Draw(rt, "devices"), rapid.IntRange(1, 2).Draw(rt, "times")
		c := drawn(rt, devices, rapid.IntRange(0, 2).Draw(rt, "costs"), times)
		var shares []float64
		if rapid.Bool().Draw(rt, "weighted") {
			for range devices {
				shares = append(shares, float64(rapid.IntRange(0, 3).Draw(rt, "share")))
			}
			shares[0]++
		}
		eligible := func(level []float64) (list []int) {
			for j := range c {
				if leq(c[j].Shared, level) {
					list = append(list, j)
				}
			}
			return list
		}
		scoreAt := func(i int, level []float64) (score float64) {
			var weights float64
			for d := range devices {
				slow := 0.0
				for k := range times {
					best := math.Inf(1)
					for _, j := range eligible(level) {
						best = math.Min(best, c[j].Times[d][k])
					}
					slow = math.Max(slow, c[i].Times[d][k]/best)
				}
				if shares == nil {
					score = math.Max(score, slow)
				} else {
					score, weights = score+shares[d]*slow, weights+shares[d]
				}
			}
			if shares != nil {
				score /= weights
			}
			return score
		}
		members := frontier(rt, c, shares)
		on := map[int]bool{}
		for _, m := range members {
			on[m.Candidate] = true
			level := c[m.Candidate].Shared
			for _, j := range eligible(level) {
				if s := scoreAt(j, level); s < m.Score {
					rt.Fatalf("%v with %v is preferable to the member %v with %v", c[j], s, c[m.Candidate], m.Score)
				}
				if dominates(all(c[j]), all(c[m.Candidate])) {
					rt.Fatalf("%v dominates the member %v", c[j], c[m.Candidate])
				}
			}
		}
		for i := range c {
			some := false
			for _, j := range eligible(c[i].Shared) {
				some = some || on[j]
			}
			if !some {
				rt.Fatalf("nobody who needs %v finds a member", c[i].Shared)
			}
			smallest := true
			for _, j := range eligible(c[i].Shared) {
				smallest = smallest && (j == i || scoreAt(i, c[i].Shared) < scoreAt(j, c[i].Shared))
			}
			if smallest && !on[i] {
				rt.Fatalf("%v is alone the best at its level, and no member", c[i])
			}
		}
	})
}

func leq(a, b []float64) bool { return slices.Equal(a, b) || dominates(a, b) }

// Of one device with one time it is the Pareto frontier.
func TestOneDeviceIsPareto(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawn(rt, 1, rapid.IntRange(1, 2).Draw(rt, "costs"), 1)
		var costs [][]float64
		for i := range c {
			costs = append(costs, all(c[i]))
		}
		var got, want []string
		for _, m := range frontier(rt, c, nil) {
			got = append(got, fmt.Sprint(costs[m.Candidate]))
			if m.Score != 1 {
				rt.Fatalf("a device's own best is %v times slower than itself", m.Score)
			}
		}
		for _, i := range pareto.Front(costs) {
			want = append(want, fmt.Sprint(costs[i]))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			rt.Fatalf("%v, want %v", got, want)
		}
	})
}

// The order of candidates, and the units of a device's times, decide nothing.
func TestFrontierIgnoresOrderAndUnits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawn(rt, 2, 1, 2)
		before := ids(c, frontier(rt, c, nil))
		other := slices.Clone(c)
		slices.Reverse(other)
		for i := range other {
			times := slices.Clone(other[i].Times)
			times[1] = []float64{times[1][0] * 4, times[1][1] / 8}
			other[i].Times = times
		}
		after := ids(other, frontier(rt, other, nil))
		slices.Reverse(after)
		if !slices.Equal(before, after) {
			rt.Fatalf("%v, then %v", before, after)
		}
	})
}

func TestFrontierRefuses(t *testing.T) {
	good := one("a", 1, 1, 2)
	for _, c := range []struct {
		candidates []robust.Candidate
		shares     []float64
		want       string
	}{
		{[]robust.Candidate{good, one("a", 1, 1, 2)}, nil, "ID"},
		{[]robust.Candidate{good, one("b", 1, 1)}, nil, "times of 1 devices"},
		{[]robust.Candidate{one("b", 1)}, nil, "times of 0 devices"},
		{[]robust.Candidate{one("b", math.NaN(), 1)}, nil, "shared cost NaN"},
		{[]robust.Candidate{one("b", 1, 0)}, nil, "takes 0"},
		{[]robust.Candidate{one("b", 1, math.Inf(1))}, nil, "takes +Inf"},
		{[]robust.Candidate{{ID: "b", Times: [][]float64{{}}}}, nil, "0 times"},
		{[]robust.Candidate{good}, []float64{1}, "1 given for 2 devices"},
		{[]robust.Candidate{good}, []float64{1, -1}, "-1"},
		{[]robust.Candidate{good}, []float64{0, 0}, "all are 0"},
		{make([]robust.Candidate, robust.MaxCandidates+1), nil, "at most 4096"},
	} {
		if _, err := robust.Frontier(c.candidates, c.shares); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line with %q", err, c.want)
		}
	}
}
