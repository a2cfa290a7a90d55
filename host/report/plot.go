package report

import (
	"cmp"
	"image/color"
	"io"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/results"
)

// The layout, in points.
const (
	pageWidth   vg.Length = 800
	pageHeight  vg.Length = 480
	margin      vg.Length = 10
	legendWidth vg.Length = 160 // beside the plot, so that it hides no point
	legendTop   vg.Length = 30
)

// svg draws the study in the plane of two objectives: dominated points small
// and faded, the frontier solid and predicted members hollow, both with 95 %
// intervals, points that break a
// constraint as crosses or another open shape for each constraint, overlays as
// labelled diamonds.
func (v view) svg(w io.Writer) error {
	x, y := v.axes()
	c := chart{plot: newPlot(printable(v.Started.Study)+"\n"+v.devices(), axisLabel(x), axisLabel(y)), legend: newLegend(), x: x, y: y}
	for axis, o := range map[*plot.Axis]objective.Objective{&c.plot.X: x, &c.plot.Y: y} {
		if o.Unit == "" {
			axis.Tick.Marker = countTicks{o}
		}
	}
	if err := c.draw(v.marks(x, y)); err != nil {
		return err
	}
	c.plot.X.Min, c.plot.X.Max = widen(c.plot.X.Min, c.plot.X.Max)
	c.plot.Y.Min, c.plot.Y.Max = widen(c.plot.Y.Min, c.plot.Y.Max)

	return writeSVG(w, c.plot, c.legend)
}

// writeSVG draws a plot with its legend beside it.
func writeSVG(w io.Writer, p *plot.Plot, legend plot.Legend) error {
	canvas := vgsvg.New(pageWidth, pageHeight)
	page := draw.New(canvas)
	page.SetColor(color.White)
	page.Fill(page.Path())
	page = draw.Crop(page, margin, -margin, margin, -margin)
	p.Draw(draw.Crop(page, 0, -legendWidth-margin, 0, 0))
	legend.Draw(draw.Crop(page, page.Size().X-legendWidth, 0, 0, -legendTop))
	_, err := canvas.WriteTo(w)
	return err
}

// axes chooses the objectives to show: the first minimised measured one against
// the first proxy for quality, or the first two where the study lacks one of these.
func (v view) axes() (x, y objective.Objective) {
	proxy := slices.IndexFunc(v.Objectives, func(o objective.Objective) bool { return o.Static() && o.Direction == objective.Maximize })
	latency := slices.IndexFunc(v.Objectives, func(o objective.Objective) bool {
		return !o.Static() && o.Direction == objective.Minimize
	})
	if proxy < 0 || latency < 0 {
		return v.Objectives[0], v.Objectives[1]
	}
	return v.Objectives[latency], v.Objectives[proxy]
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = 8
	p.Title.TextStyle.Font.Variant = "Sans"
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font.Variant = "Sans"
		axis.Tick.Label.Font.Variant = "Sans"
	}
	return p
}

func newLegend() plot.Legend {
	l := plot.NewLegend()
	l.Top, l.Left = true, true
	l.Padding = 4
	l.TextStyle.Font.Variant, l.TextStyle.Font.Size = "Sans", 10
	return l
}

func axisLabel(o objective.Objective) string {
	switch {
	case o.Name == "decoder_params":
		return "decoder parameters (proxy)"
	case o.Name == "quality":
		return "quality (proxy)"
	case o.Unit != "":
		return label(o) + " (" + o.Unit + ")"
	}
	return label(o)
}

// countTicks labels counts as people write them: 20.0M instead of 2e+07.
type countTicks struct{ objective.Objective }

func (t countTicks) Ticks(min, max float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(min, max)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = t.Format(ticks[i].Value)
		}
	}
	return ticks
}

// widen gives points that coincide, or nearly so, an axis with room around them.
func widen(low, high float64) (float64, float64) {
	if room := 0.05 * high; high-low < room { // not for an empty plot: from +Inf to -Inf
		return low - room, high + room
	}
	return low, high
}

// mark is a point in the plane of the plot.
type mark struct {
	point
	x, y reading
}

// marks are a plot's points by how they are drawn.
type marks struct{ frontier, predicted, dominated, infeasible, overlays []mark }

