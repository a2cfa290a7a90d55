//go:build !wasm

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"litefront/searchcore/proxy"
	"litefront/searchcore/proxy/judge"
)

// tables are the models that LiteTransformerSearch's authors trained.
var tables = []string{"lts_random_wt103.csv", "lts_pareto_lm1b.csv"}

// correlations are how well proxies rank them.
type correlations struct {
	sets    []judge.Set
	results []judge.Result
}

// judged are the proxies that the paper is about, and the one made here.
var judged = []string{"decoder_params", "total_params", "quality"}

const resamples = 1000

func correlate() (correlations, error) {
	var table judge.Table
	for _, name := range tables {
		f, err := os.Open(filepath.Join("searchcore", "arch", "testdata", name))
		if err != nil {
			return correlations{}, err
		}
		err = table.Add(f)
		f.Close()
		if err != nil {
			return correlations{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	var proxies []proxy.Proxy
	for _, name := range judged {
		p, err := proxy.Parse(name)
		if err != nil {
			return correlations{}, err
		}
		proxies = append(proxies, p)
	}
	results, err := judge.Evaluate(table.Sets, proxies, resamples, 1)
	return correlations{table.Sets, results}, err
}

// value is a cell of the table: a correlation with its interval.
func (c correlations) value(set, proxy, metric string) string {
	for _, r := range c.results {
		if r.Set == set && r.Proxy == proxy && r.Metric == metric && r.Estimate != nil {
			return fmt.Sprintf("%.3f [%.2f, %.2f]", r.Estimate.Value, r.Estimate.Low, r.Estimate.High)
		}
	}
	return "-"
}
