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
	n        int  // candidates; 0 for all of its half
	again    bool // each is measured in every pass, and not in one of them
	transfer bool // from the models of the other devices
}

var starts = []start{
	{name: "from nothing", n: 8},
	{name: "from nothing", n: 12},
	{name: "from the others", n: 4, transfer: true},
	{name: "from the others", n: 6, transfer: true},
	{name: "from the others", n: 8, transfer: true},
	{name: "from the others", n: 4, again: true, transfer: true},
	{name: "from nothing, all of the half", again: true},
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
	Measured   int    `json:"measured"` // times
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

// inPasses is a device with what each pass measured on it.
type inPasses struct {
	name   string
	passes [][]trial.Measurement
}

// devices are those of f in their order, which all have as many passes.
func (f *fleet) devices() (list []inPasses, passes int, err error) {
	for _, d := range f.Devices {
		i := slices.IndexFunc(list, func(x inPasses) bool { return x.name == d.Name })
		if i < 0 {
			i = len(list)
			list = append(list, inPasses{name: d.Name})
		}
		list[i].passes = append(list[i].passes, d.Measurements)
	}
	for _, d := range list {
		if passes = len(list[0].passes); len(d.passes) != passes {
			return nil, 0, fmt.Errorf("%s: %d passes, and %s has %d", d.name, len(d.passes), list[0].name, passes)
		}
	}
	return list, passes, nil
}

// observe returns what passes measured of the candidates with these indices.
func observe(passes [][]trial.Measurement, archs []arch.Architecture, indices []int) (list []cost.Observation) {
	for _, p := range passes {
		for _, i := range indices {
			list = append(list, cost.Observation{Arch: archs[i], Measurement: p[i]})
		}
	}
	return list
}

// undisturbed are the times of the candidates with these indices as m sees them: the
// means of what their passes would have measured on the device that m is about, since
// corrected times err to both sides.
func (d inPasses) undisturbed(m *cost.Model, indices []int) (t times) {
	for _, i := range indices {
		var prefill, decode float64
		for _, p := range d.passes {
			prefillMs, decodeMs := m.Undisturbed(p[i])
			prefill += prefillMs / float64(len(d.passes))
			decode += decodeMs / float64(len(d.passes))
		}
		t.prefill, t.decode = append(t.prefill, prefill), append(t.decode, decode)
	}
	return t
}

// judgeTransfer holds out each device in turn: its model starts from those of the
// others, fitted to all that they measured, and from nothing.
func judgeTransfer(f *fleet, seeds int) (transferResults, error) {
	r := transferResults{Code: f.Code, Candidates: len(f.Archs), Seeds: seeds}
	devices, passes, err := f.devices()
	if err != nil {
		return r, err
	}
	r.Passes = passes
	everything := rand.New(rand.NewPCG(0, 0)).Perm(len(f.Archs))
	var models []trial.DeviceModel
	var full []*cost.Model
	for _, d := range devices {
		m, err := cost.Fit(observe(d.passes, f.Archs, everything))
		if err != nil {
			return r, fmt.Errorf("%s: %w", d.name, err)
		}
		models, full = append(models, m.Known()), append(full, m)
	}
	for i, d := range devices {
		known := slices.Delete(slices.Clone(models), i, i+1)
		result := transferDevice{Name: d.name, Device: d.passes[0][0].Device}
		for _, s := range starts {
			score, err := s.judge(f.Archs, d, known, full[i], seeds)
			if err != nil {
				return r, fmt.Errorf("%s: %w", d.name, err)
			}
			result.Starts = append(result.Starts, score)
			if s.transfer && !s.again && score.Measured == transferMost {
				for _, t := range []struct {
					name string
					of   spreadOver
				}{{"prefill", score.Prefill}, {"decode", score.Decode}} {
					r.Goals = append(r.Goals, goalResult{fmt.Sprintf("%s, %s: mean absolute relative error after %d measurements", d.name, t.name, score.Measured),
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
func (s start) judge(archs []arch.Architecture, d inPasses, known []trial.DeviceModel, full *cost.Model, seeds int) (transferStart, error) {
	if !s.transfer {
		known = nil
	}
	half := len(archs) / 2
	n := s.n
	if n == 0 {
		n = half
	}
	result := transferStart{Name: s.name, Candidates: n, Measured: n}
	if s.again {
		result.Measured *= len(d.passes)
	}
	var errs [4][]float64
	for seed := range uint64(seeds) {
		order := rand.New(rand.NewPCG(seed, 1)).Perm(len(archs))
		var pool []arch.Architecture
		for _, i := range order[:half] {
			pool = append(pool, archs[i])
		}
		chosen, err := cost.Choose(pool, d.passes[0][0].Workload, n)
		if err != nil {
			return result, err
		}
		var train []int
		for _, c := range chosen {
			train = append(train, order[c])
		}
		passes := d.passes
		if !s.again { // as a new device does, now in one pass and now in another
			passes = passes[seed%uint64(len(passes)):][:1]
		}
		m, err := cost.FitFrom(known, observe(passes, archs, train))
		if err != nil {
			return result, err
		}
		var rest []arch.Architecture
		for _, i := range order[half:] {
			rest = append(rest, archs[i])
		}
		want := d.undisturbed(m, order[half:])
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
		fmt.Printf("\nheld out: %s\n%-30s %10s %8s   %-23s %-23s %-9s %s\n", d.Name, "fitted", "candidates", "measured", "prefill MAPE", "decode MAPE", "prefill*", "decode*")
		for _, s := range d.Starts {
			fmt.Printf("%-30s %10d %8d   %-23s %-23s %5.2f %%   %5.2f %%\n", s.Name, s.Candidates, s.Measured, cell(s.Prefill), cell(s.Decode), 100*s.PrefillOfAll.Mean, 100*s.DecodeOfAll.Mean)
		}
	}
	fmt.Printf("\n*: over the predictions of the model that is fitted to all %d, which average the noise of measurements, at the usual speed that those tell of\n\n", r.Candidates)
	for _, g := range r.Goals {
		contest.Verdict(g.Pass, "%s %.4f (goal: at %s %g)", g.Name, g.Value, g.side(), g.Goal)
	}
}
