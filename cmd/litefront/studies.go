package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"litefront/host/store"
	"litefront/searchcore/objective"
	"litefront/searchcore/results"
)

// studyFrontiers is a study with its frontiers.
type studyFrontiers struct {
	store.Study
	Frontiers []classFrontier `json:"frontiers"`
}

type classFrontier struct {
	Class      string        `json:"class"`
	Objectives []string      `json:"objectives"`
	Points     []store.Point `json:"points"`
}

// studiesCommand lists the studies of the store, or the frontiers of one.
func studiesCommand() *cobra.Command {
	var objectives []string
	var class string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "studies [STUDY]",
		Short: "List the studies in the store, or the frontier of one on each class of devices",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("%s takes the name of one study, not %d", cmd.CommandPath(), len(args))
			}
			return nil
		},
	}
	flag := newStoreFlag(cmd)
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringSliceVar(&objectives, "objective", nil, "with a study, objectives instead of its own: two or more of "+objectiveNames())
	f.StringVar(&class, "class", "", "with a study, this class of devices only")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && (len(objectives) > 0 || class != "") {
			return fmt.Errorf("--objective and --class are for one study; %s NAME", cmd.CommandPath())
		}
		s, err := flag.open(cmd.Context(), false)
		if err != nil {
			return err
		}
		defer s.Close()
		out := cmd.OutOrStdout()
		if len(args) == 1 {
			st, err := frontiersOf(cmd.Context(), s, args[0], class, objectives)
			if err != nil {
				return err
			}
			if asJSON {
				return results.WriteJSON(out, st)
			}
			return frontierTables(out, st)
		}
		list, err := s.Studies(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return results.WriteJSON(out, append([]store.Study{}, list...)) // [] where there is none
		}
		return studyTable(out, list)
	}
	return cmd
}

func studyTable(w io.Writer, list []store.Study) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "no studies")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "study\tclass\tasked\tmeasured\tfailed\tfrontier\tobjectives\tcreated")
	for _, st := range list {
		for _, j := range st.Journals {
			fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", st.Name, j.Class, j.Asked, j.Measured, j.Failed, j.Frontier,
				strings.Join(j.Objectives, ","), local(st.Created))
		}
		if len(st.Journals) == 0 {
			fmt.Fprintf(table, "%s\t-\t0\t0\t0\t0\t\t%s\n", st.Name, local(st.Created))
		}
	}
	return table.Flush()
}

// frontiersOf reads the frontiers of a study, on one class of devices if it is named.
func frontiersOf(ctx context.Context, s *store.Store, name, class string, objectives []string) (studyFrontiers, error) {
	found, err := s.Study(ctx, name)
	if err != nil {
		return studyFrontiers{}, err
	}
	st := studyFrontiers{Study: found}
	var classes []string
	for _, j := range found.Journals {
		classes = append(classes, j.Class)
		if class != "" && j.Class != class {
			continue
		}
		points, err := s.Frontier(ctx, found.ID, j.Class, objectives...)
		if err != nil {
			return studyFrontiers{}, err
		}
		of := objectives
		if len(of) == 0 {
			of = j.Objectives
		}
		st.Frontiers = append(st.Frontiers, classFrontier{j.Class, of, append([]store.Point{}, points...)})
	}
	if class != "" && !slices.Contains(classes, class) {
		return studyFrontiers{}, fmt.Errorf("study %q has no class %q; its classes are %s", name, class, strings.Join(classes, ", "))
	}
	return st, nil
}

func frontierTables(w io.Writer, st studyFrontiers) error {
	for i, f := range st.Frontiers {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "study %q on %s: %d on the frontier\n", st.Name, f.Class, len(f.Points))
		if len(f.Points) == 0 {
			continue
		}
		set, err := objective.ParseSet(f.Objectives)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintf(table, "trial\tarchitecture\t%s\tverdict\tdevice\n", strings.Join(f.Objectives, "\t"))
		for _, p := range f.Points {
			fmt.Fprintf(table, "%d\t%s", p.Number, p.Arch)
			for i, o := range set {
				fmt.Fprintf(table, "\t%s", o.Format(p.Values[i]))
			}
			fmt.Fprintf(table, "\t%s\t%s\n", p.Verdict, p.DeviceID)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}
