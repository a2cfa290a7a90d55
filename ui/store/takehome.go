package store

import (
	"fmt"
	"slices"

	"litefront/kernels/export"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/trial"
)

// ModelFile is a file that a candidate can be taken home as.
type ModelFile struct {
	Name    string
	About   string // what it is, in a few words
	Bytes   int64
	Problem string // why it cannot be had; empty if it can
}

// modelFiles are the files on offer.
var modelFiles = []ModelFile{
	{Name: export.ModuleFile, About: "WebAssembly module for one thread; init(seed) makes its weights"},
	{Name: export.DescriptionFile, About: "the module's exports, and where its memory holds what"},
	{Name: export.ONNXFile, About: "ONNX model, with weights in f32"},
	{Name: export.ConfigFile, About: "configuration, for the two below"},
	{Name: export.SafetensorsFile, About: "weights in f32, under the names of transformers"},
	{Name: export.PyTorchFile, About: "loads and trains both with PyTorch alone"},
}

// offer is what was found out of a model, which takes a while.
type offer struct {
	id       string // of the architecture
	workload trial.Workload
	files    []ModelFile
	note     string
}

// ModelFiles lists the files that the selected candidate can be taken home as, with
// their sizes; none if nothing is selected, or a search runs, which finding out would
// disturb.
func (s *Store) ModelFiles() []ModelFile {
	if o := s.offered(); o != nil {
		return o.files
	}
	return nil
}

// ConfigNote says why transformers cannot read the selected candidate's configuration;
// empty if it can.
func (s *Store) ConfigNote() string {
	if o := s.offered(); o != nil {
		return o.note
	}
	return ""
}

func (s *Store) offered() *offer {
	t := s.Selected()
	if t == nil || s.Study == nil || s.searching {
		return nil
	}
	if o := s.offer; o == nil || o.id != t.Arch.ID() || o.workload != s.Study.Workload {
		s.offer = newOffer(t.Arch, s.Study.Workload)
	}
	return s.offer
}

func newOffer(a arch.Architecture, w trial.Workload) *offer {
	o := &offer{id: a.ID(), workload: w, files: slices.Clone(modelFiles)}
	w.Threads = 1
	g, invalid := graph.Build(a, w)
	for i := range o.files {
		f, err := &o.files[i], invalid
		if err == nil {
			f.Bytes, err = export.Size(g, f.Name)
		}
		switch {
		case err != nil:
			f.Problem = line(err.Error(), maxText)
		case f.Bytes > search.MaxFile:
			f.Problem = fmt.Sprintf("more than %s, which is the limit for a page; litefront export writes it", Size(search.MaxFile))
		}
	}
	if _, note, err := export.Config(a); err == nil && note != "" {
		o.note = line(note+"; "+export.ConfigFile+" is litefront's own, which "+export.PyTorchFile+" reads", maxText)
	}
	return o
}

// Size writes a number of bytes for people.
func Size(bytes int64) string {
	size := objective.Objective{Unit: "MiB"}
	switch {
	case bytes >= 1<<20:
		return size.Format(float64(bytes) / (1 << 20))
	case bytes >= 1<<10:
		size.Unit = "KiB"
		return size.Format(float64(bytes) / (1 << 10))
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// whileSearching is why files have to wait.
const whileSearching = "a search is under way: pause it before taking files home, since making them would disturb what it measures"

// TakeModel asks for a file of the selected candidate as a model.
func (s *Store) TakeModel(name string) (search.Command, bool) {
	if s.searching {
		s.Fail(whileSearching)
		return search.Command{}, false
	}
	t := s.Selected()
	if t == nil || !s.CanTake() {
		return search.Command{}, false
	}
	for _, f := range s.ModelFiles() {
		if f.Name != name {
			continue
		}
		if f.Problem != "" {
			s.Fail(name + ": " + f.Problem)
			return search.Command{}, false
		}
		w := s.Study.Workload
		return s.sending(search.Command{Do: search.DoModel, File: name, Arch: &t.Arch, Workload: &w}), true
	}
	return search.Command{}, false
}

// Report asks for one of the files that report on the kept study.
func (s *Store) Report(name string) (search.Command, bool) {
	if s.searching {
		s.Fail(whileSearching)
		return search.Command{}, false
	}
	if !s.CanTake() {
		return search.Command{}, false
	}
	return s.sending(search.Command{Do: search.DoReport, File: name}), true
}

// CanTake reports whether the worker could make files of the kept study now.
func (s *Store) CanTake() bool {
	p := s.Phase()
	return s.Study != nil && !s.Waiting() && (p == Idle || p == Paused)
}
