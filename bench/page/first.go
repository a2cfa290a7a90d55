//go:build !wasm

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/chromedp"

	"litefront/bench/chromium"
	"litefront/bench/contest"
	"litefront/bench/programs"
	"litefront/kernels"
)

const (
	goalFirstPrefill = 1.1
	// settle is how long a browser that has just started is left alone: its own
	// beginning would compete for the cores.
	settle = 3 * time.Second
)

// firstPrefill is how long the first prefill of a module takes after init, each in a
// browser of its own, lest it find compiled code, and how long those take that the
// engine has had time for.
type firstPrefill struct {
	Name     string    `json:"name"`
	FirstMs  []float64 `json:"first_ms"`
	SteadyMs []float64 `json:"steady_ms"` // medians
}

// ratio is the median over the browsers.
func (f firstPrefill) ratio() float64 {
	ratios := make([]float64, len(f.FirstMs))
	for i := range ratios {
		ratios[i] = f.FirstMs[i] / f.SteadyMs[i]
	}
	return contest.Median(ratios)
}

// firstPrefills measures them for the model that engines are compared on.
func firstPrefills(url string) (all []firstPrefill, err error) {
	for _, variant := range []struct {
		name     string
		features kernels.Features
	}{
		{"Chromium", kernels.Features{}},
		{"Chromium, relaxed SIMD", kernels.Features{RelaxedSIMD: true}},
	} {
		prefill, _, err := programs.Model(variant.features)
		if err != nil {
			return nil, err
		}
		f := firstPrefill{Name: variant.name}
		for range visits {
			ms, err := firstRuns(url, prefill)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", variant.name, err)
			}
			f.FirstMs = append(f.FirstMs, ms[0])
			f.SteadyMs = append(f.SteadyMs, contest.Median(ms[len(ms)/2:]))
		}
		all = append(all, f)
	}
	return all, nil
}

// firstRuns times the first twenty runs of p in a new browser.
func firstRuns(url string, p programs.Program) (ms []float64, err error) {
	tab, end, err := chromium.Open(url + "/style.css")
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(tab, time.Minute)
	defer cancel()
	time.Sleep(settle)
	return chromedp.Run(ctx, chromedp.Evaluate[[]float64](fmt.Sprintf(`(() => {
		const { exports } = new WebAssembly.Instance(new WebAssembly.Module(%s));
		exports.init(1);
		return Array.from({ length: 20 }, () => {
			const start = performance.now();
			exports.%s(%d, 1);
			return performance.now() - start;
		});
	})()`, chromium.Bytes(p.Module), p.Export, p.Arg)))
}
