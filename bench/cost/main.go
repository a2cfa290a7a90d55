//go:build !wasm

// Command cost fits a device's cost model to a few designed candidates of
// lts-gpt2 and judges what it predicts of others, under each engine, beside
// predictors that know less and beside how well a measurement repeats itself. It
// prints tables with a verdict per goal and writes bench/results/cost.json, and
// what was measured to bench/results/cost-raw.json: with -from, a file of that kind
// is judged anew, without measuring.
//
// With -transfer it holds out each of four devices in turn, the engines with one and two
// threads, and judges models that start from those of the others with few measurements
// of their own, beside such as start from nothing.
package main

import (
	"flag"
	"log"
	"path/filepath"
	"strings"
	"time"

	"litefront/bench/contest"
	"litefront/bench/engines"
	"litefront/host/runtime"
)

func main() {
	runtime.ServeChild()
	log.SetFlags(0)
	train := flag.Int("train", 20, "designed candidates, which the model is fitted to")
	test := flag.Int("test", 32, "other candidates, which it is tested on; 60 take twenty minutes instead of twelve")
	trialTime := flag.Duration("trial-time", 800*time.Millisecond, "time of a measurement")
	names := flag.String("engines", engines.Names(), "engines to measure on")
	from := flag.String("from", "", "judge the measurements in this file, and make none")
	out := flag.String("out", filepath.Join("bench", "results", "cost.json"), "where to write the results; measurements go beside them")
	transfer := flag.Bool("transfer", false, "judge what the models of other devices save a new one, on each engine; writes transfer.json and transfer-raw.json")
	threads := flag.String("threads", "1,2", "with -transfer, the numbers of threads that each engine has")
	flag.Parse()
	if *transfer {
		if err := runTransfer(*trialTime, *names, *threads, *from, *out); err != nil {
			log.Fatal("bench: ", err)
		}
		return
	}
	if err := run(*train, *test, *trialTime, *names, *from, *out); err != nil {
		log.Fatal("bench: ", err)
	}
}

func run(train, test int, trialTime time.Duration, names, from, out string) error {
	var d *data
	var err error
	if from != "" {
		d, err = read(from)
	} else {
		d, err = collect(train, test, trialTime, names)
	}
	if err != nil {
		return err
	}
	if from == "" {
		if err := contest.Write(strings.TrimSuffix(out, ".json")+"-raw.json", d); err != nil {
			return err
		}
	}
	r, err := judge(d)
	if err != nil {
		return err
	}
	r.print()
	return contest.Write(out, r)
}

// runTransfer is run for -transfer.
func runTransfer(trialTime time.Duration, names, threads, from, out string) error {
	out = filepath.Join(filepath.Dir(out), "transfer.json")
	var f *fleet
	var err error
	if from != "" {
		f, err = readFleets(from)
	} else {
		f, err = collectFleet(trialTime, names, threads, strings.TrimSuffix(out, ".json")+"-raw.json")
	}
	if err != nil {
		return err
	}
	r, err := judgeTransfer(f, transferSeeds)
	if err != nil {
		return err
	}
	r.print()
	return contest.Write(out, r)
}
