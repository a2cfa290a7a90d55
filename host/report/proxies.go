package report

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"litefront/searchcore/objective"
	"litefront/searchcore/proxy"
	"litefront/searchcore/proxy/judge"
)

// Proxies writes how well proxies rank the trained models of sets: for each set
// what it is and how far its shapes leave what the proxies were validated on, a
// table of Spearman's and one of Kendall's correlations, and one of the gains over
// decoder_params where the choice is made. Numbers have their 95 % intervals. The
// error is that of w.
func Proxies(w io.Writer, sets []judge.Set, results []judge.Result) error {
	var b bytes.Buffer
	for _, s := range sets {
		own := slices.DeleteFunc(slices.Clone(results), func(r judge.Result) bool { return r.Set != s.Name })
		fmt.Fprintf(&b, "%s\n%s\n", describe(s), unlike(s))
		for _, table := range []struct {
			title string
			keep  func(metric string) bool
			of    func(judge.Result) *judge.Estimate
			cell  func(judge.Estimate) string
		}{
			{"Spearman", func(m string) bool { return strings.HasPrefix(m, "spearman") }, absolute, estimate},
			{"Kendall", func(m string) bool { return strings.HasPrefix(m, "kendall") }, absolute, estimate},
			{"gain over decoder_params", func(m string) bool { return m == judge.Top30 || m == judge.Within10 },
				func(r judge.Result) *judge.Estimate { return r.Gain }, gain},
		} {
			b.WriteString("\n")
			if err := align(&b, proxyRows(table.title, own, table.keep, table.of, table.cell)); err != nil {
				return err
			}
		}
		b.WriteString("\n")
	}
	b.WriteString(`best 30 %: the models of lowest perplexity, in brackets how many
within 10 %: pairs whose decoder parameters differ by at most 10 % of the larger's, in brackets how many;
  Kendall is tau-b: a pair tied in perplexity is left out, one tied in the proxy alone counts against it
[low, high]: 95 % interval over bootstrap resamples of the set's models
~: the interval includes zero, so the gain may be chance
-: not defined, as for a proxy that is the same for all
"quality" was fitted on the published sets; "proxy fit" judges it on sets that it was not fitted on
`)
	_, err := w.Write(b.Bytes())
	return err
}

func absolute(r judge.Result) *judge.Estimate { return r.Estimate }

func estimate(e judge.Estimate) string {
	return fmt.Sprintf("%.3f [%.2f, %.2f]", e.Value, e.Low, e.High)
}

// gain marks what may be chance.
func gain(e judge.Estimate) string {
	text := fmt.Sprintf("%+.3f [%+.2f, %+.2f]", e.Value, e.Low, e.High)
	if e.Low <= 0 && e.High >= 0 {
		text += " ~"
	}
	return text
}

// describe is such as "random_GPT2_wt103 (WikiText-103): 200 models".
func describe(s judge.Set) string {
	text := fmt.Sprintf("%s (%s): %d models", printable(s.Name), printable(s.Corpus()), len(s.Models))
	if s.Untrained > 0 {
		text += fmt.Sprintf("; rows left out because they have no perplexity: %d", s.Untrained)
	}
	if s.Rounded > 0 {
		text += fmt.Sprintf("; models whose heads were rounded to divide d_model: %d", s.Rounded)
	}
	return text
}

// unlike says how far the shapes of s leave what proxies were validated on.
func unlike(s judge.Set) string {
	var list []known
	for _, m := range s.Models {
		list = append(list, known{"model " + printable(m.ID), proxy.Outside(m.Arch)})
	}
	return "shapes: " + unknownShapes(list)
}

// proxyRows is a heading and a row for each proxy.
func proxyRows(title string, results []judge.Result, keep func(string) bool, of func(judge.Result) *judge.Estimate, cell func(judge.Estimate) string) [][]string {
	heading := []string{title}
	var rows [][]string
	name := ""
	for _, r := range results {
		if !keep(r.Metric) {
			continue
		}
		if r.Proxy != name || len(rows) == 0 {
			name = r.Proxy
			rows = append(rows, []string{clip(name, maxText)})
		}
		if len(rows) == 1 {
			heading = append(heading, metricLabel(r))
		}
		text := "-"
		if e := of(r); e != nil {
			text = cell(*e)
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], text)
	}
	return append([][]string{heading}, rows...)
}

