// Command litefront searches for efficient language models without training
// any: it measures candidate Transformers where they will run and draws the
// frontier of quality proxy, latency and memory.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"litefront/host/runtime"
)

func main() {
	runtime.ServeChild()
	if err := root().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "litefront:", err)
		os.Exit(1)
	}
}

// untilInterrupted returns a context that Ctrl-C, or a polite kill, ends. Until
// it is called, while input is read, they end the program; so does a second one.
func untilInterrupted(cmd *cobra.Command) context.Context {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "litefront",
		Short:         "Training-free architecture search for efficient language models",
		Long:          "litefront measures candidate Transformer architectures on this device, as WebAssembly modules,\nand keeps the frontier of decoder parameters (a proxy for quality), latency and peak memory.",
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       runtime.CodeVersion(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.SuggestionsMinimumDistance = 2
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", flagError(err), cmd.CommandPath())
	})
	cmd.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE: func(help *cobra.Command, args []string) error {
			of, rest, err := cmd.Find(args)
			if err != nil || len(rest) > 0 {
				return unknown(cmd, args[len(args)-max(len(rest), 1)])
			}
			return of.Help()
		},
	})
	cmd.AddCommand(searchCommand(), frontCommand(), compareCommand(), robustCommand(), measureCommand(), inspectCommand(), spaceCommand(), exportCommand(), generateCommand(), proxyCommand(), serveCommand(), fleetCommand(), deviceCommand(), devicesCommand(), studiesCommand(), storeCommand())
	return cmd
}

// unknown says that there is no command of this name, and which there are.
func unknown(root *cobra.Command, name string) error {
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	hint := ""
	if near := root.SuggestionsFor(name); len(near) > 0 {
		hint = fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
	}
	return fmt.Errorf("unknown command %q%s; the commands are %s", name, hint, strings.Join(names, ", "))
}

// noArgs refuses arguments and says what may have been meant.
func noArgs(hint string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("%s takes no arguments, and %q is one; %s", cmd.CommandPath(), args[0], hint)
		}
		return nil
	}
}

// files demands configuration files, at least one and at most so many.
func files(most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return fmt.Errorf(`%s needs a configuration file, or "-" for standard input`, cmd.CommandPath())
		case len(args) > most:
			return fmt.Errorf("%s takes at most %d files, not %d", cmd.CommandPath(), most, len(args))
		}
		return nil
	}
}
