package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"litefront/host/report"
)

// compareCommand sets studies side by side.
func compareCommand() *cobra.Command {
	var o report.CompareOptions
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compare STUDY...",
		Short: "Compare studies: hypervolume over device time, overlap of frontiers, luck of the seed",
		Long: "Compare the journals of studies: searches by other strategies, on other devices, or with other seeds.\n" +
			"Hypervolumes are shares of that of all studies' frontier together, from one reference point: the worst value\n" +
			"of each objective over their feasible trials, unless --reference gives another. Time is what measuring took\n" +
			"on the device. Of studies that differ only in their seed, the median and the quartiles are told.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%s needs the journals of studies", cmd.CommandPath())
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Objectives, "objective", nil, "objectives instead of the studies': two or more of "+objectiveNames())
	f.Float64SliceVar(&o.Reference, "reference", nil, "reference point: a value for each objective in its unit, such as 0,500,300")
	f.StringVar(&out, "out", "", "directory for the curves as CSV and SVG")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var entries []report.Entry
		for _, path := range args {
			st, err := readStudy(path)
			if err != nil {
				return err
			}
			entries = append(entries, report.Entry{Name: path, Study: st})
		}
		c, err := report.Compare(entries, o)
		if err != nil {
			return err
		}
		if out != "" {
			if err := c.WriteDir(out); err != nil {
				return err
			}
		}
		if asJSON {
			return c.JSON(cmd.OutOrStdout())
		}
		return c.Table(cmd.OutOrStdout())
	}
	return cmd
}
