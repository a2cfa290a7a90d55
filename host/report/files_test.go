package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"litefront/host/report"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// written is what WriteDir leaves in a folder of its own, by file name.
func written(t testing.TB, s *study.Study) map[string][]byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if err := report.WriteDir(dir, s); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// rows reads CSV back as maps from column to text.
func rows(t testing.TB, data []byte) []map[string]string {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]string
	for _, r := range records[1:] {
		row := make(map[string]string)
		for i, name := range records[0] {
			if _, twice := row[name]; twice {
				t.Fatalf("column %q occurs twice", name)
			}
			row[name] = r[i]
		}
		list = append(list, row)
	}
	return list
}

func TestWriteDirFiles(t *testing.T) {
	s := sample(t)
	files, again := written(t, s), written(t, s)
	if len(files) != 5 {
		t.Errorf("got %d files, want 5", len(files))
	}
	for _, name := range []string{"frontier.csv", "trials.csv", "predicted.csv", "study.json", "frontier.svg"} {
		if len(files[name]) == 0 {
			t.Errorf("%s is missing or empty", name)
		}
		if !bytes.Equal(files[name], again[name]) {
			t.Errorf("%s differs when written again", name)
		}
	}
}

func TestWriteDirReplaces(t *testing.T) {
	dir := t.TempDir()
	s := start(t, "x", setup(t))
	if err := report.WriteDir(dir, s); err != nil {
		t.Fatal(err)
	}
	run(t, s, 3)
	if err := report.WriteDir(dir, s); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "trials.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(rows(t, b)); n != 3 {
		t.Errorf("got %d trials, want 3", n)
	}
}

func TestTrialsCSV(t *testing.T) {
	s := sample(t)
	frontier := make(map[int]bool)
	for _, r := range s.Frontier() {
		frontier[r.Number] = true
	}
	got := rows(t, written(t, s)["trials.csv"])
	trials := s.Trials()
	if len(got) != len(trials) {
		t.Fatalf("got %d rows, want %d", len(got), len(trials))
	}
	kinds := make(map[string]int)
	for i, r := range trials {
		g, err := graph.Build(r.Arch, trial.DefaultWorkload())
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"trial":          strconv.Itoa(i + 1),
			"status":         string(r.Status),
			"op":             r.Origin.Op,
			"arch_id":        r.Arch.ID(),
			"arch_type":      "gpt2",
			"n_layer":        strconv.Itoa(len(r.Arch.Layers)),
			"d_model":        strconv.Itoa(r.Arch.DModel),
			"decoder_params": strconv.FormatInt(r.Arch.DecoderParams(), 10),
			"total_params":   strconv.FormatInt(r.Arch.TotalParams(), 10),
			"on_frontier":    strconv.FormatBool(frontier[r.Number]),
			"overlay":        strconv.FormatBool(r.Number == 1),
			"violates":       r.Violates,
			"reason":         r.Reason,
			"prefill_ms":     "", "prefill_ms_low": "", "decode_ms": "", "decode_ms_high": "", "response_ms": "",
			"decode_min_ms": "", "memory_bytes": "", "verdict": "", "slowdown": "",
		}
		if m := r.Measurement; m != nil {
			float := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
			want["prefill_ms"] = float(m.Prefill.MedianMs)
			want["prefill_ms_low"] = float(m.Prefill.LowMs)
			want["prefill_ms_high"] = float(m.Prefill.HighMs)
			want["prefill_min_ms"] = float(m.Prefill.MinMs)
			want["prefill_mean_ms"] = float(m.Prefill.MeanMs)
			want["prefill_spread_ms"] = float(m.Prefill.SpreadMs)
			want["decode_ms"] = float(m.Decode.MedianMs)
			want["decode_ms_high"] = float(m.Decode.HighMs)
			want["decode_min_ms"] = float(m.Decode.MinMs)
			want["decode_mean_ms"] = float(m.Decode.MeanMs)
			want["decode_spread_ms"] = float(m.Decode.SpreadMs)
			want["response_ms"] = float(m.Prefill.MedianMs + 64*m.Decode.MedianMs)
			want["memory_bytes"] = strconv.FormatInt(g.Memory.TotalBytes, 10)
			want["rss_bytes"] = "123456"
			want["slowdown"] = "1.01"
			want["verdict"] = string(m.Verdict)
			want["module_sha256"] = "feed"
		}
		for name, text := range want {
			if cell, exists := got[i][name]; !exists || cell != text {
				t.Errorf("trial %d: %s is %q (%v), want %q", r.Number, name, cell, exists, text)
			}
		}
		peak, err := strconv.ParseFloat(got[i]["peak_mb"], 64)
		if err != nil || peak*(1<<20) != float64(g.Memory.TotalBytes) {
			t.Errorf("trial %d: peak_mb is %q, want %d bytes", r.Number, got[i]["peak_mb"], g.Memory.TotalBytes)
		}
		var layers []arch.Layer
		heads := strings.Split(got[i]["n_head"], "|")
		for k, inner := range strings.Split(got[i]["d_inner"], "|") {
			var l arch.Layer
			if _, err := fmt.Sscan(inner+" "+heads[k], &l.DInner, &l.Heads); err != nil {
				t.Fatal(err)
			}
			layers = append(layers, l)
		}
		if !reflect.DeepEqual(layers, r.Arch.Layers) {
			t.Errorf("trial %d: layers are %v, want %v", r.Number, layers, r.Arch.Layers)
		}
		kinds[got[i]["status"]+" "+got[i]["on_frontier"]+" "+got[i]["violates"]]++
	}
	for _, kind := range []string{"measured true ", "measured false ", "measured false prefill_ms<=60", "failed false ", "outstanding false "} {
		if kinds[kind] == 0 {
			t.Errorf("the sample has no trial that is %q: %v", kind, kinds)
		}
	}
	for _, o := range objective.All() {
		if _, exists := got[0][o.Name]; !exists {
			t.Errorf("no column %s", o.Name)
		}
	}
}

