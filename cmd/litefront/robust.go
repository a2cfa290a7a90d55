package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"litefront/host/report"
)

// robustFormats are the values of --format.
var robustFormats = map[string]func(*report.Robust, io.Writer) error{
	"table": (*report.Robust).Table,
	"csv":   (*report.Robust).CSV,
	"json":  (*report.Robust).JSON,
}

// robustCommand prints the frontier of several devices together.
func robustCommand() *cobra.Command {
	var o report.RobustOptions
	var format string
	cmd := &cobra.Command{
		Use:   "robust STUDY...",
		Short: "Print the frontier of several devices together, with what sharing costs each of them",
		Long: "Print the frontier to ship to several devices at once, from the journals of a study on each. A time counts\n" +
			"relative to the shortest that the device could do by itself at equal quality. A member is the choice whose\n" +
			"worst such slowdown is smallest among all of its quality or better; with --share the mean, weighted by how\n" +
			"many users have each device. What a device did not measure is predicted by its model, and marked so.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s needs the journals of studies, one for each device", cmd.CommandPath())
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Objectives, "objective", nil, "objectives instead of the studies': two or more of "+objectiveNames())
	f.StringSliceVar(&o.Constraints, "constraint", nil, "further demand of every member on every device, such as 'decode_ms<=20'; several with commas, or repeated")
	f.Float64SliceVar(&o.Shares, "share", nil, "how many have each device, in the order of the studies and in any unit, such as 3,1")
	f.StringVar(&format, "format", "table", "table, csv or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		write, ok := robustFormats[format]
		if !ok {
			return fmt.Errorf("format %q must be table, csv or json", format)
		}
		var entries []report.Entry
		for _, path := range args {
			st, err := readStudy(path)
			if err != nil {
				return err
			}
			entries = append(entries, report.Entry{Name: path, Study: st})
		}
		r, err := report.NewRobust(entries, o)
		if err != nil {
			return err
		}
		return write(r, cmd.OutOrStdout())
	}
	return cmd
}
