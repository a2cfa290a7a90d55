package store

import (
	"cmp"
	"slices"
	"strings"

	"litefront/searchcore/objective"
)

// Table says which candidates the table lists, in which order.
type Table struct {
	Group  string // one of Groups
	Filter string // part of an architecture's short form or ID, whichever its case
	// Sort is a column: an objective's name, or one of the Column constants. If it is
	// empty, the frontier goes from worst to best by the first objective, predictions
	// as they came, and the others in the order of asking.
	Sort       string
	Descending bool
	Rows       int // listed at most
}

// The groups of candidates that the table can list. But for all of them they are
// standings.
const (
	GroupFrontier   = "frontier"
	GroupAll        = "all"
	GroupInfeasible = "infeasible"
	GroupFailed     = "failed"
	GroupPredicted  = "predicted"
)

// Groups returns the groups, that which is listed at first coming first.
func Groups() []string {
	return []string{GroupFrontier, GroupAll, GroupInfeasible, GroupFailed, GroupPredicted}
}

// The columns that are no objectives.
const (
	ColumnArch     = "architecture"
	ColumnStanding = "standing"
	ColumnVerdict  = "verdict"
)

// PageRows is how many rows are listed unasked. Each costs time in every drawing,
// which the search would have to share.
const PageRows = 50

func firstTable() Table { return Table{Group: GroupFrontier, Rows: PageRows} }

// ShowGroup lists another group; an unknown one changes nothing.
func (s *Store) ShowGroup(group string) {
	if slices.Contains(Groups(), group) {
		s.Table.Group, s.Table.Rows = group, PageRows
	}
}

// maxFilter bounds the filter, in bytes.
const maxFilter = 200

// SetFilter lists what has the text only.
func (s *Store) SetFilter(text string) {
	s.Table.Filter, s.Table.Rows = text[:min(len(text), maxFilter)], PageRows
}

// SortBy sorts by a column: ascending first, then descending, then no more.
func (s *Store) SortBy(column string) {
	switch {
	case s.Table.Sort != column:
		s.Table.Sort, s.Table.Descending = column, false
	case !s.Table.Descending:
		s.Table.Descending = true
	default:
		s.Table.Sort, s.Table.Descending = "", false
	}
}

// ShowMore lists another page.
func (s *Store) ShowMore() { s.Table.Rows += PageRows }

// Columns returns the objectives that the table shows: [Store.Objectives] until the
// user chose others.
func (s *Store) Columns() objective.Set {
	if s.columns == nil {
		return s.Objectives()
	}
	var columns objective.Set
	for _, o := range objective.All() {
		if slices.Contains(s.columns, o.Name) {
			columns = append(columns, o)
		}
	}
	return columns
}

// HasColumn reports whether the table shows an objective.
func (s *Store) HasColumn(name string) bool {
	return slices.ContainsFunc(s.Columns(), func(o objective.Objective) bool { return o.Name == name })
}

// ShowColumn takes an objective into the table, or out of it. The table is not sorted
// by what it does not show.
func (s *Store) ShowColumn(name string, on bool) {
	names := []string{}
	for _, o := range s.Columns() {
		if o.Name != name {
			names = append(names, o.Name)
		}
	}
	if on {
		names = append(names, name)
	} else if s.Table.Sort == name {
		s.Table.Sort, s.Table.Descending = "", false
	}
	s.columns = names
}

// listing is what the table lists, and what that was made of: drawing asks for it
// many times.
type listing struct {
	table           Table
	version, failed int
	rows            []*Trial
	total           int
}

// Rows returns what the table lists, and how many candidates there are for it: more
// than are listed, if [Store.ShowMore] shows more. Unsorted, the list ends with the
// best of the frontier or the latest of the others, and it is those that are listed.
func (s *Store) Rows() (rows []*Trial, total int) {
	l := &s.listing
	if l.rows == nil || l.table != s.Table || l.version != s.Version || l.failed != s.failed {
		list := s.matching()
		s.sort(list)
		l.table, l.version, l.failed, l.total = s.Table, s.Version, s.failed, len(list)
		l.rows = list[:min(len(list), s.Table.Rows)]
		if s.Table.Sort == "" && s.Table.Group != GroupPredicted {
			l.rows = list[len(list)-len(l.rows):]
		}
	}
	return l.rows, l.total
}

// matching lists the group's candidates that the filter lets pass, unsorted.
func (s *Store) matching() []*Trial {
	list := []*Trial{}
	filter := strings.ToLower(strings.TrimSpace(s.Table.Filter))
	add := func(t *Trial) {
		if filter == "" || strings.Contains(strings.ToLower(t.Name), filter) || strings.Contains(t.ArchID(), filter) {
			list = append(list, t)
		}
	}
	if s.Table.Group == GroupFrontier {
		for _, t := range s.Frontier() {
			add(t)
		}
		return list
	}
	all := slices.Clone(s.predicted)
	for _, n := range s.order {
		all = append(all, s.trials[n])
	}
	for _, t := range all {
		ended := t.Measurement != nil || t.Failure != ""
		if standing := t.Standing(); standing == s.Table.Group || s.Table.Group == GroupAll && ended {
			add(t)
		}
	}
	return list
}

// sort sorts by the table's column. What is not known there comes last either way.
func (s *Store) sort(list []*Trial) {
	var less func(a, b *Trial) int
	known := func(*Trial) bool { return true }
	switch s.Table.Sort {
	case "":
		return
	case ColumnArch:
		less = func(a, b *Trial) int {
			return cmp.Or(cmp.Compare(len(a.Arch.Layers), len(b.Arch.Layers)), cmp.Compare(a.Arch.DModel, b.Arch.DModel), cmp.Compare(a.Name, b.Name))
		}
	case ColumnStanding:
		less = func(a, b *Trial) int { return cmp.Compare(a.Standing(), b.Standing()) }
	case ColumnVerdict:
		less = func(a, b *Trial) int { return cmp.Compare(a.verdict(), b.verdict()) }
		known = func(t *Trial) bool { return t.verdict() != "" }
	default:
		s.sortByObjective(list)
		return
	}
	slices.SortStableFunc(list, func(a, b *Trial) int {
		switch {
		case known(a) != known(b):
			return cmp.Compare(flag(known(b), 1), flag(known(a), 1))
		case s.Table.Descending:
			return less(b, a)
		}
		return less(a, b)
	})
}

// verdict is that of the measurement; empty for what has none, such as a prediction.
func (t *Trial) verdict() string {
	if t.Measurement == nil {
		return ""
	}
	return string(t.Measurement.Verdict)
}

func (s *Store) sortByObjective(list []*Trial) {
	o, err := objective.Parse(s.Table.Sort)
	if err != nil {
		return
	}
	type keyed struct {
		trial *Trial
		value float64
		known bool
	}
	keys := make([]keyed, len(list))
	for i, t := range list {
		r, known := s.Read(t, o)
		keys[i] = keyed{t, r.Value, known}
	}
	slices.SortStableFunc(keys, func(a, b keyed) int {
		switch {
		case a.known != b.known:
			return cmp.Compare(flag(b.known, 1), flag(a.known, 1))
		case s.Table.Descending:
			return cmp.Compare(b.value, a.value)
		}
		return cmp.Compare(a.value, b.value)
	})
	for i, k := range keys {
		list[i] = k.trial
	}
}
