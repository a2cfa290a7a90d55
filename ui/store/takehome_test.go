package store

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"litefront/kernels/export"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
)

// The files of the selected candidate are on offer with the sizes that they have.
func TestModelFiles(t *testing.T) {
	s := ready(t)
	if s.ModelFiles() != nil || s.ConfigNote() != "" {
		t.Error("files of nothing are on offer")
	}
	w := start(t, s, 1)
	w.measure()
	s.Select(1)
	if s.ModelFiles() != nil {
		t.Error("files are looked at while a search runs")
	}
	w.end(search.DoneInterrupted)
	files := s.ModelFiles()
	g, err := graph.Build(s.Selected().Arch, s.Study.Workload)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
		var file bytes.Buffer
		if err := export.WriteFile(&file, g, export.SeededSource(g, search.ModelSeed), f.Name); err != nil {
			t.Fatal(err)
		}
		if f.Bytes != int64(file.Len()) || f.Problem != "" || f.About == "" {
			t.Errorf("%+v is on offer, the file has %d bytes", f, file.Len())
		}
	}
	if want := []string{"model.wasm", "model.json", "model.onnx", "config.json", "model.safetensors", "model.py"}; !slices.Equal(names, want) {
		t.Errorf("on offer are %v, want %v", names, want)
	}
	if &files[0] != &s.ModelFiles()[0] {
		t.Error("the same candidate is looked at again")
	}
	if note := s.ConfigNote(); (note == "") != stock(s.Selected().Arch) {
		t.Errorf("the note on the configuration is %q", note)
	}
}

// stock reports whether transformers has a class for an architecture.
func stock(a arch.Architecture) bool {
	_, note, err := export.Config(a)
	return err == nil && note == ""
}

func TestTakeModel(t *testing.T) {
	s := ready(t)
	take := func() (search.Command, bool) { return s.TakeModel("model.onnx") }
	report := func() (search.Command, bool) { return s.Report(search.TrialsFile) }
	do(t, take, "")
	do(t, report, "")
	w := start(t, s, 1)
	w.measure()
	s.Select(1)
	do(t, take, "") // refused with a reason
	do(t, report, "")
	if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], "a search is under way: pause it") {
		t.Errorf("while a search runs the errors are %q", s.Errors)
	}
	w.end(search.DoneInterrupted)
	s.Dismiss(s.Errors[0])

	command, ok := take()
	if !ok || command.Do != search.DoModel || command.File != "model.onnx" || command.Arch.ID() != s.Selected().Arch.ID() || *command.Workload != s.Study.Workload {
		t.Errorf("sends %+v", command)
	}
	if !s.Waiting() || s.CanTake() {
		t.Error("more can be asked for before the file has come")
	}
	do(t, take, "")
	do(t, report, "")
	do(t, s.Start, "")
	tell(t, s, search.Message{File: "model.onnx"})
	if s.Waiting() || !s.CanTake() {
		t.Error("the file has come, and nothing more can be asked for")
	}
	do(t, report, search.DoReport)
	tell(t, s, search.Message{Error: "report: luck is out"})
	if s.Waiting() || len(s.Errors) != 1 {
		t.Errorf("waits %v after the errors %q", s.Waiting(), s.Errors)
	}
	do(t, func() (search.Command, bool) { return s.TakeModel("model.exe") }, "")
	s.Select(0)
	do(t, take, "")
	s.Die("gone")
	do(t, report, "")
}

// What is too large for a page is not sent for; its module, which makes its own weights,
// can be.
func TestLargeModels(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	w.end(search.DoneInterrupted)
	huge := arch.Architecture{Backbone: arch.GPT2, Vocab: 1 << 17, DModel: 1 << 10, MaxLen: 1 << 10, Layers: []arch.Layer{{Heads: 2, DInner: 24}}}
	s.trials[1].Arch = huge
	s.Select(1)
	for _, f := range s.ModelFiles() {
		if large := f.Name == "model.onnx" || f.Name == "model.safetensors"; large != strings.Contains(f.Problem, "more than 512 MiB, which is the limit for a page") {
			t.Errorf("%+v", f)
		}
	}
	do(t, func() (search.Command, bool) { return s.TakeModel("model.onnx") }, "")
	if len(s.Errors) != 1 || !strings.HasPrefix(s.Errors[0], "model.onnx: more than 512 MiB") {
		t.Errorf("errors %q", s.Errors)
	}
	do(t, func() (search.Command, bool) { return s.TakeModel("model.wasm") }, search.DoModel)
}

// A file takes minutes on a slow device, and not for ever.
func TestSilenceWhileTaking(t *testing.T) {
	s := ready(t)
	w := start(t, s, 1)
	w.measure()
	w.end(search.DoneInterrupted)
	s.Select(1)
	do(t, func() (search.Command, bool) { return s.TakeModel("model.onnx") }, search.DoModel)
	for range 119 {
		if s.Tick() {
			t.Fatal("died within two minutes")
		}
	}
	if !s.Tick() {
		t.Error("lives after two minutes")
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1.00 KiB", 51_200: "50.0 KiB", 1 << 20: "1.00 MiB", 512 << 20: "512 MiB"} {
		if got := Size(bytes); got != want {
			t.Errorf("%d bytes are %q, want %q", bytes, got, want)
		}
	}
}
