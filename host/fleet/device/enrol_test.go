package device

import (
	"context"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"litefront/host/lan"
	"litefront/kernels/jobs"
)

// says has a host answer the n-th Hello, counted from 1, by what f does, unless it
// reports false.
func (h *host) says(f func(n int, w http.ResponseWriter, said jobs.Hello) bool) {
	n := 0
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = func(w http.ResponseWriter, said jobs.Hello) bool {
		n++
		return f(n, w, said)
	}
}

func (h *host) tokens() (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, said := range h.hellos {
		list = append(list, said.Token)
	}
	return list
}

// A host that refuses the device ends it, with what it says; one that cannot answer now
// is asked again.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(n int, w http.ResponseWriter, said jobs.Hello) bool
		want   string // of the error; empty: it works in the end
	}{
		{"welcome", func(int, http.ResponseWriter, jobs.Hello) bool { return false }, ""},
		{"busy", func(n int, w http.ResponseWriter, _ jobs.Hello) bool {
			if n <= 3 {
				w.WriteHeader([]int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway}[n-1])
			}
			return n <= 3
		}, ""},
		{"refused", func(_ int, w http.ResponseWriter, _ jobs.Hello) bool {
			http.Error(w, "the invitation has expired\n\nask for another", http.StatusForbidden)
			return true
		}, "refuses this device: the invitation has expired  ask for another (403)"},
		{"no fleet", func(_ int, w http.ResponseWriter, _ jobs.Hello) bool { w.WriteHeader(http.StatusNotFound); return true }, "no reason given (404)"},
		{"elsewhere", func(_ int, w http.ResponseWriter, _ jobs.Hello) bool {
			w.Header().Set("Location", "https://other/")
			w.WriteHeader(http.StatusPermanentRedirect)
			return true
		}, `"https://other/"`},
		{"no welcome", func(_ int, w http.ResponseWriter, _ jobs.Hello) bool { _, _ = io.WriteString(w, "hello"); return true }, "its answer: not a message"},
		{"endless", func(_ int, w http.ResponseWriter, _ jobs.Hello) bool {
			_, _ = io.WriteString(w, strings.Repeat(" ", 2*jobs.MaxMessage))
			return true
		}, "at most"},
		{"for another", func(_ int, w http.ResponseWriter, _ jobs.Hello) bool {
			text, err := jobs.Encode(jobs.Welcome{V: jobs.Version, Device: "other", Class: "c", JWT: "x", LeaseMs: 1000})
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(text)
			return true
		}, `"other" is not this one's ID`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t, long)
			h.says(tt.answer)
			r := h.device(h.url+"/#join=TOKEN", t.TempDir(), &script{})
			if tt.want == "" {
				h.putJob(h.job(1))
				h.results(1)
				return
			}
			if err := r.wait(t); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("it ended with %v; want one line with %q", err, tt.want)
			}
		})
	}
}

// A device that the host knows offers no token, until the host has forgotten it.
func TestEnrolAgain(t *testing.T) {
	h := newHost(t, long)
	dir := t.TempDir()
	start := func(address string) {
		t.Helper()
		before := len(h.tokens())
		r := h.device(address, dir, &script{})
		h.until("connection", func() bool { return strings.Contains(r.log.String(), "msg=connected") })
		r.end()
		if err := r.wait(t); err != nil {
			t.Error(err)
		}
		if len(h.tokens()) == before {
			t.Error("it did not enrol")
		}
	}
	start(h.url + "/#join=FIRST")
	start(h.url)
	start(h.url + "/#join=FIRST")
	h.says(func(_ int, w http.ResponseWriter, said jobs.Hello) bool {
		if said.Token == "" {
			http.Error(w, "unknown", http.StatusForbidden)
		}
		return said.Token == ""
	})
	start(h.url + "/#join=SECOND")
	if got := strings.Join(h.tokens(), ","); got != "FIRST,,,,SECOND" {
		t.Errorf("it enrolled with %s", got)
	}
	if err := h.device(h.url, dir, &script{}).wait(t); err == nil || !strings.Contains(err.Error(), "unknown (403)") {
		t.Errorf("forgotten, without an invitation: %v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, said := range h.hellos {
		if said.Key != h.hellos[0].Key {
			t.Error("it has another key")
		}
	}
}

// Credentials that the queue refuses are not used again.
func TestLoginRefused(t *testing.T) {
	h := newHost(t, long)
	h.says(func(n int, w http.ResponseWriter, said jobs.Hello) bool {
		if n <= 2 {
			h.welcome(w, said, must[nkeys.KeyPair](t)(nkeys.CreateAccount()))
		}
		return n <= 2
	})
	r := h.device(h.url, t.TempDir(), &script{})
	h.putJob(h.job(1))
	h.results(1)
	if n := len(h.tokens()); n != 3 {
		t.Errorf("it enrolled %d times:\n%s", n, r.log)
	}
}

// The host is not there yet when the device starts.
func TestHostComesLater(t *testing.T) {
	h := newHost(t, long)
	w := newWire(t, h.url)
	w.cut(true)
	r := h.device(w.url(), t.TempDir(), &script{})
	h.until("third attempt", func() bool { return strings.Count(r.log.String(), "not connected") >= 3 })
	w.cut(false)
	h.putJob(h.job(1))
	h.results(1)
}

// A queue that does not know the device's consumers is left, so that the host can make
// them when it enrols the device anew.
func TestConsumersLost(t *testing.T) {
	h := newHost(t, long)
	h.device(h.url, t.TempDir(), &script{})
	h.state("idle", func(s jobs.State) bool { return s.State == jobs.Idle })
	h.mu.Lock()
	id := jobs.DeviceID(h.hellos[0].Key)
	h.mu.Unlock()
	for _, c := range []string{jobs.DeviceConsumer(id), jobs.ClassConsumer(h.class())} {
		if err := h.js.DeleteConsumer(t.Context(), jobs.JobsStream, c); err != nil {
			t.Fatal(err)
		}
	}
	h.putJob(h.job(1))
	h.results(1)
}

// secure serves h by HTTPS as a host on a local network does, until the test ends.
func (h *host) secure() (url string, a *lan.Authority) {
	h.t.Helper()
	here := lan.Here(netip.MustParseAddr("127.0.0.1"))
	a, _, err := lan.Open(filepath.Join(h.t.TempDir(), "ca"), here)
	if err != nil {
		h.t.Fatal(err)
	}
	listen := func() net.Listener { return must[net.Listener](h.t)(net.Listen("tcp", "127.0.0.1:0")) }
	l, plain := listen(), listen()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- lan.Serve(ctx, l, plain, h.mux, a, here) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(err)
		}
	})
	return "https://" + l.Addr().String(), a
}

