// Package judge finds how well proxies rank trained models: correlations with
// perplexity overall, among the best and among models of equal size, with
// bootstrap intervals ([Evaluate]). It fits the closed form of package proxy
// ([Fit]) and searches for others ([Discover]), both judged on sets that they
// were not fitted on, and calibrates predicted perplexities ([Calibrate]).
package judge

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"litefront/searchcore/arch"
)

// Limits on tables. Judging compares every model of a set with every other.
const (
	maxTable  = 64 << 20 // bytes
	maxModels = 5000     // of one set
	maxSets   = 100
	maxName   = 60 // characters
	// mostHeads keeps rounding short; no valid architecture has more.
	mostHeads = 1 << 16
)

// Model is a trained architecture.
type Model struct {
	ID         string
	Arch       arch.Architecture
	Perplexity float64 // on validation data; at least 1
}

// Set is models that were trained alike, whose perplexities compare.
type Set struct {
	Name   string
	Models []Model
	// Untrained counts rows without a perplexity, which are left out.
	Untrained int
	// Rounded counts GPT-2 models whose heads do not divide d_model; they are read
	// with the next smaller number that does.
	Rounded int
}

// Corpus names what the models of the set were trained on, by the end of the
// set's name: wt103 is WikiText-103, a name with lm1b in it LM1B. Any other set
// is a corpus of its own.
func (s Set) Corpus() string {
	name := strings.ToLower(s.Name)
	switch {
	case strings.Contains(name, "wt103"):
		return "WikiText-103"
	case strings.Contains(name, "lm1b"):
		return "LM1B"
	}
	return s.Name
}

// archs lists the architectures of the models.
func (s Set) archs() []arch.Architecture {
	as := make([]arch.Architecture, len(s.Models))
	for i, m := range s.Models {
		as[i] = m.Arch
	}
	return as
}

// Table collects sets from CSV files.
type Table struct {
	Sets []Set
	seen map[string]bool // set and architecture
}

// Add reads a CSV file with a header, one row a model. Columns are found by name:
//
//   - exp, the set, whose name says the backbone ("GPT2", or "TransXL" or
//     "Transformer-XL", in any case and with any punctuation);
//   - n_layer, d_model; d_inner and n_head, one for all layers or one a layer,
//     joined by "|";
//   - valid_ppl, empty for a model that was not trained;
//   - optional: id; d_embed (-1 or empty: d_model), div_val, cutoffs joined by "|",
//     n_token (50257), tgt_len (192), mem_len (192; Transformer-XL only).
//
// Other columns are ignored. An error names line, column and what is allowed; the
// table is then not to be used.
func (t *Table) Add(r io.Reader) error {
	limited := &io.LimitedReader{R: r, N: maxTable + 1}
	reader := csv.NewReader(limited)
	header, err := reader.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("table: empty; the first line must name the columns")
		}
		return oneLine(err)
	}
	columns := map[string]int{}
	for i, name := range header {
		if _, twice := columns[name]; twice {
			return fmt.Errorf("table: column %.40q is there twice", name)
		}
		columns[name] = i
	}
	for _, name := range []string{"exp", "n_layer", "d_model", "d_inner", "n_head", "valid_ppl"} {
		if _, ok := columns[name]; !ok {
			return fmt.Errorf("table: column %q is missing; there must be exp, n_layer, d_model, d_inner, n_head, valid_ppl", name)
		}
	}
	for {
		record, err := reader.Read()
		switch {
		case limited.N == 0:
			return fmt.Errorf("table: larger than %d bytes", maxTable)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return oneLine(err)
		}
		line, _ := reader.FieldPos(0)
		if err := t.add(row{columns, record}); err != nil {
			return fmt.Errorf("table: line %d: %w", line, err)
		}
	}
}

func oneLine(err error) error {
	return fmt.Errorf("table: %s", strings.ReplaceAll(err.Error(), "\n", " "))
}

func (t *Table) add(r row) error {
	name := r.text("exp")
	if name == "" || len([]rune(name)) > maxName || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return fmt.Errorf("exp %.40q must be a name of 1 to %d characters", name, maxName)
	}
	at := slices.IndexFunc(t.Sets, func(s Set) bool { return s.Name == name })
	if at < 0 {
		if len(t.Sets) == maxSets {
			return fmt.Errorf("exp %.40q is one more than %d sets", name, maxSets)
		}
		at = len(t.Sets)
		t.Sets = append(t.Sets, Set{Name: name})
	}
	s := &t.Sets[at]
	a, rounded, err := r.arch()
	if err != nil {
		return err
	}
	if r.text("valid_ppl") == "" {
		s.Untrained++
		return nil
	}
	ppl, err := strconv.ParseFloat(r.text("valid_ppl"), 64)
	if err != nil || !(ppl >= 1) || math.IsInf(ppl, 1) {
		return fmt.Errorf("valid_ppl %.40q must be a finite number of at least 1, or empty", r.text("valid_ppl"))
	}
	if len(s.Models) == maxModels {
		return fmt.Errorf("set %q has more than %d models", name, maxModels)
	}
	key := name + "\x00" + a.ID()
	if t.seen[key] {
		return fmt.Errorf("set %q has the architecture %v twice", name, a)
	}
	if t.seen == nil {
		t.seen = map[string]bool{}
	}
	t.seen[key] = true
	if rounded {
		s.Rounded++
	}
	s.Models = append(s.Models, Model{ID: r.text("id"), Arch: a, Perplexity: ppl})
	return nil
}

