// Command fleet measures what a host needs for many devices and long studies: how fast
// its store answers when it holds a million measurements. It prints a table with a
// verdict per goal and writes bench/results/fleet.json.
package main

import (
	"context"
	"flag"
	"log"
	"path/filepath"

	"litefront/bench/contest"
	"litefront/host/runtime"
)

func main() {
	log.SetFlags(0)
	o := storeOptions{}
	flag.IntVar(&o.large, "large", 100_000, "measurements in the study that is listed")
	flag.IntVar(&o.others, "others", 180, "other journals in the store")
	flag.IntVar(&o.each, "each", 5_000, "measurements in each of them")
	flag.IntVar(&o.rounds, "rounds", 21, "how often each question is asked")
	flag.StringVar(&o.dir, "dir", "", "folder for the store, which takes some 5 GiB and is removed (default: the system's for temporary files)")
	out := flag.String("out", filepath.Join("bench", "results", "fleet.json"), "where to write the results")
	flag.Parse()
	if err := run(context.Background(), o, *out); err != nil {
		log.Fatal("bench: ", err)
	}
}

type results struct {
	Code  string       `json:"code"`
	Store storeResults `json:"store"`
}

func run(ctx context.Context, o storeOptions, out string) error {
	r := results{Code: runtime.CodeVersion()}
	var err error
	if r.Store, err = benchStore(ctx, o); err != nil {
		return err
	}
	r.Store.print()
	return contest.Write(out, r)
}
