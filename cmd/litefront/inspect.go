package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/proxy"
	"litefront/searchcore/trial"
)

// inspection is what is known of an architecture without running it.
type inspection struct {
	ID            string             `json:"id"`
	Arch          arch.Architecture  `json:"arch"`
	DecoderParams int64              `json:"decoder_params"`
	TotalParams   int64              `json:"total_params"` // unique tensors
	Quality       float64            `json:"quality"`
	Perplexity    []proxy.Prediction `json:"perplexity"` // if trained as the published sets were
	Workload      trial.Workload     `json:"workload"`
	Memory        graph.Memory       `json:"memory"` // the plan
}

// inspectCommand tells what is known of an architecture without running it.
func inspectCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Count the parameters of a configuration file and plan its memory",
		Long:  "Count the parameters of a configuration file (archai's keys or a Hugging Face GPT-2 config.json;\n\"-\" reads standard input) and plan the memory of its module. What WebAssembly cannot address is an error, after all is told.",
		Args:  files(1),
	}
	w := addWorkloadFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := readArch(cmd, args[0])
		if err != nil {
			return err
		}
		in := inspection{ID: a.ID(), Arch: a, DecoderParams: a.DecoderParams(), TotalParams: a.TotalParams(),
			Quality: proxy.Quality(a), Perplexity: proxy.Perplexities(a)}
		if in.Workload, err = w.fitting(a); err != nil {
			return err
		}
		g, err := graph.Build(a, in.Workload)
		if err != nil {
			return err
		}
		in.Memory = g.Memory
		if asJSON {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			err = e.Encode(in)
		} else {
			err = in.print(cmd.OutOrStdout())
		}
		if err != nil {
			return err
		}
		if err := g.Memory.Fit(graph.MaxBytes); err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		return nil
	}
	return cmd
}

// print writes in for people; memory in bytes.
func (in inspection) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "architecture\t%v\n", in.Arch)
	fmt.Fprintf(t, "id\t%s\n", in.ID)
	fmt.Fprintf(t, "decoder parameters\t%d\n", in.DecoderParams)
	fmt.Fprintf(t, "total parameters\t%d\n", in.TotalParams)
	quality, err := objective.Parse("quality")
	if err != nil {
		return err
	}
	fmt.Fprintf(t, "quality (proxy)\t%s: its decoder parameters, discounted for the shape\n", quality.Format(in.Quality))
	for _, p := range in.Perplexity {
		fmt.Fprintf(t, "  on %s\tperplexity %v\n", p.Corpus, p)
	}
	if v := proxy.Outside(in.Arch); len(v.Departures) > 0 {
		fmt.Fprintf(t, "  shape\t%v\n", v)
	}
	fmt.Fprintf(t, "memory\t%d bytes for a prompt of %d and a context of %d tokens\n",
		in.Memory.TotalBytes, in.Workload.PromptLen, in.Workload.Context)
	fmt.Fprintf(t, "  weights\t%d\n", in.Memory.WeightBytes)
	if in.Memory.DerivedBytes > 0 {
		fmt.Fprintf(t, "  relative keys\t%d\n", in.Memory.DerivedBytes)
	}
	fmt.Fprintf(t, "  KV cache\t%d\n", in.Memory.KVBytes)
	fmt.Fprintf(t, "  activations\t%d\n", in.Memory.ArenaBytes)
	fmt.Fprintf(t, "  tokens\t%d\n", in.Memory.IOBytes)
	m := in.Memory
	fmt.Fprintf(t, "  up to whole pages\t%d\n", m.TotalBytes-m.WeightBytes-m.DerivedBytes-m.KVBytes-m.ArenaBytes-m.IOBytes)
	return t.Flush()
}
