//go:build !wasm

package main

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"litefront/bench/contest"
	"litefront/searchcore/arch"
	"litefront/searchcore/cost"
	"litefront/searchcore/proxy"
	"litefront/searchcore/trial"
)

// results are the judgements by engine.
type results struct {
	Code    string         `json:"code"`
	Train   int            `json:"train"`
	Test    int            `json:"test"`
	Engines []engineResult `json:"engines"`
	Goals   []goalResult   `json:"goals"`
}

type engineResult struct {
	Name   string       `json:"name"`
	Device trial.Device `json:"device"`
	Times  []timeResult `json:"times"`
}

// timeResult is how well a kind of time is predicted.
type timeResult struct {
	Name       string  `json:"name"`
	Predictors []score `json:"predictors"`
}

// score compares predictions with what was measured.
type score struct {
	Name     string   `json:"name"`
	MAPE     float64  `json:"mape"`      // mean absolute relative error
	Within10 float64  `json:"within_10"` // share of predictions off by at most 10 %
	Spearman *float64 `json:"spearman"`  // null for a constant
	Covered  *float64 `json:"covered"`   // share of measurements in the 95 % intervals; null without intervals
}

// The predictors.
const (
	fitted     = "model"
	onePass    = "model, fitted to one pass"
	paramsOnly = "decoder parameters only"
	constant   = "constant"
	repetition = "the other pass"
)

// judge fits to the first architectures of d and compares with the others. A time
// is the shortest of both passes.
func judge(d *data) (results, error) {
	r := results{Code: d.Code, Train: d.Train, Test: len(d.Archs) - d.Train}
	for _, e := range d.Engines {
		result, err := e.judge(d.Archs, d.Train)
		if err != nil {
			return results{}, fmt.Errorf("%s: %w", e.Name, err)
		}
		r.Engines = append(r.Engines, result)
		for _, g := range goals {
			r.Goals = append(r.Goals, g.judge(result)...)
		}
	}
	return r, nil
}

// times are milliseconds by architecture.
type times struct {
	prefill, decode []float64
}

// response is the time to read the prompt and decode until the context is full.
func (t times) response(w trial.Workload) []float64 {
	sum := make([]float64, len(t.prefill))
	for i := range sum {
		sum[i] = t.prefill[i] + float64(w.Context-w.PromptLen)*t.decode[i]
	}
	return sum
}

func (t times) from(i int) times { return times{t.prefill[i:], t.decode[i:]} }

func (m measured) judge(archs []arch.Architecture, train int) (engineResult, error) {
	passes, err := m.shortest(archs)
	if err != nil {
		return engineResult{}, err
	}
	both := times{shorter(passes[0].prefill, passes[1].prefill), shorter(passes[0].decode, passes[1].decode)}
	w := m.Passes[0][0].Workload
	model, err := m.fit(archs, train, both)
	if err != nil {
		return engineResult{}, err
	}
	single, err := m.fit(archs, train, passes[0])
	if err != nil {
		return engineResult{}, err
	}
	got, gotBounds, err := predict(model, archs[train:])
	if err != nil {
		return engineResult{}, err
	}
	gotSingle, _, err := predict(single, archs[train:])
	if err != nil {
		return engineResult{}, err
	}
	result := engineResult{Name: m.Name, Device: m.Passes[0][0].Device}
	for _, k := range []struct {
		name string
		of   func(times) []float64
	}{
		{"prefill", func(t times) []float64 { return t.prefill }},
		{"decode", func(t times) []float64 { return t.decode }},
		{"response", func(t times) []float64 { return t.response(w) }},
	} {
		want := k.of(both.from(train))
		s := compare(fitted, k.of(got), want)
		s.Covered = covered(k.of(gotBounds.low), k.of(gotBounds.high), want)
		r := timeResult{k.name, []score{s, compare(onePass, k.of(gotSingle), want)}}
		for _, p := range []struct {
			name string
			of   func(arch.Architecture) []float64
		}{
			{paramsOnly, func(a arch.Architecture) []float64 { return []float64{1, float64(a.DecoderParams())} }},
			{constant, func(arch.Architecture) []float64 { return []float64{1} }},
		} {
			predicted, err := regress(archs, k.of(both)[:train], p.of)
			if err != nil {
				return engineResult{}, err
			}
			r.Predictors = append(r.Predictors, compare(p.name, predicted[train:], want))
		}
		r.Predictors = append(r.Predictors, compare(repetition, k.of(passes[1].from(train)), k.of(passes[0].from(train))))
		result.Times = append(result.Times, r)
	}
	return result, nil
}

// shortest are the times of each pass, corrected alike.
func (m measured) shortest(archs []arch.Architecture) (passes [2]times, err error) {
	var all []cost.Observation
	for _, pass := range m.Passes {
		for i, a := range archs {
			all = append(all, cost.Observation{Arch: a, Measurement: pass[i]})
		}
	}
	prefill, decode, err := cost.Shortest(all)
	if err != nil {
		return passes, err
	}
	n := len(archs)
	return [2]times{{prefill[:n], decode[:n]}, {prefill[n:], decode[n:]}}, nil
}

