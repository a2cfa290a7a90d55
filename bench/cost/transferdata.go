//go:build !wasm

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"litefront/bench/contest"
	"litefront/bench/engines"
	"litefront/host/runtime"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// fleet is everything that was measured for transfer: the same candidates on each of
// several devices.
type fleet struct {
	Code    string              `json:"code"`
	Archs   []arch.Architecture `json:"archs"`
	Devices []onDevice          `json:"devices"` // one entry for each pass
}

// onDevice is what an engine with a number of threads gave, in the order of
// fleet.Archs.
type onDevice struct {
	Name         string              `json:"name"`
	Measurements []trial.Measurement `json:"measurements"`
}

// The fleet's candidates: what a model is fitted to where all are known, and others.
const (
	fleetDesigned = 20
	fleetOthers   = 60
)

// fleetPasses is how often all is measured, the devices by turns.
const fleetPasses = 2

// collectFleet measures the fleet's candidates on every engine with every number of
// threads, both lists separated by commas. After each, what there is goes to the file raw.
func collectFleet(trialTime time.Duration, names, threads, raw string) (*fleet, error) {
	f := &fleet{Code: runtime.CodeVersion()}
	var counts []int
	for text := range strings.SplitSeq(threads, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("threads %q must be whole numbers from 1 on, separated by commas", threads)
		}
		counts = append(counts, n)
	}
	var err error
	if f.Archs, err = candidates(fleetDesigned, fleetOthers); err != nil {
		return nil, err
	}
	for range fleetPasses {
		for name := range strings.SplitSeq(names, ",") {
			for _, n := range counts {
				d, err := f.measure(trialTime, name, n)
				if err != nil {
					return nil, err
				}
				f.Devices = append(f.Devices, d)
				if err := contest.Write(raw, f); err != nil {
					return nil, err
				}
			}
		}
	}
	fmt.Println()
	return f, nil
}

// measure measures all candidates with an engine of their own.
func (f *fleet) measure(trialTime time.Duration, name string, threads int) (onDevice, error) {
	d := onDevice{Name: fmt.Sprintf("%s, %d threads", name, threads)}
	if threads == 1 {
		d.Name = name + ", 1 thread"
	}
	fmt.Println(d.Name)
	opened, end, err := engines.Open(name, trialTime)
	if err != nil {
		return d, err
	}
	defer end()
	w := trial.DefaultWorkload()
	w.Threads = threads
	for _, a := range f.Archs {
		m, err := opened[0].Measure(a, w)
		if err != nil {
			return d, err
		}
		d.Measurements = append(d.Measurements, m)
	}
	return d, nil
}

// readFleets reads what collectFleet gave, from one file or from several of the same
// candidates, separated by commas.
func readFleets(paths string) (*fleet, error) {
	var all *fleet
	for path := range strings.SplitSeq(paths, ",") {
		f, err := readFleet(path)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = f
			continue
		}
		if len(f.Archs) != len(all.Archs) {
			return nil, fmt.Errorf("%s: %d candidates, and %d in the file before", path, len(f.Archs), len(all.Archs))
		}
		for i, a := range f.Archs {
			if a.ID() != all.Archs[i].ID() {
				return nil, fmt.Errorf("%s: candidate %d is another than in the file before", path, i+1)
			}
		}
		all.Devices = append(all.Devices, f.Devices...)
	}
	return all, nil
}

func readFleet(path string) (*fleet, error) {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f := &fleet{}
	if err := json.NewDecoder(io.LimitReader(file, maxData)).Decode(f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, d := range f.Devices {
		if len(d.Measurements) != len(f.Archs) {
			return nil, fmt.Errorf("%s: device %.40q has %d measurements of %d candidates", path, d.Name, len(d.Measurements), len(f.Archs))
		}
	}
	return f, nil
}
