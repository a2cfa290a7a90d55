package session_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	models "litefront/kernels/export"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/results"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// small is a model to take home, as the page of a study with two threads asks for it.
func small(file string) search.Command {
	return search.Command{
		Do: search.DoModel, File: file,
		Arch:     &arch.Architecture{Backbone: arch.GPT2, Vocab: 11, DModel: 8, MaxLen: 16, Layers: []arch.Layer{{Heads: 2, DInner: 24}, {Heads: 1, DInner: 9}}},
		Workload: &trial.Workload{PromptLen: 4, Context: 8, Precision: trial.F32, Threads: 2},
	}
}

// What is handed over is what the command line writes, with the same seed.
func TestTakeModel(t *testing.T) {
	w := newWorker(t, new(memory))
	c := small("")
	workload := *c.Workload
	workload.Threads = 1
	g, err := graph.Build(*c.Arch, workload)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{models.ConfigFile, models.SafetensorsFile, models.PyTorchFile, models.ONNXFile, models.ModuleFile, models.DescriptionFile} {
		messages := w.ask(small(file))
		if want := []search.Message{{File: file}}; !reflect.DeepEqual(messages, want) {
			t.Errorf("%s: says %+v, want %+v", file, messages, want)
		}
		var want bytes.Buffer
		if err := models.WriteFile(&want, g, models.Seeded(g, 1), file); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(w.file, want.Bytes()) {
			t.Errorf("%s: %d bytes come, want other %d", file, len(w.file), want.Len())
		}
	}
}

func TestTakeModelRefused(t *testing.T) {
	changed := func(file string, change func(*search.Command)) search.Command {
		c := small(file)
		change(&c)
		return c
	}
	// 512 MiB of weights, which are refused before they are made.
	large := func(c *search.Command) {
		c.Arch = &arch.Architecture{Backbone: arch.GPT2, Vocab: 1 << 17, DModel: 1 << 10, MaxLen: 16, Layers: []arch.Layer{{Heads: 2, DInner: 24}}}
	}
	for _, test := range []struct {
		command search.Command
		want    string
	}{
		{search.Command{Do: search.DoModel, File: models.ONNXFile}, "model: arch and workload must be given"},
		{small("model.exe"), `model: file "model.exe" must be one of config.json, `},
		{small(""), `file "" must be one of`},
		{changed(models.ModuleFile, func(c *search.Command) { c.Workload.Context = 17 }), "model.wasm: workload: context 17 exceeds"},
		{changed(models.ONNXFile, large), "are more than the limit of 536870912 for a page; litefront export writes larger ones"},
		{changed(models.SafetensorsFile, large), "model.safetensors: 5"},
	} {
		w := newWorker(t, new(memory))
		wantError(t, w.ask(test.command), test.want)
		if w.file != nil {
			t.Errorf("%s: a file of %d bytes comes all the same", test.want, len(w.file))
		}
	}
	w := newWorker(t, new(memory))
	wantNone(t, w.ask(changed(models.ModuleFile, large))) // which makes its weights itself
	w.Lock = func() (func(), error) { return nil, errors.New("another tab is searching") }
	wantError(t, w.ask(small(models.ModuleFile)), "another tab is searching")
}

// A report is the bytes of package results, whose other user is the command line.
func TestTakeReport(t *testing.T) {
	w := newWorker(t, searched(t))
	var journal []trial.Event
	for i, line := range w.store.lines {
		e, err := study.Decode([]byte(line))
		if err != nil {
			t.Fatal(i, err)
		}
		journal = append(journal, e)
	}
	st, err := study.Replay(journal, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := results.New(st, results.Cut{})
	if err != nil {
		t.Fatal(err)
	}
	var trials, summary bytes.Buffer
	if err := errors.Join(v.CSV(&trials, v.Points), v.JSON(&summary)); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]byte{search.TrialsFile: trials.Bytes(), search.StudyFile: summary.Bytes()} {
		messages := w.ask(search.Command{Do: search.DoReport, File: file})
		if !reflect.DeepEqual(messages, []search.Message{{File: file}}) || !bytes.Equal(w.file, want) {
			t.Errorf("%s: says %+v with %q, want %q", file, messages, w.file, want)
		}
	}
	if n := bytes.Count(trials.Bytes(), []byte("\n")); n != 1+4 {
		t.Errorf("%d lines for 4 trials", n)
	}

	wantError(t, w.ask(search.Command{Do: search.DoReport, File: "all.csv"}), `file "all.csv" must be trials.csv or study.json`)
	w.store.lines[2] = "other"
	wantError(t, w.ask(search.Command{Do: search.DoReport, File: search.StudyFile}), "the kept study cannot be read: line 3")
	wantError(t, newWorker(t, new(memory)).ask(search.Command{Do: search.DoReport, File: search.TrialsFile}), "no study is kept")
	wantError(t, newWorker(t, &memory{denied: true}).ask(search.Command{Do: search.DoReport, File: search.TrialsFile}), "storage cannot be read")
}
