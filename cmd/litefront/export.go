package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"litefront/host/wholefile"
	"litefront/kernels/export"
	"litefront/kernels/search"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// format is something that export can write, as files.
type format struct {
	name  string
	files []string
}

var formats = []format{
	{"hf", []string{export.ConfigFile, export.SafetensorsFile}},
	{"onnx", []string{export.ONNXFile}},
	{"pytorch", []string{export.ConfigFile, export.SafetensorsFile, export.PyTorchFile}},
	{"wasm", []string{export.ModuleFile, export.DescriptionFile, export.ImageFile}},
}

// exportCommand writes an architecture in the formats of other programs.
func exportCommand() *cobra.Command {
	var names []string
	var out, weights string
	var seed uint32
	cmd := &cobra.Command{
		Use:   "export FILE --format FORMAT,... --out DIR",
		Short: "Write an architecture as a WebAssembly module, ONNX, Hugging Face or PyTorch model",
		Long: "Write the architecture of a configuration file, with random or given weights, as\n\n" +
			"  wasm     model.wasm, model.json that describes its exports and memory, and weights.bin\n" +
			"  onnx     model.onnx\n" +
			"  hf       config.json and model.safetensors, as transformers' GPT2LMHeadModel or TransfoXLLMHeadModel has them\n" +
			"  pytorch  these and model.py, which loads and trains any of our architectures with torch alone",
		Args: files(1),
	}
	w := addWorkloadFlags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&names, "format", nil, "formats, separated by commas: "+formatNames())
	f.StringVar(&out, "out", "", "directory to write to")
	f.StringVar(&weights, "weights", "", "safetensors file with the weights; without one they are random")
	f.Uint32Var(&seed, "seed", search.ModelSeed, "seed of random weights")
	cmd.MarkFlagsMutuallyExclusive("weights", "seed")
	for _, name := range []string{"format", "out"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // only for a flag that does not exist
		}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		files, err := filesOf(names)
		if err != nil {
			return err
		}
		if p := cmd.Flags().Lookup("precision"); p.Value.String() == string(trial.I8) && !slices.Contains(names, "wasm") {
			return fmt.Errorf("precision: %s is for the format wasm; the weights of others are f32", p.Value)
		}
		if !slices.Contains(trial.Precisions(), w.Precision) {
			return fmt.Errorf("precision %q must be one of %q", w.Precision, trial.Precisions())
		}
		a, err := readArch(cmd, args[0])
		if err != nil {
			return err
		}
		workload, err := w.fitting(a)
		if err != nil {
			return err
		}
		g, err := graph.Build(a, workload)
		if err != nil {
			return err
		}
		if out == "" {
			return errors.New("out must name a directory")
		}
		if err := writable(out); err != nil {
			return err
		}
		if err := fit(g, files); err != nil { // before the weights are made
			return err
		}
		e := exporter{g: g}
		if e.weights, err = readWeights(weights, g, seed); err != nil {
			return err
		}
		return e.write(untilInterrupted(cmd), cmd, out, files)
	}
	return cmd
}

// fit reports a model that is too large for one of the files. Without a module among
// them, weights in f32 that none could hold are not made either: that takes memory.
func fit(g *graph.Graph, files []string) error {
	if slices.Contains(files, export.ONNXFile) {
		if err := export.Fit(g, export.MaxONNX); err != nil {
			return fmt.Errorf("%s: %w", export.ONNXFile, err)
		}
	}
	if slices.Contains(files, export.ImageFile) {
		return g.Memory.Fit(graph.MaxBytes)
	}
	return export.Fit(g, graph.MaxBytes)
}

func formatNames() string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// filesOf lists the files of the named formats, each once.
func filesOf(names []string) (files []string, err error) {
	for _, name := range names {
		i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("format %q must be one of %s", name, formatNames())
		}
		for _, file := range formats[i].files {
			if !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("format must be one or more of %s", formatNames())
	}
	return files, nil
}

// readWeights reads the weights of g from a safetensors file; without a path they
// are those of the seed.
func readWeights(path string, g *graph.Graph, seed uint32) (export.Weights, error) {
	if path == "" {
		return export.Seeded(g, seed), nil
	}
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w, err := export.ReadSafetensors(f, g.Arch)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

// sizedFile is a file that knows its size.
type sizedFile struct {
	*os.File
	size int64
}

func (f sizedFile) Size() int64 { return f.size }

func openFile(path string) (sizedFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return sizedFile{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return sizedFile{}, errors.Join(err, f.Close())
	}
	return sizedFile{f, info.Size()}, nil
}

// exporter writes files of a model.
type exporter struct {
	g       *graph.Graph
	weights export.Weights
}

// write writes the files, prints their sizes, and says what a user would not
// expect of them.
func (e exporter) write(ctx context.Context, cmd *cobra.Command, dir string, files []string) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, name := range files {
		path := filepath.Join(dir, name)
		size, err := writeFile(ctx, path, func(w io.Writer) error { return export.WriteFile(w, e.g, e.weights, name) })
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		fmt.Fprintf(table, "%s\t%d bytes\n", path, size)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if !slices.Contains(files, export.ConfigFile) {
		return nil
	}
	_, note, err := export.Config(e.g.Arch)
	if err == nil && note != "" {
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "note: %s; config.json is litefront's own, for model.py of --format pytorch\n", note)
	}
	return err
}

// writeFile writes a file whole or not at all, also when ctx ends meanwhile.
func writeFile(ctx context.Context, path string, render func(io.Writer) error) (size int64, err error) {
	err = wholefile.Write(path, func(f io.Writer) error {
		w := &counting{ctx: ctx, w: f}
		err := render(w)
		size = w.n
		return err
	})
	if err != nil {
		return 0, err
	}
	return size, nil
}

// counting counts bytes, and writes until ctx is done.
type counting struct {
	ctx context.Context
	w   io.Writer
	n   int64
}

func (c *counting) Write(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, errors.New("interrupted")
	}
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
