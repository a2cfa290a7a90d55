package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"litefront/bench/contest"
	"litefront/host/fleet"
	"litefront/host/fleet/device"
	"litefront/host/fleet/queue"
	"litefront/host/runtime"
	"litefront/host/store"
	"litefront/host/web"
	"litefront/internal/scripted"
	"litefront/kernels/jobs"
	"litefront/kernels/search"
	"litefront/searchcore/objective"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// goalHostBytes bounds the memory of a host with all its devices.
const goalHostBytes = 512 << 20

type devicesOptions struct {
	devices, jobs int
	takes         time.Duration
	dir           string
}

// devicesResults are of a host whose devices sleep instead of measuring.
type devicesResults struct {
	Devices int     `json:"devices"`
	Jobs    int     `json:"jobs"`
	Counted int     `json:"counted"`  // of them, asked for once all devices were in
	TakesMs float64 `json:"takes_ms"` // a job, on a device
	EnrolS  float64 `json:"enrol_s"`  // until all were in
	WallS   float64 `json:"wall_s"`   // from the first job to the last
	PerS    float64 `json:"jobs_per_s"`
	// IdealPerS is what the devices could do if nothing took time but their jobs, a
	// job that is measured again for a new device's sake counted once.
	IdealPerS float64 `json:"ideal_jobs_per_s"`
	// Turnaround is from the asking for a candidate to the telling of its measurement:
	// what it takes on the device, twice or more while devices are new, and all that
	// comes on top.
	TurnaroundP50Ms float64 `json:"turnaround_p50_ms"`
	TurnaroundP99Ms float64 `json:"turnaround_p99_ms"`
	HostBytes       int64   `json:"host_bytes"`      // peak resident set
	HalfBytes       int64   `json:"host_half_bytes"` // of that, when half of the jobs were done
	Goal            int64   `json:"goal_bytes"`
	Pass            bool    `json:"pass"`
}

