package export

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"litefront/kernels"
	"litefront/searchcore/graph"
)

// The files that a model goes home as, under the names that other programs look for.
const (
	ConfigFile      = "config.json"
	SafetensorsFile = "model.safetensors"
	PyTorchFile     = "model.py"
	ONNXFile        = "model.onnx"
	ModuleFile      = "model.wasm"
	DescriptionFile = "model.json"  // of the module
	ImageFile       = "weights.bin" // what the description calls the module's weights
)

var fileNames = []string{ConfigFile, SafetensorsFile, PyTorchFile, ONNXFile, ModuleFile, DescriptionFile, ImageFile}

// CheckFile refuses a name that is not of a model's files.
func CheckFile(name string) error {
	if !slices.Contains(fileNames, name) {
		return fmt.Errorf("file %q must be one of %s", name, strings.Join(fileNames, ", "))
	}
	return nil
}

// portable are the features of an exported module: any engine runs it.
var portable = kernels.Features{}

// WriteFile writes one of the files of the model of g. Of the weights, no more than
// one tensor and copies of it are held at a time, but for ImageFile.
func WriteFile(w io.Writer, g *graph.Graph, weights Source, name string) error {
	switch name {
	case SafetensorsFile:
		return WriteSafetensors(w, g.Arch, weights)
	case ONNXFile:
		return WriteONNX(w, g, weights)
	}
	var data []byte
	var err error
	if name == ImageFile {
		data, _, err = Place(g, weights, portable.Panel())
	} else {
		data, err = small(g, name)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// Size is how many bytes [WriteFile] writes. It makes no weights.
func Size(g *graph.Graph, name string) (int64, error) {
	switch name {
	case SafetensorsFile:
		return safetensorsSize(g.Arch)
	case ONNXFile:
		return onnxSize(g)
	case ImageFile:
		start, end := weightRegion(g)
		return end - start, nil
	}
	data, err := small(g, name)
	return int64(len(data)), err
}

// small is a file without weights.
func small(g *graph.Graph, name string) (data []byte, err error) {
	switch name {
	case ConfigFile:
		data, _, err = Config(g.Arch)
		return data, err
	case PyTorchFile:
		return PyTorch(), nil
	case ModuleFile, DescriptionFile:
		m, err := kernels.Compile(g, portable)
		switch {
		case err != nil:
			return nil, err
		case name == ModuleFile:
			return m.Bytes, nil
		}
		return Describe(g, m, ImageFile)
	}
	return nil, CheckFile(name)
}
