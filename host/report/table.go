package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"litefront/searchcore/objective"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// Table writes the frontier of s for a terminal, from worst to best by the
// study's first objective, and below it the measured overlays as references. A
// row has the trial, the architecture, the decoder parameters, the study's
// objectives, those that were measured with their 95 % confidence interval, the
// peak memory, and the verdict if that is not ok. Below it stands how many models
// are ties by predicted perplexity, and how far shapes leave what the proxies were
// validated on. For a study without measured
// trials it writes one line that says so. The error is that of w.
func Table(w io.Writer, s *study.Study) error {
	v, err := newView(s)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if v.count(study.Measured) == 0 {
		fmt.Fprintf(&b, "study %q: nothing measured yet (trials asked: %d, failed: %d)\n",
			printable(v.started.Study), len(v.points), v.count(study.Failed))
	} else if err := v.table(&b); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

func (v *view) table(b *bytes.Buffer) error {
	objectives, err := v.columns()
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "study %q on %s\n", printable(v.started.Study), v.devices())
	fmt.Fprintf(b, "candidates measured: %d, failed: %d, on the frontier: %d", len(v.measured(false)), v.count(study.Failed), len(v.frontier))
	if n := len(v.measured(true)); n > 0 {
		fmt.Fprintf(b, "; references: %d", n)
	}
	b.WriteString("\n\n")

	heading := []string{"trial", "architecture"}
	for _, o := range objectives {
		heading = append(heading, label(o))
	}
	rows := [][]string{append(heading, "")}
	for _, p := range v.frontier {
		rows = append(rows, v.row(p, objectives))
	}
	if overlays := v.measured(true); len(overlays) > 0 {
		blank := make([]string, len(heading)+1)
		rows = append(rows, blank, append([]string{"reference"}, blank[1:]...))
		for _, p := range overlays {
			rows = append(rows, v.row(p, objectives))
		}
	}
	if err := align(b, rows); err != nil {
		return err
	}
	if len(v.frontier) == 0 {
		b.WriteString("\nthe frontier is empty: no measured trial of the search keeps the constraints\n")
	}
	b.WriteString("\ndecoder parameters (proxy for quality; differences of a few percent are ties)\n")
	b.WriteString("[low, high]: 95 % confidence interval of the median\n")
	if len(v.frontier) > 0 {
		b.WriteString(v.ties() + v.shapes() + "\n")
	}
	return nil
}

// columns lists the objectives of the table: the decoder parameters first and
// the peak memory last, whether or not they are objectives of the study, and
// between them the others in the study's order.
func (v *view) columns() ([]objective.Objective, error) {
	params, err := objective.Parse("decoder_params")
	if err != nil {
		return nil, err
	}
	peak, err := objective.Parse("peak_mb")
	if err != nil {
		return nil, err
	}
	columns := []objective.Objective{params}
	for _, o := range v.objectives {
		if o.Name != params.Name && o.Name != peak.Name {
			columns = append(columns, o)
		}
	}
	return append(columns, peak), nil
}

func (v *view) row(p point, objectives []objective.Objective) []string {
	row := []string{strconv.Itoa(p.Number), p.Arch.String()}
	for _, o := range objectives {
		row = append(row, v.cell(p, o))
	}
	verdict := ""
	if p.Measurement.Verdict != trial.OK {
		verdict = string(p.Measurement.Verdict)
	}
	return append(row, verdict)
}

// cell is "12.3 ms [12.2, 12.5]", or without interval if there is none.
func (v *view) cell(p point, o objective.Objective) string {
	r, known := v.read(p, o)
	switch {
	case !known:
		return "-"
	case o.Static():
		return o.Format(r.value)
	}
	number := func(value float64) string { return strings.TrimSuffix(o.Format(value), " "+o.Unit) }
	return fmt.Sprintf("%s [%s, %s]", o.Format(r.value), number(r.low), number(r.high))
}

// align writes rows of equally many cells as columns, without the blanks that
// padding leaves at the ends of lines.
func align(b *bytes.Buffer, rows [][]string) error {
	var padded bytes.Buffer
	tw := tabwriter.NewWriter(&padded, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(padded.String()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return nil
}
