// Command fleet measures what a host needs for many devices and long studies: how fast
// its store answers when it holds a million measurements, and how long jobs take with
// two hundred devices. It prints a table with a verdict per goal and writes
// bench/results/fleet.json.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"path/filepath"
	"time"

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
	d := devicesOptions{}
	flag.IntVar(&d.devices, "devices", 200, "devices that sleep instead of measuring")
	flag.IntVar(&d.jobs, "jobs", 3000, "jobs for them")
	flag.DurationVar(&d.takes, "takes", 2*time.Second, "for how long they sleep")
	noStore := flag.Bool("devices-alone", false, "leave the store out")
	be := flag.String("be-devices", "", "internal: be the devices that standard input has invitations for, with their files in this folder")
	out := flag.String("out", filepath.Join("bench", "results", "fleet.json"), "where to write the results")
	flag.Parse()
	if *be != "" {
		if err := beDevices(context.Background(), os.Stdin, *be, d.takes); err != nil {
			log.Fatal("bench: ", err)
		}
		return
	}
	d.dir = o.dir
	if err := run(context.Background(), o, d, *noStore, *out); err != nil {
		log.Fatal("bench: ", err)
	}
}

type results struct {
	Code    string         `json:"code"`
	Devices devicesResults `json:"devices"`
	Store   *storeResults  `json:"store,omitempty"`
}

// run runs the devices first: the store leaves memory behind.
func run(ctx context.Context, o storeOptions, d devicesOptions, noStore bool, out string) error {
	r := results{Code: runtime.CodeVersion()}
	var err error
	if r.Devices, err = benchDevices(ctx, d); err != nil {
		return err
	}
	r.Devices.print()
	if !noStore {
		of, err := benchStore(ctx, o)
		if err != nil {
			return err
		}
		of.print()
		r.Store = &of
	}
	return contest.Write(out, r)
}
