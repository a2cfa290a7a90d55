package lan

import (
	"context"
	"net"
	"net/http"
	"strconv"

	"golang.org/x/sync/errgroup"

	"litefront/host/web"
)

// Serve serves page to h's network until ctx ends: by HTTPS on secure, and on plain
// only what devices need before they can trust that. It closes both. Requests for
// another host than h are refused, so that no website can reach the page through a
// name of its own (DNS rebinding).
func Serve(ctx context.Context, secure, plain net.Listener, page http.Handler, a *Authority, h Host) error {
	t := newTrust(a, h, secure)
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return web.Answer(ctx, secure, a.config(h), web.Only(h.Has, t.beside(page))) })
	both.Go(func() error { return web.Answer(ctx, plain, nil, web.Only(h.Has, t)) })
	return both.Wait()
}

// URL is where l is reached by the name or address host.
func URL(scheme, host string, l net.Listener) string {
	return scheme + "://" + net.JoinHostPort(host, port(l)) + "/"
}

func port(l net.Listener) string {
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		return strconv.Itoa(tcp.Port)
	}
	return ""
}
