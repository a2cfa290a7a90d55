package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"litefront/searchcore/arch"
	"litefront/searchcore/results"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// RobustOptions say how devices are taken together.
type RobustOptions struct {
	Cut
	// Shares weigh the devices, one for each study. With none the worst device decides.
	Shares []float64
}

// Robust is the frontier of several devices together; see results.Robust.
type Robust struct {
	*results.Robust
	names    []string
	weighted bool
}

// NewRobust returns the frontier of the devices of these studies together. The errors
// are those of results.RobustOf.
func NewRobust(entries []Entry, o RobustOptions) (*Robust, error) {
	if len(entries) == 0 {
		return nil, errors.New("robust: no study given; at least 1 is needed")
	}
	r := &Robust{weighted: o.Shares != nil}
	var studies []*study.Study
	for _, e := range entries {
		studies, r.names = append(studies, e.Study), append(r.names, e.Name)
	}
	var err error
	r.Robust, err = results.RobustOf(studies, o.Cut, o.Shares)
	return r, err
}

// Table writes the frontier for a terminal: for each member the objectives that are the
// same everywhere, and for each device the others and the slowdown over the device's own
// best at equal quality. What is predicted is marked.
func (r *Robust) Table(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "devices: %d\n\n", len(r.Devices))
	rows := [][]string{{"", "study", "device", "threads", "measured", "model of"}}
	if r.weighted {
		rows[0] = append(rows[0], "share")
	}
	for d, about := range r.Devices {
		model := "-"
		if about.NoModel == nil {
			model = strconv.Itoa(about.Fitted)
		}
		row := []string{strconv.Itoa(d + 1), printable(r.names[d]), deviceName(about.Device), strconv.Itoa(about.Workload.Threads), strconv.Itoa(about.Measured), model}
		if r.weighted {
			row = append(row, results.Number(about.Share))
		}
		rows = append(rows, row)
	}
	if err := align(&b, rows); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\ncandidates: %d, on the robust frontier: %d\n\n", r.Candidates, len(r.Members))
	if len(r.Members) > 0 {
		if err := align(&b, r.rows()); err != nil {
			return err
		}
		b.WriteString("\n×: over the shortest that the device could do by itself, at equal or better values of what is the same everywhere\n")
	}
	for _, note := range r.notes() {
		fmt.Fprintf(&b, "%s\n", note)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// score is what decides, in a word.
func (r *Robust) score() string {
	if r.weighted {
		return "mean"
	}
	return "worst"
}

// rows are the members, and below them how much sharing costs each device.
func (r *Robust) rows() [][]string {
	heading := []string{"architecture"}
	for _, o := range r.Objectives {
		if o.Static() {
			heading = append(heading, label(o))
		}
	}
	for d := range r.Devices {
		for _, o := range r.Objectives {
			if !o.Static() {
				heading = append(heading, fmt.Sprintf("%s on %d", label(o), d+1))
			}
		}
		heading = append(heading, "×")
	}
	rows := [][]string{append(heading, r.score())}
	for _, m := range r.Members {
		row := []string{m.Arch.String()}
		for k, o := range r.Objectives {
			if o.Static() {
				row = append(row, o.Format(r.shared(m, k)))
			}
		}
		for _, on := range m.On {
			for k, o := range r.Objectives {
				if !o.Static() {
					cell := o.Format(on.Readings[k].Value)
					if on.Point.Status == results.Predicted {
						cell += " p"
					}
					row = append(row, cell)
				}
			}
			row = append(row, ratio(on.Slowdown))
		}
		rows = append(rows, append(row, ratio(m.Score)))
	}
	return rows
}

// shared is the value of the k-th objective, which is static: the worst of the devices.
func (r *Robust) shared(m results.RobustMember, k int) float64 {
	worst := m.On[0].Readings[k].Value
	set := r.Objectives[k : k+1]
	for _, on := range m.On {
		if v := on.Readings[k].Value; set.Costs([]float64{v})[0] > set.Costs([]float64{worst})[0] {
			worst = v
		}
	}
	return worst
}

func ratio(slowdown float64) string { return strconv.FormatFloat(slowdown, 'f', 2, 64) + "×" }

// slowdowns are those of the members on a device, sorted.
func (r *Robust) slowdowns(d int) (list []float64) {
	for _, m := range r.Members {
		list = append(list, m.On[d].Slowdown)
	}
	slices.Sort(list)
	return list
}

// notes say what sharing costs each device, and what is not as it seems.
func (r *Robust) notes() []string {
	notes := []string{}
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	predicted := false
	for d := range r.Devices {
		if s := r.slowdowns(d); len(s) > 0 {
			note("what sharing costs device %d: %s in the median of the members, %s at most", d+1, ratio(quantile(s, 0.5)), ratio(s[len(s)-1]))
		}
		if err := r.Devices[d].NoModel; err != nil {
			note("device %d has no model, so that only what it measured counts: %v", d+1, err)
		}
		for _, m := range r.Members {
			predicted = predicted || m.On[d].Point.Status == results.Predicted
		}
	}
	if predicted {
		note("p: predicted by the device's model, not measured there")
	}
	if r.Unknown > 0 {
		note("%d architectures are left out: some device did not measure them and has no model", r.Unknown)
	}
	if r.Infeasible > 0 {
		note("%d architectures are left out: they break a constraint on some device", r.Infeasible)
	}
	return notes
}

// CSV writes a row for each member and device. Of what is predicted, _low and _high are
// the bounds of 95 % prediction intervals; trial is empty then. best is the architecture
// that the device would have by itself.
func (r *Robust) CSV(w io.Writer) error {
	heading := []string{"member", "arch_id", "architecture", r.score() + "_slowdown", "study", "device", "threads", "status", "trial", "slowdown", "best"}
	for _, o := range r.Objectives {
		heading = append(heading, o.Name)
		if !o.Static() {
			heading = append(heading, o.Name+"_low", o.Name+"_high")
		}
	}
	records := [][]string{heading}
	for i, m := range r.Members {
		for d, on := range m.On {
			number := ""
			if on.Point.Status != results.Predicted {
				number = strconv.Itoa(on.Point.Number)
			}
			about := r.Devices[d]
			record := []string{strconv.Itoa(i + 1), m.Arch.ID(), m.Arch.String(), results.Number(m.Score), r.names[d], about.Device.Name,
				strconv.Itoa(about.Workload.Threads), string(on.Point.Status), number, results.Number(on.Slowdown), on.Best}
			for k, o := range r.Objectives {
				record = append(record, results.Number(on.Readings[k].Value))
				if !o.Static() {
					record = append(record, results.Number(on.Readings[k].Low), results.Number(on.Readings[k].High))
				}
			}
			records = append(records, record)
		}
	}
	return csv.NewWriter(w).WriteAll(records)
}

// robustDocument is a Robust as JSON.
type robustDocument struct {
	Objectives []string       `json:"objectives"`
	Score      string         `json:"score"` // "worst": the largest slowdown; "mean": weighted by the shares
	Devices    []robustDevice `json:"devices"`
	Candidates int            `json:"candidates"`
	Infeasible int            `json:"infeasible"`
	Unknown    int            `json:"unknown"`
	Members    []robustArch   `json:"members"`
	Notes      []string       `json:"notes"`
}

type robustDevice struct {
	Study    string         `json:"study"`
	Device   trial.Device   `json:"device"`
	Workload trial.Workload `json:"workload"`
	Measured int            `json:"measured"`
	Fitted   int            `json:"fitted"`          // 0 without a model
	Share    *float64       `json:"share,omitempty"` // where shares weigh
}

type robustArch struct {
	ArchID string            `json:"arch_id"`
	Arch   arch.Architecture `json:"arch"`
	Score  float64           `json:"score"`
	On     []robustOn        `json:"on"` // in the order of devices
}

type robustOn struct {
	Status   string    `json:"status"` // measured or predicted
	Trial    int       `json:"trial,omitempty"`
	Values   []float64 `json:"values"` // in the order of the objectives
	Low      []float64 `json:"low"`    // of their 95 % intervals
	High     []float64 `json:"high"`
	Slowdown float64   `json:"slowdown"`
	Best     string    `json:"best"` // arch_id of the device's own best at equal quality
}

// JSON writes the frontier as one object.
func (r *Robust) JSON(w io.Writer) error {
	doc := robustDocument{Score: r.score(), Devices: []robustDevice{}, Candidates: r.Candidates, Infeasible: r.Infeasible, Unknown: r.Unknown,
		Members: []robustArch{}, Notes: r.notes()}
	for _, o := range r.Objectives {
		doc.Objectives = append(doc.Objectives, o.Name)
	}
	for d, about := range r.Devices {
		device := robustDevice{Study: r.names[d], Device: about.Device, Workload: about.Workload, Measured: about.Measured, Fitted: about.Fitted}
		if r.weighted {
			device.Share = &about.Share
		}
		doc.Devices = append(doc.Devices, device)
	}
	for _, m := range r.Members {
		a := robustArch{ArchID: m.Arch.ID(), Arch: m.Arch, Score: m.Score}
		for _, on := range m.On {
			o := robustOn{Status: string(on.Point.Status), Trial: on.Point.Number, Slowdown: on.Slowdown, Best: on.Best}
			for _, reading := range on.Readings {
				o.Values, o.Low, o.High = append(o.Values, reading.Value), append(o.Low, reading.Low), append(o.High, reading.High)
			}
			a.On = append(a.On, o)
		}
		doc.Members = append(doc.Members, a)
	}
	return results.WriteJSON(w, doc)
}