// fit is the model of the first architectures with these times.
func (m measured) fit(archs []arch.Architecture, train int, t times) (*cost.Model, error) {
	var observations []cost.Observation
	for i, a := range archs[:train] {
		got := m.Passes[0][i]
		got.Prefill, got.Decode = trial.Stat{MinMs: t.prefill[i]}, trial.Stat{MinMs: t.decode[i]}
		got.Compute, got.Stream = trial.Stat{}, trial.Stat{} // t is corrected already
		observations = append(observations, cost.Observation{Arch: a, Measurement: got})
	}
	return cost.Fit(observations)
}

type bounds struct{ low, high times }

// predict returns what model expects. The bounds of a sum are the sums of the
// bounds, which errs on the wide side.
func predict(model *cost.Model, archs []arch.Architecture) (t times, b bounds, err error) {
	for _, a := range archs {
		prefill, decode, err := model.Predict(a)
		if err != nil {
			return t, b, err
		}
		t.prefill, t.decode = append(t.prefill, prefill.Ms), append(t.decode, decode.Ms)
		b.low.prefill, b.low.decode = append(b.low.prefill, prefill.LowMs), append(b.low.decode, decode.LowMs)
		b.high.prefill, b.high.decode = append(b.high.prefill, prefill.HighMs), append(b.high.decode, decode.HighMs)
	}
	return t, b, nil
}

// regress predicts all times from the first ones, as a sum over the terms with the
// least squares of relative errors, as package cost has them.
func regress(archs []arch.Architecture, ms []float64, terms func(arch.Architecture) []float64) ([]float64, error) {
	n := len(terms(archs[0]))
	a, b := mat.NewDense(len(ms), n, nil), mat.NewVecDense(len(ms), nil)
	for i, t := range ms {
		for j, x := range terms(archs[i]) {
			a.Set(i, j, x/t)
		}
		b.SetVec(i, 1)
	}
	var x mat.VecDense
	if err := x.SolveVec(a, b); err != nil {
		return nil, err
	}
	var predicted []float64
	for _, architecture := range archs {
		predicted = append(predicted, mat.Dot(&x, mat.NewVecDense(n, terms(architecture))))
	}
	return predicted, nil
}

func shorter(a, b []float64) []float64 {
	c := make([]float64, len(a))
	for i := range c {
		c[i] = min(a[i], b[i])
	}
	return c
}

// compare scores predictions.
func compare(name string, got, want []float64) score {
	s := score{Name: name}
	for i := range want {
		off := math.Abs(got[i]/want[i] - 1)
		s.MAPE += off / float64(len(want))
		if off <= 0.1 {
			s.Within10 += 1 / float64(len(want))
		}
	}
	if rho := stat.Correlation(proxy.Ranks(got), proxy.Ranks(want), nil); !math.IsNaN(rho) {
		s.Spearman = &rho
	}
	return s
}

func covered(low, high, want []float64) *float64 {
	in := 0
	for i, ms := range want {
		if low[i] <= ms && ms <= high[i] {
			in++
		}
	}
	share := float64(in) / float64(len(want))
	return &share
}

// goal is what the model must reach for a kind of time.
type goal struct {
	time                     string
	mape, within10, spearman float64
}

var goals = []goal{
	{"prefill", 0.02, 0.98, 0.99},
	{"decode", 0.05, 0.92, 0.985},
}

type goalResult struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Goal   float64 `json:"goal"`
	AtMost bool    `json:"at_most,omitempty"` // else at least
	Pass   bool    `json:"pass"`
}

func (g goalResult) side() string {
	if g.AtMost {
		return "most"
	}
	return "least"
}

func (g goal) judge(e engineResult) (list []goalResult) {
	for _, t := range e.Times {
		if t.Name != g.time {
			continue
		}
		s := t.Predictors[0]
		rho := 0.0
		if s.Spearman != nil {
			rho = *s.Spearman
		}
		name := e.Name + ", " + t.Name + ": "
		list = append(list,
			goalResult{name + "mean absolute relative error", s.MAPE, g.mape, true, s.MAPE <= g.mape},
			goalResult{name + "share within ±10 %", s.Within10, g.within10, false, s.Within10 >= g.within10},
			goalResult{name + "Spearman", rho, g.spearman, false, rho >= g.spearman})
	}
	return list
}

func (r results) print() {
	fmt.Printf("lts-gpt2, %d tokens; fitted to %d designed candidates, tested on %d others; shortest of two passes\n",
		trial.DefaultWorkload().PromptLen, r.Train, r.Test)
	for _, e := range r.Engines {
		fmt.Printf("\n%s\n%-12s %-28s %8s %8s %10s %10s\n", e.Device.Engine, "", "predicted by", "MAPE", "±10 %", "Spearman", "covered")
		for _, t := range e.Times {
			label := t.Name
			for _, s := range t.Predictors {
				fmt.Printf("%-12s %-28s %6.2f %% %6.1f %% %10s %10s\n", label, s.Name, 100*s.MAPE, 100*s.Within10, contest.Cell("%.4f", s.Spearman, 1), contest.Cell("%.1f %%", s.Covered, 100))
				label = ""
			}
		}
	}
	fmt.Println()
	for _, g := range r.Goals {
		contest.Verdict(g.Pass, "%s %.4f (goal: at %s %g)", g.Name, g.Value, g.side(), g.Goal)
	}
}