// benchDevices runs a study on devices that are all in another process.
func benchDevices(ctx context.Context, o devicesOptions) (r devicesResults, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	dir, err := os.MkdirTemp(o.dir, "litefront-bench-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := store.Open(ctx, filepath.Join(dir, "store.db"))
	if err != nil {
		return r, err
	}
	defer s.Close()
	sp, err := space.Preset("archai-gpt2")
	if err != nil {
		return r, err
	}
	q := search.Request{Name: "bench", Budget: fmt.Sprint(o.jobs), Setup: trial.Setup{
		Space: sp, Workload: trial.DefaultWorkload(), Objectives: objective.Defaults(), Strategy: "random", Protocol: trial.LTS, Seed: 1, MemoryLimit: 2 << 30,
	}}
	st, err := s.CreateStudy(ctx, q.Name, nil)
	if err != nil {
		return r, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	jobQueue, err := queue.Open(ctx, queue.Options{Dir: filepath.Join(dir, "queue"), Lease: fleet.DefaultLease, Log: log})
	if err != nil {
		return r, err
	}
	defer jobQueue.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	base := "http://" + l.Addr().String() + "/"
	r = devicesResults{Devices: o.devices, Jobs: o.jobs, TakesMs: float64(o.takes) / 1e6, Goal: goalHostBytes}
	asked := map[int]time.Time{}
	var turnaround []float64
	var in atomic.Bool // all devices are
	var first, last time.Time
	measured := 0
	host := fleet.New(fleet.Options{
		Request: q, Study: st, Store: s, Queue: jobQueue, Lease: fleet.DefaultLease, Code: runtime.CodeVersion(), Log: log,
		Invite: func(token string) string { return base + "#join=" + token },
		Watch: func(_ string, e trial.Event) { // there is one class
			switch {
			case e.Asked != nil && in.Load():
				asked[e.Asked.Number] = time.Now()
				if first.IsZero() {
					first = time.Now()
				}
			case e.Measured != nil:
				if measured++; measured == o.jobs/2 {
					r.HalfBytes = peak()
				}
				if begin, ok := asked[e.Measured.Number]; ok {
					last = time.Now()
					turnaround = append(turnaround, float64(last.Sub(begin))/1e6)
				}
			}
		},
	})
	go web.Serve(ctx, l, host.Handler(http.NotFoundHandler()))
	ended := make(chan error, 1)
	go func() { ended <- host.Run(ctx, 1) }()
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	others := exec.CommandContext(ctx, self, "-be-devices", dir, "-takes", o.takes.String())
	others.Stderr = os.Stderr
	to, err := others.StdinPipe()
	if err != nil {
		return r, err
	}
	begin := time.Now()
	if err := others.Start(); err != nil {
		return r, err
	}
	defer func() { stop(); others.Wait() }()
	for len(host.Fleet().Devices) < o.devices {
		i, err := host.Invite()
		for n := 0; err != nil && n < 600; n++ { // those that are open have to be used first
			time.Sleep(100 * time.Millisecond)
			i, err = host.Invite()
		}
		if err != nil {
			return r, err
		}
		if _, err := fmt.Fprintln(to, i.URL); err != nil {
			return r, err
		}
		for before := len(host.Fleet().Devices); before == len(host.Fleet().Devices); {
			select {
			case err := <-ended:
				return r, errors.Join(err, errors.New("the host ended before all devices were in"))
			case <-time.After(2 * time.Millisecond):
			}
		}
	}
	r.EnrolS = time.Since(begin).Seconds()
	in.Store(true)
	if err := <-ended; err != nil {
		return r, err
	}
	if measured != o.jobs || len(turnaround) == 0 {
		return r, fmt.Errorf("%d of %d jobs were measured, %d of them with all devices", measured, o.jobs, len(turnaround))
	}
	r.Counted = len(turnaround)
	slices.Sort(turnaround)
	r.WallS = last.Sub(first).Seconds()
	r.PerS = float64(r.Counted) / r.WallS
	r.IdealPerS = float64(o.devices) / o.takes.Seconds()
	r.TurnaroundP50Ms, r.TurnaroundP99Ms = turnaround[len(turnaround)/2], turnaround[len(turnaround)*99/100]
	r.HostBytes = peak()
	r.Pass = r.HostBytes > 0 && r.HostBytes <= goalHostBytes
	return r, nil
}

// beDevices runs a device for every invitation on in, until that ends.
func beDevices(ctx context.Context, in io.Reader, dir string, takes time.Duration) error {
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		address, err := device.ParseAddress(lines.Text())
		if err != nil {
			stop()
			return err
		}
		d := trial.Device{Name: fmt.Sprint("device ", n), OS: "none", Arch: "none", CPU: "none", Cores: 1, Engine: "asleep", Features: []string{}, TimerStepNs: 1}
		all.Go(func() {
			err := device.Run(ctx, device.Config{
				Address: address, Dir: filepath.Join(dir, fmt.Sprint("device", n)),
				Hello: jobs.Hello{Name: d.Name, Device: d, Code: runtime.CodeVersion()},
				Doer:  scripted.Device{Device: d, Factor: 1, Takes: takes},
				Log:   slog.New(slog.NewTextHandler(io.Discard, nil)),
			})
			if err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "bench: device:", err)
			}
		})
	}
	stop()
	all.Wait()
	return lines.Err()
}

// peak is the most memory that this process had resident, in bytes; 0 where the system
// does not tell.
func peak() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var kib int64
		if _, err := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}

func (r devicesResults) print() {
	fmt.Printf("\n%d devices that sleep %.0f ms instead of measuring, %d jobs, on one machine with their host\n", r.Devices, r.TakesMs, r.Jobs)
	fmt.Printf("all enrolled after %.1f s; from then on %d jobs, %.1f a second (%.0f if nothing but sleep took time and no job was confirmed by a second device)\n", r.EnrolS, r.Counted, r.PerS, r.IdealPerS)
	fmt.Printf("turnaround: median %.0f ms, p99 %.0f ms\n", r.TurnaroundP50Ms, r.TurnaroundP99Ms)
	contest.Verdict(r.Pass, "the host's memory peaks at %.0f MiB, %.0f when half of the jobs were done (goal %d)", float64(r.HostBytes)/(1<<20), float64(r.HalfBytes)/(1<<20), r.Goal>>20)
}
