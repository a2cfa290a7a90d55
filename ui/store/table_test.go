package store

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/objective"
	"litefront/searchcore/trial"
)

func listed(s *Store) []int {
	rows, _ := s.Rows()
	return numbers(rows)
}

// predict tells a predicted frontier of these architectures.
func predict(t *testing.T, s *Store, list ...arch.Architecture) {
	t.Helper()
	var p trial.Predicted
	for _, a := range list {
		p.Points = append(p.Points, trial.Prediction{Arch: a, Prefill: trial.Estimate{Ms: 3, LowMs: 2, HighMs: 4}, Decode: trial.Estimate{Ms: 2, LowMs: 1, HighMs: 3}})
	}
	p.Total = len(list)
	tell(t, s, event(trial.KindPredicted, func(e *trial.Event) { e.Predicted = &p }))
}

func TestTableGroups(t *testing.T) {
	s, w := searching(t, 1)
	if rows, total := s.Rows(); len(rows) != 0 || total != 0 {
		t.Errorf("%d rows of %d before a result", len(rows), total)
	}
	for i := range 30 {
		if i%10 == 5 {
			w.fail("no reason")
		} else {
			w.measure()
		}
	}
	w.ask() // under way: in no group
	predict(t, s, s.Trial(1).Arch, s.Trial(2).Arch)
	failed := []int{6, 16, 26}
	if got, want := listed(s), numbers(s.Frontier()); !slices.Equal(got, want) {
		t.Errorf("at first %v are listed, want the frontier %v", got, want)
	}
	s.SetBound("response_ms", 5)
	outside := 0
	for _, trial := range s.results {
		if trial.Outside != "" {
			outside++
		}
	}
	for group, check := range map[string]func(*Trial) bool{
		GroupFrontier:   func(t *Trial) bool { return t.OnFrontier },
		GroupAll:        func(t *Trial) bool { return t.Measurement != nil || t.Failure != "" },
		GroupInfeasible: func(t *Trial) bool { return t.Outside != "" && !t.Predicted },
		GroupFailed:     func(t *Trial) bool { return slices.Contains(failed, t.Number) },
		GroupPredicted:  func(t *Trial) bool { return t.Number < 0 },
	} {
		s.ShowGroup(group)
		rows, total := s.Rows()
		want := map[string]int{GroupFrontier: len(s.Frontier()), GroupAll: 32, GroupInfeasible: outside, GroupFailed: 3, GroupPredicted: 2}[group]
		if total != want || len(rows) != want || !slices.Contains(Groups(), group) {
			t.Errorf("%s: %d rows of %d, want %d", group, len(rows), total, want)
		}
		for _, r := range rows {
			if !check(r) {
				t.Errorf("%s: trial %d is listed, which is %s", group, r.Number, r.Standing())
			}
		}
	}
	s.ShowGroup("luck")
	if !slices.Contains(Groups(), s.Table.Group) {
		t.Errorf("the table lists the group %q", s.Table.Group)
	}
}

// What changes nothing of the chart changes the list all the same.
func TestTableFollowsFailures(t *testing.T) {
	s, w := searching(t, 1)
	s.ShowGroup(GroupFailed)
	for n := 1; n <= 3; n++ {
		w.fail("no reason")
		if got := listed(s); len(got) != n {
			t.Errorf("%v are listed after %d failures", got, n)
		}
	}
}

func TestTableFilter(t *testing.T) {
	s, w := searching(t, 1)
	for range 30 {
		w.measure()
	}
	s.ShowGroup(GroupAll)
	one := s.Trial(7)
	for filter, matches := range map[string]func(*Trial) bool{
		"":                          func(*Trial) bool { return true },
		" GPT2 l1 ":                 func(t *Trial) bool { return strings.HasPrefix(t.Name, "gpt2 L1") }, // L10 too
		one.Arch.ID()[4:20]:         func(t *Trial) bool { return t == one },
		strings.ToUpper(one.Name):   func(t *Trial) bool { return t.Name == one.Name },
		"no architecture has this":  func(*Trial) bool { return false },
		strings.Repeat("x", 10_000): func(*Trial) bool { return false },
	} {
		s.SetFilter(filter)
		want := []int{}
		for n := 1; n <= 30; n++ {
			if matches(s.Trial(n)) {
				want = append(want, n)
			}
		}
		if got := listed(s); !slices.Equal(got, want) {
			t.Errorf("%.20q lists %v, want %v", filter, got, want)
		}
	}
}

