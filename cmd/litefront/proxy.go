package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"litefront/host/report"
	"litefront/host/wholefile"
	"litefront/searchcore/proxy"
	"litefront/searchcore/proxy/judge"
)

// resamples is how many bootstrap samples intervals are made of.
const resamples = 1000

// proxyCommand judges, fits and finds proxies for quality.
func proxyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "proxy",
		Short: "Judge proxies for quality on tables of trained models, fit one, search for others",
		Long: "Judge proxies for quality on tables of trained models, fit one, search for others.\n\n" +
			"A table is a CSV file with a header and one row a model: exp (the set, whose name says\n" +
			"GPT2 or TransXL), n_layer, d_model, d_inner and n_head (one a layer, joined by |, or one\n" +
			"for all), valid_ppl (perplexity; empty where untrained); if wanted id, d_embed, div_val,\n" +
			"cutoffs, n_token, tgt_len, mem_len. Only models of one set are compared.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(proxyEvalCommand(), proxyFitCommand(), proxyDiscoverCommand(), proxyFrontierCommand())
	return cmd
}

func proxyEvalCommand() *cobra.Command {
	var seed uint64
	var expressions []string
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "eval TABLE.csv...",
		Short: "Rank correlations of every proxy with perplexity, overall, among the best and at equal size",
		Long:  evalHelp(),
		Args:  tables,
	}
	f := cmd.Flags()
	f.Uint64Var(&seed, "seed", 1, "seed of the bootstrap")
	f.StringArrayVar(&expressions, "expression", nil, "judge also this formula, such as 'log(params) - 2/depth'; may be given more than once")
	f.StringVar(&out, "out", "", "write a scatter plot to this SVG file")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		sets, err := readTables(args)
		if err != nil {
			return err
		}
		proxies := proxy.All()
		for _, text := range expressions {
			e, err := judge.ParseExpression(text)
			if err != nil {
				return err
			}
			proxies = append(proxies, e.Proxy())
		}
		results, err := judge.Evaluate(sets, proxies, resamples, seed)
		if err != nil {
			return err
		}
		if out != "" {
			if err := wholefile.Write(out, func(w io.Writer) error { return report.ProxiesSVG(w, sets) }); err != nil {
				return fmt.Errorf("%s: %w", out, err)
			}
		}
		if asJSON {
			return printJSON(cmd, results)
		}
		return report.Proxies(cmd.OutOrStdout(), sets, results)
	}
	return cmd
}

// evalHelp lists the proxies and the metrics.
func evalHelp() string {
	var b strings.Builder
	b.WriteString("Rank correlations of every proxy with perplexity, overall, among the best and at equal size.\n\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "proxy\tscore\tneeds\tsource\n")
	for _, p := range proxy.All() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", p.Name, p.Description, p.Needs, p.Source)
	}
	fmt.Fprintf(t, "\nmetric\n")
	for _, m := range judge.Metrics() {
		fmt.Fprintf(t, "%s\t%s\n", m.Name, m.Description)
	}
	t.Flush() // a Builder takes all
	return b.String()
}

// held is a closed form and how it ranks sets that it was not fitted on.
type held struct {
	Group   string         `json:"group"` // a set or a corpus
	HeldOut []string       `json:"held_out"`
	Form    proxy.Form     `json:"form"`
	Results []judge.Result `json:"results"`
}

func proxyFitCommand() *cobra.Command {
	var seed uint64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fit TABLE.csv...",
		Short: "Fit the closed form of quality, and judge it on sets and corpora held out",
		Args:  tables,
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "seed of the bootstrap")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		sets, err := readTables(args)
		if err != nil {
			return err
		}
		form, err := judge.Fit(sets)
		if err != nil {
			return err
		}
		bySet, err := judge.Folds(sets, judge.BySet, judge.Fit)
		if err != nil {
			return err
		}
		folds := bySet
		if byCorpus, err := judge.Folds(sets, judge.ByCorpus, judge.Fit); err == nil && len(byCorpus) < len(bySet) {
			folds = append(folds, byCorpus...)
		}
		var list []held
		for _, fold := range folds {
			h := held{Group: fold.Group, Form: fold.Fitted}
			for _, s := range fold.HeldOut {
				h.HeldOut = append(h.HeldOut, s.Name)
			}
			p := proxy.New("quality", "the closed form", "fitted without the set", fold.Fitted.Quality)
			if h.Results, err = judge.Evaluate(fold.HeldOut, []proxy.Proxy{p}, resamples, seed); err != nil {
				return err
			}
			list = append(list, h)
		}
		mean, err := judge.EvaluateMean(bySet, resamples, seed)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(cmd, struct {
				Form  proxy.Form     `json:"form"`
				Folds []held         `json:"folds"`
				Mean  []judge.Result `json:"mean"` // over the sets, each held out in turn
			}{form, list, mean})
		}
		return printFit(cmd.OutOrStdout(), form, list, mean)
	}
	return cmd
}

func printFit(w io.Writer, form proxy.Form, list []held, mean []judge.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "held out\twidth\tdepth\theads\tset\tbest 30 %%\tgain\twithin 10 %%\tgain\n")
	fmt.Fprintf(t, "nothing\t%.0f\t%.2f\t%.2f\n", form.Width, form.Depth, form.Heads)
	for _, h := range list {
		label := h.Group
		coefficients := fmt.Sprintf("%.0f\t%.2f\t%.2f", h.Form.Width, h.Form.Depth, h.Form.Heads)
		for _, set := range h.HeldOut {
			fmt.Fprintf(t, "%s\t%s\t%s%s\n", label, coefficients, set, choices(h.Results, set))
			label, coefficients = "", "\t\t"
		}
	}
	fmt.Fprintf(t, "each set in turn\t\t\t\t%s%s\n", judge.MeanOfSets, choices(mean, judge.MeanOfSets))
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\ngain: over decoder_params; ~: its 95 % interval includes zero, so it may be chance\n")
	return err
}

