package report_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/arch"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// drawing is an SVG file taken apart.
type drawing struct {
	styles []string // of the paths
	texts  []string
}

func parse(t testing.TB, svg []byte) (d drawing) {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return d
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			for _, a := range token.Attr {
				if token.Name.Local == "path" && a.Name.Local == "style" {
					d.styles = append(d.styles, a.Value)
				}
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Fatalf("%s has %s %q", token.Name.Local, a.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			if text := strings.TrimSpace(string(token)); text != "" {
				d.texts = append(d.texts, text)
			}
		}
	}
}

// count returns how many paths have the style.
func (d drawing) count(style string) int {
	n := 0
	for _, s := range d.styles {
		if strings.HasPrefix(s, style) {
			n++
		}
	}
	return n
}

func (d drawing) has(text string) bool { return slices.Contains(d.texts, text) }

func plotOf(t testing.TB, s *study.Study) drawing {
	t.Helper()
	return parse(t, written(t, s)["frontier.svg"])
}

func TestPlotMarks(t *testing.T) {
	s := sample(t)
	var infeasible, dominated int
	frontier := len(s.Frontier())
	for _, r := range s.Trials() {
		switch {
		case r.Overlay() || r.Status != study.Measured:
		case r.Violates != "":
			infeasible++
		default:
			dominated++
		}
	}
	dominated -= frontier
	d := plotOf(t, s)
	for _, test := range []struct {
		what, style string
		want        int
	}{
		// One more of each in the legend; a cross is two strokes, a whisker three.
		{"frontier", "fill:#0072B2", frontier + 1},
		{"dominated", "fill:#7F7F7F;fill-opacity:0.5", dominated + 1},
		{"infeasible", "fill:none;stroke:#D55E00", 2 * (infeasible + 1)},
		{"overlays", "fill:#009E73", 1 + 1},
		{"whiskers", "fill:none;stroke:#0072B2;stroke-width:0.75", 3 * frontier},
		{"whiskers and the staircase", "fill:none;stroke:#0072B2", 3*frontier + 1},
	} {
		if got := d.count(test.style); got != test.want {
			t.Errorf("%s: got %d paths, want %d", test.what, got, test.want)
		}
	}
	for _, text := range []string{
		"nightly", "bench (Zen 4, wazero 1.12.0)", "prefill (ms)", "decoder parameters (proxy)", "25.0M",
		"frontier, 95 % interval", "dominated", "breaks prefill_ms<=60", "reference", reference.String(),
	} {
		if !d.has(text) {
			t.Errorf("no text %q in %q", text, d.texts)
		}
	}
}

func TestPlotLegendNamesOnlyWhatIsThere(t *testing.T) {
	s := start(t, "x", setup(t))
	run(t, s, 1)
	d := plotOf(t, s)
	for _, text := range []string{"dominated", "breaks ", "reference"} {
		if slices.ContainsFunc(d.texts, func(t string) bool { return strings.HasPrefix(t, text) }) {
			t.Errorf("the legend says %q", text)
		}
	}
	if n := d.count("fill:#0072B2"); n != 2 {
		t.Errorf("got %d squares, want the point and its sample in the legend", n)
	}
	parse(t, written(t, start(t, "empty", setup(t)))["frontier.svg"])
}

func TestPlotAxes(t *testing.T) {
	for _, test := range []struct {
		objectives []string
		x, y       string
	}{
		{[]string{"peak_mb", "decoder_params", "decode_ms", "prefill_ms"}, "decode (ms)", "decoder parameters (proxy)"},
		{[]string{"prefill_ms", "decode_ms", "peak_mb"}, "prefill (ms)", "decode (ms)"},
		{[]string{"quality", "decode_ms"}, "decode (ms)", "quality (proxy)"},
		{[]string{"decoder_params", "peak_mb"}, "decoder parameters (proxy)", "peak memory (MiB)"},
		{[]string{"kv_mb", "total_params"}, "kv memory (MiB)", "total params"},
	} {
		set := setup(t)
		set.Objectives = test.objectives
		s := start(t, "x", set)
		run(t, s, 6)
		d := plotOf(t, s)
		// The axis labels come first: title, x, ticks of x, y, ticks of y.
		if x, y := slices.Index(d.texts, test.x), slices.Index(d.texts, test.y); x < 0 || y < x {
			t.Errorf("%v: want %q against %q, got %q", test.objectives, test.x, test.y, d.texts)
		}
	}
}

// Whatever devices claim, the plot is a plot.
func TestPlotOfAnyValues(t *testing.T) {
	value := rapid.OneOf(
		rapid.Float64Range(0, 1e4),
		rapid.Float64Range(0, math.MaxFloat64),
		rapid.SampledFrom([]float64{0, 5e-324, 1, math.Nextafter(1, 2), 1e15, 1e300, math.MaxFloat64}),
	)
	rapid.Check(t, func(rt *rapid.T) {
		set := setup(t)
		set.Objectives = rapid.SampledFrom([][]string{
			{"decoder_params", "prefill_ms"}, {"prefill_ms", "decode_ms"}, {"peak_mb", "decode_ms"},
		}).Draw(rt, "objectives")
		s := start(t, "x", set)
		for range rapid.IntRange(1, 5).Draw(rt, "trials") {
			tr := ask(t, s)
			m := measure(t, tr)
			for _, stat := range []*trial.Stat{&m.Prefill, &m.Decode} {
				*stat = trial.Stat{
					MedianMs: value.Draw(rt, "median"), LowMs: value.Draw(rt, "low"), HighMs: value.Draw(rt, "high"),
				}
			}
			tell(t, s, tr, m)
		}
		plotOf(t, s)
	})
}

func TestPlotEscapesText(t *testing.T) {
	s := start(t, `<b>&"x"`, setup(t))
	a := reference
	a.Layers = nil
	for i := range 20 {
		a.Layers = append(a.Layers, arch.Layer{Heads: 1 + i%3, DInner: 100 + i})
	}
	if err := s.Enqueue(a); err != nil {
		t.Fatal(err)
	}
	tr := ask(t, s)
	m := measure(t, tr)
	m.Device.Name = "\x01\xff</svg>"
	tell(t, s, tr, m)
	d := plotOf(t, s)
	if !d.has(`<b>&"x"`) {
		t.Errorf("no study name in %q", d.texts)
	}
	for _, text := range d.texts {
		if n := len([]rune(text)); n > 200 {
			t.Errorf("a text has %d characters: %q", n, text)
		}
	}
}