// metricLabel is such as "best 30 % (60)".
func metricLabel(r judge.Result) string {
	_, share, _ := strings.Cut(r.Metric, "_")
	text := "all"
	if percent, ok := strings.CutPrefix(share, "top"); ok {
		text = "best " + percent + " %"
	} else if percent, ok := strings.CutPrefix(share, "within"); ok {
		text = "within " + percent + " %"
	}
	return fmt.Sprintf("%s (%d)", text, r.Size)
}

// ProxiesSVG draws the perplexities of sets against decoder parameters and against
// quality, on logarithmic axes.
func ProxiesSVG(w io.Writer, sets []judge.Set) error {
	canvas := vgsvg.New(pageWidth, pageHeight)
	page := draw.New(canvas)
	page.SetColor(color.White)
	page.Fill(page.Path())
	page = draw.Crop(page, margin, -margin, margin, -margin)
	legend := newLegend()
	half := (page.Size().X - legendWidth) / 2
	for at, name := range []string{"decoder_params", "quality"} {
		o, err := objective.Parse(name)
		if err != nil {
			return err
		}
		p, err := scatter(o, sets, at == 0, &legend)
		if err != nil {
			return err
		}
		left := vg.Length(at) * half
		p.Draw(draw.Crop(page, left, left+half-page.Size().X, 0, 0))
	}
	legend.Draw(draw.Crop(page, page.Size().X-legendWidth+margin, 0, 0, -legendTop))
	_, err := canvas.WriteTo(w)
	return err
}

// setColours are Okabe and Ito's, without black and yellow.
var setColours = []color.Color{blue, vermillion, green,
	color.NRGBA{R: 0xE6, G: 0x9F, B: 0x00, A: 0xFF}, color.NRGBA{R: 0x56, G: 0xB4, B: 0xE9, A: 0xFF}, color.NRGBA{R: 0xCC, G: 0x79, B: 0xA7, A: 0xFF}}

// scatter draws perplexity against a proxy. The legend names the sets where asked.
func scatter(o objective.Objective, sets []judge.Set, named bool, legend *plot.Legend) (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = axisLabel(o), "perplexity"
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Scale = plot.LogScale{}
		a.Label.TextStyle.Font.Variant, a.Tick.Label.Font.Variant = "Sans", "Sans"
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = decades{o}, steps{}
	for i, s := range sets {
		var points plotter.XYs
		for _, m := range s.Models {
			x, err := o.Value(objective.Candidate{Arch: m.Arch})
			if err != nil {
				return nil, err
			}
			points = append(points, plotter.XY{X: x, Y: m.Perplexity})
		}
		marks, err := plotter.NewScatter(points)
		if err != nil {
			return nil, err
		}
		marks.GlyphStyle = draw.GlyphStyle{Color: setColours[i%len(setColours)], Radius: 1.5, Shape: draw.CircleGlyph{}}
		p.Add(marks)
		if named {
			legend.Add(clip(printable(s.Name), labelLength), marks)
		}
	}
	// Points that coincide leave a logarithmic axis without extent.
	p.X.Min, p.X.Max = p.X.Min/1.1, p.X.Max*1.1
	p.Y.Min, p.Y.Max = p.Y.Min/1.1, p.Y.Max*1.1
	return p, nil
}

// decades labels powers of ten as counts.
type decades struct{ objective.Objective }

func (d decades) Ticks(low, high float64) (ticks []plot.Tick) {
	for power := math.Pow(10, math.Ceil(math.Log10(low))); power <= high; power *= 10 {
		ticks = append(ticks, plot.Tick{Value: power, Label: d.Format(power)})
	}
	return ticks
}

// steps labels perplexities at 10, 15, 20, 30, 40, 60 and so on.
type steps struct{}

func (steps) Ticks(low, high float64) (ticks []plot.Tick) {
	for power := 1.0; power <= high; power *= 10 {
		for _, step := range []float64{1, 1.5, 2, 3, 4, 6, 8} {
			if x := step * power; low <= x && x <= high {
				ticks = append(ticks, plot.Tick{Value: x, Label: fmt.Sprintf("%.4g", x)})
			}
		}
	}
	return ticks
}
