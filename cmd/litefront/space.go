package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"litefront/searchcore/space"
	"litefront/searchcore/space/survey"
)

// spaceCommand tells about search spaces.
func spaceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "space",
		Short: "Check a search space, or show a preset",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(spaceCheckCommand(), spaceShowCommand())
	return cmd
}

func spaceShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show PRESET",
		Short: "Print a preset as TOML",
		Long:  "Print a preset as TOML, to begin a space of your own with: " + strings.Join(space.Presets(), ", ") + ".",
		Args:  oneArg("the name of a preset: " + strings.Join(space.Presets(), ", ")),
		RunE: func(cmd *cobra.Command, args []string) error {
			sp, err := space.Preset(args[0])
			if err != nil {
				return err
			}
			text, err := sp.TOML()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}

func spaceCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say how large a space is, what its members are like, and which values none has",
		Long: "Check a space, a TOML file or a preset: count its architectures, tell how many parameters and how much\n" +
			"memory they have, and name the values that the rules leave to no architecture.",
		Args: oneArg("a TOML file or the name of a preset"),
	}
	w := addWorkloadFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		sp, err := readSpace(args[0])
		if err != nil {
			return err
		}
		s, err := checkSpace(sp, w)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		if asJSON {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(s)
		}
		return printSurvey(cmd.OutOrStdout(), s)
	}
	return cmd
}

// oneArg demands one argument, which it says is missing.
func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s takes one argument, not %d: %s", cmd.CommandPath(), len(args), what)
		}
		return nil
	}
}

// maxPlans bounds the members whose memory is planned: each takes up to a
// millisecond.
const maxPlans = 5000

// checkSpace surveys a space, memory included.
func checkSpace(sp space.Space, w *workloadFlags) (survey.Survey, error) {
	s, err := survey.Of(sp)
	if err != nil {
		return survey.Survey{}, err
	}
	fit, err := w.fitting(s.Extremes[0])
	if err != nil {
		return survey.Survey{}, err
	}
	return s, s.Plan(fit, maxPlans)
}

// printSurvey writes a survey for people.
func printSurvey(w io.Writer, s survey.Survey) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, l := range s.Lines() {
		fmt.Fprintf(t, "%s\t%s\n", l.Name, l.Value)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, note := range s.Notes() {
		if _, err := fmt.Fprintln(w, note); err != nil {
			return err
		}
	}
	return nil
}
