//go:build !wasm

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"litefront/bench/contest"
	"litefront/searchcore/arch"
	"litefront/searchcore/cost"
	"litefront/searchcore/trial"
)

// transferSeeds is how often candidates are divided anew into those that may be chosen
// to be measured and those that are predicted: half and half.
const transferSeeds = 20

// transferGoal is what a held-out device must reach with so many measurements.
const (
	transferGoal = 0.05
	transferMost = 8
)

// start is how a new device's model is fitted.
type start struct {
	name     string
	n        int  // candidates, each measured in every pass; 0 for all of its half
	transfer bool // from the models of the other devices
	// alone is corrected by the sentinels of its own measurements, which may not tell how
	// the device usually is; the others by all that the device read.
	alone bool
}

var starts = []start{
	{name: "from nothing", n: 8},
	{name: "from nothing", n: 12},
	{name: "from the others, own sentinels", n: 4, transfer: true, alone: true},
	{name: "from the others", n: 4, transfer: true},
	{name: "from the others", n: 6, transfer: true},
	{name: "from the others", n: 8, transfer: true},
	{name: "from nothing, all of the half"},
}

// transferResults are the errors by held-out device.
type transferResults struct {
	Code       string           `json:"code"`
	Candidates int              `json:"candidates"`
	Passes     int              `json:"passes"`
	Seeds      int              `json:"seeds"`
	Devices    []transferDevice `json:"devices"`
	Goals      []goalResult     `json:"goals"`
}

type transferDevice struct {
	Name   string          `json:"name"`
	Device trial.Device    `json:"device"`
	Starts []transferStart `json:"starts"`
}

type transferStart struct {
	Name       string `json:"name"`
	Candidates int    `json:"candidates"`
	Measured   int    `json:"measured"` // times: each candidate in every pass
	// Mean absolute relative errors: over what was measured, whose noise is in them, and
	// over what the model predicts that is fitted to all that the device measured.
	Prefill      spreadOver `json:"prefill"`
	Decode       spreadOver `json:"decode"`
	PrefillOfAll spreadOver `json:"prefill_of_all"`
	DecodeOfAll  spreadOver `json:"decode_of_all"`
}

// spreadOver is a mean absolute relative error over the seeds.
type spreadOver struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// undisturbed merges the passes of each device: of each candidate the means of its times,
// corrected by the sentinels as a fit corrects them, by which they err to both sides. All
// are to be taken as they are.
func (f *fleet) undisturbed() (devices []onDevice, passes int, err error) {
	var order []string
	all := map[string][]trial.Measurement{}
	for _, d := range f.Devices {
		if !slices.Contains(order, d.Name) {
			order = append(order, d.Name)
		}
		all[d.Name] = append(all[d.Name], d.Measurements...)
	}
	n := len(f.Archs)
	for _, name := range order {
		var observations []cost.Observation
		for i, m := range all[name] {
			observations = append(observations, cost.Observation{Arch: f.Archs[i%n], Measurement: m})
		}
		prefill, decode, err := cost.Shortest(observations)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		}
		d := onDevice{Name: name}
		for i, m := range all[name][:n] {
			mean := func(ms []float64) trial.Stat {
				var sum float64
				for j := i; j < len(ms); j += n {
					sum += ms[j]
				}
				at := sum * float64(n) / float64(len(ms))
				return trial.Stat{MinMs: at, MedianMs: at, MeanMs: at}
			}
			m.Prefill, m.Decode = mean(prefill), mean(decode)
			m.Compute, m.Stream = trial.Stat{}, trial.Stat{}
			d.Measurements = append(d.Measurements, m)
		}
		devices, passes = append(devices, d), len(all[name])/n
	}
	return devices, passes, nil
}

// passes are those of a device, as it was measured.
func (f *fleet) passes(device string) (list []onDevice) {
	for _, d := range f.Devices {
		if d.Name == device {
			list = append(list, d)
		}
	}
	return list
}

// observe returns the observations of the candidates with these indices.
func (d onDevice) observe(archs []arch.Architecture, indices []int) (list []cost.Observation) {
	for _, i := range indices {
		list = append(list, cost.Observation{Arch: archs[i], Measurement: d.Measurements[i]})
	}
	return list
}