func (v view) marks(x, y objective.Objective) (m marks) {
	for _, p := range slices.Concat(v.Measured(false), v.Measured(true), v.PredictedMembers(len(v.Predicted))) {
		rx, knownX := v.Read(p, x)
		ry, knownY := v.Read(p, y)
		if !knownX || !knownY {
			continue
		}
		list := &m.dominated
		switch p.Standing() {
		case results.Reference:
			list = &m.overlays
		case results.Infeasible:
			list = &m.infeasible
		case results.OnFrontier:
			list = &m.frontier
		case results.Predicted:
			list = &m.predicted
		}
		*list = append(*list, mark{p, rx, ry})
	}
	return m
}

// Okabe and Ito's palette, whose colours people with any colour vision tell
// apart.
var (
	blue       = color.NRGBA{R: 0x00, G: 0x72, B: 0xB2, A: 0xFF}
	vermillion = color.NRGBA{R: 0xD5, G: 0x5E, B: 0x00, A: 0xFF}
	green      = color.NRGBA{R: 0x00, G: 0x9E, B: 0x73, A: 0xFF}
	faded      = color.NRGBA{R: 0x80, G: 0x80, B: 0x80, A: 0x80}
	fadedBlue  = color.NRGBA{R: 0x00, G: 0x72, B: 0xB2, A: 0x60}
)

var (
	frontierStyle   = draw.GlyphStyle{Color: blue, Radius: 4, Shape: draw.BoxGlyph{}}
	predictedStyle  = draw.GlyphStyle{Color: blue, Radius: 3, Shape: draw.SquareGlyph{}}
	dominatedStyle  = draw.GlyphStyle{Color: faded, Radius: 2, Shape: draw.CircleGlyph{}}
	infeasibleStyle = draw.GlyphStyle{Color: vermillion, Radius: 4} // of infeasibleShapes
	overlayStyle    = draw.GlyphStyle{Color: green, Radius: 5, Shape: diamond{}}
	lineStyle       = draw.LineStyle{Color: blue, Width: 1}
	whiskerStyle    = draw.LineStyle{Color: blue, Width: 0.75}
	predictedBars   = draw.LineStyle{Color: fadedBlue, Width: 0.75}
)

// diamond is a filled square on its corner.
type diamond struct{}

func (diamond) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	var p vg.Path
	p.Move(vg.Point{X: at.X - style.Radius, Y: at.Y})
	p.Line(vg.Point{X: at.X, Y: at.Y + style.Radius})
	p.Line(vg.Point{X: at.X + style.Radius, Y: at.Y})
	p.Line(vg.Point{X: at.X, Y: at.Y - style.Radius})
	p.Close()
	c.Fill(p)
}

// chart is a plot that is being drawn.
type chart struct {
	plot   *plot.Plot
	legend plot.Legend
	x, y   objective.Objective
}

// draw adds the marks, what matters most on top.
func (c *chart) draw(m marks) error {
	if err := c.scatter("dominated", m.dominated, dominatedStyle); err != nil {
		return err
	}
	if err := c.infeasible(m.infeasible); err != nil {
		return err
	}
	if err := c.whiskers(m.predicted, predictedBars); err != nil {
		return err
	}
	if err := c.scatter("predicted, 95 % interval", m.predicted, predictedStyle); err != nil {
		return err
	}
	if err := c.staircase(m.frontier); err != nil {
		return err
	}
	if err := c.whiskers(m.frontier, whiskerStyle); err != nil {
		return err
	}
	if err := c.scatter("frontier, 95 % interval", m.frontier, frontierStyle); err != nil {
		return err
	}
	if err := c.scatter("reference", m.overlays, overlayStyle); err != nil {
		return err
	}
	return c.labels(m.overlays)
}

func xys(list []mark) plotter.XYs {
	xys := make(plotter.XYs, len(list))
	for i, m := range list {
		xys[i] = plotter.XY{X: m.x.Value, Y: m.y.Value}
	}
	return xys
}

func (c *chart) scatter(name string, list []mark, style draw.GlyphStyle) error {
	if len(list) == 0 {
		return nil
	}
	s, err := plotter.NewScatter(xys(list))
	if err != nil {
		return err
	}
	s.GlyphStyle = style
	c.plot.Add(s)
	c.legend.Add(name, s)
	return nil
}

