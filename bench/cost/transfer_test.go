//go:build !wasm

package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"litefront/searchcore/cost"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// madeFleet is three devices in two passes, of which the second is a quarter slower, as
// the sentinels say: their times are sums over multiply-adds and layers, in other proportions on each.
func madeFleet(t *testing.T) *fleet {
	t.Helper()
	list, err := candidates(12, 28)
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{Code: "v0", Archs: list}
	for _, slower := range []float64{1, 1.25} {
		for d, perMAC := range []float64{4e-8, 2e-8, 9e-8} {
			of := onDevice{Name: string(rune('a' + d))}
			for _, a := range list {
				g, err := graph.Build(a, trial.DefaultWorkload())
				if err != nil {
					t.Fatal(err)
				}
				var macs [2]float64
				for _, o := range g.Ops {
					macs[0] += float64(g.Work(o, 0, 192).MACs)
					macs[1] += float64(g.Work(o, 224, 1).MACs)
				}
				ms := func(k int) trial.Stat {
					return trial.Stat{MinMs: slower * (perMAC*macs[k] + float64(d+1)*0.01*float64(len(a.Layers)))}
				}
				of.Measurements = append(of.Measurements, trial.Measurement{ArchID: a.ID(), Workload: trial.DefaultWorkload(),
					Device: trial.Device{Name: of.Name, Engine: "none"}, Prefill: ms(0), Decode: ms(1),
					Compute: trial.Stat{MinMs: slower}, Stream: trial.Stat{MinMs: 3 * slower}})
			}
			f.Devices = append(f.Devices, of)
		}
	}
	return f
}

func TestJudgeTransfer(t *testing.T) {
	f := madeFleet(t)
	r, err := judgeTransfer(f, 2)
	if err != nil {
		t.Fatal(err)
	}
	if r.Passes != 2 || len(r.Devices) != 3 || len(r.Goals) != 6 {
		t.Fatalf("%d passes of %d devices, %d goals", r.Passes, len(r.Devices), len(r.Goals))
	}
	for _, d := range r.Devices {
		for i, s := range d.Starts {
			want := s.Candidates
			if starts[i].again {
				want *= 2
			}
			if s.Measured != want {
				t.Errorf("%s, %s: %d candidates, %d measurements in two passes", d.Name, s.Name, s.Candidates, s.Measured)
			}
			// One pass does not show what the other was slower by; other devices do.
			if s.Candidates >= 6 && (starts[i].transfer || starts[i].again) && (s.Prefill.Mean > 0.03 || s.Decode.Mean > 0.03 || s.Prefill.High < s.Prefill.Mean) {
				t.Errorf("%s, %s, %d measured: %+v", d.Name, s.Name, s.Measured, s)
			}
		}
	}
	for _, g := range r.Goals {
		if !g.Pass {
			t.Errorf("%+v", g)
		}
	}
	// That the second pass was slower changes nothing.
	devices, _, err := f.devices()
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for i := range f.Archs {
		all = append(all, i)
	}
	for _, d := range devices {
		m, err := cost.Fit(observe(d.passes, f.Archs, all))
		if err != nil {
			t.Fatal(err)
		}
		for i, ms := range d.undisturbed(m, all).decode {
			if want := d.passes[0][i].Decode.MinMs; math.Abs(ms/want-1) > 1e-9 {
				t.Fatalf("%s, candidate %d: %v, want %v", d.name, i, ms, want)
			}
		}
	}
	uneven := *f
	uneven.Devices = f.Devices[1:]
	if _, err := judgeTransfer(&uneven, 2); err == nil || !strings.Contains(err.Error(), "a: 1 passes, and b has 2") {
		t.Errorf("a pass is missing: %v", err)
	}
	// A device that is off by a third for half of its candidates misses the goal.
	for i := range f.Archs {
		if i%2 == 0 {
			f.Devices[0].Measurements[i].Decode.MinMs *= 1.5
			f.Devices[3].Measurements[i].Decode.MinMs *= 1.5
		}
	}
	if r, err = judgeTransfer(f, 2); err != nil || r.Goals[1].Pass {
		t.Errorf("%+v (%v)", r.Goals[1], err)
	}
}

func TestReadFleets(t *testing.T) {
	f := madeFleet(t)
	dir := t.TempDir()
	write := func(name string, f fleet) string {
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first, second := *f, *f
	first.Devices, second.Devices = f.Devices[:2], f.Devices[2:]
	a, b := write("a.json", first), write("b.json", second)
	all, err := readFleets(a + "," + b)
	if err != nil || len(all.Devices) != len(f.Devices) {
		t.Fatalf("%v", err)
	}
	second.Archs = f.Archs[1:]
	for i := range second.Devices {
		second.Devices[i].Measurements = second.Devices[i].Measurements[1:]
	}
	hole := *f
	hole.Devices = []onDevice{{Name: "x", Measurements: f.Devices[0].Measurements[2:]}}
	for _, c := range []struct{ paths, want string }{
		{a + "," + write("c.json", second), "39 candidates, and 40"},
		{write("d.json", hole), "38 measurements of 40"},
		{filepath.Join(dir, "none.json"), "no such file"},
	} {
		if _, err := readFleets(c.paths); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
