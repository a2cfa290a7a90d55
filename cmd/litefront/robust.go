package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"litefront/host/report"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
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
	var format, name string
	cmd := &cobra.Command{
		Use:   "robust [JOURNAL...]",
		Short: "Print the frontier of several devices together, with what sharing costs each of them",
		Long: "Print the frontier to ship to several devices at once, from the journals of a study on each, or with --study\n" +
			"from those of a fleet's, one for each class of devices. A time counts\n" +
			"relative to the shortest that the device could do by itself at equal quality. A member is the choice whose\n" +
			"worst such slowdown is smallest among all of its quality or better; with --share the mean, weighted by how\n" +
			"many users have each device. What a device did not measure is predicted by its model, and marked so.",
		Args: cobra.ArbitraryArgs,
	}
	flag := newStoreFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&name, "study", "", "study of a fleet in the store, instead of journals")
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
		var err error
		switch {
		case (len(args) == 0) == (name == ""):
			return fmt.Errorf("%s needs the journals of studies, one for each device, or --study, and not both", cmd.CommandPath())
		case name != "":
			entries, err = storedStudies(cmd.Context(), flag, name)
		default:
			entries, err = readStudies(args)
		}
		if err != nil {
			return err
		}
		r, err := report.NewRobust(entries, o)
		if err != nil {
			return err
		}
		return write(r, cmd.OutOrStdout())
	}
	return cmd
}

func readStudies(paths []string) (entries []report.Entry, err error) {
	for _, path := range paths {
		st, err := readStudy(path)
		if err != nil {
			return nil, err
		}
		entries = append(entries, report.Entry{Name: path, Study: st})
	}
	return entries, nil
}

// storedStudies are a study of the store on each class of devices that has measured.
func storedStudies(ctx context.Context, flag *storeFlag, name string) (entries []report.Entry, err error) {
	s, err := flag.open(ctx, false)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	found, err := s.Study(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, j := range found.Journals {
		if j.Measured == 0 {
			continue
		}
		var events []trial.Event
		for e, err := range s.Events(ctx, found.ID, j.Class) {
			if err != nil {
				return nil, err
			}
			events = append(events, e)
		}
		st, err := study.Replay(events, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("study %q on %s: %w", name, j.Class, err)
		}
		entries = append(entries, report.Entry{Name: j.Class, Study: st})
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("study %q: nothing was measured yet", name)
	}
	return entries, nil
}
