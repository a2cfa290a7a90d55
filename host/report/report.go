// Package report turns a study into what people read: the frontier as a table
// for a terminal ([Table]), a folder of CSV, JSON and a plot ([WriteDir]), and
// the comparison of repeated searches ([Seeds]). It only reads studies, and the
// same study always gives the same bytes.
//
// Everywhere the decoder parameters are called a proxy, and a measured objective
// comes with its 95 % confidence interval, so that nobody takes a tie for a
// difference.
package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// view is a study as all reports look at it.
type view struct {
	started    trial.Started
	objectives objective.Set
	points     []point // all trials by number
	frontier   []point // from worst to best by the first objective
}

// point is a trial with what its objectives are computed from.
type point struct {
	study.Record
	candidate  objective.Candidate
	planned    bool // candidate.Memory is known
	onFrontier bool
}

func newView(s *study.Study) (*view, error) {
	v := &view{started: s.Started()}
	var err error
	if v.objectives, err = objective.ParseSet(v.started.Objectives); err != nil {
		return nil, err
	}
	for _, r := range s.Trials() {
		v.points = append(v.points, v.newPoint(r))
	}
	for _, r := range s.Frontier() {
		p := &v.points[r.Number-1]
		p.onFrontier = true
		v.frontier = append(v.frontier, *p)
	}
	return v, nil
}

func (v *view) newPoint(r study.Record) point {
	p := point{Record: r, candidate: objective.Candidate{
		Arch: r.Arch, Workload: v.started.Workload, Measurement: r.Measurement,
	}}
	// A journal of another version may hold what this one cannot build.
	if g, err := graph.Build(r.Arch, v.started.Workload); err == nil {
		p.planned, p.candidate = true, objective.NewCandidate(g, r.Measurement)
	}
	return p
}

// measured returns the measured trials of the search, or the measured overlays.
func (v *view) measured(overlay bool) []point {
	var points []point
	for _, p := range v.points {
		if p.Status == study.Measured && p.Overlay() == overlay {
			points = append(points, p)
		}
	}
	return points
}

// count returns how many trials have the status.
func (v *view) count(status study.Status) int {
	n := 0
	for _, p := range v.points {
		if p.Status == status {
			n++
		}
	}
	return n
}

// reading is the value of an objective and its 95 % confidence interval. The
// bounds of a static objective are its value.
type reading struct{ value, low, high float64 }

// read returns an objective of p. A value that the study recorded is not
// computed again. It reports false if the objective is unknown, such as the
// latency of a trial that failed.
func (v *view) read(p point, o objective.Objective) (r reading, known bool) {
	recorded := slices.Index(v.started.Objectives, o.Name)
	var err error
	switch {
	case recorded >= 0 && p.Status == study.Measured:
		r.value = p.Values[recorded]
	case p.planned:
		if r.value, err = o.Value(p.candidate); err != nil {
			return reading{}, false
		}
	default:
		return reading{}, false
	}
	if o.Static() {
		r.low, r.high = r.value, r.value
		return r, true
	}
	r.low, r.high, err = o.Interval(p.candidate)
	return r, err == nil
}

// label names an objective without its unit.
func label(o objective.Objective) string {
	name := strings.ReplaceAll(o.Name, "_", " ")
	switch o.Unit {
	case "ms":
		return strings.TrimSuffix(name, " ms")
	case "MiB":
		return strings.TrimSuffix(name, " mb") + " memory"
	}
	return name
}

// device returns the device of the first measured trial, or nil.
func (v *view) device() *trial.Device {
	for _, p := range v.points {
		if p.Status == study.Measured {
			return &p.Measurement.Device
		}
	}
	return nil
}

// devices says in a few words what measured the study. Latencies of different
// devices do not compare, so it says when there were several.
func (v *view) devices() string {
	var names []string
	for _, p := range v.points {
		if p.Status == study.Measured {
			if name := deviceName(p.Measurement.Device); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	switch n := len(names) - 1; n {
	case -1:
		return "nothing measured yet"
	case 0:
		return names[0]
	default:
		return fmt.Sprintf("%s and %d more", names[0], n)
	}
}

func deviceName(d trial.Device) string {
	name := printable(d.Name)
	if name == "" {
		name = "unnamed device"
	}
	var details []string
	for _, text := range []string{d.CPU, d.Engine} {
		if text = printable(text); text != "" {
			details = append(details, text)
		}
	}
	if len(details) == 0 {
		return name
	}
	return name + " (" + strings.Join(details, ", ") + ")"
}

// maxText bounds texts from outside, in characters.
const maxText = 60

// printable returns text from outside as terminals and XML can take it: no
// control characters, valid UTF-8, and short.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return clip(strings.TrimSpace(text), maxText)
}

// clip shortens text to n characters.
func clip(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}
