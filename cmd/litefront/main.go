// Command litefront searches for efficient language models without training
// any: it measures candidate Transformers where they will run and draws the
// frontier of quality proxy, latency and memory.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
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
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       runtime.CodeVersion(),
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.AddCommand(searchCommand(), measureCommand(), inspectCommand(), serveCommand(), exportCommand(), generateCommand())
	return cmd
}