// A device trusts the certificate that its invitation names, and that alone, also later.
func TestTLS(t *testing.T) {
	h := newHost(t, long)
	url, a := h.secure()
	dir := t.TempDir()
	invited := url + "/#join=TOKEN&ca=" + a.Fingerprint()
	for i, address := range []string{invited, url, invited} {
		r := h.device(address, dir, &script{})
		h.putJob(h.job(i + 1))
		h.results(i + 1)
		h.empty() // a device that ends before it has heard that its result is stored gives the job back
		r.end()
		if err := r.wait(t); err != nil {
			t.Error(err)
		}
	}
	// Another host with the same address, in whose place the first one was.
	other := url + "/#ca=" + strings.Repeat("00", 32)
	if err := h.device(other, dir, &script{}).wait(t); err == nil || !strings.Contains(err.Error(), "not the one that invited this device") {
		t.Errorf("with another fingerprint: %v", err)
	}
	if n := len(h.tokens()); n != 3 {
		t.Errorf("it enrolled %d times", n)
	}
	r := h.device(url, t.TempDir(), &script{}) // the system's roots
	h.until("refusal", func() bool { return strings.Contains(r.log.String(), "certificate") })
	if n := len(h.tokens()); n != 3 {
		t.Error("it enrolled with a host that it cannot trust")
	}
}

// The certificate may come as a file, which has to fit what the invitation says.
func TestCAFile(t *testing.T) {
	h := newHost(t, long)
	url, a := h.secure()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	file := func(name string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	right := file("right", a.Certificate())
	wrong := file("wrong", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}))
	for _, tt := range []struct{ name, url, file, want string }{
		{"right", url, right, ""},
		{"right and named", url + "/#ca=" + a.Fingerprint(), right, ""},
		{"named otherwise", url + "/#ca=" + a.Fingerprint(), wrong, "the invitation says"},
		{"several", url + "/#ca=" + a.Fingerprint(), file("two", append(a.Certificate(), a.Certificate()...)), "2 certificates instead of one"},
		{"none", url, file("none", []byte("x")), "no certificate"},
		{"a key", url, file("key", []byte("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n")), "is no certificate"},
		{"damaged", url, file("damaged", []byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")), "certificate 1"},
		{"too long", url, file("long", make([]byte, mostCertificate+1)), "more than"},
		{"missing", url, filepath.Join(t.TempDir(), "x"), "ca-file"},
		{"http", h.url, right, "https"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		c := Config{Address: address(t, tt.url), CAFile: tt.file, Dir: t.TempDir(), Hello: hello(), Doer: &script{}, Log: slog.New(slog.DiscardHandler)}
		before := len(h.tokens())
		if tt.want == "" {
			go func() {
				h.until("enrolment", func() bool { return len(h.tokens()) > before || ctx.Err() != nil })
				cancel()
			}()
		}
		err := run(ctx, c, quick)
		cancel()
		if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
		if enrolled := len(h.tokens()) > before; enrolled != (tt.want == "") {
			t.Errorf("%s: enrolled %v", tt.name, enrolled)
		}
	}
}

// Who cannot be told apart from the host is said so.
func TestWarnsOfHTTP(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for url, want := range map[string]bool{"http://192.0.2.1:1": true, "http://127.0.0.1:1": false, "https://192.0.2.1:1": false} {
		log := &text{}
		c := Config{Address: address(t, url), Dir: t.TempDir(), Hello: hello(), Doer: &script{}, Log: slog.New(slog.NewTextHandler(log, nil))}
		if err := run(ctx, c, quick); err != nil {
			t.Error(err)
		}
		if got := strings.Contains(log.String(), "anybody on the network can read and change"); got != want {
			t.Errorf("%s: it warns %v:\n%s", url, got, log)
		}
	}
}

// What a device would say of itself has to be right before it says it.
func TestHelloRefused(t *testing.T) {
	h := newHost(t, long)
	c := Config{Address: address(t, h.url), Dir: t.TempDir(), Hello: hello(), Doer: &script{}, Log: slog.New(slog.DiscardHandler)}
	c.Hello.Label = "Living room"
	if err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "label") {
		t.Errorf("%v", err)
	}
	if len(h.tokens()) > 0 {
		t.Error("it enrolled all the same")
	}
}

// Waits grow up to a limit, and are never of one length.
func TestBackoff(t *testing.T) {
	b := backoff{least: 100, most: 1000}
	for _, whole := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		if d := b.step(); d < whole/2 || d > whole {
			t.Errorf("waits %v where %v is the most", d, whole)
		}
	}
	b.reset()
	if d := b.step(); d > 100 {
		t.Errorf("waits %v anew", d)
	}
}
