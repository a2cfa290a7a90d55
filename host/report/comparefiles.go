package report

import (
	"encoding/csv"
	"image/color"
	"io"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"litefront/searchcore/results"
)

// WriteDir writes the comparison to the folder dir, which it creates if needed:
//
//	curves.csv       each study's hypervolume after each result that changed it
//	attainment.csv   median and quartiles over the seeds, at equal steps of time
//	hypervolume.svg  these curves over the device time
//
// Hypervolumes are shares of the union's, times are seconds; what is not known is
// empty. Files are written as by [WriteDir].
func (c *Comparison) WriteDir(dir string) error {
	return writeFiles(dir, []file{
		{"curves.csv", c.curvesCSV},
		{"attainment.csv", c.attainmentCSV},
		{"hypervolume.svg", c.svg},
	})
}

func (c *Comparison) curvesCSV(w io.Writer) error {
	records := [][]string{{"study", "strategy", "seed", "seconds", "hypervolume"}}
	for _, s := range c.studies {
		for _, p := range s.Curve {
			records = append(records, []string{s.Name, s.Strategy, strconv.FormatUint(s.Seed, 10), results.Number(p.Seconds), p.Hypervolume.csv()})
		}
	}
	return csv.NewWriter(w).WriteAll(records)
}

func (c *Comparison) attainmentCSV(w io.Writer) error {
	records := [][]string{{"strategy", "seeds", "seconds", "lower_quartile", "median", "upper_quartile"}}
	for _, a := range c.document.Attainment {
		for _, p := range a.Grid {
			records = append(records, []string{a.Strategy, strconv.Itoa(len(a.Studies)), results.Number(p.Seconds), p.Lower.csv(), p.Median.csv(), p.Upper.csv()})
		}
	}
	return csv.NewWriter(w).WriteAll(records)
}

// csv is m as text, empty if it is not known.
func (m maybe) csv() string {
	if !m.known() {
		return ""
	}
	return results.Number(float64(m))
}

// palette are the colours of curves, by Okabe and Ito; see plot.go.
var palette = []color.NRGBA{
	blue, vermillion, green,
	{R: 0xE6, G: 0x9F, B: 0x00, A: 0xFF},
	{R: 0x56, G: 0xB4, B: 0xE9, A: 0xFF},
	{R: 0xCC, G: 0x79, B: 0xA7, A: 0xFF},
	{A: 0xFF},
}

// svg draws the hypervolumes over the device time: of studies that differ only in
// their seed the median and the band between the quartiles, with their own curves
// thin; of others the curve.
func (c *Comparison) svg(w io.Writer) error {
	p := newPlot("hypervolume of the frontier", "device time (s)", "share of the hypervolume of all together")
	legend := newLegend()
	p.Y.Min, p.Y.Max = 0, 1
	grouped := map[int]color.NRGBA{}
	colours := 0
	next := func() color.NRGBA {
		colours++
		return palette[(colours-1)%len(palette)]
	}
	for _, a := range c.document.Attainment {
		colour := next()
		for _, i := range a.Studies {
			grouped[i] = colour
		}
		if err := drawAttainment(p, &legend, a, colour); err != nil {
			return err
		}
	}
	for i, s := range c.studies {
		colour, member := grouped[i]
		style := draw.LineStyle{Color: colour, Width: 0.4}
		if !member {
			style = draw.LineStyle{Color: next(), Width: 1.2}
			if colours > len(palette) {
				style.Dashes = []vg.Length{4, 2}
			}
		}
		curve := append(slices.Clone(s.Curve), step{s.Seconds, s.Hypervolume})
		line, err := newCurve(curve, style)
		if err != nil {
			return err
		}
		if line == nil {
			continue
		}
		line.StepStyle = plotter.PostStep // what was reached stays
		p.Add(line)
		if !member {
			legend.Add(clip(printable(s.Name), labelLength), line)
		}
	}
	return writeSVG(w, p, legend)
}

// newCurve is nil if there is no hypervolume to draw.
func newCurve(steps []step, style draw.LineStyle) (*plotter.Line, error) {
	var xys plotter.XYs
	for _, p := range steps {
		if !p.Hypervolume.known() {
			return nil, nil
		}
		xys = append(xys, plotter.XY{X: p.Seconds, Y: float64(p.Hypervolume)})
	}
	line, err := plotter.NewLine(xys)
	if err != nil {
		return nil, err
	}
	line.LineStyle = style
	return line, nil
}

func drawAttainment(p *plot.Plot, legend *plot.Legend, a attainment, colour color.NRGBA) error {
	var median []step
	var lower, upper plotter.XYs
	for _, at := range a.Grid {
		if !at.Median.known() {
			return nil
		}
		median = append(median, step{at.Seconds, at.Median})
		lower = append(lower, plotter.XY{X: at.Seconds, Y: float64(at.Lower)})
		upper = append(upper, plotter.XY{X: at.Seconds, Y: float64(at.Upper)})
	}
	slices.Reverse(upper)
	band, err := plotter.NewPolygon(append(lower, upper...))
	if err != nil {
		return err
	}
	tint := colour
	tint.A = 0x30
	band.Color, band.LineStyle.Width = tint, 0
	line, err := newCurve(median, draw.LineStyle{Color: colour, Width: 1.5})
	if err != nil {
		return err
	}
	p.Add(band, line)
	legend.Add(a.Strategy+", "+strconv.Itoa(len(a.Studies))+" seeds", line)
	return nil
}
