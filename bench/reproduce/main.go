//go:build !wasm

// Command reproduce sets LiteTransformerSearch's claims beside what holds here, and
// writes that as docs/reproduction.md: how well decoder parameters rank its trained
// models, and how much faster and smaller than its baselines models with as many
// decoder parameters are, measured side by side under each engine. The numbers go to
// bench/results/reproduce.json; with -from, the page is made of such a file, without
// measuring.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"litefront/bench/contest"
	"litefront/bench/engines"
	"litefront/host/runtime"
	"litefront/host/wholefile"
	"litefront/searchcore/arch"
)

func main() {
	runtime.ServeChild()
	log.SetFlags(0)
	o := options{}
	flag.StringVar(&o.layers, "layers", "1,2,4,6,8,12", "depths of the baselines")
	flag.StringVar(&o.engines, "engines", engines.Names(), "engines to measure on")
	flag.IntVar(&o.train, "train", 20, "candidates that a model of a device is fitted to")
	flag.DurationVar(&o.trialTime, "trial-time", 800*time.Millisecond, "time of each of their measurements")
	flag.IntVar(&o.rounds, "rounds", 11, "rounds of a comparison; each runs both models once")
	flag.StringVar(&o.from, "from", "", "make the page of this file, and measure nothing")
	flag.StringVar(&o.page, "page", filepath.Join("docs", "reproduction.md"), "the page to write")
	flag.StringVar(&o.out, "out", filepath.Join("bench", "results", "reproduce.json"), "where to write the results")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal("bench: ", err)
	}
}

type options struct {
	layers, engines, from, page, out string
	train, rounds                    int
	trialTime                        time.Duration
}

func run(o options) error {
	correlations, err := correlate()
	if err != nil {
		return err
	}
	var r *results
	if o.from != "" {
		r, err = read(o.from)
	} else {
		r, err = compare(o)
	}
	if err != nil {
		return err
	}
	if o.from == "" {
		if err := contest.Write(o.out, r); err != nil {
			return err
		}
	}
	verdicts := r.judge()
	if err := wholefile.Write(o.page, func(w io.Writer) error {
		return page(w, r, correlations, verdicts)
	}); err != nil {
		return err
	}
	for _, v := range verdicts {
		contest.Verdict(v.pass, "%s", v.text)
	}
	return nil
}

// results is what was measured.
type results struct {
	Code     string   `json:"code"`
	Rounds   int      `json:"rounds"`
	Train    int      `json:"train"`
	Families []family `json:"families"`
}

// family is a backbone's baselines.
type family struct {
	Backbone arch.Backbone `json:"arch_type"`
	Peak     []pair        `json:"peak"` // which no engine changes
	Engines  []engine      `json:"engines"`
}

type engine struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Pairs []pair `json:"pairs"`
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

// maxDepth bounds the baselines; LiteTransformerSearch's GPT-2 has up to 15 layers.
const maxDepth = 15

// depths reads a list such as 1,2,4.
func depths(text string) (list []int, err error) {
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > maxDepth || slices.Contains(list, n) {
			return nil, fmt.Errorf("layers %q must be different numbers from 1 to %d, such as 1,2,4", text, maxDepth)
		}
		list = append(list, n)
	}
	return list, nil
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
