package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
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
		c, err := checkSpace(sp, w)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		if asJSON {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			return e.Encode(c)
		}
		return c.print(cmd.OutOrStdout())
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

// spaceCheck is what is known of a space without measuring.
type spaceCheck struct {
	Name string        `json:"name"`
	Arch arch.Backbone `json:"arch_type"`
	// Size counts the architectures that the rules allow. With Bounded, the bounds
	// on the decoder parameters exclude some of them.
	Size    *big.Int `json:"size"`
	Bounded bool     `json:"bounded"`
	Genes   []gene   `json:"genes"`

	DecoderParams extent         `json:"decoder_params"`
	TotalParams   extent         `json:"total_params"`
	PeakBytes     extent         `json:"peak_bytes"`
	Workload      trial.Workload `json:"workload"` // that PeakBytes is for
}

// gene is a gene's values: those that members have, and the others.
type gene struct {
	Name   string        `json:"name"`
	Values space.Choices `json:"values"`
	Dead   space.Choices `json:"dead,omitempty"`
}

// extent is a range over all members. What is not exact is that of the members
// found nearest to the bounds on the decoder parameters.
type extent struct {
	Min   int64 `json:"min"`
	Max   int64 `json:"max"`
	Exact bool  `json:"exact"`
}

// maxPlans bounds the members whose memory is planned: each takes up to a
// millisecond.
const maxPlans = 5000

func checkSpace(sp space.Space, w *workloadFlags) (spaceCheck, error) {
	r, err := sp.Reach()
	if err != nil {
		return spaceCheck{}, err
	}
	c := spaceCheck{Name: sp.Name, Arch: sp.Backbone, Size: sp.Size(), Bounded: r.Bounded}
	for _, g := range []struct {
		name             string
		listed, reaching space.Choices
	}{
		{"n_layer", sp.NLayer, r.NLayer}, {"d_model", sp.DModel, r.DModel}, {"d_inner", sp.DInner, r.DInner},
		{"n_head", sp.NHead, r.NHead}, {"div_val", sp.DivVal, r.DivVal},
	} {
		dead := slices.DeleteFunc(slices.Clone(g.listed), func(v int) bool { return slices.Contains(g.reaching, v) })
		c.Genes = append(c.Genes, gene{g.name, g.reaching, dead})
	}
	if c.Workload, err = w.fitting(r.Extremes[0]); err != nil {
		return spaceCheck{}, err
	}
	var decoder, total, peak []int64
	step := 1 + (len(r.Extremes)-1)/maxPlans
	for i, a := range r.Extremes {
		decoder, total = append(decoder, a.DecoderParams()), append(total, a.TotalParams())
		if i%step != 0 {
			continue
		}
		g, err := graph.Build(a, c.Workload)
		if err != nil {
			return spaceCheck{}, err
		}
		peak = append(peak, g.Memory.TotalBytes)
	}
	c.DecoderParams = extentOf(decoder, r.Exact)
	c.TotalParams = extentOf(total, r.Exact)
	c.PeakBytes = extentOf(peak, r.Exact && step == 1)
	return c, nil
}

func extentOf(values []int64, exact bool) extent {
	return extent{slices.Min(values), slices.Max(values), exact}
}

// print writes c for people.
func (c spaceCheck) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "space\t%s (%s)\n", c.Name, c.Arch)
	size := rounded(c.Size)
	if c.Bounded {
		size += ", less what the bounds on the decoder parameters exclude"
	}
	fmt.Fprintf(t, "architectures\t%s\n", size)
	for _, g := range c.Genes {
		fmt.Fprintf(t, "%s\t%s\n", g.Name, g.span())
	}
	params := func(n int64) string { return strconv.FormatInt(n, 10) }
	fmt.Fprintf(t, "decoder parameters\t%s\n", c.DecoderParams.text(params))
	fmt.Fprintf(t, "total parameters\t%s\n", c.TotalParams.text(params))
	peak, err := objective.Parse("peak_mb")
	if err != nil {
		return err
	}
	fmt.Fprintf(t, "peak memory\t%s for a prompt of %d and a context of %d tokens\n",
		c.PeakBytes.text(func(n int64) string { return peak.Format(float64(n) / (1 << 20)) }), c.Workload.PromptLen, c.Workload.Context)
	if err := t.Flush(); err != nil {
		return err
	}
	if !c.DecoderParams.Exact || !c.TotalParams.Exact || !c.PeakBytes.Exact {
		if _, err := fmt.Fprintln(w, "~: of the members found nearest to the bounds; others may reach a little further"); err != nil {
			return err
		}
	}
	for _, g := range c.Genes {
		if len(g.Dead) > 0 {
			if _, err := fmt.Fprintf(w, "warning: no member has %s %s\n", g.Name, listed(g.Dead)); err != nil {
				return err
			}
		}
	}
	return nil
}

// rounded writes n in full if that is short, else with three digits.
func rounded(n *big.Int) string {
	const digits = 9
	if text := n.String(); len(text) <= digits {
		return text
	}
	return "about " + new(big.Float).SetInt(n).Text('e', 2)
}

func (g gene) span() string {
	n := len(g.Values)
	if n == 1 {
		return strconv.Itoa(g.Values[0])
	}
	return fmt.Sprintf("%d to %d, %d values", g.Values[0], g.Values[n-1], n)
}

func (e extent) text(number func(int64) string) string {
	text := number(e.Min) + " to " + number(e.Max)
	if !e.Exact {
		text = "~ " + text
	}
	return text
}

// listed writes values for people, of many the first ones.
func listed(values space.Choices) string {
	const most = 10
	words := make([]string, 0, most+1)
	for i, v := range values {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more", len(values)-most))
			break
		}
		words = append(words, strconv.Itoa(v))
	}
	return strings.Join(words, ", ")
}
