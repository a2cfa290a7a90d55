package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"litefront/kernels/measure"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// measureCommand measures given architectures by the protocol of a search.
func measureCommand() *cobra.Command {
	var asJSON, profile bool
	var sustained string
	cmd := &cobra.Command{
		Use:   "measure FILE...",
		Short: "Measure configuration files on this device",
		Args:  files(100),
	}
	w, d := addWorkloadFlags(cmd), addDeviceFlags(cmd)
	w.addThreads()
	d.addTarget(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one Event a line, the raw samples included")
	cmd.Flags().BoolVar(&profile, "profile", false, "tell where time and memory go, by operation and by tensor")
	cmd.Flags().StringVar(&sustained, "sustained", "", "run up to 4 files together for a time such as 60s, and tell whether they keep their first speed")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if profile && d.protocol != trial.Litefront {
			return fmt.Errorf("--profile measures by protocol %q; %q has none", trial.Litefront, d.protocol)
		}
		if sustained != "" {
			if err := checkSustained(cmd, len(args), sustained, d.protocol); err != nil {
				return err
			}
		}
		archs := make([]arch.Architecture, len(args))
		workloads := make([]trial.Workload, len(args))
		for i, path := range args {
			var err error
			if archs[i], err = readArch(cmd, path); err != nil {
				return err
			}
			if workloads[i], err = w.fitting(archs[i]); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		process, err := d.start()
		if err != nil {
			return err
		}
		defer process.Close()
		noteSoftware(cmd.ErrOrStderr(), process.Device())
		local, err := measure.Local(process, d.options())
		if err != nil {
			return err
		}
		ctx := untilInterrupted(cmd)
		if sustained != "" {
			return printSustainedOf(ctx, cmd, local, args, archs, workloads, sustained, asJSON)
		}
		for i, path := range args {
			if profile {
				if err := printProfileOf(ctx, cmd.OutOrStdout(), local, path, archs[i], workloads[i], asJSON); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				continue
			}
			t := trial.Trial{Number: i + 1, Proposal: trial.Proposal{Arch: archs[i], Origin: trial.Origin{Op: "measure"}}}
			m, err := local.Measure(ctx, t, workloads[i])
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(trial.Event{V: trial.EventVersion, Kind: trial.KindMeasured,
					Measured: &trial.Measured{Number: t.Number, Values: []float64{}, Measurement: m}})
			} else {
				err = printMeasurement(cmd.OutOrStdout(), path, t, m)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// printMeasurement writes m for people: its medians with intervals, and its memory
// in MiB.
func printMeasurement(w io.Writer, path string, t trial.Trial, m trial.Measurement) error {
	_, err := fmt.Fprintf(w, "%s: %v (%s)\n  prefill of %d tokens  %s\n  decode at %d         %s\n  peak memory           %.1f MiB",
		path, t.Arch, m.Verdict, m.Workload.PromptLen, interval(m.Prefill), m.Workload.DecodePos(), interval(m.Decode),
		float64(m.MemoryBytes)/(1<<20))
	if err == nil && m.SubmitMs > 0 {
		_, err = fmt.Fprintf(w, "\n  submission            %s ms beyond the kernels", digits(m.SubmitMs))
	}
	if err == nil && m.RSSBytes > 0 {
		_, err = fmt.Fprintf(w, " (resident set grew by %.1f MiB)", float64(m.RSSBytes)/(1<<20))
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

// interval is a median in milliseconds with its 95 % confidence interval.
func interval(s trial.Stat) string {
	return fmt.Sprintf("%s ms [%s, %s], %d samples", digits(s.MedianMs), digits(s.LowMs), digits(s.HighMs), len(s.SamplesMs))
}

// digits writes x with three digits, and more only before the point.
func digits(x float64) string {
	if x >= 100 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}
