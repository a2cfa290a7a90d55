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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one has its usual effect: it kills.
	context.AfterFunc(ctx, stop)
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "litefront:", err)
		os.Exit(1)
	}
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
	cmd.AddCommand(searchCommand(), measureCommand(), inspectCommand())
	return cmd
}
