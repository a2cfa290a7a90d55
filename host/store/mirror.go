package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"litefront/searchcore/objective"
	"litefront/searchcore/results"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

const (
	insertEvent       = "INSERT INTO event (journal, seq, line) VALUES (?, ?, ?)"
	insertMeasurement = `INSERT INTO measurement (journal, trial, ended, device, arch, name, verdict, overlay, violates, vals)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateViolates    = "UPDATE measurement SET violates = ? WHERE journal = ? AND trial = ? AND violates <> ?"
	insertFrontier    = "INSERT INTO frontier (journal, trial) VALUES (?, ?)"
	deleteFrontier    = "DELETE FROM frontier WHERE journal = ? AND trial = ?"
	deleteFrontiers   = "DELETE FROM frontier WHERE journal = ?"
	deleteMeasurement = "DELETE FROM measurement WHERE journal = ?"
	countJournal      = `UPDATE journal SET events = ?, bytes = ?, asked = ?, measured = ?, failed = ?, own = ?, objectives = ?
		WHERE id = ?`
)

// mirror is a journal's study as the events tell it. What breaks a constraint and what
// is on the frontier is the study's to say; the mirror writes it down.
type mirror struct {
	journal int64
	study   *study.Study
	front   map[int]bool // trials that the table has
	changed bool         // the frontier, by the last event
	current bool         // the rows are as this program derives them
}

// newMirror replays the events of a journal.
func newMirror(ctx context.Context, tx *sql.Tx, journal int64, called string, events []trial.Event) (*mirror, error) {
	m := &mirror{journal: journal, front: map[int]bool{}}
	var err error
	if m.study, err = study.Replay(events, nil, m.watch); err != nil {
		return nil, fmt.Errorf("%s: %w", called, err)
	}
	rows, err := tx.QueryContext(ctx, "SELECT trial FROM frontier WHERE journal = ?", journal)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var number int
		if err := rows.Scan(&number); err != nil {
			return nil, err
		}
		m.front[number] = true
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var derived string
	if err := tx.QueryRowContext(ctx, "SELECT objectives FROM journal WHERE id = ?", journal).Scan(&derived); err != nil {
		return nil, err
	}
	m.current = derived == encodeNames(allNames())
	return m, nil
}

// startMirror begins with a journal's first event.
func startMirror(journal int64, e trial.Event) (*mirror, error) {
	m := &mirror{journal: journal, front: map[int]bool{}, current: true}
	var err error
	if m.study, err = study.Replay([]trial.Event{e}, nil, m.watch); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *mirror) watch(e trial.Event) { m.changed = m.changed || e.Kind == trial.KindFrontier }

// accept applies the next event. An error means that nothing changed.
func (m *mirror) accept(e trial.Event) error {
	m.changed = false
	if e.Measured != nil {
		if id := e.Measured.Measurement.Device.ID; len(id) > maxWord {
			return fmt.Errorf("device: id has %d bytes; at most %d are allowed", len(id), maxWord)
		}
	}
	return m.study.Accept(e)
}

// follow writes the rows that an event, accepted last, adds or changes.
func (m *mirror) follow(st *statements, e trial.Event) error {
	switch {
	case e.Measured != nil:
		if err := m.insert(st, e.Measured.Number); err != nil {
			return err
		}
	case e.Setting != nil && e.Setting.Name == study.SettingConstraints:
		for _, r := range m.study.Trials() {
			if r.Status == study.Measured {
				if err := st.exec(updateViolates, r.Violates, m.journal, r.Number, r.Violates); err != nil {
					return err
				}
			}
		}
	}
	if !m.changed {
		return nil
	}
	now := map[int]bool{}
	for _, r := range m.study.Frontier() {
		now[r.Number] = true
		if !m.front[r.Number] {
			if err := st.exec(insertFrontier, m.journal, r.Number); err != nil {
				return err
			}
		}
	}
	for number := range m.front {
		if !now[number] {
			if err := st.exec(deleteFrontier, m.journal, number); err != nil {
				return err
			}
		}
	}
	m.front = now
	return nil
}

// derive writes all rows anew.
func (m *mirror) derive(st *statements) error {
	for _, statement := range []string{deleteFrontiers, deleteMeasurement} {
		if err := st.exec(statement, m.journal); err != nil {
			return err
		}
	}
	for _, r := range m.study.Trials() {
		if r.Status == study.Measured {
			if err := m.insert(st, r.Number); err != nil {
				return err
			}
		}
	}
	m.front = map[int]bool{}
	for _, r := range m.study.Frontier() {
		m.front[r.Number] = true
		if err := st.exec(insertFrontier, m.journal, r.Number); err != nil {
			return err
		}
	}
	var events, bytes int64
	err := st.tx.QueryRowContext(st.ctx, "SELECT count(*), coalesce(sum(length(CAST(line AS BLOB)) + 1), 0) FROM event WHERE journal = ?", m.journal).Scan(&events, &bytes)
	if err != nil {
		return err
	}
	m.current = true
	return m.count(st, events, bytes)
}

// count writes how far the journal is.
func (m *mirror) count(st *statements, events, bytes int64) error {
	p := m.study.Counts()
	own := encodeNames(m.study.Started().Objectives)
	return st.exec(countJournal, events, bytes, p.Asked, p.Measured, p.Failed, own, encodeNames(allNames()), m.journal)
}

func (m *mirror) insert(st *statements, number int) error {
	r, _ := m.study.Trial(number)
	overlay := 0
	if r.Overlay() {
		overlay = 1
	}
	return st.exec(insertMeasurement, m.journal, r.Number, r.Ended, r.Measurement.Device.ID, r.Arch.ID(), r.Arch.String(), string(r.Measurement.Verdict),
		overlay, r.Violates, encodeValues(valuesOf(m.study.Started(), r)))
}

// valuesOf are all objectives there are of a measured trial; NaN for those that this
// program cannot compute.
func valuesOf(started trial.Started, r study.Record) []float64 {
	view := results.View{Started: started}
	point := results.NewPoint(started, r)
	var values []float64
	for _, o := range objective.All() {
		reading, known := view.Read(point, o)
		if !known {
			reading.Value = math.NaN()
		}
		values = append(values, reading.Value)
	}
	return values
}

// allNames are the objectives of measurement.vals.
func allNames() (names []string) {
	for _, o := range objective.All() {
		names = append(names, o.Name)
	}
	return names
}

func encodeNames(names []string) string {
	text, _ := json.Marshal(names) // strings always are JSON
	return string(text)
}

func encodeValues(values []float64) []byte {
	b := make([]byte, 0, 8*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// pick returns the values at the given places of what encodeValues wrote.
func pick(b []byte, places []int) ([]float64, error) {
	values := make([]float64, len(places))
	for i, p := range places {
		if 8*p+8 > len(b) {
			return nil, fmt.Errorf("%d values where there must be %d", len(b)/8, slices.Max(places)+1)
		}
		values[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*p:]))
	}
	return values, nil
}

// statements prepares each statement of a transaction once.
type statements struct {
	ctx      context.Context
	tx       *sql.Tx
	prepared map[string]*sql.Stmt
}

func newStatements(ctx context.Context, tx *sql.Tx) *statements {
	return &statements{ctx, tx, map[string]*sql.Stmt{}}
}

// exec runs a statement. What is prepared ends with the transaction.
func (s *statements) exec(query string, args ...any) error {
	p := s.prepared[query]
	if p == nil {
		var err error
		if p, err = s.tx.PrepareContext(s.ctx, query); err != nil {
			return err
		}
		s.prepared[query] = p
	}
	_, err := p.ExecContext(s.ctx, args...)
	return err
}