// row is a record with the places of its columns.
type row struct {
	columns map[string]int
	record  []string
}

// text is empty for a column that is not there.
func (r row) text(column string) string {
	if i, ok := r.columns[column]; ok {
		return strings.TrimSpace(r.record[i])
	}
	return ""
}

// whole reads an integer, which tables may write with a ".0"; without a value it
// is the default.
func (r row) whole(column string, otherwise int) (int, error) {
	text := r.text(column)
	if text == "" {
		return otherwise, nil
	}
	return whole(column, text)
}

func whole(column, text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(text, ".0"))
	if err != nil {
		return 0, fmt.Errorf("%s %.40q must be a whole number", column, text)
	}
	return n, nil
}

func (r row) wholes(column string) ([]int, error) {
	var list []int
	for word := range strings.SplitSeq(r.text(column), "|") {
		n, err := whole(column, word)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// arch reads the architecture, and reports whether heads were rounded.
func (r row) arch() (a arch.Architecture, rounded bool, err error) {
	if a.Backbone, err = backbone(r.text("exp")); err != nil {
		return a, false, err
	}
	var layers int
	for _, f := range []struct {
		column    string
		otherwise int
		to        *int
	}{
		{"n_layer", 0, &layers},
		{"d_model", 0, &a.DModel},
		{"d_embed", 0, &a.DEmbed},
		{"div_val", 1, &a.DivVal},
		{"n_token", 50257, &a.Vocab},
		{"tgt_len", 192, &a.MaxLen},
		{"mem_len", 192, &a.MemLen},
	} {
		if *f.to, err = r.whole(f.column, f.otherwise); err != nil {
			return a, false, err
		}
	}
	if a.DEmbed == -1 {
		a.DEmbed = 0
	}
	if a.Backbone == arch.GPT2 {
		a.MemLen = 0
	} else {
		a.MaxLen = 0
	}
	if text := r.text("cutoffs"); text != "" {
		cutoffs, err := r.wholes("cutoffs")
		if err != nil {
			return a, false, err
		}
		for _, cut := range cutoffs {
			if cut != a.Vocab { // the logs end the list with it, in no order
				a.Cutoffs = append(a.Cutoffs, cut)
			}
		}
	}
	inner, err := r.wholes("d_inner")
	if err != nil {
		return a, false, err
	}
	heads, err := r.wholes("n_head")
	if err != nil {
		return a, false, err
	}
	if err := checkLayers(layers, len(inner), len(heads)); err != nil {
		return a, false, err
	}
	for i := range layers {
		l := arch.Layer{DInner: inner[min(i, len(inner)-1)], Heads: heads[min(i, len(heads)-1)]}
		if a.Backbone == arch.GPT2 && 1 < l.Heads && l.Heads <= min(a.DModel, mostHeads) {
			for a.DModel%l.Heads != 0 {
				l.Heads--
				rounded = true
			}
		}
		a.Layers = append(a.Layers, l)
	}
	if err := a.Validate(); err != nil {
		return a, false, err
	}
	return a.Canonical(), rounded, nil
}

// checkLayers keeps a count that no architecture has from being made a list.
func checkLayers(layers, inner, heads int) error {
	const most = 256
	if layers < 1 || layers > most {
		return fmt.Errorf("n_layer %d must be 1 to %d", layers, most)
	}
	for _, f := range []struct {
		column string
		n      int
	}{{"d_inner", inner}, {"n_head", heads}} {
		if f.n != 1 && f.n != layers {
			return fmt.Errorf("%s has %d values, must have 1 or n_layer %d", f.column, f.n, layers)
		}
	}
	return nil
}

// backbone reads it from a set's name.
func backbone(set string) (arch.Backbone, error) {
	letters := strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			return c
		}
		return -1
	}, strings.ToLower(set))
	switch {
	case strings.Contains(letters, "transxl"), strings.Contains(letters, "transformerxl"), strings.Contains(letters, "transfoxl"):
		return arch.TransformerXL, nil
	case strings.Contains(letters, "gpt2"):
		return arch.GPT2, nil
	}
	return "", fmt.Errorf("exp %.40q must name the backbone, GPT2 or TransXL", set)
}
