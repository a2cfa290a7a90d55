package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"litefront/searchcore/arch"
)

func TestFront(t *testing.T) {
	s := newSandbox(t)
	s.must(quick("--budget", "8", "--study", "s.journal", "--overlay", "tiny.json")...)
	before, err := os.ReadFile(s.path("s.journal"))
	if err != nil {
		t.Fatal(err)
	}
	if text := s.must("front", "s.journal"); !strings.Contains(text, "decoder params") || !strings.Contains(text, "reference") {
		t.Errorf("front printed\n%s", text)
	}
	rows, err := csv.NewReader(strings.NewReader(s.must("front", "s.journal", "--objective", "total_params,weight_mb", "--limit", "1", "--format", "csv"))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Errorf("%d rows of CSV (%v), want a heading and one trial", len(rows), err)
	}
	var document struct {
		Trials []struct {
			Trial    int               `json:"trial"`
			Standing string            `json:"standing"`
			Violates string            `json:"violates"`
			Arch     arch.Architecture `json:"arch"`
		} `json:"trials"`
	}
	out := s.must("front", "s.journal", "--all", "--constraint", "decoder_params>=40e3", "--constraint", "total_params<=200e3", "--format", "json", "--config-dir", "configs")
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Trials) != 8+1 {
		t.Errorf("%d trials are listed, want 8 and a reference", len(document.Trials))
	}
	files := 0
	for _, r := range document.Trials {
		keeps := r.Arch.DecoderParams() >= 40e3 && r.Arch.TotalParams() <= 200e3
		if keeps != (r.Violates == "") && r.Standing != "reference" {
			t.Errorf("trial %d is %s and breaks %q", r.Trial, r.Standing, r.Violates)
		}
		config, err := os.ReadFile(s.path(filepath.Join("configs", fmt.Sprintf("trial-%d.json", r.Trial))))
		if member := r.Standing == "frontier"; member != (err == nil) {
			t.Errorf("trial %d is %s; its configuration: %v", r.Trial, r.Standing, err)
		}
		if err == nil {
			files++
			if a, err := arch.Parse(config); err != nil || a.ID() != r.Arch.ID() {
				t.Errorf("trial %d: its configuration is %v (%v)", r.Trial, a, err)
			}
		}
	}
	if files == 0 {
		t.Error("no configuration was written")
	}
	if after, err := os.ReadFile(s.path("s.journal")); err != nil || string(after) != string(before) {
		t.Errorf("looking at the journal changed it (%v)", err)
	}
}
