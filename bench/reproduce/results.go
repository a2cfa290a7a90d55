//go:build !wasm

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// results is what was measured.
type results struct {
	settings
	Families []family `json:"families"`
}

// settings are what results depend on beside the device.
type settings struct {
	Code        string  `json:"code"`
	Layers      []int   `json:"layers"`
	Rounds      int     `json:"rounds"`
	Train       int     `json:"train"`
	TrialTimeMs float64 `json:"trial_time_ms"`
}

// family is a backbone's baselines.
type family struct {
	Backbone arch.Backbone `json:"arch_type"`
	Peak     []pair        `json:"peak"` // which no engine changes
	Engines  []engine      `json:"engines"`
}

type engine struct {
	Name   string       `json:"name"`
	Title  string       `json:"title"`
	Device trial.Device `json:"device"`
	Pairs  []pair       `json:"pairs"`
}

// pair is a baseline and the model that is best in an objective with at least as many
// decoder parameters.
type pair struct {
	Layers    int               `json:"layers"` // of the baseline
	Objective string            `json:"objective"`
	Model     arch.Architecture `json:"model"`
	Ratio     ratio             `json:"ratio"`
}

// ratio is the objective of the baseline over that of the model: a median with its
// 95 % interval.
type ratio struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// resume takes over what the file at path holds, if it was measured with the same
// settings, and says so.
func (r *results) resume(path string) error {
	kept, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w; -fresh starts anew", err)
	}
	if !reflect.DeepEqual(kept.settings, r.settings) {
		fmt.Printf("%s is of other settings or code: starting anew\n", path)
		return nil
	}
	fmt.Printf("%s is of these settings: going on with it; -fresh starts anew\n", path)
	r.Families = kept.Families
	return nil
}

// family returns that of a backbone, or nil.
func (r *results) family(backbone arch.Backbone) *family {
	for i := range r.Families {
		if r.Families[i].Backbone == backbone {
			return &r.Families[i]
		}
	}
	return nil
}

// holds reports whether the table of an engine was measured, on this device.
func (f *family) holds(name string, device trial.Device) bool {
	return slices.ContainsFunc(f.Engines, func(e engine) bool { return e.Name == name && e.Device.Same(device) })
}

// pairs are those of an engine, none if it was not measured.
func (f *family) pairs(name string) []pair {
	for _, e := range f.Engines {
		if e.Name == name {
			return e.Pairs
		}
	}
	return nil
}

// put adds the table of an engine, in place of one from another device.
func (f *family) put(e engine) {
	f.Engines = append(slices.DeleteFunc(f.Engines, func(x engine) bool { return x.Name == e.Name }), e)
}

// maxResults bounds what is read of a file, in bytes.
const maxResults = 16 << 20

// read reads what compare gave.
func read(path string) (*results, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &results{}
	if err := json.NewDecoder(io.LimitReader(f, maxResults)).Decode(r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, f := range r.Families {
		if _, err := familyOf(f.Backbone); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		pairs := slices.Clone(f.Peak)
		for _, e := range f.Engines {
			pairs = append(pairs, e.Pairs...)
		}
		for _, p := range pairs {
			if p.Layers < 1 || p.Layers > maxDepth {
				return nil, fmt.Errorf("%s: layers %d must be 1 to %d", path, p.Layers, maxDepth)
			}
			if err := p.Model.Validate(); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return r, nil
}
