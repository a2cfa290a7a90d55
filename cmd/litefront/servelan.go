package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"litefront/host/lan"
)

// lanFlags say how to serve other devices by HTTPS.
type lanFlags struct {
	lan bool
	ca  string // folder of the certificate authority
	qr  bool
}

func (f *lanFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.lan, "lan", false, "serve the local network by HTTPS, with a certificate authority for this machine alone")
	flags.StringVar(&f.ca, "ca", "", "with --lan, the folder of the certificate authority (default: litefront/ca in the user's folder for configuration)")
	flags.BoolVar(&f.qr, "qr", false, "with --lan, print a QR code also where the output is no terminal")
}

// check refuses flags that would do nothing.
func (f *lanFlags) check() error {
	switch {
	case f.ca != "" && !f.lan:
		return fmt.Errorf("--ca %q is for --lan", f.ca)
	case f.qr && !f.lan:
		return errors.New("--qr is for --lan")
	}
	return nil
}

// open prepares to serve by HTTPS on secure, and on a port next to it what other
// devices need to trust that.
func (f *lanFlags) open(cmd *cobra.Command, secure net.Listener) (*serving, error) {
	s, err := f.prepare(cmd, secure)
	if err != nil {
		secure.Close()
	}
	return s, err
}

func (f *lanFlags) prepare(cmd *cobra.Command, secure net.Listener) (*serving, error) {
	listening, err := netip.ParseAddrPort(secure.Addr().String())
	if err != nil {
		return nil, err
	}
	dir, err := f.folder()
	if err != nil {
		return nil, err
	}
	here := lan.Here(listening.Addr())
	authority, made, err := lan.Open(dir, here)
	if err != nil {
		return nil, err
	}
	plain, err := listen(netip.AddrPortFrom(listening.Addr(), 8080).String(), false)
	if err != nil {
		return nil, err
	}
	complain(cmd.ErrOrStderr(), authority, here, dir, made)
	covered, _ := authority.Covers(here)
	best := append(covered.Reached(listening.Addr()), "localhost")[0]
	return &serving{
		base: lan.URL("https", best, secure), fingerprint: authority.Fingerprint(),
		announce: func() error {
			return f.announce(cmd.OutOrStdout(), authority, here, listening.Addr(), secure, plain, dir)
		},
		serve: func(ctx context.Context, page http.Handler) error {
			return lan.Serve(ctx, secure, plain, page, authority, here)
		},
		close: func() { secure.Close(); plain.Close() },
	}, nil
}

// folder is where the authority is kept.
func (f *lanFlags) folder() (string, error) {
	if f.ca != "" {
		return f.ca, nil
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the certificate authority: %w; --ca gives one", err)
	}
	return filepath.Join(config, "litefront", "ca"), nil
}

// complain says what of here is not as other devices need it.
func complain(w io.Writer, authority *lan.Authority, here lan.Host, dir string, made bool) {
	path := filepath.Join(dir, lan.File)
	if made {
		fmt.Fprintf(w, "litefront: made a certificate authority for this machine alone, %s; its key must stay there\n", path)
	}
	if left := time.Until(authority.Expires()); left < 30*24*time.Hour {
		fmt.Fprintf(w, "litefront: %s expires on %s; from then on devices need the certificate of a new one, which is made once the file is removed\n", path, authority.Expires().Format(time.DateOnly))
	}
	if len(here.Private()) == 0 {
		fmt.Fprintln(w, "litefront: this machine has no address on a private network; --listen can name another address")
	}
	if _, rest := authority.Covers(here); len(rest.Names)+len(rest.Addresses) > 0 {
		fmt.Fprintf(w, "litefront: %s was not made for %s; to serve by that too, remove the file and start again, and have devices install the certificate of the new authority\n", path, rest)
	}
}

// announce prints where the page is and where devices get to trust it.
func (f *lanFlags) announce(w io.Writer, authority *lan.Authority, here lan.Host, listening netip.Addr, secure, plain net.Listener, dir string) error {
	covered, _ := authority.Covers(here)
	var text string
	for _, host := range covered.Reached(listening) {
		text += fmt.Sprintf("litefront: serving %s\n", lan.URL("https", host, secure))
	}
	trust := lan.URL("http", here.Reached(listening)[0], plain)
	text += fmt.Sprintf("litefront: devices that do not trust it yet begin at %s\n", trust)
	text += fmt.Sprintf("litefront: certificate of %s, SHA-256 %s\n", filepath.Join(dir, lan.File), authority.Fingerprint())
	out, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(out.Fd()))
	if terminal {
		showColours(out)
	}
	if terminal || f.qr {
		code, err := qrCode(trust)
		if err != nil {
			return err
		}
		text += code
	}
	_, err := io.WriteString(w, text)
	return err
}
