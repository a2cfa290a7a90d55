package web

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST:1": true, "127.0.0.1": true, "127.0.0.1:80": true,
		"[::1]": true, "[::1]:8080": true, "::1": true, "127.8.8.8:1": true,
		"": false, ":8080": false, "example.com": false, "localhost.example.com": false, "localhost.": false,
		"127.0.0.1.example.com": false, "127.0.0.1.nip.io:8080": false, "192.168.0.2": false, "[fe80::1]:80": false,
		"0.0.0.0": false, "[::]": false, "localhost:80:80": false, "127.1": false, "2130706433": false, "localhost\x00": false,
	} {
		if got := local(Hostname(host)); got != want {
			t.Errorf("local(Hostname(%q)) = %v; want %v", host, got, want)
		}
	}
}

// TestServe speaks to a real server: DNS rebinding is refused on loopback only,
// large headers always, and the end of the context ends it without an error.
func TestServe(t *testing.T) {
	for _, tt := range []struct {
		address, host string
		want          int
	}{
		{"127.0.0.1:0", "localhost:1", 200},
		{"127.0.0.1:0", "127.0.0.1", 200},
		{"127.0.0.1:0", "[::1]:99", 200},
		{"127.0.0.1:0", "evil.example", 421},
		{"0.0.0.0:0", "laptop.lan", 200},
	} {
		page, err := Handler(dist)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", tt.address)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- Serve(ctx, l, page) }()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		ask := func(header string) (int, string) {
			r, err := http.NewRequest("GET", "http://127.0.0.1:"+port+"/style.css", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = tt.host
			r.Header.Set("X-Large", header)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			b, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			return answer.StatusCode, string(b)
		}
		if got, text := ask("small"); got != tt.want || (got == 200) != (text == "css") {
			t.Errorf("on %s, Host %s = %d %q; want %d", tt.address, tt.host, got, text, tt.want)
		}
		if got, _ := ask(strings.Repeat("x", 1<<16)); got != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header of 64 KiB = %d; want 431", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve ended with: %v", err)
		}
		if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
			c.Close()
			t.Error("the listener is still open")
		}
	}
}

// away has connections come from another machine.
type away struct{ net.Listener }

func (l away) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return remote{c}, err
}

type remote struct{ net.Conn }

func (remote) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

// Connections of other machines beyond the limit are closed, and room that others leave
// is given again.
func TestConnections(t *testing.T) {
	defer func(n int64) { maxConnections = n }(maxConnections)
	maxConnections = 32
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	near, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for _, l := range []net.Listener{away{l}, near} {
		go func() { ended <- Answer(ctx, l, nil, http.NotFoundHandler()) }()
	}
	// answered reports whether a request is answered on a new connection.
	answered := func(l net.Listener) (c net.Conn, ok bool) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_, wrote := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		_, read := c.Read(make([]byte, 1))
		return c, wrote == nil && read == nil
	}
	var first net.Conn
	for i := range maxConnections {
		c, ok := answered(l)
		if !ok {
			t.Fatalf("connection %d was closed", i+1)
		}
		if first == nil {
			first = c
		}
	}
	if c, ok := answered(l); ok {
		t.Errorf("%d connections are open", maxConnections+1)
	} else {
		c.Close()
	}
	for range 5 {
		if _, ok := answered(near); !ok {
			t.Error("this machine's own are counted, too")
		}
	}
	first.Close()
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		c, ok := answered(l)
		if ok {
			break
		}
		if c.Close(); time.Now().After(end) {
			t.Fatal("the room that a connection left is not given again")
		}
	}
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// Requests of a context that has ended find the server stopped.
func TestServeAfterTheEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	page, err := Handler(dist)
	if err != nil {
		t.Fatal(err)
	}
	if err := Serve(ctx, l, page); err != nil {
		t.Errorf("Serve = %v; want nil", err)
	}
}

// What devices say that do not trust the server is left out of its log, and nothing else.
func TestHandshakes(t *testing.T) {
	var b bytes.Buffer
	log := handshakes{&b}
	for line, kept := range map[string]bool{
		"http: TLS handshake error from 192.168.1.8:1: remote error: tls: unknown certificate authority\n": false,
		"http: TLS handshake error from 192.168.1.8:1: EOF\n":                                              false,
		"http: TLS handshake error from 192.168.1.8:1: the authority has expired\n":                        true,
		"http: panic serving 192.168.1.8:1: EOF\n":                                                         true,
	} {
		b.Reset()
		if n, err := log.Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("%q: %d, %v", line, n, err)
		}
		if got := b.String() == line; got != kept {
			t.Errorf("%q is kept: %v", line, got)
		}
	}
}
