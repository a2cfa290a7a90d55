package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"litefront/host/web"
)

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the page that searches in a browser",
		Long: "Serve the page that searches in a browser, and measures in the browser it is opened in.\n" +
			"Ctrl-C ends it; a study stays in its browser.\n" +
			"It prints where the page is; with --listen 0.0.0.0:8080 also by which addresses other devices reach it.\n" +
			"With --lan it serves the local network by HTTPS, which gives other devices a fine timer, threads, and use\n" +
			"without the server. They have to trust a certificate first; a page without HTTPS, at another port, tells how.",
		Args: cobra.NoArgs,
	}
	f := newServeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		dist, err := web.Dist()
		if err != nil {
			return err
		}
		page, err := web.Handler(dist)
		if err != nil {
			return err
		}
		s, err := f.open(cmd)
		if err != nil {
			return err
		}
		defer s.close()
		ctx := untilInterrupted(cmd) // who reads where it serves may end it at once
		if err := s.announce(); err != nil {
			return err
		}
		return s.serve(ctx, page)
	}
	return cmd
}

// serveFlags say where to serve the page.
type serveFlags struct {
	lanFlags
	flags   *pflag.FlagSet
	address string
}

func newServeFlags(cmd *cobra.Command) *serveFlags {
	f := &serveFlags{flags: cmd.Flags()}
	f.flags.StringVar(&f.address, "listen", "127.0.0.1:8080", "address and port to serve on; without the flag, with --lan :8443, and a free port if that one is taken")
	f.lanFlags.add(f.flags)
	return f
}

// serving is a server that is about to begin.
type serving struct {
	// base is the URL by which other devices reach it best, and fingerprint that of the
	// authority which they have to trust; empty without --lan.
	base, fingerprint string
	announce          func() error // prints where it is
	serve             func(ctx context.Context, page http.Handler) error
	close             func() // for what goes wrong before it serves
}

// open listens.
func (f *serveFlags) open(cmd *cobra.Command) (*serving, error) {
	chosen := f.flags.Changed("listen")
	if f.lan && !chosen {
		f.address = ":8443"
	}
	l, err := listen(f.address, chosen)
	if err != nil {
		return nil, err
	}
	if f.lan {
		return f.lanFlags.open(cmd, l)
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		interfaces = nil // unknown: whoever opened the port can name the machine
	}
	urls := addresses(l.Addr(), interfaces)
	return &serving{
		base: urls[min(1, len(urls)-1)],
		announce: func() error {
			for _, url := range urls {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "litefront: serving %s\n", url); err != nil {
					return err
				}
			}
			if !web.Loopback(l.Addr()) {
				fmt.Fprintln(cmd.ErrOrStderr(), "litefront: other devices reach this page without HTTPS: their timers step 100 µs instead of 5 µs, and they have no threads; --lan serves them by HTTPS")
			}
			return nil
		},
		serve: func(ctx context.Context, page http.Handler) error { return web.Serve(ctx, l, page) },
		close: func() { l.Close() },
	}, nil
}

// listen listens on an address, or, if that was not chosen and is taken, on a free
// port.
func listen(address string, chosen bool) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil && !chosen {
		if host, _, bad := net.SplitHostPort(address); bad == nil {
			l, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listen %q: %w", address, err)
	}
	return l, nil
}

// mostAddresses bounds how many addresses of this machine are printed: virtual
// networks have many.
const mostAddresses = 4

// addresses are the URLs of what listens on a, where this machine has those
// interfaces. The first is for this machine. Browsers trust the name localhost
// without HTTPS, so it stands for every address that it reaches. What listens
// everywhere is also reached by what other devices can route to, IPv4 first.
func addresses(a net.Addr, interfaces []net.Addr) []string {
	listening, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return []string{a.String()}
	}
	url := func(host string) string {
		return "http://" + net.JoinHostPort(host, strconv.Itoa(int(listening.Port()))) + "/"
	}
	here := listening.Addr()
	switch {
	case here == netip.AddrFrom4([4]byte{127, 0, 0, 1}):
		return []string{url("localhost")}
	case !here.IsUnspecified():
		return []string{url(here.String())}
	}
	var others []netip.Addr
	for _, i := range interfaces {
		prefix, err := netip.ParsePrefix(i.String())
		if other := prefix.Addr(); err == nil && other.IsGlobalUnicast() && (other.Is4() || here.Is6()) {
			others = append(others, other)
		}
	}
	slices.SortStableFunc(others, func(a, b netip.Addr) int { return cmp.Compare(a.BitLen(), b.BitLen()) })
	urls := []string{url("localhost")}
	for _, other := range others[:min(len(others), mostAddresses)] {
		urls = append(urls, url(other.String()))
	}
	return urls
}