// Every column sorts, ascending, then descending, then no more.
func TestTableSort(t *testing.T) {
	s, w := searching(t, 2)
	for i := range 30 {
		if i%10 == 5 {
			w.fail("no reason")
		} else {
			w.measure()
		}
	}
	s.ShowGroup(GroupAll)
	before := listed(s)
	for _, o := range objective.All() {
		for _, descending := range []bool{false, true} {
			s.SortBy(o.Name)
			rows, _ := s.Rows()
			for i := 1; i < len(rows); i++ {
				a, known := s.Read(rows[i-1], o)
				b, too := s.Read(rows[i], o)
				if too && !known || known && too && (a.Value > b.Value && !descending || a.Value < b.Value && descending) {
					t.Fatalf("%s, descending %v: %v before %v", o.Name, descending, a, b)
				}
			}
			if last := rows[len(rows)-1]; last.Failure == "" {
				t.Errorf("%s, descending %v: what is not known does not come last", o.Name, descending)
			}
		}
		s.SortBy(o.Name)
		if got := listed(s); !slices.Equal(got, before) {
			t.Errorf("%s: sorted no more, the table lists %v, want %v", o.Name, got, before)
		}
	}
	last := func(verdict string) string { // what has none comes last, either way
		return cmp.Or(verdict, "~")
	}
	for column, key := range map[string]func(*Trial) string{ColumnStanding: (*Trial).Standing, ColumnVerdict: func(t *Trial) string { return last(t.verdict()) }} {
		s.SortBy(column)
		rows, _ := s.Rows()
		if !slices.IsSortedFunc(rows, func(a, b *Trial) int { return strings.Compare(key(a), key(b)) }) {
			t.Errorf("%s does not sort", column)
		}
	}
	if s.Table.Sort != ColumnVerdict {
		s.SortBy(ColumnVerdict)
	}
	s.SortBy(ColumnVerdict)
	if rows, _ := s.Rows(); rows[0].verdict() == "" || rows[len(rows)-1].verdict() != "" {
		t.Error("sorted by verdict, descending, what has none does not come last")
	}
	s.SortBy(ColumnArch)
	s.SortBy(ColumnArch)
	rows, _ := s.Rows()
	if first, last := rows[0].Arch, rows[len(rows)-1].Arch; !s.Table.Descending || len(first.Layers) <= len(last.Layers) {
		t.Errorf("sorted by architecture, descending, %v comes first and %v last", first, last)
	}
}

// Pages bound what is drawn: sorted from the first on, unsorted back from the last.
func TestTablePages(t *testing.T) {
	s, w := searching(t, 3)
	for range 2*PageRows + 10 {
		w.measure()
	}
	s.ShowGroup(GroupAll)
	for page, want := range []int{PageRows, 2 * PageRows, 2*PageRows + 10} {
		rows, total := s.Rows()
		if len(rows) != want || total != 2*PageRows+10 || rows[len(rows)-1].Number != total {
			t.Errorf("page %d: %d rows of %d, up to trial %d", page, len(rows), total, rows[len(rows)-1].Number)
		}
		s.SortBy("decoder_params")
		rows, _ = s.Rows()
		least := slices.MinFunc(s.results, func(a, b *Trial) int { return int(a.DecoderParams - b.DecoderParams) })
		if len(rows) != want || rows[0].DecoderParams != least.DecoderParams {
			t.Errorf("page %d, sorted: %d rows from %v on, want the least, %v", page, len(rows), rows[0].DecoderParams, least.DecoderParams)
		}
		s.SortBy("decoder_params")
		s.SortBy("decoder_params")
		s.ShowMore()
	}
	s.SetFilter("gpt2")
	if rows, _ := s.Rows(); len(rows) != PageRows {
		t.Errorf("another filter lists %d rows at once", len(rows))
	}
}

func TestTableColumns(t *testing.T) {
	s, w := searching(t, 1)
	w.measure()
	names := func() (list []string) {
		for _, o := range s.Columns() {
			list = append(list, o.Name)
		}
		return list
	}
	if got := names(); !slices.Equal(got, []string{"decoder_params", "response_ms", "peak_mb"}) {
		t.Errorf("columns %v at first", got)
	}
	s.SortBy("peak_mb")
	s.ShowColumn("flops", true)
	s.ShowColumn("peak_mb", false)
	s.ShowColumn("peak_mb", false)
	s.ShowColumn("flops", true)
	if got := names(); !slices.Equal(got, []string{"decoder_params", "flops", "response_ms"}) || s.HasColumn("peak_mb") || !s.HasColumn("flops") {
		t.Errorf("columns %v", got)
	}
	if s.Table.Sort != "" {
		t.Errorf("sorted by %s, which is not shown", s.Table.Sort)
	}
	for _, o := range objective.All() {
		s.ShowColumn(o.Name, false)
	}
	if got := names(); got != nil {
		t.Errorf("columns %v after all were taken out", got)
	}
}
