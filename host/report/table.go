package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"litefront/searchcore/objective"
	"litefront/searchcore/results"
	"litefront/searchcore/study"
	"litefront/searchcore/surrogate"
	"litefront/searchcore/trial"
)

// Table writes the frontier of s for a terminal, from worst to best by the
// study's first objective, and below it the measured trials that break a
// constraint, some members of the frontier that the study's strategy predicts, and
// the measured overlays as references. A row has the trial, the
// architecture, the decoder parameters, marked where they are a tie, the study's
// objectives, those that were measured with their 95 % confidence interval, the peak
// memory, the constraint that it breaks, and the verdict if that is not ok. Below it stands how many models
// are ties by predicted perplexity, and how far shapes leave what the proxies were
// validated on. For a study without measured
// trials it writes one line that says so. The error is that of w.
func Table(w io.Writer, s *study.Study) error {
	v, err := newView(s, Cut{})
	if err != nil {
		return err
	}
	v.Predict(s)
	return v.writeTable(w, v.Frontier, v.PredictedMembers(maxPredicted), nil)
}

// writeTable writes the table of points; see table.
func (v view) writeTable(w io.Writer, points, below []point, sorted *objective.Objective) error {
	var b bytes.Buffer
	if v.Count(study.Measured) == 0 {
		fmt.Fprintf(&b, "study %q: nothing measured yet (trials asked: %d, failed: %d)\n",
			printable(v.Started.Study), len(v.Points), v.Count(study.Failed))
	} else if err := v.table(&b, points, below, sorted); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// maxInfeasible bounds the infeasible trials of a table: most searches with a
// tight constraint have many.
const maxInfeasible = 20

// maxPredicted bounds the predicted members of a table that was not asked for them.
const maxPredicted = 10

// table writes points, and below them predicted members, and what is not among the
// points: infeasible trials and references. Of more than the usual columns, sorted is
// one.
func (v view) table(b *bytes.Buffer, points, below []point, sorted *objective.Objective) error {
	objectives, err := v.columns(sorted)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "study %q on %s\n", printable(v.Started.Study), v.devices())
	fmt.Fprintf(b, "candidates measured: %d, failed: %d, on the frontier: %d", len(v.Measured(false)), v.Count(study.Failed), len(v.Frontier))
	for _, count := range []struct {
		what string
		n    int
	}{
		{"infeasible", len(v.Infeasible())},
		{"unknown by these objectives", len(v.unknown())},
		{"references", len(v.Measured(true))},
		{"predicted, not measured", len(v.PredictedMembers(len(v.Predicted)))},
	} {
		if count.n > 0 {
			fmt.Fprintf(b, "; %s: %d", count.what, count.n)
		}
	}
	b.WriteString("\n\n")

	heading := []string{"trial", "architecture"}
	for _, o := range objectives {
		heading = append(heading, label(o))
	}
	rows := [][]string{append(heading, "")}
	shown := make(map[int]bool)
	for _, p := range points {
		rows = append(rows, v.row(p, objectives))
		shown[p.Number] = true
	}
	hidden, unlisted := 0, len(v.PredictedMembers(len(v.Predicted)))-len(below)
	for _, section := range []struct {
		title  string
		points []point
	}{{"predicted, not measured", below}, {results.Infeasible, v.Infeasible()}, {results.Reference, v.Measured(true)}} {
		section.points = slices.DeleteFunc(section.points, func(p point) bool { return shown[p.Number] })
		if more := len(section.points) - maxInfeasible; section.title == results.Infeasible && more > 0 {
			section.points, hidden = section.points[:maxInfeasible], more
		}
		if len(section.points) > 0 {
			rows = append(rows, []string{""}, []string{section.title})
		}
		for _, p := range section.points {
			rows = append(rows, v.row(p, objectives))
		}
	}
	if err := align(b, rows); err != nil {
		return err
	}
	if hidden > 0 {
		fmt.Fprintf(b, "\n%d more are infeasible; litefront front --all lists them\n", hidden)
	}
	if len(below) > 0 && unlisted > 0 {
		fmt.Fprintf(b, "\n%d more are predicted; litefront front --predicted lists them\n", unlisted)
	}
	if len(v.Frontier) == 0 {
		b.WriteString("\nthe frontier is empty: no measured trial of the search keeps the constraints\n")
	}
	b.WriteString("\ndecoder parameters (proxy for quality; differences of a few percent are ties)\n")
	if v.Ties.Overlaps > 0 {
		b.WriteString("~: ties with the next better member of the frontier by predicted perplexity\n")
	}
	b.WriteString("[low, high]: 95 % confidence interval of the median\n")
	ended := len(v.Measured(false)) + v.Count(study.Failed)
	if v.Prediction == nil && v.Started.Strategy == "exact" && ended < surrogate.FirstModel(v.Started.Setup) {
		fmt.Fprintf(b, "nothing is predicted: that takes %d measured candidates\n", surrogate.FirstModel(v.Started.Setup))
	}
	if v.Prediction != nil {
		b.WriteString("[low, high] of what is predicted: 95 % prediction interval of a measurement\n" + v.fit() + "\n")
	}
	if v.Ties.Neighbours > 0 {
		fmt.Fprintf(b, "ties on the frontier: %v\n", v.Ties)
	}
	if len(v.Frontier) > 0 {
		b.WriteString(v.shapes() + "\n")
	}
	return nil
}

