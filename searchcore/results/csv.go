package results

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"litefront/searchcore/arch"
	"litefront/searchcore/objective"
	"litefront/searchcore/trial"
)

// field is a column of the CSV files. What a trial does not have is empty.
type field struct {
	name string
	text func(Point) string
}

// fields lists the columns. They do not depend on the study's objectives, so
// that files of different studies can be put together.
func (v *View) fields() []field {
	fields := []field{
		{"trial", func(p Point) string { return strconv.Itoa(p.Number) }},
		{"status", func(p Point) string { return string(p.Status) }},
		{"op", func(p Point) string { return p.Origin.Op }},
		{"arch_id", func(p Point) string { return p.Arch.ID() }},
		{"arch_type", func(p Point) string { return string(p.Arch.Backbone) }},
		{"n_layer", func(p Point) string { return strconv.Itoa(len(p.Arch.Layers)) }},
		{"d_model", func(p Point) string { return strconv.Itoa(p.Arch.DModel) }},
		{"d_inner", perLayer(func(l arch.Layer) int { return l.DInner })},
		{"n_head", perLayer(func(l arch.Layer) int { return l.Heads })},
	}
	for _, o := range objective.All() {
		fields = append(fields, field{o.Name, v.reading(o, func(r Reading) float64 { return r.Value })})
		if !o.Static() {
			fields = append(fields,
				field{o.Name + "_low", v.reading(o, func(r Reading) float64 { return r.Low })},
				field{o.Name + "_high", v.reading(o, func(r Reading) float64 { return r.High })})
		}
	}
	for _, timing := range []struct {
		name string
		of   func(*trial.Measurement) trial.Stat
	}{
		{"prefill", func(m *trial.Measurement) trial.Stat { return m.Prefill }},
		{"decode", func(m *trial.Measurement) trial.Stat { return m.Decode }},
	} {
		fields = append(fields,
			field{timing.name + "_min_ms", measured(func(m *trial.Measurement) string { return Number(timing.of(m).MinMs) })},
			field{timing.name + "_mean_ms", measured(func(m *trial.Measurement) string { return Number(timing.of(m).MeanMs) })},
			field{timing.name + "_spread_ms", measured(func(m *trial.Measurement) string { return Number(timing.of(m).SpreadMs) })})
	}
	return append(fields,
		field{"memory_bytes", measured(func(m *trial.Measurement) string { return strconv.FormatInt(m.MemoryBytes, 10) })},
		field{"rss_bytes", measured(func(m *trial.Measurement) string { return strconv.FormatInt(m.RSSBytes, 10) })},
		field{"slowdown", measured(func(m *trial.Measurement) string { return Number(m.Slowdown) })},
		field{"verdict", measured(func(m *trial.Measurement) string { return string(m.Verdict) })},
		field{"module_sha256", measured(func(m *trial.Measurement) string { return m.ModuleSHA256 })},
		field{"on_frontier", func(p Point) string { return strconv.FormatBool(p.OnFrontier) }},
		field{"overlay", func(p Point) string { return strconv.FormatBool(p.Overlay()) }},
		field{"violates", func(p Point) string { return p.Violates }},
		field{"reason", func(p Point) string { return p.Reason }},
	)
}

// perLayer lists a dimension of every layer, separated by '|'.
func perLayer(dim func(arch.Layer) int) func(Point) string {
	return func(p Point) string {
		words := make([]string, len(p.Arch.Layers))
		for i, l := range p.Arch.Layers {
			words[i] = strconv.Itoa(dim(l))
		}
		return strings.Join(words, "|")
	}
}

func (v *View) reading(o objective.Objective, pick func(Reading) float64) func(Point) string {
	return func(p Point) string {
		r, known := v.Read(p, o)
		if !known {
			return ""
		}
		return Number(pick(r))
	}
}

func measured(text func(*trial.Measurement) string) func(Point) string {
	return func(p Point) string {
		if p.Measurement == nil {
			return ""
		}
		return text(p.Measurement)
	}
}

// Number writes x so that reading it back gives x.
func Number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// CSV writes points, a row each below a row of names. Latencies are milliseconds, memory
// is MiB where a name ends in _mb, and d_inner and n_head list the layers separated by
// '|'. What a trial does not have is empty. Of predicted points _low and _high are the
// bounds of their 95 % prediction intervals.
func (v *View) CSV(w io.Writer, points []Point) error {
	fields := v.fields()
	record := make([]string, len(fields))
	for i, f := range fields {
		record[i] = f.name
	}
	cw := csv.NewWriter(w)
	cw.Write(record) // Flush keeps the first error
	for _, p := range points {
		for i, f := range fields {
			record[i] = f.text(p)
		}
		cw.Write(record)
	}
	cw.Flush()
	return cw.Error()
}