// choices are the cells of the two metrics that tell about the choice, each with
// its gain over decoder_params.
func choices(results []judge.Result, set string) string {
	var b strings.Builder
	for _, metric := range []string{judge.Top30, judge.Within10} {
		for _, r := range results {
			if r.Set != set || r.Metric != metric {
				continue
			}
			if r.Estimate == nil || r.Gain == nil {
				b.WriteString("\t-\t-")
				continue
			}
			mark := ""
			if r.Gain.Low <= 0 && r.Gain.High >= 0 {
				mark = " ~"
			}
			fmt.Fprintf(&b, "\t%.3f\t%+.3f [%+.2f, %+.2f]%s", r.Estimate.Value, r.Gain.Value, r.Gain.Low, r.Gain.High, mark)
		}
	}
	return b.String()
}

func proxyDiscoverCommand() *cobra.Command {
	var seed uint64
	var state string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "discover TABLE.csv...",
		Short: "Search for a formula that ranks models, judged on sets that the search never saw",
		Args:  tables,
	}
	f := cmd.Flags()
	f.Uint64Var(&seed, "seed", 1, "seed of the search and the bootstrap")
	f.StringVar(&state, "state", "", "keep the search in this file after every generation, and go on with what it holds")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		sets, err := readTables(args)
		if err != nil {
			return err
		}
		d, err := openDiscovery(state, sets, seed)
		if err != nil {
			return err
		}
		ctx := untilInterrupted(cmd)
		for {
			done, all := d.Progress()
			if done == all {
				break
			}
			if ctx.Err() != nil {
				hint := ""
				if state != "" {
					hint = "; the same command goes on"
				}
				return fmt.Errorf("interrupted after %d of %d generations%s", done, all, hint)
			}
			if err := d.Step(sets); err != nil {
				return err
			}
			if err := keepDiscovery(state, d); err != nil {
				return err
			}
		}
		return printDiscovery(cmd, d, sets, asJSON)
	}
	return cmd
}

// maxDiscovery bounds what is read of a search that was kept, in bytes.
const maxDiscovery = 64 << 20

// openDiscovery begins a search, or goes on with the one at path.
func openDiscovery(path string, sets []judge.Set, seed uint64) (*judge.Discovery, error) {
	fresh, err := judge.NewDiscovery(sets, seed)
	if err != nil || path == "" {
		return fresh, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var kept judge.Discovery
	if err := json.NewDecoder(io.LimitReader(f, maxDiscovery)).Decode(&kept); err != nil {
		return nil, fmt.Errorf("%s: is no kept search: %w", path, err)
	}
	if kept.Seed != seed {
		return nil, fmt.Errorf("%s: its seed is %d, not %d", path, kept.Seed, seed)
	}
	if err := kept.Validate(sets); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &kept, nil
}

func keepDiscovery(path string, d *judge.Discovery) error {
	if path == "" {
		return nil
	}
	err := wholefile.Write(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(d) })
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// discovered is an expression and how it ranks the set that its search left out.
type discovered struct {
	HeldOut    string         `json:"held_out"` // empty for the search on all sets
	Expression string         `json:"expression"`
	Error      string         `json:"error,omitempty"` // why the set cannot be ranked
	Results    []judge.Result `json:"results"`
}

func printDiscovery(cmd *cobra.Command, d *judge.Discovery, sets []judge.Set, asJSON bool) error {
	var list []discovered
	for i, s := range d.Searches {
		best, err := s.Best()
		if err != nil {
			return err
		}
		found := discovered{HeldOut: s.HeldOut, Expression: best.String()}
		if s.HeldOut != "" {
			if found.Results, err = judge.Evaluate(sets[i:i+1], []proxy.Proxy{best.Proxy()}, resamples, d.Seed); err != nil {
				found.Error = err.Error()
			}
		}
		list = append(list, found)
	}
	if asJSON {
		return printJSON(cmd, list)
	}
	t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "held out\tbest 30 %%\tgain\twithin 10 %%\tgain\texpression\n")
	for _, found := range list {
		switch {
		case found.HeldOut == "":
			fmt.Fprintf(t, "nothing\t\t\t\t\t%s\n", found.Expression)
		case found.Error != "":
			fmt.Fprintf(t, "%s\t-\t-\t-\t-\t%s\n", found.HeldOut, found.Expression)
		default:
			fmt.Fprintf(t, "%s%s\t%s\n", found.HeldOut, choices(found.Results, found.HeldOut), found.Expression)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(cmd.OutOrStdout(), "\ngain: over decoder_params on the set that the search left out; ~: its 95 % interval includes zero\n")
	return err
}

// tables demands one table or more.
func tables(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s needs a table of trained models, a CSV file", cmd.CommandPath())
	}
	return nil
}

func readTables(paths []string) ([]judge.Set, error) {
	var table judge.Table
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		err = table.Add(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return table.Sets, nil
}

func printJSON(cmd *cobra.Command, v any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	return e.Encode(v)
}
