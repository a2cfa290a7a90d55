package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"litefront/searchcore/arch"
	"litefront/searchcore/proxy"
	"litefront/searchcore/trial"
	"litefront/ui/store"
)

// Details tell all about the selected trial.
type Details struct {
	Store *store.Store
	Page  Page
}

func (c *Details) trial() *store.Trial { return c.Store.Selected() }

func (c *Details) heading() string {
	if t := c.trial(); t != nil && t.Predicted {
		return "Predicted candidate"
	} else if t != nil {
		return fmt.Sprintf("Candidate %d", t.Number)
	}
	return "Candidate"
}

func (c *Details) architecture() []row {
	a := c.trial().Arch
	rows := []row{
		{"backbone", string(a.Backbone)},
		{"d_model", strconv.Itoa(a.DModel)},
		{"layers", strconv.Itoa(len(a.Layers))},
	}
	if alike(a.Layers) {
		rows = append(rows, row{"heads", strconv.Itoa(a.Layers[0].Heads)}, row{"d_inner", strconv.Itoa(a.Layers[0].DInner)})
	}
	rows = append(rows,
		row{"vocabulary", strconv.Itoa(a.Vocab)},
		row{"decoder parameters (proxy)", grouped(a.DecoderParams())},
		row{"total parameters", grouped(a.TotalParams())},
	)
	if a.Projected() {
		rows = append(rows, row{"embedding width", strconv.Itoa(a.Clusters()[0].Width)})
	}
	for _, p := range proxy.Perplexities(a) {
		rows = append(rows, row{"predicted perplexity on " + p.Corpus, p.String()})
	}
	return rows
}

// Drawing shows an architecture: the first layer at the top, each a bar as wide as its
// d_inner, cut into its heads.
type Drawing struct {
	Box   string // view box of the SVG
	Label string // what it shows, in words
	Bars  string // path that is filled
	Ticks string // path of lines
}

// The dimensions of a drawing, in its own units.
const (
	widestBar = 240
	barHeight = 7
	barPitch  = 9
)

func (c *Details) drawing() Drawing { return Draw(c.trial().Arch) }

// Draw draws an architecture by itself: its widest layer is as wide as there is room.
func Draw(a arch.Architecture) Drawing { return draw(a.Layers, widestInner(a.Layers)) }

func byInner(a, b arch.Layer) int { return a.DInner - b.DInner }

// widestInner is the largest d_inner of a layer.
func widestInner(layers []arch.Layer) int { return slices.MaxFunc(layers, byInner).DInner }

// draw draws layers in the scale in which a bar of the d_inner widest is the widest.
func draw(layers []arch.Layer, widest int) Drawing {
	heads := func(a, b arch.Layer) int { return a.Heads - b.Heads }
	narrow, wide := slices.MinFunc(layers, byInner), slices.MaxFunc(layers, byInner)
	few, many := slices.MinFunc(layers, heads), slices.MaxFunc(layers, heads)
	var bars, ticks strings.Builder
	for i, l := range layers {
		width, y := float64(widestBar*l.DInner)/float64(widest), barPitch*i
		fmt.Fprintf(&bars, "M0 %dh%.1fv%dh-%.1fz", y, width, barHeight, width)
		for h := 1; h < l.Heads; h++ {
			fmt.Fprintf(&ticks, "M%.1f %dv%d", width*float64(h)/float64(l.Heads), y, barHeight)
		}
	}
	span := func(a, b int) string {
		if a == b {
			return strconv.Itoa(a)
		}
		return fmt.Sprintf("%d to %d", a, b)
	}
	return Drawing{
		Box:   fmt.Sprintf("0 0 %d %d", widestBar, barPitch*len(layers)),
		Label: fmt.Sprintf("The layers, top to bottom: %d, d_inner %s, %s heads", len(layers), span(narrow.DInner, wide.DInner), span(few.Heads, many.Heads)),
		Bars:  bars.String(),
		Ticks: ticks.String(),
	}
}