// unknown returns the measured trials of the search that no standing can be told
// of.
func (v view) unknown() []point {
	return slices.DeleteFunc(v.Measured(false), func(p point) bool { return p.Standing() != results.Unknown })
}

// columns lists the objectives of the table: the decoder parameters first and
// the peak memory last, whether or not they are objectives of the view, and
// between them the others in its order, and one more if it is given.
func (v view) columns(more *objective.Objective) ([]objective.Objective, error) {
	params, err := objective.Parse("decoder_params")
	if err != nil {
		return nil, err
	}
	peak, err := objective.Parse("peak_mb")
	if err != nil {
		return nil, err
	}
	columns := []objective.Objective{params}
	others := slices.Clone(v.Objectives)
	if more != nil && !slices.ContainsFunc(others, func(o objective.Objective) bool { return o.Name == more.Name }) {
		others = append(others, *more)
	}
	for _, o := range others {
		if o.Name != params.Name && o.Name != peak.Name {
			columns = append(columns, o)
		}
	}
	return append(columns, peak), nil
}

func (v view) row(p point, objectives []objective.Objective) []string {
	number := strconv.Itoa(p.Number)
	if p.Status == results.Predicted {
		number = fmt.Sprintf("p%d", -p.Number)
	}
	row := []string{number, p.Arch.String()}
	for i, o := range objectives {
		cell := v.cell(p, o)
		if i == 0 && p.Tied {
			cell += " ~"
		}
		row = append(row, cell)
	}
	return append(row, remark(p))
}

// remark says whether p is predicted or a reference, what keeps it off the frontier, and the
// verdict if that is not ok.
func remark(p point) string {
	var remarks []string
	if p.Status == results.Predicted {
		remarks = append(remarks, results.Predicted)
	}
	if p.Overlay() {
		remarks = append(remarks, results.Reference)
	}
	switch standing := p.Standing(); {
	case p.Violates != "":
		remarks = append(remarks, "breaks "+p.Violates)
	case standing == results.Dominated || standing == results.Unknown:
		remarks = append(remarks, standing)
	}
	if p.Measurement != nil && p.Measurement.Verdict != trial.OK {
		remarks = append(remarks, string(p.Measurement.Verdict))
	}
	return strings.Join(remarks, ", ")
}

// cell is "12.3 ms [12.2, 12.5]", or without interval if there is none.
func (v view) cell(p point, o objective.Objective) string {
	r, known := v.Read(p, o)
	switch {
	case !known:
		return "-"
	case o.Static():
		return o.Format(r.Value)
	}
	number := func(value float64) string { return strings.TrimSuffix(o.Format(value), " "+o.Unit) }
	return fmt.Sprintf("%s [%s, %s]", o.Format(r.Value), number(r.Low), number(r.High))
}

// align writes rows of as many cells as the first as columns, without the blanks that
// padding leaves at the ends of lines. A row of one cell is a line across them.
func align(b *bytes.Buffer, rows [][]string) error {
	var padded bytes.Buffer
	tw := tabwriter.NewWriter(&padded, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if len(row) == 1 {
			row = make([]string, len(rows[0]))
		}
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(padded.String()) {
		if len(rows[0]) == 1 {
			line = rows[0][0]
		}
		rows = rows[1:]
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return nil
}
