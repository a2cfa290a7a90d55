package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	s := newSandbox(t)
	s.must(quick("--budget", "4", "--seeds", "1..2", "--strategy", "random", "--study", "s.journal")...)
	s.must(quick("--budget", "3", "--study", "other.journal", "--objective", "flops,decoder_params")...)
	text := s.must("compare", "s-seed1.journal", "s-seed2.journal", "--out", "results")
	for _, want := range []string{"reference point of the hypervolume: decoder_params", "s-seed1.journal", "median", "does not dominate", "random over 2 seeds"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, name := range []string{"curves.csv", "attainment.csv", "hypervolume.svg"} {
		if info, err := os.Stat(s.path("results/" + name)); err != nil || info.Size() == 0 {
			t.Errorf("results/%s: %v", name, err)
		}
	}
	var document struct {
		Reference []float64 `json:"reference"`
		Studies   []struct {
			Measured int     `json:"measured"`
			Seconds  float64 `json:"seconds"`
		} `json:"studies"`
	}
	out := s.must("compare", "s-seed1.journal", "other.journal", "--objective", "flops,decoder_params", "--reference", "1e12,0", "--json")
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Studies) != 2 || document.Studies[0].Measured != 4 || document.Studies[1].Measured != 3 || document.Studies[0].Seconds <= 0 ||
		document.Reference[0] != 1e12 || document.Reference[1] != 0 {
		t.Errorf("compare --json printed %s", out)
	}
}
