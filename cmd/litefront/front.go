package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"litefront/host/journal"
	"litefront/host/report"
	"litefront/host/wholefile"
	"litefront/kernels/export"
	"litefront/searchcore/study"
)

// frontFormats are the values of --format.
var frontFormats = map[string]func(*report.Front, io.Writer) error{
	"table": (*report.Front).Table,
	"csv":   (*report.Front).CSV,
	"json":  (*report.Front).JSON,
}

// frontCommand prints the frontier of a study, also by other objectives than
// those it was searched with.
func frontCommand() *cobra.Command {
	var o report.FrontOptions
	var format, configs string
	cmd := &cobra.Command{
		Use:   "front STUDY",
		Short: "Print the frontier of a study, also by other objectives or constraints",
		Long: "Print the frontier of a study's journal. What was measured once can be looked at by any objectives and\n" +
			"constraints; those of the study keep holding. The journal is not changed, and may be of a running search.",
		Args: oneArg("the journal of a study"),
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Objectives, "objective", nil, "objectives instead of the study's: two or more of "+objectiveNames())
	f.StringSliceVar(&o.Constraints, "constraint", nil, "further demand of every member, such as 'decode_ms<=20'; several with commas, or repeated")
	f.StringVar(&o.Sort, "sort", "", "objective to sort by, best first (default the first one, best last)")
	f.IntVar(&o.Limit, "limit", 0, "list so many of the best only; 0 for all")
	f.BoolVar(&o.All, "all", false, "list what is dominated, infeasible or a reference too; a table has references and up to 20 infeasible ones anyway")
	f.BoolVar(&o.Predicted, "predicted", false, "list the members that the strategy predicts and nobody measured too, marked as such, with their 95 % prediction intervals")
	f.StringVar(&format, "format", "table", "table, csv or json")
	f.StringVar(&configs, "config-dir", "", "directory for one configuration file of each listed member of the frontier")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		write, ok := frontFormats[format]
		if !ok {
			return fmt.Errorf("format %q must be table, csv or json", format)
		}
		st, err := readStudy(args[0])
		if err != nil {
			return err
		}
		front, err := report.NewFront(st, o)
		if err != nil {
			return err
		}
		if configs != "" {
			if err := writeConfigs(cmd, configs, front.Members()); err != nil {
				return err
			}
		}
		return write(front, cmd.OutOrStdout())
	}
	return cmd
}

// readStudy replays a journal without holding it.
func readStudy(path string) (*study.Study, error) {
	events, err := journal.Read(path)
	if err != nil {
		return nil, err
	}
	st, err := study.Replay(events, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	return st, nil
}

// writeConfigs writes trial-N.json for each member, or predicted-N.json, and says
// which of them only our own programs read.
func writeConfigs(cmd *cobra.Command, dir string, members []study.Record) error {
	if err := writable(dir); err != nil {
		return err
	}
	var own []string
	for _, r := range members {
		name := fmt.Sprintf("trial-%d.json", r.Number)
		if r.Number < 0 {
			name = fmt.Sprintf("predicted-%d.json", -r.Number)
		}
		config, note, err := export.Config(r.Arch)
		if err == nil {
			err = wholefile.Write(filepath.Join(dir, name), func(w io.Writer) error {
				_, err := w.Write(config)
				return err
			})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
		if note != "" {
			own = append(own, name)
		}
	}
	if len(own) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(cmd.ErrOrStderr(), "litefront: note: Hugging Face's classes cannot express, and so not read, %s: these are files of litefront's own\n",
		strings.Join(own, ", "))
	return err
}
