package store

import (
	"encoding/json"
	"math"
	"slices"

	"litefront/searchcore/objective"
)

// Axes are what the chart shows: any two objectives.
type Axes struct{ X, Y objective.Objective }

// ShowX chooses the objective on the horizontal axis by its name; an unknown one
// changes nothing.
func (s *Store) ShowX(name string) { s.show(&s.Axes.X, name) }

// ShowY is ShowX for the vertical axis.
func (s *Store) ShowY(name string) { s.show(&s.Axes.Y, name) }

func (s *Store) show(axis *objective.Objective, name string) {
	if o, err := objective.Parse(name); err == nil && axis.Name != name {
		*axis = o
		s.Version++
	}
}

// Third is a third objective that the chart shows.
type Third struct {
	By        string // one of Thirds
	Objective objective.Objective
}

// The ways in which marks show a third objective.
const (
	ThirdNone   = "none"
	ThirdColour = "colour"
	ThirdSize   = "size"
)

// Thirds lists these ways, that of the beginning first.
func Thirds() []string { return []string{ThirdNone, ThirdColour, ThirdSize} }

// ShowThirdBy chooses how marks show the third objective; an unknown way changes
// nothing.
func (s *Store) ShowThirdBy(way string) {
	if slices.Contains(Thirds(), way) && s.Third.By != way {
		s.Third.By = way
		s.Version++
	}
}

// ShowThird is ShowX for the third objective.
func (s *Store) ShowThird(name string) { s.show(&s.Third.Objective, name) }

// Label names an objective for people, without its unit.
func Label(o objective.Objective) string {
	if text, ok := labels[o.Name]; ok {
		return text
	}
	return o.Name
}

var labels = map[string]string{
	"decoder_params": "decoder parameters (proxy)",
	"quality":        "quality (proxy)",
	"total_params":   "total parameters",
	"flops":          "operations per response",
	"prefill_ms":     "prefill latency",
	"decode_ms":      "decode latency",
	"response_ms":    "response latency",
	"peak_mb":        "peak memory",
	"weight_mb":      "memory of weights",
	"kv_mb":          "memory of the KV cache",
}

// axisName is an objective's label with its unit.
func axisName(o objective.Objective) string {
	if o.Unit == "" {
		return Label(o)
	}
	return Label(o) + " (" + o.Unit + ")"
}

// SetLog says whether the chart's axes are logarithmic.
func (s *Store) SetLog(on bool) {
	if s.Log != on {
		s.Log = on
		s.Version++
	}
}

// SetDark says whether the page's colours are dark.
func (s *Store) SetDark(dark bool) {
	if s.Dark != dark {
		s.Dark = dark
		s.Version++
	}
}

// Points are the measured trials as the chart takes them, seven numbers each:
// trial, x, y, the bounds of x, flags, and the third objective. The flags are the sum
// of 1 on the frontier, 2 for a broken constraint or bound, 4 for an overlay, 8 for the
// selected one and 16 for a predicted one that breaks none. Trials without a usable
// value of an axis are left out; a third objective that is not shown or known is -1.
func (s *Store) Points() []float32 {
	points := make([]float32, 0, 7*(len(s.predicted)+len(s.order)))
	all := slices.Clone(s.predicted)
	for _, n := range s.order {
		all = append(all, s.trials[n])
	}
	for _, t := range all {
		x, known := s.Read(t, s.Axes.X)
		y, too := s.Read(t, s.Axes.Y)
		if !known || !too || x.High > math.MaxFloat32 || x.Value > math.MaxFloat32 || y.Value > math.MaxFloat32 {
			continue
		}
		third := -1.0
		if s.Third.By != ThirdNone {
			if r, known := s.Read(t, s.Third.Objective); known && r.Value <= math.MaxFloat32 {
				third = r.Value
			}
		}
		flags := flag(t.OnFrontier, 1) | flag(t.Infeasible(), 2) | flag(t.Overlay(), 4) | flag(t.Number == s.selected, 8) | flag(t.Predicted && !t.Infeasible(), 16)
		points = append(points, float32(t.Number), float32(x.Value), float32(y.Value), float32(x.Low), float32(x.High), float32(flags), float32(third))
	}
	return points
}

func flag(set bool, bit int) int {
	if set {
		return bit
	}
	return 0
}

// ChartOptions are the chart's options as JSON: the names of its axes, its
// colours, and under "frontier" the trials that its line joins, in order.
// Those are the frontier's members that no other beats in these axes; the rest owe
// their place to an objective that the axes do not show. Under "others" are the
// frontiers of the studies that are laid over this one.
func (s *Store) ChartOptions() string {
	options := struct {
		XName    string          `json:"xName"`
		YName    string          `json:"yName"`
		ZName    string          `json:"zName,omitempty"` // with what shows it
		ZBy      string          `json:"zBy,omitempty"`
		XLog     bool            `json:"xLog"`
		YLog     bool            `json:"yLog"`
		ZLog     bool            `json:"zLog"`
		Dark     bool            `json:"dark"`
		Frontier []int           `json:"frontier"`
		Others   json.RawMessage `json:"others"`
	}{XName: axisName(s.Axes.X), YName: axisName(s.Axes.Y), XLog: s.Log, YLog: s.Log, ZLog: s.Log, Dark: s.Dark, Others: s.drawOthers()}
	if s.Third.By != ThirdNone {
		options.ZName, options.ZBy = axisName(s.Third.Objective), s.Third.By
	}
	var places []place
	for _, n := range s.frontier {
		x, known := s.Read(s.trials[n], s.Axes.X)
		y, too := s.Read(s.trials[n], s.Axes.Y)
		if known && too {
			places = append(places, place{n, x.Value, y.Value})
		}
	}
	options.Frontier = s.staircase(places)
	text, err := json.Marshal(options)
	if err != nil {
		panic(err) // no value above can fail to encode
	}
	return string(text)
}

// staircase lists the numbers of those that none beats in both axes, from the best in
// the horizontal one on.
func (s *Store) staircase(places []place) []int {
	type step struct {
		number int
		costs  []float64
	}
	axes := objective.Set{s.Axes.X, s.Axes.Y}
	steps := make([]step, len(places))
	for i, p := range places {
		steps[i] = step{p.number, axes.Costs([]float64{p.x, p.y})}
	}
	slices.SortFunc(steps, func(a, b step) int { return slices.Compare(a.costs, b.costs) })
	numbers := []int{}
	best := math.Inf(1)
	for _, p := range steps {
		if p.costs[1] < best {
			best = p.costs[1]
			numbers = append(numbers, p.number)
		}
	}
	return numbers
}
