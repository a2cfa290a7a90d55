package main

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"litefront/host/web"
)

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the page that searches in a browser",
		Long: "Serve the page that searches in a browser, and measures in the browser it is opened in.\n" +
			"Ctrl-C ends it; a study stays in its browser.",
		Args: cobra.NoArgs,
	}
	listen := cmd.Flags().String("listen", "127.0.0.1:8080", "address and port to serve on; without the flag a free port if 8080 is taken")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dist, err := web.Dist()
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", *listen)
		if err != nil && !cmd.Flags().Changed("listen") {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			return fmt.Errorf("listen %q: %w", *listen, err)
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "litefront: serving %s\n", address(l.Addr())); err != nil {
			return err
		}
		if !web.Loopback(l.Addr()) {
			fmt.Fprintln(cmd.ErrOrStderr(), "litefront: other devices reach this page without HTTPS: their timers step 100 µs instead of 5 µs, and they have no threads")
		}
		return web.Serve(untilInterrupted(cmd), l, dist)
	}
	return cmd
}

// address is the URL of what listens on a. Browsers trust the name localhost
// without HTTPS, so it stands for every address that it reaches.
func address(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if host == "127.0.0.1" || net.ParseIP(host).IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}
