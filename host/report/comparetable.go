package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"litefront/searchcore/results"
)

// Table writes the comparison for a terminal: for each study its measured
// trials, the size of its frontier, its hypervolume and the device time after
// which that was nearly complete; how the frontiers overlap; and of studies that
// differ only in their seed, the median and the quartiles over time.
func (c *Comparison) Table(w io.Writer) error {
	var b bytes.Buffer
	c.printReference(&b)
	for _, part := range []func(*bytes.Buffer) error{c.printStudies, c.printOverlaps, c.printAttainments} {
		if err := part(&b); err != nil {
			return err
		}
	}
	for _, note := range c.document.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (c *Comparison) printReference(b *bytes.Buffer) {
	var values []string
	for k, o := range c.objectives {
		text := "-"
		if v := c.document.Reference[k]; v.known() {
			text = o.Format(float64(v))
		}
		values = append(values, o.Name+" "+text)
	}
	fmt.Fprintf(b, "reference point of the hypervolume: %s\n\n", strings.Join(values, ", "))
}

func (c *Comparison) printStudies(b *bytes.Buffer) error {
	heading := []string{"", "study", "strategy", "seed", "measured", "frontier", "hypervolume", "device time"}
	for _, level := range levels {
		heading = append(heading, "to "+strconv.FormatFloat(100*level, 'f', 0, 64)+" %")
	}
	rows := [][]string{heading}
	for i, s := range c.studies {
		row := []string{
			strconv.Itoa(i + 1), printable(s.Name), s.Strategy, strconv.FormatUint(s.Seed, 10), strconv.Itoa(s.Measured),
			strconv.Itoa(s.Frontier), percent(s.Hypervolume), seconds(maybe(s.Seconds)),
		}
		for _, r := range s.Reached {
			row = append(row, seconds(r))
		}
		rows = append(rows, row)
	}
	if groups := c.seedGroups(); len(groups) == 1 && len(groups[0]) == len(c.studies) {
		rows = append(rows, c.spread("median", func(sorted []float64, text func(float64) string) string { return text(quantile(sorted, 0.5)) }),
			c.spread("range", func(sorted []float64, text func(float64) string) string {
				return text(sorted[0]) + " to " + text(sorted[len(sorted)-1])
			}))
	}
	if err := align(b, rows); err != nil {
		return err
	}
	fmt.Fprintf(b, "\nfrontier of all studies together: %d points; hypervolume is a share of theirs\n", c.document.Union)
	return nil
}

// spread is a row about all studies.
func (c *Comparison) spread(name string, of func(sorted []float64, text func(float64) string) string) []string {
	column := func(value func(*compared) float64, text func(float64) string) string {
		var values []float64
		for _, s := range c.studies {
			values = append(values, value(s))
		}
		slices.Sort(values)
		return of(values, text)
	}
	row := []string{"", name, "", "",
		column(func(s *compared) float64 { return float64(s.Measured) }, results.Number),
		column(func(s *compared) float64 { return float64(s.Frontier) }, results.Number),
		column(func(s *compared) float64 { return float64(s.Hypervolume) }, func(x float64) string { return percent(maybe(x)) }),
		column(func(s *compared) float64 { return s.Seconds }, func(x float64) string { return seconds(maybe(x)) }),
	}
	return append(row, slices.Repeat([]string{""}, len(levels))...)
}

func (c *Comparison) printOverlaps(b *bytes.Buffer) error {
	if len(c.document.Overlaps) == 0 {
		return nil
	}
	b.WriteString("\nshare of a row's frontier that the column's does not dominate (architectures on both)\n\n")
	rows := make([][]string, len(c.studies)+1)
	rows[0] = []string{""}
	for i := range c.studies {
		rows[0] = append(rows[0], strconv.Itoa(i+1))
		rows[i+1] = append([]string{strconv.Itoa(i + 1)}, slices.Repeat([]string{"-"}, len(c.studies))...)
	}
	for _, o := range c.document.Overlaps {
		rows[o.Of+1][o.Against+1] = fmt.Sprintf("%s (%d)", percent(maybe(o.NotDominated)), o.Common)
	}
	return align(b, rows)
}

// tableSteps is the number of an attainment's steps that a table shows.
const tableSteps = 10

func (c *Comparison) printAttainments(b *bytes.Buffer) error {
	for _, a := range c.document.Attainment {
		fmt.Fprintf(b, "\nhypervolume of %s over %d seeds\n\n", a.Strategy, len(a.Studies))
		rows := [][]string{{"device time", "lower quartile", "median", "upper quartile"}}
		for i := 0; i <= gridSteps; i += gridSteps / tableSteps {
			p := a.Grid[i]
			rows = append(rows, []string{seconds(maybe(p.Seconds)), percent(p.Lower), percent(p.Median), percent(p.Upper)})
		}
		if err := align(b, rows); err != nil {
			return err
		}
	}
	return nil
}

// percent writes a share; "-" if there is none.
func percent(share maybe) string {
	if !share.known() {
		return "-"
	}
	return strconv.FormatFloat(100*float64(share), 'f', 1, 64) + " %"
}

// seconds writes a time; "-" if there is none.
func seconds(s maybe) string {
	if !s.known() {
		return "-"
	}
	return strconv.FormatFloat(float64(s), 'f', 1, 64) + " s"
}
