package store

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"

	"litefront/searchcore/objective"
)

// View is what the chart shows against the decoder parameters.
type View struct {
	Name  string // for people
	axis  string // of the chart, with its unit
	about objective.Objective
}

var views = []View{
	{"Response latency", "response latency (ms)", mustObjective("response_ms")},
	{"Prefill latency", "prefill latency (ms)", mustObjective("prefill_ms")},
	{"Decode latency", "decode latency (ms)", mustObjective("decode_ms")},
	{"Peak memory", "peak memory (MiB)", peakMemory},
}

// Views lists the views, in the order in which to offer them.
func Views() []View { return slices.Clone(views) }

// Show chooses a view by its name; an unknown one changes nothing.
func (s *Store) Show(name string) {
	for _, v := range views {
		if v.Name == name && s.View.Name != name {
			s.View = v
			s.Version++
		}
	}
}

// SetDark says whether the page's colours are dark.
func (s *Store) SetDark(dark bool) {
	if s.Dark != dark {
		s.Dark = dark
		s.Version++
	}
}

// Points are the measured trials as the chart takes them, six numbers each:
// trial, x, y, the bounds of x, and flags, the sum of 1 on the frontier, 2 for a
// broken constraint, 4 for an overlay, 8 for the selected one and 16 for a
// predicted one. Trials without a usable value are left out.
func (s *Store) Points() []float32 {
	points := make([]float32, 0, 6*(len(s.predicted)+len(s.order)))
	all := slices.Clone(s.predicted)
	for _, n := range s.order {
		all = append(all, s.trials[n])
	}
	for _, t := range all {
		r, known := s.Read(t, s.View.about)
		if !known || r.High > math.MaxFloat32 || r.Value > math.MaxFloat32 || t.DecoderParams > math.MaxFloat32 {
			continue
		}
		flags := flag(t.OnFrontier, 1) | flag(t.Violates != "", 2) | flag(t.Overlay(), 4) | flag(t.Number == s.selected, 8) | flag(t.Predicted, 16)
		points = append(points, float32(t.Number), float32(r.Value), float32(t.DecoderParams), float32(r.Low), float32(r.High), float32(flags))
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
// colours, and under "frontier" the trials that its line joins, from left to
// right. Those are the frontier's members that no other beats in this view; the
// rest owe their place to an objective that the view does not show.
func (s *Store) ChartOptions() string {
	options, err := json.Marshal(struct {
		XName    string `json:"xName"`
		YName    string `json:"yName"`
		XLog     bool   `json:"xLog"`
		YLog     bool   `json:"yLog"`
		Dark     bool   `json:"dark"`
		Frontier []int  `json:"frontier"`
	}{s.View.axis, "decoder parameters (proxy)", false, false, s.Dark, s.staircase()})
	if err != nil {
		panic(err) // no value above can fail to encode
	}
	return string(options)
}

// staircase lists the frontier's members that are better than all to their left.
func (s *Store) staircase() []int {
	type step struct {
		number int
		x, y   float64
	}
	var steps []step
	for _, n := range s.frontier {
		if r, known := s.Read(s.trials[n], s.View.about); known {
			steps = append(steps, step{n, r.Value, s.trials[n].DecoderParams})
		}
	}
	slices.SortFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(b.y, a.y))
	})
	numbers := []int{}
	best := -1.0
	for _, p := range steps {
		if p.y > best {
			best = p.y
			numbers = append(numbers, p.number)
		}
	}
	return numbers
}
