package store

import (
	"math"
	"slices"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/importance"
	"litefront/searchcore/study"
)

// The history ends, after every candidate, with the hypervolume of the study.
func TestHypervolume(t *testing.T) {
	s, w := searching(t, 1)
	check := func(when string) {
		t.Helper()
		steps, _ := s.Hypervolume()
		last := 0.0
		if len(steps) > 0 {
			last = steps[len(steps)-1].Hypervolume
		}
		if want := w.study.Progress().Hypervolume; math.Abs(last-want) > 1e-9 {
			t.Fatalf("%s: %v, want %v", when, last, want)
		}
		for i := 1; i < len(steps); i++ {
			if steps[i].Candidates <= steps[i-1].Candidates || steps[i].Hypervolume < steps[i-1].Hypervolume {
				t.Fatalf("%s: step %d is %v after %v", when, i, steps[i], steps[i-1])
			}
		}
	}
	check("nothing measured")
	reference, err := w.study.Started().Space.Sample(random(9))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.study.Enqueue(reference); err != nil {
		t.Fatal(err)
	}
	w.measure()
	check("a reference")
	for i := range 60 {
		if i%7 == 3 {
			w.fail("no reason")
		} else {
			w.measure()
		}
		check("searching")
	}
	if steps, n := s.Hypervolume(); n != 60 || steps[0].Candidates != 1 || len(steps) < 4 {
		t.Errorf("%d candidates, steps %v", n, steps)
	}
	s.SetBound("response_ms", 3)
	check("under a bound, which is a view")
	if err := w.study.Set(study.SettingConstraints, "decoder_params>=3e6"); err != nil {
		t.Fatal(err)
	}
	check("under a constraint")
	w.measure()
	check("under a constraint, later")
	if err := w.study.Set(study.SettingConstraints, study.ConstraintsValue(nil)); err != nil {
		t.Fatal(err)
	}
	check("under none again")
}

// What the dimensions explain is that of the study's trials, references left out.
func TestImportance(t *testing.T) {
	s, w := searching(t, 1)
	reference, err := w.study.Started().Space.Sample(random(9))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.study.Enqueue(reference); err != nil {
		t.Fatal(err)
	}
	for range importance.MinPoints { // one of them the reference
		w.measure()
	}
	if rows, _ := s.Importance(); rows != nil {
		t.Errorf("%d candidates explain %v", importance.MinPoints-1, rows)
	}
	for range 30 {
		w.measure()
	}
	var list []arch.Architecture
	values := make([][]float64, 3)
	for _, r := range w.study.Trials() {
		if !r.Overlay() {
			list = append(list, r.Arch)
			for k, v := range r.Values {
				values[k] = append(values[k], v)
			}
		}
	}
	want := importance.Explain(list, values)
	rows, objectives := s.Importance()
	if len(objectives) != 3 || len(rows) == 0 || !slices.EqualFunc(rows, want, func(a, b importance.Row) bool {
		return a.Dimension == b.Dimension && slices.Equal(a.Shares, b.Shares)
	}) {
		t.Errorf("rows %v, want %v", rows, want)
	}
}
