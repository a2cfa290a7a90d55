package main

import (
	"encoding/json"
	"strings"
	"testing"

	"litefront/searchcore/surrogate"
)

// A study on two threads starts from the model of one on one thread, and both have a
// frontier together.
func TestKnownAndRobust(t *testing.T) {
	s := newSandbox(t)
	s.must(quick("--budget", "14", "--study", "one.journal")...)
	out := s.must(quick("--budget", "8", "--study", "two.journal", "--known", "one.journal", "--seed", "2", "--json")...)
	first := ""
	for line := range strings.Lines(out) {
		if strings.Contains(line, `"kind":"predicted"`) {
			first = line
			break
		}
	}
	var e struct{ Predicted struct{ Fitted int } }
	if err := json.Unmarshal([]byte(first), &e); err != nil || e.Predicted.Fitted != surrogate.Transferred {
		t.Errorf("the first prediction is by %d measurements (%v), want %d", e.Predicted.Fitted, err, surrogate.Transferred)
	}
	s.must(quick("--budget", "9", "--study", "two.journal", "--known", "one.journal")...)
	text := s.must("robust", "one.journal", "two.journal", "--share", "1,2")
	for _, want := range []string{"devices: 2", "one.journal", "share", "response on 2", "what sharing costs device 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, format := range []string{"csv", "json"} {
		if text := s.must("robust", "one.journal", "two.journal", "--format", format); !strings.Contains(text, "slowdown") {
			t.Errorf("%s: %s", format, text)
		}
	}
	// One study of the store on two classes of devices, as a fleet has it.
	s.must(quick("--budget", "14", "--study", "three.journal")...)
	s.must("store", "import", "one.journal", "--store", "s.db", "--name", "both", "--class", "first")
	s.must("store", "import", "three.journal", "--store", "s.db", "--name", "both", "--class", "second")
	if text := s.must("robust", "--store", "s.db", "--study", "both"); !strings.Contains(text, "devices: 2") || !strings.Contains(text, "second") {
		t.Errorf("of the store:\n%s", text)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{quick("--budget", "1", "--known", "none.journal"), "none.journal"},
		{quick("--budget", "1", "--known", "one.journal", "--strategy", "random"), `only the strategy "exact"`},
		{quick("--budget", "1", "--known", "one.journal", "--precision", "int8"), "precision"},
		{quick("--budget", "15", "--study", "one.journal", "--known", "two.journal"), "started with --known none"},
		{[]string{"robust"}, "needs the journals"},
		{[]string{"robust", "one.journal", "--study", "both"}, "needs the journals"},
		{[]string{"robust", "--store", "s.db", "--study", "neither"}, `study "neither"`},
		{[]string{"robust", "one.journal", "--format", "xml"}, "must be table, csv or json"},
		{[]string{"robust", "one.journal", "--share", "1,1"}, "2 given for 1 devices"},
	} {
		if _, stderr, code := s.run(c.args...); code == 0 || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %q, want %q", c.args, code, stderr, c.want)
		}
	}
}