// layers lists the layers where they differ.
func (c *Details) layers() []arch.Layer {
	if layers := c.trial().Arch.Layers; !alike(layers) {
		return layers
	}
	return nil
}

func alike(layers []arch.Layer) bool {
	for _, l := range layers {
		if l != layers[0] {
			return false
		}
	}
	return true
}

// timing is a line of the table of timings.
type timing struct{ name, prefill, decode string }

// timings is empty for a trial that failed.
func (c *Details) timings() []timing {
	t := c.trial()
	if t.Measurement == nil {
		return nil
	}
	prefill, decode := t.Measurement.Prefill, t.Measurement.Decode
	if t.Predicted {
		return []timing{
			{"predicted", ms(prefill.MedianMs), ms(decode.MedianMs)},
			{"95 % interval", ms(prefill.LowMs) + " – " + ms(prefill.HighMs), ms(decode.LowMs) + " – " + ms(decode.HighMs)},
		}
	}
	var lines []timing
	for _, l := range []struct {
		name string
		of   func(trial.Stat) string
	}{
		{"median", func(s trial.Stat) string { return ms(s.MedianMs) }},
		{"95 % interval", func(s trial.Stat) string { return ms(s.LowMs) + " – " + ms(s.HighMs) }},
		{"minimum", func(s trial.Stat) string { return ms(s.MinMs) }},
		{"spread (IQR)", func(s trial.Stat) string { return ms(s.SpreadMs) }},
	} {
		lines = append(lines, timing{l.name, l.of(prefill), l.of(decode)})
	}
	return append(lines, timing{"samples × runs of a batch",
		fmt.Sprintf("%d × %d", t.PrefillSamples, prefill.Batch),
		fmt.Sprintf("%d × %d", t.DecodeSamples, decode.Batch)})
}

func (c *Details) measurement() []row {
	t := c.trial()
	m := t.Measurement
	switch {
	case m == nil:
		return []row{{"origin", origin(t.Origin)}}
	case t.Predicted:
		return []row{{"peak memory", fmt.Sprintf("%.1f MiB", float64(m.MemoryBytes)/(1<<20))}}
	}
	rows := []row{
		{"verdict", verdicts[m.Verdict].mark + ". " + verdicts[m.Verdict].meaning},
		{"peak memory", fmt.Sprintf("%.1f MiB", float64(m.MemoryBytes)/(1<<20))},
		{"origin", origin(t.Origin)},
		{"device", m.Device.Name},
		{"engine", m.Device.Engine},
	}
	if m.Slowdown > 0 {
		rows = append(rows, row{"slowdown of the device", fmt.Sprintf("%.2f×", m.Slowdown)})
	}
	if m.Background {
		rows = append(rows, row{"in the background", "at times: browsers give a hidden page less of the device"})
	}
	if m.Repeats > 0 {
		rows = append(rows, row{"measured again", fmt.Sprintf("%d times, because the device drifted or the page was in the background", m.Repeats)})
	}
	return rows
}

// hashes name what was measured.
func (c *Details) hashes() []row {
	t := c.trial()
	if t.Predicted || t.Measurement == nil {
		return []row{{"architecture ID", t.Arch.ID()}}
	}
	return []row{{"architecture ID", t.Arch.ID()}, {"module SHA-256", t.Measurement.ModuleSHA256}}
}

func origin(o trial.Origin) string {
	text := o.Op
	if o.Generation > 0 {
		text += fmt.Sprintf(", generation %d", o.Generation)
	}
	if n := len(o.Parents); n > 0 {
		text += fmt.Sprintf(", of %d parents", n)
	}
	return text
}

// ms writes a number of milliseconds with about three digits.
func ms(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 0.9995 || v <= 0:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return fine(v)
}

// grouped writes n with its digits in groups of three.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, groups...), "\u202f")
}
