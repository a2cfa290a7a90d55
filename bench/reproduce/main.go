//go:build !wasm

// Command reproduce sets LiteTransformerSearch's claims beside what holds here, and
// writes that as docs/reproduction.md: how well decoder parameters rank its trained
// models, and how much faster and smaller than its baselines models with as many
// decoder parameters are, measured side by side under each engine. The numbers go to
// bench/results/reproduce.json, table by table: a benchmark that was interrupted goes
// on there when it is started again. With -from, the page is made of such a file,
// without measuring.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"litefront/bench/engines"
	"litefront/host/runtime"
	"litefront/host/wholefile"
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
	flag.BoolVar(&o.fresh, "fresh", false, "measure anew what the results hold already")
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
	fresh                            bool
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
		r, err = compareUntilInterrupted(o)
	}
	if err != nil {
		return err
	}
	verdicts, err := r.judge()
	if err != nil {
		return err
	}
	if err := wholefile.Write(o.page, func(w io.Writer) error {
		return page(w, r, correlations, verdicts)
	}); err != nil {
		return fmt.Errorf("%s: %w", o.page, err)
	}
	for _, v := range verdicts {
		v.print()
	}
	return nil
}

// compareUntilInterrupted has an interrupt end the engines, too.
func compareUntilInterrupted(o options) (*results, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends the program
	r, err := compare(ctx, o)
	if ctx.Err() != nil {
		return nil, errors.New("interrupted; started again, it goes on with what is missing")
	}
	return r, err
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
