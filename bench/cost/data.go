//go:build !wasm

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"litefront/bench/engines"
	"litefront/host/runtime"
	"litefront/searchcore/arch"
	"litefront/searchcore/cost"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// data is everything that was measured.
type data struct {
	Code    string              `json:"code"`
	Train   int                 `json:"train"` // so many of Archs, the first, are for fitting
	Archs   []arch.Architecture `json:"archs"`
	Engines []measured          `json:"engines"`
}

// measured is what an engine gave, twice.
type measured struct {
	Name   string                 `json:"name"`
	Passes [2][]trial.Measurement `json:"passes"` // in the order of data.Archs
}

// collect measures train designed and test other candidates, everything twice with
// all engines in between, the second time in another order.
func collect(train, test int, trialTime time.Duration, names string) (*data, error) {
	d := &data{Code: runtime.CodeVersion(), Train: train}
	var err error
	if d.Archs, err = candidates(train, test); err != nil {
		return nil, err
	}
	opened, end, err := engines.Open(names, trialTime)
	if err != nil {
		return nil, err
	}
	defer end()
	for _, e := range opened {
		d.Engines = append(d.Engines, measured{Name: e.Name})
	}
	r := rand.New(rand.NewPCG(1, 0))
	for pass := range 2 {
		order := r.Perm(len(d.Archs))
		for i, e := range opened {
			fmt.Printf("%s, pass %d of 2\n", e.Name, pass+1)
			results := make([]trial.Measurement, len(d.Archs))
			for _, n := range order {
				if results[n], err = e.Measure(d.Archs[n], trial.DefaultWorkload()); err != nil {
					return nil, err
				}
			}
			d.Engines[i].Passes[pass] = results
		}
	}
	fmt.Println()
	return d, nil
}

// candidates are those to fit to, then those to test on.
func candidates(train, test int) ([]arch.Architecture, error) {
	sp, err := space.Preset("lts-gpt2")
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(1, 1))
	list, err := cost.Design(sp, trial.DefaultWorkload(), train, r, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	fresh, err := spread(sp, test, r, list)
	return append(list, fresh...), err
}

const (
	poolSize = 2000
	strata   = 10
)

// spread draws n architectures, none of those known, such that each decile of depth
// and each of decoder parameters has about as many as the others: always one of
// which the deciles had the fewest so far.
func spread(sp space.Space, n int, r *rand.Rand, known []arch.Architecture) ([]arch.Architecture, error) {
	if n < 2 || n > poolSize/2 {
		return nil, fmt.Errorf("test %d must be between 2 and %d", n, poolSize/2)
	}
	seen := map[string]bool{}
	for _, a := range known {
		seen[a.ID()] = true
	}
	var pool []arch.Architecture
	var traits [2][]int64
	for range poolSize {
		a, err := sp.Sample(r)
		if err != nil {
			return nil, err
		}
		if seen[a.ID()] {
			continue
		}
		seen[a.ID()] = true
		pool = append(pool, a)
		traits[0] = append(traits[0], int64(len(a.Layers)))
		traits[1] = append(traits[1], a.DecoderParams())
	}
	var sorted [2][]int64
	for t := range traits {
		sorted[t] = slices.Sorted(slices.Values(traits[t]))
	}
	decile := func(t, i int) int {
		at, _ := slices.BinarySearch(sorted[t], traits[t][i])
		return at * strata / len(sorted[t])
	}
	var filled [2][strata]int
	var chosen []arch.Architecture
	taken := make([]bool, len(pool))
	for range min(n, len(pool)) {
		best := -1
		fill := func(i int) int { return filled[0][decile(0, i)] + filled[1][decile(1, i)] }
		for i := range pool {
			if !taken[i] && (best < 0 || fill(i) < fill(best)) {
				best = i
			}
		}
		taken[best] = true
		for t := range filled {
			filled[t][decile(t, best)]++
		}
		chosen = append(chosen, pool[best])
	}
	return chosen, nil
}

// maxData bounds what is read of a file, in bytes.
const maxData = 256 << 20

// read reads what collect gave.
func read(path string) (*data, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := &data{}
	if err := json.NewDecoder(io.LimitReader(f, maxData)).Decode(d); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if d.Train < cost.MinObservations || d.Train > len(d.Archs)-2 {
		return nil, fmt.Errorf("%s: train %d must be between %d and 2 below the %d architectures", path, d.Train, cost.MinObservations, len(d.Archs))
	}
	for _, e := range d.Engines {
		for _, pass := range e.Passes {
			if len(pass) != len(d.Archs) {
				return nil, fmt.Errorf("%s: engine %.40q has %d measurements of %d architectures in a pass", path, e.Name, len(pass), len(d.Archs))
			}
		}
	}
	return d, nil
}
