package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// checkSustained reports what is wrong with the flags of a sustained run.
func checkSustained(cmd *cobra.Command, files int, sustained, protocol string) error {
	_, err := measure.ParseSustained(sustained)
	switch {
	case err != nil:
		return err
	case cmd.Flags().Changed("profile"):
		return errors.New("--profile and --sustained are two commands; give one of them")
	case protocol != trial.Litefront:
		return fmt.Errorf("--sustained measures by protocol %q; %q has none", trial.Litefront, protocol)
	case files > measure.MostSustained:
		return fmt.Errorf("--sustained takes at most %d files, not %d", measure.MostSustained, files)
	}
	return nil
}

// printSustainedOf runs archs for long and writes what came out, for people or as an
// Event; also what there was when Ctrl-C ended it.
func printSustainedOf(ctx context.Context, cmd *cobra.Command, l *measure.LocalMeasurer, paths []string, archs []arch.Architecture, workloads []trial.Workload, sustained string, asJSON bool) error {
	w := workloads[0]
	for i := range archs {
		if workloads[i] != w {
			return fmt.Errorf("%s has a prompt of %d tokens and a context of %d, and %s of %d and %d; give --prompt and --context that fit both",
				paths[0], w.PromptLen, w.Context, paths[i], workloads[i].PromptLen, workloads[i].Context)
		}
	}
	d, err := measure.ParseSustained(sustained)
	if err != nil {
		return err
	}
	tenths := 0
	result, err := l.Sustain(ctx, archs, w, d, func(more []trial.Round) {
		atMs := more[len(more)-1].AtMs
		if tenth := int(10 * atMs / float64(d.Milliseconds())); !asJSON && tenth > tenths {
			tenths = tenth
			fmt.Fprintf(cmd.ErrOrStderr(), "%.0f s of %.0f s\n", atMs/1e3, d.Seconds())
		}
	})
	if len(result.Rounds) == 0 {
		return err
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if asJSON {
		return errors.Join(json.NewEncoder(cmd.OutOrStdout()).Encode(trial.Event{V: trial.EventVersion, Kind: trial.KindSustained, Sustained: &result}), err)
	}
	return errors.Join(printSustained(cmd.OutOrStdout(), paths, archs, result), err)
}

// speedsShown is how many speeds a line has.
const speedsShown = 10

// printSustained writes a verdict of each architecture, and its speed over time.
func printSustained(w io.Writer, paths []string, archs []arch.Architecture, s trial.Sustained) error {
	var b strings.Builder
	for i, a := range archs {
		fmt.Fprintf(&b, "%s: %v\n  %s\n  speed over time %s\n", paths[i], a, measure.SustainedVerdict(s, i), speedLine(s, measure.ResponseMs(s.Workload, i)))
	}
	fmt.Fprintf(&b, "the machine itself\n  in arithmetic   %s\n  in memory       %s\n", speedLine(s, measure.ComputeMs), speedLine(s, measure.StreamMs))
	_, err := io.WriteString(w, b.String())
	return err
}

// speedLine is the speed over time, from left to right.
func speedLine(s trial.Sustained, ms func(trial.Round) float64) string {
	var line []string
	for _, p := range measure.SpeedCurve(s.Rounds, ms, s.TookMs, speedsShown) {
		line = append(line, fmt.Sprintf("%.2f", p.Share))
	}
	return strings.Join(line, " ")
}
