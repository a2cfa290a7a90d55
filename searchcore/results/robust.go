package results

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/objective"
	"litefront/searchcore/robust"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Robust is the frontier of several devices together, as package robust defines it. Its
// candidates are all architectures that a study of one of the devices measured, and all
// members of the frontier that a study's strategy predicts. What a device did not
// measure is predicted by the model that its study's measurements give. Shared costs are
// the objectives that need no measurement, where they differ between devices, as memory
// does with the number of threads, by the worst; times are the others.
type Robust struct {
	Objectives objective.Set
	Devices    []RobustDevice
	Members    []RobustMember // by the first static objective from worst to best
	Candidates int            // that were compared
	Infeasible int            // that break a constraint on some device
	Unknown    int            // that some device did not measure and has no model for
}

// RobustDevice is a device and its study.
type RobustDevice struct {
	Device   trial.Device // of the latest measurement
	Workload trial.Workload
	Measured int     // trials of the device
	Fitted   int     // measurements that its model was fitted to; 0 if it has none
	NoModel  error   // why; nil if it has one
	Share    float64 // as given; 0 if none were
}

// RobustMember is an architecture on the robust frontier.
type RobustMember struct {
	Arch  arch.Architecture
	On    []OnDevice // by device
	Score float64    // the largest slowdown, or their mean weighted by the shares
}

// OnDevice is what an architecture is on a device.
type OnDevice struct {
	Point    Point     // Status is study.Measured, or Predicted
	Readings []Reading // by objective
	Slowdown float64   // over the device's own best at equal shared costs; see package robust
	Best     string    // ID of the architecture with the device's shortest first time there
}

// RobustOf compares the devices of studies that have the same workload, but for the
// number of threads, the same protocol, and, unless the cut names some, the same
// objectives. The constraints of each study hold on its device, those of the cut on all.
// Shares, if not nil, weigh the devices.
//
// An error says in one line what does not compare, what is wrong with the cut or a share,
// or that a study measured nothing or that there is no measured objective.
func RobustOf(studies []*study.Study, c Cut, shares []float64) (*Robust, error) {
	if n := len(studies); n < 1 || n > robust.MaxDevices {
		return nil, fmt.Errorf("robust: %d studies; allowed are 1 to %d", n, robust.MaxDevices)
	}
	if err := robust.CheckShares(shares, len(studies)); err != nil {
		return nil, err
	}
	r := &Robust{}
	var sides []*side
	for i, s := range studies {
		if err := sameQuestion(studies[0].Started().Setup, s.Started().Setup, len(c.Objectives) > 0); err != nil {
			return nil, fmt.Errorf("robust: study %d %w", i+1, err)
		}
		one, err := newSide(s, c)
		if err != nil {
			return nil, fmt.Errorf("robust: study %d: %w", i+1, err)
		}
		if shares != nil {
			one.about.Share = shares[i]
		}
		sides = append(sides, one)
		r.Devices = append(r.Devices, one.about)
	}
	r.Objectives = sides[0].view.Objectives
	if len(timed(r.Objectives)) == 0 {
		return nil, errors.New("robust: none of the objectives is measured; add one, such as response_ms")
	}
	return r, r.compare(sides, shares)
}

// sameQuestion demands that values of both setups mean the same, but for the device.
func sameQuestion(a, b trial.Setup, recut bool) error {
	b.Workload.Threads = a.Workload.Threads
	for _, d := range Differences(a, b) {
		if d.Field != FieldConstraints && !(recut && d.Field == FieldObjectives) {
			return fmt.Errorf("has %s %s, the first one %s; they must be the same", d.Field, d.B, d.A)
		}
	}
	return nil
}

// side is what one study says.
type side struct {
	view     *View
	about    RobustDevice
	measured map[string]Point // by ID of the architecture: the latest of the device
	order    []arch.Architecture
	predict  func(arch.Architecture) (trial.Prediction, error) // nil without a model
}

