package report

import (
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"litefront/searchcore/arch"
	"litefront/searchcore/objective"
	"litefront/searchcore/proxy"
)

// Frontier is what one proxy, maximised against the latency, prefers.
type Frontier struct {
	Proxy   string
	Members []Member // one or more, by ResponseMs, ascending
}

// Member is an architecture on a frontier with its predicted time.
type Member struct {
	Arch       arch.Architecture
	ResponseMs float64
}

// Within returns the slowest member that takes at most so long, which the proxy
// prefers; the fastest if all take longer.
func (f Frontier) Within(responseMs float64) Member {
	best := f.Members[0]
	for _, m := range f.Members {
		if m.ResponseMs <= responseMs {
			best = m
		}
	}
	return best
}

// apart is the least ratio of the times of members that are drawn: frontiers have
// thousands.
const apart = 1.01

// FrontiersSVG draws the quality of frontiers' members against their predicted time,
// on logarithmic axes.
func FrontiersSVG(w io.Writer, frontiers []Frontier) error {
	quality, err := objective.Parse("quality")
	if err != nil {
		return err
	}
	p, legend := newPlot("", "response (ms), predicted", axisLabel(quality)), newLegend()
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = steps{}, decades{quality}
	for i, f := range frontiers {
		var points plotter.XYs
		for _, m := range f.Members {
			if n := len(points); n == 0 || m.ResponseMs >= points[n-1].X*apart {
				points = append(points, plotter.XY{X: m.ResponseMs, Y: proxy.Quality(m.Arch)})
			}
		}
		marks, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		marks.GlyphStyle = draw.GlyphStyle{Color: []color.Color{vermillion, blue}[i%2], Radius: vg.Points(1.5), Shape: draw.CircleGlyph{}}
		p.Add(marks)
		legend.Add("best by "+f.Proxy, marks)
	}
	p.X.Min, p.X.Max = p.X.Min/1.1, p.X.Max*1.1
	p.Y.Min, p.Y.Max = p.Y.Min/1.1, p.Y.Max*1.1
	return writeSVG(w, p, legend)
}
