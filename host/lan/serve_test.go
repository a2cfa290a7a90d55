package lan

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// site is a server on loopback, with a client that trusts its authority and takes
// every name for it.
type site struct {
	t             *testing.T
	authority     *Authority
	secure, plain net.Listener
	client        *http.Client
	stop          context.CancelFunc
	ended         chan error
}

func serving(t *testing.T, a *Authority, h Host) site {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	s := site{t: t, authority: a, secure: listen(), plain: listen(), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "the page at "+r.URL.Path) })
	go func() { s.ended <- Serve(ctx, s.secure, s.plain, page, a, h) }()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(a.Certificate()) {
		t.Fatal("devices cannot read the certificate")
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Time: a.now},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		},
		ForceAttemptHTTP2: true, // as browsers do
	}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport}
	return s
}

// ask makes a request by the name host; as is what its Host header says.
func (s site) ask(method, scheme, host, as, path string) (*http.Response, string) {
	s.t.Helper()
	l := s.plain
	if scheme == "https" {
		l = s.secure
	}
	r, err := http.NewRequest(method, strings.TrimSuffix(URL(scheme, host, l), "/"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.URL.Path, r.Host = path, as
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(body)
}

// TestServe speaks to real servers as a device does, before and after it trusts the
// authority.
func TestServe(t *testing.T) {
	h := laptop(t)
	a, _ := opened(t, t.TempDir(), h)
	s := serving(t, a, h)
	for _, host := range []string{"laptop", "laptop.local", "localhost", "192.168.1.7", "fd00::7", "127.0.0.1"} {
		r, body := s.ask("GET", "https", host, "", "/page.wasm")
		if r.StatusCode != 200 || body != "the page at /page.wasm" || r.TLS.Version != tls.VersionTLS13 {
			t.Errorf("by HTTPS at %s: %s %q", host, r.Status, body)
		}
		r, body = s.ask("GET", "http", host, "", "/")
		if r.StatusCode != 200 || !strings.Contains(body, a.Fingerprint()) || !strings.Contains(body, `href="`+URL("https", host, s.secure)+`"`) {
			t.Errorf("at %s: %s %q", host, r.Status, body)
		}
	}

	// Another name is refused, by whatever name the connection was made.
	for _, scheme := range []string{"http", "https"} {
		for _, as := range []string{"evil.example", "laptop.evil.example", "192.168.1.8", "127.0.0.1.nip.io", "203.0.113.7:80"} {
			if r, body := s.ask("GET", scheme, "laptop", as, "/ca.crt"); r.StatusCode != http.StatusMisdirectedRequest || strings.Contains(body, "BEGIN") {
				t.Errorf("by %s, Host %s: %s %q", scheme, as, r.Status, body)
			}
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			if r, _ := s.ask(method, scheme, "laptop", "", "/ca.crt"); r.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("by %s: %s = %s", scheme, method, r.Status)
			}
		}
		r, body := s.ask("GET", scheme, "laptop", "", "/ca.crt")
		if r.StatusCode != 200 || body != string(a.Certificate()) || r.Header.Get("Content-Type") != "application/x-x509-ca-cert" {
			t.Errorf("by %s: the certificate is %s %q of type %q", scheme, r.Status, body, r.Header.Get("Content-Type"))
		}
		if r, body := s.ask("HEAD", scheme, "laptop", "", "/trust.html"); r.StatusCode != 200 || body != "" {
			t.Errorf("by %s: HEAD = %s %q", scheme, r.Status, body)
		}
	}

	// Without HTTPS there is nothing else.
	for _, path := range []string{
		"/index.html", "/page.wasm", "/sw.js", "/ca.pem", "/ca.key", "//ca.crt", "/ca.crt/", "/./ca.crt", "/../ca.crt", "/..%2fca.pem", `/..\ca.pem`,
		"/trust.html/", "/trust.css", "/serve.go", "/etc/passwd", "/CA.CRT",
	} {
		if r, body := s.ask("GET", "http", "laptop", "", path); r.StatusCode != 404 || strings.Contains(body, "page at") {
			t.Errorf("GET %s = %s %q; want 404", path, r.Status, body)
		}
	}

	// Nobody speaks an older TLS.
	old, err := tls.Dial("tcp", s.secure.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if err == nil {
		old.Close()
		t.Error("it speaks TLS 1.2")
	}

	s.stop()
	if err := <-s.ended; err != nil {
		t.Errorf("Serve ended with: %v", err)
	}
	for _, l := range []net.Listener{s.secure, s.plain} {
		if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
			c.Close()
			t.Error("a listener is still open")
		}
	}
}

// The page about trust may show itself and do nothing, and its style is the one that
// its policy names.
func TestTrustPage(t *testing.T) {
	h := laptop(t)
	a, _ := opened(t, t.TempDir(), h)
	s := serving(t, a, h)
	r, body := s.ask("GET", "http", "laptop", "", "/trust.html")
	policy := r.Header.Get("Content-Security-Policy")
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(body)
	if style == nil {
		t.Fatalf("no style in %s", body)
	}
	sum := sha256.Sum256([]byte(style[1]))
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
		t.Errorf("the policy %q lacks %q", policy, want)
	}
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "script-src") || strings.Contains(policy, "unsafe") || regexp.MustCompile(`<script|style=| on\w+=`).MatchString(body) {
		t.Error("the page has scripts or style in its markup")
	}
	if r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("headers are %v", r.Header)
	}
	for _, want := range []string{
		`href="/ca.crt"`, a.Fingerprint(), "litefront on laptop, 2026-03-04", "4 March 2027", h.String(),
		"Android", "iPhone", "Windows", "macOS", "Linux", "Firefox", "100 µs", "no threads", "service worker",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(body, "To remove it:"); n != strings.Count(body, "<details>") {
		t.Errorf("%d platforms are told how to remove it", n)
	}
}