func newSide(s *study.Study, c Cut) (*side, error) {
	// The study's own constraints hold for what is predicted as well.
	c.Constraints = append(append([]string{}, s.Started().Constraints...), c.Constraints...)
	v, err := New(s, c)
	if err != nil {
		return nil, err
	}
	v.Predict(s)
	o := &side{view: v, about: RobustDevice{Workload: v.Started.Workload}, measured: map[string]Point{}}
	ended := v.Ended()
	if len(ended) == 0 {
		return nil, fmt.Errorf("%q measured nothing yet", v.Started.Study)
	}
	o.about.Device = ended[len(ended)-1].Measurement.Device
	for _, p := range ended {
		if p.Measurement.Device.Same(o.about.Device) {
			o.measured[p.Arch.ID()] = p
			o.order = append(o.order, p.Arch)
		}
	}
	o.about.Measured = len(o.measured)
	for _, p := range v.Predicted {
		o.order = append(o.order, p.Arch)
	}
	model, fitted, err := Model(s)
	if err != nil {
		o.about.NoModel = err
		return o, nil
	}
	o.about.Fitted = fitted
	model = model.Latencies()
	o.predict = func(a arch.Architecture) (trial.Prediction, error) {
		prefill, decode, err := model.Predict(a)
		return trial.Prediction{Arch: a, Prefill: trial.Estimate(prefill), Decode: trial.Estimate(decode)}, err
	}
	return o, nil
}

// point is a as measured, or else predicted, on this side; false if it is neither.
func (o *side) point(a arch.Architecture) (Point, bool) {
	if p, ok := o.measured[a.ID()]; ok {
		return p, p.Judged != nil || p.Violates != ""
	}
	if o.predict == nil {
		return Point{}, false
	}
	prediction, err := o.predict(a)
	if err != nil {
		return Point{}, false
	}
	m := prediction.Measurement(o.view.Started.Workload)
	m.Protocol = o.view.Started.Protocol
	p := NewPoint(o.view.Started, study.Record{Trial: trial.Trial{Proposal: trial.Proposal{Arch: a}}, Status: Predicted})
	p.candidate.Measurement = &m
	o.view.judge(&p)
	return p, p.Judged != nil || p.Violates != ""
}

// compare finds the members.
func (r *Robust) compare(sides []*side, shares []float64) error {
	seen := map[string]bool{}
	var candidates []robust.Candidate
	var points [][]Point // by candidate, then device
	for _, o := range sides {
		for _, a := range o.order {
			id := a.ID()
			if seen[id] {
				continue
			}
			seen[id] = true
			on, known, feasible := make([]Point, len(sides)), true, true
			for d, other := range sides {
				var ok bool
				on[d], ok = other.point(a)
				known, feasible = known && ok, feasible && (!ok || on[d].Violates == "")
			}
			switch {
			case !feasible:
				r.Infeasible++
			case !known:
				r.Unknown++
			default:
				candidates, points = append(candidates, r.candidate(id, on)), append(points, on)
			}
		}
	}
	r.Candidates = len(candidates)
	members, err := robust.Frontier(candidates, shares)
	if err != nil {
		return err
	}
	for _, m := range members {
		at := RobustMember{Arch: points[m.Candidate][0].Arch, Score: m.Score}
		for d, p := range points[m.Candidate] {
			on := OnDevice{Point: p, Slowdown: m.Slowdown[d], Best: candidates[m.Best[d]].ID}
			for _, objective := range r.Objectives {
				reading, ok := sides[d].view.Read(p, objective)
				if !ok {
					return fmt.Errorf("robust: %s of %s is unknown", objective.Name, at.Arch.ID())
				}
				on.Readings = append(on.Readings, reading)
			}
			at.On = append(at.On, on)
		}
		r.Members = append(r.Members, at)
	}
	r.sort(candidates, members)
	return nil
}

// timed are the places of the measured objectives.
func timed(set objective.Set) (places []int) {
	for k, o := range set {
		if !o.Static() {
			places = append(places, k)
		}
	}
	return places
}

// candidate is what package robust compares of an architecture with these points.
func (r *Robust) candidate(id string, on []Point) robust.Candidate {
	c := robust.Candidate{ID: id}
	for k, o := range r.Objectives {
		if o.Static() {
			worst := math.Inf(-1)
			for _, p := range on {
				worst = max(worst, r.Objectives[k : k+1].Costs(p.Judged[k : k+1])[0])
			}
			c.Shared = append(c.Shared, worst)
		}
	}
	for _, p := range on {
		var times []float64
		for _, k := range timed(r.Objectives) {
			times = append(times, p.Judged[k])
		}
		c.Times = append(c.Times, times)
	}
	return c
}

// sort orders members by their shared costs, from worst to best, then by score.
func (r *Robust) sort(candidates []robust.Candidate, members []robust.Member) {
	order := make([]int, len(members))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := candidates[members[i].Candidate], candidates[members[j].Candidate]
		return cmp.Or(slices.Compare(b.Shared, a.Shared), cmp.Compare(members[i].Score, members[j].Score), cmp.Compare(a.ID, b.ID))
	})
	sorted := make([]RobustMember, len(order))
	for i, j := range order {
		sorted[i] = r.Members[j]
	}
	r.Members = sorted
}
