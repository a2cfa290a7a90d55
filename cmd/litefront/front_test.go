package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
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

// A search that reaches the strategy's model says what it predicts, everywhere.
func TestPredicted(t *testing.T) {
	s := newSandbox(t)
	for _, text := range []string{
		s.must(quick("--budget", "22", "--study", "s.journal", "--out", "results")...),
		s.must("front", "s.journal"),
	} {
		for _, want := range []string{"\npredicted, not measured\np", "fitted to 22 measurements"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
	}
	list := func(name string) []map[string]string {
		data, err := os.ReadFile(s.path(filepath.Join("results", name)))
		if err != nil {
			t.Fatal(err)
		}
		return csvRows(t, string(data))
	}
	predicted := list("predicted.csv")
	members := map[string]bool{}
	for _, row := range append(list("frontier.csv"), predicted...) {
		if row["on_frontier"] == "true" {
			members[row["trial"]] = true
		}
	}
	if len(predicted) == 0 {
		t.Fatal("nothing is predicted")
	}
	args := []string{"front", "s.journal", "--predicted", "--format", "csv"}
	text := s.must(append(args, "--config-dir", "configs")...)
	if again := s.must(args...); again != text {
		t.Error("the same journal is listed in two ways")
	}
	for _, row := range csvRows(t, text) {
		number := row["trial"]
		if !members[number] {
			t.Errorf("trial %s is listed, but not among the results", number)
		}
		delete(members, number)
		name := "trial-" + number
		if rank, ok := strings.CutPrefix(number, "-"); ok {
			name = "predicted-" + rank
			if row["status"] != "predicted" || row["response_ms_low"] == "" || row["verdict"] != "" {
				t.Errorf("predicted: %v", row)
			}
		}
		config, err := os.ReadFile(s.path("configs/" + name + ".json"))
		if err != nil {
			t.Fatal(err)
		}
		if a, err := arch.Parse(config); err != nil || a.ID() != row["arch_id"] {
			t.Errorf("%s is %v (%v)", name, a, err)
		}
	}
	if len(members) > 0 {
		t.Errorf("not listed: %v", members)
	}
	// How many there are depends on what was measured; the limit takes the first of them.
	args = []string{"front", "s.journal", "--predicted", "--objective", "total_params,decode_ms", "--constraint", "decoder_params>=40e3", "--sort", "decode_ms", "--format", "csv"}
	all := csvRows(t, s.must(args...))
	if len(all) == 0 {
		t.Fatal("nothing satisfies the constraint")
	}
	limit := min(len(all), 2)
	first := csvRows(t, s.must(append(args, "--limit", strconv.Itoa(limit))...))
	if !reflect.DeepEqual(first, all[:limit]) {
		t.Errorf("--limit %d lists %v of %v", limit, first, all)
	}
}

// csvRows reads CSV as maps from column to text.
func csvRows(t *testing.T, text string) (list []map[string]string) {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(records) == 0 {
		t.Fatalf("%d rows of CSV (%v)", len(records), err)
	}
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = r[i]
		}
		list = append(list, row)
	}
	return list
}
