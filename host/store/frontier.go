package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
)

// Point is a measured trial.
type Point struct {
	Number   int       `json:"trial"`
	ArchID   string    `json:"arch_id"`
	Arch     string    `json:"arch"` // in a few words
	DeviceID string    `json:"device_id,omitempty"`
	Verdict  string    `json:"verdict"`
	Values   []float64 `json:"values"` // of the objectives asked for, in their units

	ended int // place in the order of results
}

// Frontier returns the frontier of a study on one class of devices, sorted from worst
// to best by the first objective, under the constraints that hold now. Without
// objectives it is by the study's own, and is read; by others it is computed from all
// that was measured. It is what package results makes of the journal under the same
// objectives. A journal without events has an empty one.
func (s *Store) Frontier(ctx context.Context, studyID int64, class string, objectives ...string) ([]Point, error) {
	front, err := s.frontier(ctx, studyID, class, objectives)
	return front, s.failure(err)
}

func (s *Store) frontier(ctx context.Context, studyID int64, class string, names []string) (front []Point, err error) {
	var set objective.Set
	if len(names) > 0 {
		if set, err = objective.ParseSet(names); err != nil {
			return nil, err
		}
	}
	var outdated bool
	for range 2 {
		err = s.look(ctx, func(tx *sql.Tx) error {
			front, outdated, err = frontier(ctx, tx, studyID, class, set)
			return err
		})
		if err != nil || !outdated {
			return front, err
		}
		// Another version of the program derived the rows.
		if err := s.rebuild(ctx, studyID, class); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("study %d, class %.100q: programs of two versions are using it", studyID, class)
}

// frontier returns the frontier by the objectives of set, the study's if it is nil. It
// is outdated if the rows do not tell them.
func frontier(ctx context.Context, tx *sql.Tx, studyID int64, class string, set objective.Set) (front []Point, outdated bool, err error) {
	journal, called, err := journalID(ctx, tx, studyID, class)
	if err != nil {
		return nil, false, err
	}
	var ownText, derivedText string
	if err := tx.QueryRowContext(ctx, "SELECT own, objectives FROM journal WHERE id = ?", journal).Scan(&ownText, &derivedText); err != nil {
		return nil, false, err
	}
	var own, derived []string
	for _, x := range []struct {
		text string
		to   *[]string
	}{{ownText, &own}, {derivedText, &derived}} {
		if err := json.Unmarshal([]byte(x.text), x.to); err != nil {
			return nil, false, fmt.Errorf("%s: its objectives are damaged: %w", called, err)
		}
	}
	if len(own) == 0 {
		return nil, false, nil // nothing has started
	}
	if set == nil {
		if set, err = objective.ParseSet(own); err != nil {
			return nil, false, fmt.Errorf("%s: %w", called, err)
		}
	}
	var places []int
	same := len(set) == len(own)
	for _, o := range set {
		i := slices.Index(derived, o.Name)
		if i < 0 {
			return nil, true, nil
		}
		places = append(places, i)
		same = same && slices.Contains(own, o.Name)
	}
	points, costs, err := candidates(ctx, tx, journal, set, places, same)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", called, err)
	}
	first := set[:1]
	whose, err := tx.PrepareContext(ctx, "SELECT arch, name, device, verdict FROM measurement WHERE journal = ? AND trial = ?")
	if err != nil {
		return nil, false, err
	}
	defer whose.Close()
	for _, i := range pareto.Front(costs) {
		p := points[i]
		if err := whose.QueryRowContext(ctx, journal, p.Number).Scan(&p.ArchID, &p.Arch, &p.DeviceID, &p.Verdict); err != nil {
			return nil, false, err
		}
		if p.Arch == "" { // an older program, which had the store open, goes on without
			return nil, true, nil
		}
		front = append(front, p)
	}
	slices.SortFunc(front, func(a, b Point) int {
		return cmp.Or(cmp.Compare(first.Costs(b.Values[:1])[0], first.Costs(a.Values[:1])[0]), cmp.Compare(a.Number, b.Number))
	})
	return front, false, nil
}

// candidates reads the points that may be on a frontier, in the order of their results:
// the members of the study's own, or all that keep its constraints.
func candidates(ctx context.Context, tx *sql.Tx, journal int64, set objective.Set, places []int, own bool) (points []Point, costs [][]float64, err error) {
	query := "SELECT trial, ended, vals FROM measurement WHERE journal = ? AND overlay = 0 AND violates = ''"
	if own {
		query = "SELECT trial, ended, vals FROM frontier JOIN measurement USING (journal, trial) WHERE journal = ?"
	}
	rows, err := tx.QueryContext(ctx, query, journal)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	var vals sql.RawBytes
	for rows.Next() {
		var p Point
		if err := rows.Scan(&p.Number, &p.ended, &vals); err != nil {
			return nil, nil, err
		}
		if p.Values, err = pick(vals, places); err != nil {
			return nil, nil, fmt.Errorf("trial %d: %w", p.Number, err)
		}
		points = append(points, p)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(points, func(a, b Point) int { return cmp.Compare(a.ended, b.ended) })
	for _, p := range points {
		costs = append(costs, set.Costs(p.Values))
	}
	return points, costs, nil
}

// Rebuild derives the measurements and frontiers of all journals from their events.
func (s *Store) Rebuild(ctx context.Context) error {
	list, err := s.Studies(ctx)
	if err != nil {
		return err
	}
	for _, st := range list {
		for _, j := range st.Journals {
			if err := s.rebuild(ctx, st.ID, j.Class); err != nil {
				return s.failure(err)
			}
		}
	}
	return nil
}

func (s *Store) rebuild(ctx context.Context, studyID int64, class string) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		journal, called, err := journalID(ctx, tx, studyID, class)
		if err != nil {
			return err
		}
		events, err := readEvents(ctx, tx, journal, called)
		if err != nil || len(events) == 0 {
			return err
		}
		m, err := newMirror(ctx, tx, journal, called, events)
		if err != nil {
			return err
		}
		return m.derive(newStatements(ctx, tx))
	})
}