// infeasibleShapes tell constraints apart.
var infeasibleShapes = []draw.GlyphDrawer{draw.CrossGlyph{}, draw.PlusGlyph{}, draw.TriangleGlyph{}, draw.RingGlyph{}}

// infeasible adds the points that break a constraint; the legend names each
// constraint that is broken.
func (c *chart) infeasible(list []mark) error {
	broken := map[string][]mark{}
	for _, m := range list {
		broken[m.Violates] = append(broken[m.Violates], m)
	}
	for i, constraint := range slices.Sorted(maps.Keys(broken)) {
		style := infeasibleStyle
		style.Shape = infeasibleShapes[i%len(infeasibleShapes)]
		if err := c.scatter("breaks "+constraint, broken[constraint], style); err != nil {
			return err
		}
	}
	return nil
}

// staircase joins the frontier by the boundary of what it dominates in this
// plane. Points that are on the frontier for another objective's sake lie off
// the line.
func (c *chart) staircase(frontier []mark) error {
	plane := objective.Set{c.x, c.y}
	costs := make([][]float64, len(frontier))
	for i, m := range frontier {
		costs[i] = plane.Costs([]float64{m.x.Value, m.y.Value})
	}
	var corners []mark
	for _, i := range pareto.Front(costs) {
		corners = append(corners, frontier[i])
	}
	if len(corners) < 2 {
		return nil
	}
	slices.SortFunc(corners, func(a, b mark) int { return cmp.Compare(a.x.Value, b.x.Value) })
	line, err := plotter.NewLine(xys(corners))
	if err != nil {
		return err
	}
	line.LineStyle = lineStyle
	line.StepStyle = plotter.PostStep // a point holds until the next, worse in x, is better in y
	if c.x.Direction == objective.Maximize {
		line.StepStyle = plotter.PreStep
	}
	c.plot.Add(line)
	return nil
}

// whiskers draws the intervals of objectives that are not static.
func (c *chart) whiskers(list []mark, style draw.LineStyle) error {
	type bars struct {
		plotter.XYs
		plotter.XErrors
		plotter.YErrors
	}
	var x, y bars
	for _, m := range list {
		if middle, half, ok := extent(m.x); ok && !c.x.Static() {
			x.XYs = append(x.XYs, plotter.XY{X: middle, Y: m.y.Value})
			x.XErrors = append(x.XErrors, struct{ Low, High float64 }{half, half})
		}
		if middle, half, ok := extent(m.y); ok && !c.y.Static() {
			y.XYs = append(y.XYs, plotter.XY{X: m.x.Value, Y: middle})
			y.YErrors = append(y.YErrors, struct{ Low, High float64 }{half, half})
		}
	}
	if len(x.XYs) > 0 {
		b, err := plotter.NewXErrorBars(x)
		if err != nil {
			return err
		}
		b.LineStyle = style
		c.plot.Add(b)
	}
	if len(y.XYs) > 0 {
		b, err := plotter.NewYErrorBars(y)
		if err != nil {
			return err
		}
		b.LineStyle = style
		c.plot.Add(b)
	}
	return nil
}

// extent returns the middle of an interval and half its width. Bars are drawn
// around the middle, not the value: a mean may lie outside the interval of the
// median. It reports false for bounds that are none.
func extent(r reading) (middle, half float64, ok bool) {
	middle, half = r.Low/2+r.High/2, r.High/2-r.Low/2
	return middle, half, half >= 0 && !math.IsInf(r.Low, 0) && !math.IsInf(r.High, 0)
}

// labelLength bounds the labels of overlays, in characters.
const labelLength = 28

func (c *chart) labels(list []mark) error {
	if len(list) == 0 {
		return nil
	}
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = clip(m.Arch.String(), labelLength)
	}
	l, err := plotter.NewLabels(plotter.XYLabels{XYs: xys(list), Labels: names})
	if err != nil {
		return err
	}
	for i := range l.TextStyle {
		l.TextStyle[i].Font.Variant, l.TextStyle[i].Font.Size = "Sans", 8
	}
	l.Offset = vg.Point{X: overlayStyle.Radius + 2, Y: -3}
	c.plot.Add(l)
	return nil
}