func TestFrontierCSV(t *testing.T) {
	s := sample(t)
	files := written(t, s)
	all := rows(t, files["trials.csv"])
	var want []map[string]string
	for _, r := range s.Frontier() {
		want = append(want, all[r.Number-1])
	}
	if got := rows(t, files["frontier.csv"]); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestStudyJSON(t *testing.T) {
	s := sample(t)
	type result struct {
		Trial       int               `json:"trial"`
		ArchID      string            `json:"arch_id"`
		Arch        arch.Architecture `json:"arch"`
		Origin      trial.Origin      `json:"origin"`
		Values      []float64         `json:"values"`
		Violates    string            `json:"violates"`
		Measurement trial.Measurement `json:"measurement"`
	}
	var got struct {
		Started    trial.Started `json:"started"`
		Device     trial.Device  `json:"device"`
		Frontier   []result      `json:"frontier"`
		Infeasible []result      `json:"infeasible"`
		Overlays   []result      `json:"overlays"`
		Predicted  any           `json:"predicted"` // TestPredictedFiles
	}
	dec := json.NewDecoder(bytes.NewReader(written(t, s)["study.json"]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Started, s.Started()) {
		t.Errorf("started: got %+v", got.Started)
	}
	if got.Device.Name != "bench" {
		t.Errorf("device: got %+v", got.Device)
	}
	convert := func(records []study.Record) (list []result) {
		for _, r := range records {
			list = append(list, result{r.Number, r.Arch.ID(), r.Arch, r.Origin, r.Values, r.Violates, *r.Measurement})
		}
		return list
	}
	if want := convert(s.Frontier()); !reflect.DeepEqual(got.Frontier, want) {
		t.Errorf("frontier: got %+v\nwant %+v", got.Frontier, want)
	}
	broken := slices.DeleteFunc(s.Trials(), func(r study.Record) bool { return r.Violates == "" || r.Overlay() })
	if want := convert(broken); len(want) == 0 || !reflect.DeepEqual(got.Infeasible, want) {
		t.Errorf("infeasible: got %+v\nwant %+v", got.Infeasible, want)
	}
	if want := convert(s.Trials()[:1]); !reflect.DeepEqual(got.Overlays, want) {
		t.Errorf("overlays: got %+v\nwant %+v", got.Overlays, want)
	}
	if n := len(got.Frontier[0].Measurement.Prefill.SamplesMs); n != 3 {
		t.Errorf("got %d raw samples, want 3", n)
	}
}

func TestStudyJSONOfEmptyStudy(t *testing.T) {
	text := string(written(t, start(t, "x", setup(t)))["study.json"])
	for _, want := range []string{`"device": null`, `"frontier": []`, `"overlays": []`, `"predicted": null`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}