type listensOn struct {
	net.Listener
	address netip.Addr
}

func (l listensOn) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(l.address, 8443))
}

// The page about trust leads who comes by an unknown name to what is covered, and
// reached where the server listens.
func TestBest(t *testing.T) {
	a, _ := opened(t, t.TempDir(), laptop(t))
	renamed := host("desk", interfaces(t, "192.168.1.7/24"), netip.IPv6Unspecified(), netip.Addr{})
	moved := host("laptop", interfaces(t, "192.168.1.9/24"), netip.IPv6Unspecified(), netip.Addr{})
	for _, tt := range []struct {
		h               Host
		listening, want string
	}{
		{renamed, "::", "192.168.1.7"},
		{renamed, "192.168.1.7", "192.168.1.7"},
		{moved, "::", "laptop.local"},
		{moved, "192.168.1.9", "laptop.local"},
		{moved, "127.0.0.1", "localhost"},
		{moved, "127.0.0.2", "localhost"}, // which no certificate helps
	} {
		if got := newTrust(a, tt.h, listensOn{address: address(t, tt.listening)}).best; got != tt.want {
			t.Errorf("%s, listening on %s: %s; want %s", tt.h, tt.listening, got, tt.want)
		}
	}
}

// Who comes by an address that the authority does not cover still finds the page
// about trust, and it leads to a name that is covered.
func TestServeMoved(t *testing.T) {
	a, _ := opened(t, t.TempDir(), laptop(t))
	moved := host("laptop", interfaces(t, "192.168.1.9/24"), netip.IPv6Unspecified(), netip.Addr{})
	s := serving(t, a, moved)
	if r, body := s.ask("GET", "http", "192.168.1.9", "", "/"); r.StatusCode != 200 || !strings.Contains(body, `href="`+URL("https", "localhost", s.secure)+`"`) || strings.Contains(body, "https://192") {
		t.Errorf("after the move: %s %s", r.Status, body)
	}
	if r, body := s.ask("GET", "https", "laptop.local", "", "/x"); r.StatusCode != 200 || body != "the page at /x" {
		t.Errorf("after the move: %s %q", r.Status, body)
	}
	if r, _ := s.ask("GET", "http", "192.168.1.7", "", "/"); r.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("by an address that is another machine's by now: %s", r.Status)
	}
}
