package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"litefront/host/runtime"
	"litefront/kernels/export"
	"litefront/kernels/generate"
	"litefront/searchcore/trial"
)

// generation is what the command generate prints.
type generation struct {
	ID        string  `json:"id"` // of the architecture
	Prompt    []int   `json:"prompt"`
	Tokens    []int   `json:"tokens"`
	PrefillMs float64 `json:"prefill_ms"`
	// MsPerToken is the mean over the tokens after the first, which the prefill
	// gives; 0 if there are none.
	MsPerToken float64 `json:"ms_per_token"`
}

// generateCommand runs the module of an architecture.
func generateCommand() *cobra.Command {
	var prompt []int
	var tokens int
	var temperature float64
	var weights string
	var seed uint32
	var asJSON bool
	precision := trial.DefaultWorkload().Precision
	cmd := &cobra.Command{
		Use:   "generate FILE --prompt-ids 1,2,3",
		Short: "Continue a prompt of token ids with the module of a configuration file",
		Args:  files(1),
	}
	f := cmd.Flags()
	f.IntSliceVar(&prompt, "prompt-ids", nil, "token ids of the prompt, separated by commas")
	f.IntVar(&tokens, "tokens", 16, "tokens to generate")
	f.Float64Var(&temperature, "temperature", 0, "temperature to sample at; 0 takes the likeliest token")
	f.StringVar(&weights, "weights", "", "safetensors file with the weights; without one they are random")
	f.Uint32Var(&seed, "seed", 1, "seed of random weights, and of sampling")
	addPrecisionFlag(cmd, &precision)
	f.BoolVar(&asJSON, "json", false, "print JSON")
	if err := cmd.MarkFlagRequired("prompt-ids"); err != nil {
		panic(err) // only for a flag that does not exist
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := readArch(cmd, args[0])
		if err != nil {
			return err
		}
		q := generate.Request{
			Arch: a, Workload: trial.Workload{Precision: precision, Threads: 1},
			Prompt: prompt, Tokens: tokens, Temperature: temperature, Seed: seed,
		}
		if _, err := q.Plan(); err != nil { // before a large file is opened
			return err
		}
		var given export.Source
		if weights != "" {
			f, err := openFile(weights)
			if err != nil {
				return err
			}
			defer f.Close()
			if given, err = export.OpenSafetensors(f, a); err != nil {
				return fmt.Errorf("%s: %w", weights, err)
			}
		}
		e, err := runtime.NewEngine("")
		if err != nil {
			return err
		}
		defer e.Close()
		out := generation{ID: a.ID(), Prompt: prompt}
		ctx := untilInterrupted(cmd)
		r, failed := q.Run(ctx, e, given, func(token int) { out.Tokens = append(out.Tokens, token) })
		if len(out.Tokens) == 0 && failed != nil {
			return failed
		}
		if ctx.Err() != nil {
			failed = nil // what came until then is the result
		}
		out.PrefillMs = r.PrefillMs
		if r.Decoded > 0 {
			out.MsPerToken = r.DecodeMs / float64(r.Decoded)
		}
		if asJSON {
			return errors.Join(json.NewEncoder(cmd.OutOrStdout()).Encode(out), failed)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\nprefill of %d tokens %.3g ms; %.3g ms/token\n",
			strings.Trim(strings.ReplaceAll(fmt.Sprint(out.Tokens), " ", ","), "[]"), len(prompt), out.PrefillMs, out.MsPerToken)
		return errors.Join(err, failed)
	}
	return cmd
}
