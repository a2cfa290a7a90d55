package cost

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

func design(t *testing.T, sp space.Space, n int, seed uint64, measured []arch.Architecture) []arch.Architecture {
	t.Helper()
	list, err := Design(sp, trial.DefaultWorkload(), n, rand.New(rand.NewPCG(seed, 0)), measured, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != n {
		t.Fatalf("%d architectures; want %d", len(list), n)
	}
	return list
}

// TestDesignSpansTheSpace checks that designs repeat, hold nothing twice, and reach
// the ends of depth, width and bytes read.
func TestDesignSpansTheSpace(t *testing.T) {
	for _, name := range space.Presets() {
		sp := preset(t, name)
		first := design(t, sp, 24, 1, nil)
		if again := design(t, sp, 24, 1, nil); !reflect.DeepEqual(again, first) {
			t.Errorf("%s: another design from the same seed", name)
		}
		list := slices.Concat(first, design(t, sp, 8, 1, first)) // the same candidates are drawn
		ids := map[string]bool{}
		depths, widths := map[int]bool{}, map[int]bool{}
		var most int64
		for _, a := range list {
			ids[a.ID()] = true
			depths[len(a.Layers)], widths[a.DModel] = true, true
			if err := sp.Contains(a); err != nil {
				t.Error(err)
			}
			most = max(most, bytesRead(t, a))
		}
		if len(ids) != len(list) {
			t.Errorf("%s: %d of %d architectures are different", name, len(ids), len(list))
		}
		if len(depths) < 8 || len(widths) < 8 {
			t.Errorf("%s: %d depths and %d widths", name, len(depths), len(widths))
		}
		larger := 0
		r := rand.New(rand.NewPCG(99, 0))
		for range 200 {
			if bytesRead(t, draw(t, sp, r)) > most {
				larger++
			}
		}
		if larger > 10 {
			t.Errorf("%s: %d of 200 random architectures are larger than all of the design", name, larger)
		}
	}
}

// TestDesignPrefers checks that what is wanted is chosen where it spans as much, and that
// the design spans the space no less where it is all alike.
func TestDesignPrefers(t *testing.T) {
	sp, w := preset(t, "lts-gpt2"), trial.DefaultWorkload()
	r := rand.New(rand.NewPCG(5, 0))
	var anywhere, alike []arch.Architecture
	for len(anywhere) < 100 {
		anywhere = append(anywhere, draw(t, sp, r))
	}
	for len(alike) < 100 {
		if a := draw(t, sp, r); a.DModel <= 256 {
			alike = append(alike, a)
		}
	}
	for _, c := range []struct {
		wanted   []arch.Architecture
		from, to int // how many of the design are
	}{{anywhere, 18, 24}, {alike, 4, 18}} {
		list, err := Design(sp, w, 24, rand.New(rand.NewPCG(1, 0)), nil, c.wanted, nil)
		if err != nil {
			t.Fatal(err)
		}
		chosen, depths, widths := 0, map[int]bool{}, map[int]bool{}
		for _, a := range list {
			depths[len(a.Layers)], widths[a.DModel] = true, true
			if slices.ContainsFunc(c.wanted, func(b arch.Architecture) bool { return a.ID() == b.ID() }) {
				chosen++
			}
		}
		if chosen < c.from || chosen > c.to || len(depths) < 8 || len(widths) < 8 {
			t.Errorf("%d of 24 are wanted, want %d to %d; %d depths and %d widths", chosen, c.from, c.to, len(depths), len(widths))
		}
	}
}

func bytesRead(t *testing.T, a arch.Architecture) int64 {
	t.Helper()
	both, err := takeApart(a, trial.DefaultWorkload())
	if err != nil {
		t.Fatal(err)
	}
	return both[1].total()[bytes]
}

// TestDesignBeatsChance compares how uncertain predictions of fresh architectures are
// after a design and after as many random ones.
func TestDesignBeatsChance(t *testing.T) {
	for _, name := range []string{"lts-gpt2", "lts-transformer-xl"} {
		sp := preset(t, name)
		var designed, random float64
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 7))
			const n = 20
			list := design(t, sp, n, seed, nil)
			for range n {
				list = append(list, draw(t, sp, r))
			}
			const fresh = 100
			for range fresh {
				list = append(list, draw(t, sp, r))
			}
			points, err := describe(list, 0, trial.DefaultWorkload())
			if err != nil || len(points) != len(list) {
				t.Fatal(err)
			}
			designed += meanVariance(points[:n], points[2*n:])
			random += meanVariance(points[n:2*n], points[2*n:])
		}
		if designed > 0.9*random {
			t.Errorf("%s: a mean variance of %.3g after designs, %.3g after random architectures", name, designed/3, random/3)
		}
	}
}

// meanVariance is that of predictions after measuring some points.
func meanVariance(measured, fresh []point) (mean float64) {
	inverse := ignorance()
	for _, p := range measured {
		for k, row := range p.rows {
			update(inverse[k], row)
		}
	}
	for _, p := range fresh {
		for k, row := range p.rows {
			mean += variance(inverse[k], row) / float64(2*len(fresh))
		}
	}
	return mean
}

func TestDesignRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	sp, w := preset(t, "lts-gpt2"), trial.DefaultWorkload()
	long := w
	long.Context = 2000
	for _, c := range []struct {
		sp   space.Space
		w    trial.Workload
		n    int
		want string
	}{
		{sp, w, 0, "design of 0"},
		{sp, w, 201, "design of 201"},
		{space.Space{}, w, 20, "name"},
		{sp, long, 20, "max_sequence_length"},
	} {
		if _, err := Design(c.sp, c.w, c.n, r, nil, nil, nil); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q does not say %q", err, c.want)
		}
	}
}
