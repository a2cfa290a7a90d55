//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"litefront/host/lan"
	"litefront/host/web"
)

// lanServer is `litefront serve --lan` as it runs, and what it has printed.
type lanServer struct {
	t           *testing.T
	cmd         *exec.Cmd
	page        []string // URLs
	trust       string   // URL
	file        string   // of the authority
	fingerprint string
	stdout      *bufio.Reader
	stderr      *bytes.Buffer
}

// servingLAN starts `litefront serve --lan`.
func (s sandbox) servingLAN(t *testing.T, args ...string) *lanServer {
	t.Helper()
	l := &lanServer{t: t, cmd: s.command(append([]string{"serve", "--lan"}, args...)...), stderr: &bytes.Buffer{}}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	l.cmd.Stderr = l.stderr
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.cmd.Process.Kill() // it may have ended already
		_ = l.cmd.Wait()
	})
	l.stdout = bufio.NewReader(out)
	for l.fingerprint == "" {
		line := l.line()
		if url, ok := strings.CutPrefix(line, "litefront: serving "); ok {
			l.page = append(l.page, url)
		} else if url, ok := strings.CutPrefix(line, "litefront: devices that do not trust it yet begin at "); ok {
			l.trust = url
		} else if text, ok := strings.CutPrefix(line, "litefront: certificate of "); ok {
			l.file, l.fingerprint, _ = strings.Cut(text, ", SHA-256 ")
		} else {
			t.Fatalf("serve --lan printed %q", line)
		}
	}
	if len(l.page) == 0 || l.trust == "" {
		t.Fatalf("serve --lan printed the addresses %q and %q", l.page, l.trust)
	}
	return l
}

// line is the next line that is printed.
func (l *lanServer) line() string {
	l.t.Helper()
	line, err := l.stdout.ReadString('\n')
	if err != nil {
		l.t.Fatalf("serve --lan printed %q, %v: %s", line, err, l.stderr)
	}
	return strings.TrimSuffix(line, "\n")
}

// end ends the server with Ctrl-C, and returns the lines on standard error.
func (l *lanServer) end() []string {
	l.t.Helper()
	if err := l.cmd.Process.Signal(os.Interrupt); err != nil {
		l.t.Fatal(err)
	}
	if more, err := io.ReadAll(l.stdout); err != nil || len(more) > 0 {
		l.t.Errorf("it also printed %q, %v", more, err)
	}
	if err := l.cmd.Wait(); err != nil {
		l.t.Errorf("it ended with %v", err)
	}
	return strings.SplitAfter(strings.TrimSuffix(l.stderr.String(), "\n"), "\n")
}

// port is that of a URL.
func port(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// get is what a device gets that asks url for a path with a Host header.
func get(t *testing.T, client *http.Client, url, host string) (status int, body []byte) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}