// judgeTransfer holds out each device in turn: its model starts from those of the
// others, fitted to all that they measured, and from nothing.
func judgeTransfer(f *fleet, seeds int) (transferResults, error) {
	r := transferResults{Code: f.Code, Candidates: len(f.Archs), Seeds: seeds}
	devices, passes, err := f.undisturbed()
	if err != nil {
		return r, err
	}
	if r.Passes = passes; !slices.ContainsFunc(starts, func(s start) bool { return s.transfer && s.n*passes == transferMost }) {
		return r, fmt.Errorf("%d passes of each device; the goal is about %d measurements, which 1 pass or 2 make", passes, transferMost)
	}
	everything := rand.New(rand.NewPCG(0, 0)).Perm(len(f.Archs))
	var models []trial.DeviceModel
	var full []*cost.Model
	for _, d := range devices {
		m, err := cost.Fit(d.observe(f.Archs, everything))
		if err != nil {
			return r, fmt.Errorf("%s: %w", d.Name, err)
		}
		models, full = append(models, m.Known()), append(full, m)
	}
	for i, d := range devices {
		known := slices.Delete(slices.Clone(models), i, i+1)
		result := transferDevice{Name: d.Name, Device: d.Measurements[0].Device}
		for _, s := range starts {
			score, err := s.judge(f.Archs, d, f.passes(d.Name), known, full[i], seeds)
			if err != nil {
				return r, fmt.Errorf("%s: %w", d.Name, err)
			}
			result.Starts = append(result.Starts, score)
			if s.transfer && !s.alone && score.Measured == transferMost {
				for _, t := range []struct {
					name string
					of   spreadOver
				}{{"prefill", score.Prefill}, {"decode", score.Decode}} {
					r.Goals = append(r.Goals, goalResult{fmt.Sprintf("%s, %s: mean absolute relative error after %d measurements, its usual speed known", d.Name, t.name, score.Measured),
						t.of.Mean, transferGoal, true, t.of.Mean <= transferGoal})
				}
			}
		}
		r.Devices = append(r.Devices, result)
	}
	return r, nil
}

// judge fits to candidates of one half that are designed for the start, and predicts the
// other half.
func (s start) judge(archs []arch.Architecture, d onDevice, passes []onDevice, known []trial.DeviceModel, full *cost.Model, seeds int) (transferStart, error) {
	if !s.transfer {
		known = nil
	}
	half := len(archs) / 2
	n := s.n
	if n == 0 {
		n = half
	}
	result := transferStart{Name: s.name, Candidates: n, Measured: n * len(passes)}
	var errs [4][]float64
	for seed := range uint64(seeds) {
		order := rand.New(rand.NewPCG(seed, 1)).Perm(len(archs))
		var pool []arch.Architecture
		for _, i := range order[:half] {
			pool = append(pool, archs[i])
		}
		chosen, err := cost.Choose(pool, d.Measurements[0].Workload, n)
		if err != nil {
			return result, err
		}
		var train []int
		for _, c := range chosen {
			train = append(train, order[c])
		}
		observations := d.observe(archs, train)
		if s.alone {
			observations = nil
			for _, p := range passes {
				observations = append(observations, p.observe(archs, train)...)
			}
		}
		m, err := cost.FitFrom(known, observations)
		if err != nil {
			return result, err
		}
		var rest []arch.Architecture
		var want times
		for _, o := range d.observe(archs, order[half:]) {
			rest = append(rest, o.Arch)
			want.prefill, want.decode = append(want.prefill, o.Measurement.Prefill.MinMs), append(want.decode, o.Measurement.Decode.MinMs)
		}
		got, _, err := predict(m, rest)
		if err != nil {
			return result, err
		}
		all, _, err := predict(full, rest)
		if err != nil {
			return result, err
		}
		for i, pair := range [][2][]float64{{got.prefill, want.prefill}, {got.decode, want.decode}, {got.prefill, all.prefill}, {got.decode, all.decode}} {
			errs[i] = append(errs[i], compare("", pair[0], pair[1]).MAPE)
		}
	}
	result.Prefill, result.Decode, result.PrefillOfAll, result.DecodeOfAll = over(errs[0]), over(errs[1]), over(errs[2]), over(errs[3])
	return result, nil
}

func over(list []float64) spreadOver {
	s := spreadOver{Low: slices.Min(list), High: slices.Max(list)}
	for _, x := range list {
		s.Mean += x / float64(len(list))
	}
	return s
}

func (r transferResults) print() {
	fmt.Printf("lts-gpt2, %d tokens; %d candidates, each measured in %d passes; one half is predicted from designed ones of the other, %d times\n",
		trial.DefaultWorkload().PromptLen, r.Candidates, r.Passes, r.Seeds)
	cell := func(s spreadOver) string {
		return fmt.Sprintf("%5.2f %% [%.2f, %.2f]", 100*s.Mean, 100*s.Low, 100*s.High)
	}
	for _, d := range r.Devices {
		fmt.Printf("\nheld out: %s\n%-31s %10s %8s   %-23s %-23s %-9s %s\n", d.Name, "fitted", "candidates", "measured", "prefill MAPE", "decode MAPE", "prefill*", "decode*")
		for _, s := range d.Starts {
			fmt.Printf("%-31s %10d %8d   %-23s %-23s %5.2f %%   %5.2f %%\n", s.Name, s.Candidates, s.Measured, cell(s.Prefill), cell(s.Decode), 100*s.PrefillOfAll.Mean, 100*s.DecodeOfAll.Mean)
		}
	}
	fmt.Printf("\n*: over the predictions of the model that is fitted to all %d, which average the noise of measurements\n\n", r.Candidates)
	for _, g := range r.Goals {
		contest.Verdict(g.Pass, "%s %.4f (goal: at %s %g)", g.Name, g.Value, g.side(), g.Goal)
	}
}
