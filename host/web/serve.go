package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

// Serve has handler answer on l, as Answer does. On a loopback address it answers only
// requests that name this machine, so that no website can reach it through a name of
// its own (DNS rebinding).
func Serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	if Loopback(l.Addr()) {
		handler = Only(local, handler)
	}
	return Answer(ctx, l, nil, handler)
}

// maxConnections bounds those that other machines have open, WebSockets aside: every one
// takes a file, and the process needs some for itself.
var maxConnections int64 = 1024

// Answer has h answer the requests on l, which it closes, until ctx ends; those under
// way may then finish for a moment. With a configuration of TLS that is by HTTPS.
func Answer(ctx context.Context, l net.Listener, secure *tls.Config, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		TLSConfig:         secure,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      5 * time.Minute, // a phone far from its access point
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	var open atomic.Int64
	server.ConnState = func(c net.Conn, s http.ConnState) {
		if Loopback(c.RemoteAddr()) { // whoever owns the server gets in
			return
		}
		switch s {
		case http.StateNew:
			if open.Add(1) > maxConnections {
				_ = c.Close() // its end is told as any other's
			}
		case http.StateHijacked, http.StateClosed:
			open.Add(-1)
		}
	}
	serve := server.Serve
	if secure != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
		server.ErrorLog = log.New(handshakes{log.Writer()}, "litefront: ", 0)
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
		close(stopped)
	})
	defer stop()
	if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}

// handshakes leaves out of a log what devices say that do not trust the server yet, that
// are gone, or that are too many: that is no fault of the server's.
type handshakes struct{ log io.Writer }

func (h handshakes) Write(line []byte) (int, error) {
	for _, theirs := range []string{"remote error", "EOF", "timeout", "reset by peer", "broken pipe", "use of closed network connection", "first record does not look like", "unsupported versions", "client sent"} {
		if bytes.Contains(line, []byte("TLS handshake error")) && bytes.Contains(line, []byte(theirs)) {
			return len(line), nil
		}
	}
	return h.log.Write(line)
}

// Loopback reports whether only this machine reaches a.
func Loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Only has h answer requests for the hosts that own accepts, which gets them without
// port and brackets.
func Only(own func(host string) bool, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !own(Hostname(r.Host)) {
			http.Error(w, "this server answers only to its own name", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Hostname is host without its port, if it has one, and an IPv6 address without
// brackets.
func Hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// local reports whether host is this machine without the help of a name server.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}