// trusting is a client that has installed the certificate which is served at url.
func trusting(t *testing.T, url string) *http.Client {
	t.Helper()
	_, certificate := get(t, http.DefaultClient, url+"ca.crt", "")
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		t.Fatalf("the certificate is %q", certificate)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestServeLAN starts the server as a user does, twice, and goes the way of a device:
// from the QR code to the certificate to the page.
func TestServeLAN(t *testing.T) {
	if _, err := web.Dist(); err != nil {
		t.Skip(err)
	}
	s := newSandbox(t)
	first := s.servingLAN(t, "--listen", "127.0.0.1:0", "--ca", "ca", "--qr")
	rows := []string{first.line()}
	width := len([]rune(rows[0])) - len("\x1b[38;5;16;48;5;231m"+"\x1b[0m")
	for len(rows) < (width+1)/2 {
		rows = append(rows, first.line())
	}
	isQR(t, rows, first.trust)

	_, trust := get(t, http.DefaultClient, first.trust, "")
	if !bytes.Contains(trust, []byte(first.fingerprint)) || !bytes.Contains(trust, []byte(`href="`+first.page[0]+`"`)) {
		t.Errorf("the first page lacks %s or %s: %s", first.fingerprint, first.page[0], trust)
	}
	device := trusting(t, first.trust)
	if status, page := get(t, device, first.page[0], ""); status != 200 || !bytes.Contains(page, []byte("<title>litefront</title>")) {
		t.Errorf("GET %s = %d %.100q", first.page[0], status, page)
	}
	for _, url := range []string{first.page[0], first.trust} {
		if status, _ := get(t, device, url, "evil.example"); status != http.StatusMisdirectedRequest {
			t.Errorf("GET %s for another host = %d; want 421", url, status)
		}
	}
	for _, path := range []string{"index.html", "page.wasm", "sw.js"} {
		if status, _ := get(t, device, first.trust+path, ""); status != 404 {
			t.Errorf("without HTTPS %s = %d; want 404", path, status)
		}
	}
	if first.file != filepath.Join("ca", lan.File) {
		t.Errorf("the authority is in %s", first.file)
	}

	// The second start has the same authority, and finds the ports taken.
	second := s.servingLAN(t, "--listen", "127.0.0.1:0", "--ca", "ca")
	if second.fingerprint != first.fingerprint {
		t.Error("the second start made another authority")
	}
	if status, _ := get(t, device, second.page[0], ""); status != 200 {
		t.Errorf("a device that trusts the first server gets %d of the second", status)
	}
	notices := 0
	if len(lan.Here(netip.AddrFrom4([4]byte{127, 0, 0, 1})).Private()) == 0 {
		notices = 1 // that there is no local network here
	}
	if lines := first.end(); len(lines) != 1+notices || !strings.Contains(lines[0], "made a certificate authority") {
		t.Errorf("the first start says %q", lines)
	}
	if lines := second.end(); len(strings.Join(lines, "")) > 0 != (notices > 0) {
		t.Errorf("the second start says %q", lines)
	}
}

// Unless it is told otherwise, it listens everywhere, and keeps the authority in the
// user's folder for configuration.
func TestServeLANByDefault(t *testing.T) {
	if _, err := web.Dist(); err != nil {
		t.Skip(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("the sandbox has a folder for configuration on Linux only")
	}
	s := newSandbox(t)
	first := s.servingLAN(t)
	second := s.servingLAN(t) // with the ports taken
	if first.file != filepath.Join(s.path("config"), "litefront", "ca", lan.File) {
		t.Errorf("the authority is in %s", first.file)
	}
	device := trusting(t, "http://localhost:"+port(t, first.trust)+"/")
	for _, l := range []*lanServer{first, second} {
		if last := l.page[len(l.page)-1]; !strings.HasPrefix(last, "https://localhost:") {
			t.Errorf("it prints %q", l.page)
		}
		for _, a := range lan.Here(netip.IPv6Unspecified()).Private() {
			if !a.Is4() {
				continue
			}
			if status, _ := get(t, device, "https://"+a.String()+":"+port(t, l.page[0])+"/", ""); status != 200 {
				t.Errorf("at %s it answers %d", a, status)
			}
		}
		if status, _ := get(t, device, "https://localhost:"+port(t, l.page[0])+"/", ""); status != 200 {
			t.Errorf("at localhost it answers %d", status)
		}
		l.end()
	}
}

// What is wrong with the authority or the flags is one line.
func TestServeLANRefuses(t *testing.T) {
	s := newSandbox(t)
	s.refuses("serve --ca ca", `"ca" is for --lan`)
	s.refuses("serve --qr", "--lan")
	if _, err := web.Dist(); err != nil {
		t.Skip(err)
	}
	s.refuses("serve --lan --listen nonsense", "nonsense")
	s.servingLAN(t, "--listen", "127.0.0.1:0", "--ca", "ca").end()
	file := s.path(filepath.Join("ca", lan.File))
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	s.refuses("serve --lan --listen 127.0.0.1:0 --ca ca", "mode 0644")
	if err := os.WriteFile(file, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	s.refuses("serve --lan --listen 127.0.0.1:0 --ca ca", "damaged")
	s.refuses("serve --lan --listen 127.0.0.1:0 --ca tiny.toml", "tiny.toml")
}

// refuses checks that litefront with args ends with one line that mentions something.
func (s sandbox) refuses(args, mention string) {
	s.t.Helper()
	stdout, stderr, code := s.run(strings.Fields(args)...)
	if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "litefront: ") || !strings.Contains(stderr, mention) || strings.Count(stderr, "\n") != 1 {
		s.t.Errorf("%s exited with %d, stdout %q, stderr %q; want one line about %q", args, code, stdout, stderr, mention)
	}
}
