package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// printProfileOf profiles a and writes what came out, for people or as an Event.
func printProfileOf(ctx context.Context, w io.Writer, l *measure.LocalMeasurer, path string, a arch.Architecture, work trial.Workload, asJSON bool) error {
	p, err := l.Profile(ctx, a, work)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(w).Encode(trial.Event{V: trial.EventVersion, Kind: trial.KindProfile, Profile: &p})
	}
	return printProfile(w, path, a, p)
}

// printProfile writes p as three tables, what takes most first.
func printProfile(w io.Writer, path string, a arch.Architecture, p trial.Profile) error {
	fmt.Fprintf(w, "%s: %v\n", path, a)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	printPhase(t, fmt.Sprintf("prefill of %d tokens", p.Workload.PromptLen), p.Prefill)
	printPhase(t, fmt.Sprintf("decode at %d", p.Workload.DecodePos()), p.Decode)
	printMemory(t, p)
	return t.Flush()
}

func printPhase(w io.Writer, title string, p trial.PhaseProfile) {
	fmt.Fprintf(w, "\n%s\tms\tshare\tGFLOP/s\tGB/s\n", title)
	for _, o := range p.ByTime() {
		fmt.Fprintf(w, "%d %s\t%s [%s, %s]\t%s\t%s\t%s\n", o.Count, o.Name, digits(o.Time.MedianMs), digits(o.Time.LowMs), digits(o.Time.HighMs),
			percent(o.Share), digits(o.GFLOPS), digits(o.GBPerS))
	}
	fmt.Fprintf(w, "sum\t%s\n", digits(p.SumMs))
	fmt.Fprintf(w, "whole pass\t%s [%s, %s]\n", digits(p.Whole.MedianMs), digits(p.Whole.LowMs), digits(p.Whole.HighMs))
}

// printMemory lists the parts of at least a thousandth, and the others together.
func printMemory(w io.Writer, p trial.Profile) {
	fmt.Fprintf(w, "\nmemory\ttensors\tMiB\tshare\n")
	row := func(name, tensors string, bytes int64) {
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\n", name, tensors, float64(bytes)/(1<<20), percent(float64(bytes)/float64(p.MemoryBytes)))
	}
	for _, m := range trial.LargestParts(p.Memory) {
		row(m.Name, strings.TrimSpace(fmt.Sprintf("%d %s", m.Tensors, m.Kind)), m.Bytes)
	}
	row("sum", "", p.MemoryBytes)
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
