package store

import (
	"cmp"
	"slices"
	"testing"

	"litefront/searchcore/study"
)

// searching is a search of the page by the strategy that asks nothing of its results.
func searching(t *testing.T, seed uint64) (*Store, *worker) {
	t.Helper()
	s := ready(t)
	s.SetField(FieldStrategy, "random")
	return s, start(t, s, seed)
}

func numbers(trials []*Trial) []int {
	list := []int{}
	for _, t := range trials {
		list = append(list, t.Number)
	}
	return list
}

// limits bound the three objectives of a search unless told otherwise: parameters
// from below, response and memory from above.
type limits [3]float64

func (l limits) keeps(values []float64) bool {
	return values[0] >= l[0] && values[1] <= l[1] && values[2] <= l[2]
}

// checkCut compares what the page shows under bounds with the definition: of the
// study's trials that keep them, those that no other such trial beats.
func checkCut(t *testing.T, s *Store, w *worker, l limits) {
	t.Helper()
	var kept, front []study.Record
	for _, r := range w.study.Trials() {
		if r.Status == study.Measured && r.Violates == "" && l.keeps(r.Values) {
			kept = append(kept, r)
		}
	}
	for _, a := range kept {
		beaten := slices.ContainsFunc(kept, func(b study.Record) bool {
			return a.Number != b.Number && b.Values[0] >= a.Values[0] && b.Values[1] <= a.Values[1] && b.Values[2] <= a.Values[2]
		})
		if !beaten {
			front = append(front, a)
		}
	}
	slices.SortFunc(front, func(a, b study.Record) int {
		return cmp.Or(cmp.Compare(a.Values[0], b.Values[0]), cmp.Compare(a.Number, b.Number))
	})
	want := []int{}
	for _, r := range front {
		want = append(want, r.Number)
	}
	if got := numbers(s.Frontier()); !slices.Equal(got, want) {
		t.Fatalf("within %v the frontier is %v, want %v", l, got, want)
	}
	if within, _ := s.Within(); within != len(kept) {
		t.Errorf("within %v are %d, want %d", l, within, len(kept))
	}
	for points := s.Points(); len(points) > 0; points = points[7:] {
		trial := s.Trial(int(points[0]))
		crossed, member := int(points[5])&2 != 0, int(points[5])&1 != 0
		if crossed == (trial.Violates == "" && l.keeps(trial.Values)) || member != slices.Contains(want, trial.Number) {
			t.Fatalf("within %v trial %d of %v has the flags %v", l, trial.Number, trial.Values, points[5])
		}
	}
}

func TestBounds(t *testing.T) {
	for seed := range uint64(3) {
		s, w := searching(t, seed)
		if b := s.Bounds(); len(b) != 3 || b[0].Last != -1 || s.Bounded() {
			t.Fatalf("before a result the bounds are %+v", b)
		}
		for i := range 40 {
			if i%9 == 4 {
				w.fail("no reason")
			} else {
				w.measure()
			}
		}
		whole := numbers(s.Frontier())
		r := random(seed)
		for range 25 {
			var l limits
			for k, b := range s.Bounds() {
				var values []float64 // of this objective, by the study
				for _, r := range w.study.Trials() {
					if r.Status == study.Measured {
						values = append(values, r.Values[k])
					}
				}
				slices.Sort(values)
				values = slices.Compact(values)
				if b.Last != len(values)-1 {
					t.Fatalf("%s: the slider ends at %d, for %d values", b.Objective.Name, b.Last, len(values))
				}
				position := r.IntN(len(values))
				l[k] = values[position]
				s.SetBound(b.Objective.Name, position)
				if got := s.Bounds()[k]; got.Position != position {
					t.Fatalf("%s: the slider is at %d, was moved to %d", b.Objective.Name, got.Position, position)
				}
			}
			checkCut(t, s, w, l)
		}
		s.ClearBounds()
		if got := numbers(s.Frontier()); s.Bounded() || !slices.Equal(got, whole) {
			t.Errorf("cleared, the frontier is %v, was %v", got, whole)
		}
	}
}

// At its loosest end a slider bounds nothing; off it, it says so, and what comes later
// is judged too.
func TestBoundsWhileSearching(t *testing.T) {
	s, w := searching(t, 4)
	for range 12 {
		w.measure()
	}
	values := s.reached(s.objectives[1])
	middle := len(values) / 2
	version := s.Version
	s.SetBound("response_ms", middle)
	b := s.Bounds()[1]
	if want := "≤ " + b.Objective.Format(values[middle]); b.Text != want || !s.Bounded() || s.Version == version {
		t.Errorf("bound %+v, want the text %q; bounded %v, version %d after %d", b, want, s.Bounded(), s.Version, version)
	}
	l := limits{0, values[middle], 1e9}
	for range 12 {
		w.measure()
		checkCut(t, s, w, l)
	}
	for _, trial := range s.results {
		if keeps := l.keeps(trial.Values); (trial.Outside == "") != keeps || keeps == (trial.Standing() == GroupInfeasible) {
			t.Errorf("trial %d: outside %q, standing %s", trial.Number, trial.Outside, trial.Standing())
		}
	}
	if err := w.study.Set(study.SettingConstraints, "decoder_params>=2e6"); err != nil {
		t.Fatal(err)
	}
	checkCut(t, s, w, l)
	s.SetBound("response_ms", -1)
	s.SetBound("response_ms", 1<<40)
	s.SetBound("luck", 0)
	checkCut(t, s, w, l)
	s.SetBound("response_ms", s.Bounds()[1].Last)
	s.SetBound("decoder_params", 0)
	if s.Bounded() || s.Bounds()[0].Text != "any" {
		t.Errorf("at the loosest the bounds are %+v", s.Bounds())
	}
	checkCut(t, s, w, limits{0, 1e9, 1e9})
	s.SetBound("decoder_params", 3)
	s.clear()
	if s.Bounded() || s.Bounds() != nil {
		t.Error("bounds outlive their study")
	}
}
