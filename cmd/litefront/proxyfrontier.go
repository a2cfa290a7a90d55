package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"litefront/host/report"
	"litefront/host/wholefile"
	"litefront/searchcore/cost"
	"litefront/searchcore/exact"
	"litefront/searchcore/objective"
	"litefront/searchcore/proxy"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

// proxyFrontierCommand shows what each proxy prefers on a device.
func proxyFrontierCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "frontier STUDY",
		Short: "What decoder_params and quality each prefer on the device of a study",
		Long: "Fit a cost model to the measurements of a study's journal, solve its space exactly for decoder_params and for\n" +
			"quality against response_ms, and list the best member of either frontier within a few latencies. The space's\n" +
			"lower bound on decoder parameters is left aside, as are the study's constraints: the proxies alone decide.",
		Args: oneArg("the journal of a study"),
	}
	cmd.Flags().StringVar(&out, "out", "", "draw both frontiers to this SVG file")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		st, err := readStudy(args[0])
		if err != nil {
			return err
		}
		frontiers, err := proxyFrontiers(st)
		if err != nil {
			return fmt.Errorf("journal %s: %w", args[0], err)
		}
		if out != "" {
			if err := wholefile.Write(out, func(w io.Writer) error { return report.FrontiersSVG(w, frontiers) }); err != nil {
				return fmt.Errorf("%s: %w", out, err)
			}
		}
		return printFrontiers(cmd.OutOrStdout(), st, frontiers)
	}
	return cmd
}

// proxyFrontiers solves the space of st for both proxies.
func proxyFrontiers(st *study.Study) (list []report.Frontier, err error) {
	var observations []cost.Observation
	for _, r := range st.Trials() {
		if r.Measurement != nil {
			observations = append(observations, cost.Observation{Arch: r.Arch, Measurement: *r.Measurement})
		}
	}
	model, err := cost.Fit(observations)
	if err != nil {
		return nil, err
	}
	setup := st.Started().Setup
	setup.Space.MinDecoderParams = 0
	for _, name := range []string{"decoder_params", "quality"} {
		objectives, err := objective.ParseSet([]string{"response_ms", name})
		if err != nil {
			return nil, err
		}
		points, err := exact.Solve(exact.Problem{
			Space: setup.Space, Workload: setup.Workload, Objectives: objectives,
			MemoryLimit: setup.MemoryLimit, Table: model.Latencies().Table,
		})
		if err != nil {
			return nil, err
		}
		if len(points) == 0 {
			return nil, errors.New("nothing in the space fits the memory limit")
		}
		f := report.Frontier{Proxy: name}
		for _, p := range points {
			f.Members = append(f.Members, report.Member{Arch: p.Arch, ResponseMs: p.Values[0]})
		}
		list = append(list, f)
	}
	return list, nil
}

// latencies is how many latencies members are latencies at.
const latencies = 6

// printFrontiers lists members by latencies that are spaced evenly, as ratios, over
// what both frontiers reach.
func printFrontiers(w io.Writer, st *study.Study, frontiers []report.Frontier) error {
	low, high := 0.0, math.Inf(1)
	for _, f := range frontiers {
		low, high = max(low, f.Members[0].ResponseMs), min(high, f.Members[len(f.Members)-1].ResponseMs)
	}
	device := trial.Device{}
	measured := 0
	for _, r := range st.Trials() {
		if r.Measurement != nil {
			device, measured = r.Measurement.Device, measured+1
		}
	}
	sp := st.Started().Setup.Space
	fmt.Fprintf(w, "%s without its lower bound on decoder parameters, on %s, %s; cost model of %d measurements\n\n",
		sp.Name, device.CPU, device.Engine, measured)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "within\tmaximised\tresponse_ms\tdecoder_params\tquality\tn_layer\td_model\td_inner/d_model\tn_head\n")
	for i := range latencies {
		within := low * math.Pow(high/low, float64(i+1)/latencies)
		label := fmt.Sprintf("%.3g ms", within)
		for _, f := range frontiers {
			m := f.Within(within)
			inner, heads := 0.0, 0.0
			for _, l := range m.Arch.Layers {
				inner += float64(l.DInner)
				heads += float64(l.Heads)
			}
			n := float64(len(m.Arch.Layers))
			fmt.Fprintf(t, "%s\t%s\t%.3g\t%.3gM\t%.3gM\t%d\t%d\t%.3g\t%.3g\n", label, f.Proxy, m.ResponseMs,
				float64(m.Arch.DecoderParams())/1e6, proxy.Quality(m.Arch)/1e6, len(m.Arch.Layers), m.Arch.DModel, inner/n/float64(m.Arch.DModel), heads/n)
			label = ""
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\nd_inner/d_model and n_head: means over the layers; times are predicted\n")
	return err
}
