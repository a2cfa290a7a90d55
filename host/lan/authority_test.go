package lan

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// start is a day on which tests begin.
var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// opened opens the authority in dir at the beginning of tests.
func opened(t testing.TB, dir string, h Host) (a *Authority, made bool) {
	t.Helper()
	a, made, err := open(dir, h, at(start))
	if err != nil {
		t.Fatal(err)
	}
	return a, made
}

// verify is what a device does that has installed the certificate of a: it trusts the
// chain that a server shows, at a time, for name.
func verify(a *Authority, chain [][]byte, name string, when time.Time) error {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(a.Certificate())
	var certs []*x509.Certificate
	for _, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		certs = append(certs, cert)
		intermediates.AddCert(cert)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, DNSName: name, CurrentTime: when})
	return err
}

// An authority is made once, for its owner alone, and then read.
func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "config", "ca")
	a, made := opened(t, dir, laptop(t))
	if !made {
		t.Error("the first authority was not made")
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, File): 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != want && runtime.GOOS != "windows" {
			t.Errorf("%s has mode %o; want %o", name, mode, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v; want one file", entries, err)
	}
	before, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	// Also for a host that has moved since.
	again, made := opened(t, dir, host("other", nil, netip.IPv6Unspecified(), netip.Addr{}))
	if made || again.Fingerprint() != a.Fingerprint() || !again.key.Equal(a.key) {
		t.Error("the second start has another authority")
	}
	if after, err := os.ReadFile(filepath.Join(dir, File)); err != nil || string(after) != string(before) {
		t.Errorf("the second start wrote the file, %v", err)
	}
	if strings.Contains(string(a.Certificate()), "KEY") || len(a.Fingerprint()) != 32*3-1 {
		t.Errorf("devices get %s with fingerprint %s", a.Certificate(), a.Fingerprint())
	}
	if got, want := a.root.Subject.CommonName, "litefront on laptop, 2026-03-04"; got != want {
		t.Errorf("it is called %q; want %q", got, want)
	}
	if got, want := a.Expires(), start.AddDate(1, 0, 0); !got.Equal(want) {
		t.Errorf("it expires at %v; want %v", got, want)
	}
	if long, _ := opened(t, t.TempDir(), Host{Names: []string{strings.Repeat("a", 63), "localhost"}, Addresses: loopback}); len(long.root.Subject.CommonName) != 64 {
		t.Errorf("a long name makes %q", long.root.Subject.CommonName)
	}
}

// What the server shows is good for each name of the host, and no longer than for a
// month.
func TestSign(t *testing.T) {
	h := laptop(t)
	a, _ := opened(t, t.TempDir(), h)
	c, err := a.sign(h, start)
	if err != nil {
		t.Fatal(err)
	}
	chain := c.Certificate
	for _, name := range []string{"laptop", "laptop.local", "LAPTOP.local", "localhost", "192.168.1.7", "172.17.0.1", "fd00::7", "127.0.0.1", "::1"} {
		if err := verify(a, chain, name, start); err != nil {
			t.Errorf("for %s: %v", name, err)
		}
	}
	for _, name := range []string{"evil.example", "a.laptop", "192.168.1.8"} {
		if verify(a, chain, name, start) == nil {
			t.Errorf("it is good for %s, too", name)
		}
	}
	cert, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	if life := cert.NotAfter.Sub(cert.NotBefore); life > 30*day || cert.NotAfter.Sub(start) < 28*day {
		t.Errorf("it is valid for %v, until %v", life, cert.NotAfter)
	}
	// Phones' clocks may be behind.
	if err := verify(a, chain, "laptop", start.Add(-23*time.Hour)); err != nil {
		t.Error(err)
	}
	// Not longer than the authority.
	late, err := a.sign(h, start.Add(caLife-day))
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(late.Certificate[0]); err != nil || !cert.NotAfter.Equal(a.cert.NotAfter) {
		t.Errorf("at its authority's end it is valid until %v, %v", cert.NotAfter, err)
	}
}

// Whoever has the key can certify this host and nothing else: neither other names,
// nor names below its own, nor other addresses, nor other authorities, nor anything
// but servers.
func TestConstraints(t *testing.T) {
	// A machine that is called like a top-level domain gets no power over it.
	h := host("dev", interfaces(t, "192.168.1.7/24", "fd00::7/64"), netip.IPv6Unspecified(), netip.Addr{})
	a, _ := opened(t, t.TempDir(), h)
	for _, cert := range []*x509.Certificate{a.root, a.cert} {
		if !cert.PermittedDNSDomainsCritical || !limited(cert) {
			t.Errorf("verifiers may ignore the constraints of %s", cert.Subject)
		}
	}
	refused := func(name string, err error) {
		t.Helper()
		var invalid x509.CertificateInvalidError
		if !errors.As(err, &invalid) || invalid.Reason != x509.CANotAuthorizedForThisName {
			t.Errorf("a certificate for %s: %v; want it refused by the constraints", name, err)
		}
	}
	for _, name := range []string{"evil.example", "example.dev", "a.dev", "a.b.dev", "dev.local.example", "a.dev.local", "other.local", "local", "a.localhost", "xdev", "*.dev"} {
		c, err := a.sign(Host{Names: []string{name}}, start)
		if err != nil {
			t.Fatal(err)
		}
		refused(name, verify(a, c.Certificate, strings.Replace(name, "*", "x", 1), start))
		// One name that is permitted does not help the other.
		if c, err = a.sign(Host{Names: []string{"dev", name}, Addresses: h.Addresses}, start); err != nil {
			t.Fatal(err)
		}
		refused("dev and "+name, verify(a, c.Certificate, "dev", start))
	}
	for _, name := range []string{"192.168.1.8", "192.168.1.6", "10.0.0.7", "8.8.8.8", "127.0.0.2", "fd00::8", "2001:db8::1"} {
		c, err := a.sign(Host{Addresses: []netip.Addr{address(t, name)}}, start)
		if err != nil {
			t.Fatal(err)
		}
		refused(name, verify(a, c.Certificate, name, start))
	}
	c, err := a.sign(h, start)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(a, c.Certificate, "dev", start); err != nil {
		t.Errorf("its own name: %v", err)
	}

	// Where the constraints of a root are ignored, the same hold: here it has none.
	naked, key, err := issue(&x509.Certificate{
		Subject: a.root.Subject, NotBefore: a.root.NotBefore, NotAfter: a.root.NotAfter, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cert, authorityKey, err := issue(a.cert, naked, key)
	if err != nil {
		t.Fatal(err)
	}
	ignored := &Authority{naked, cert, authorityKey, a.now}
	if c, err = ignored.sign(Host{Names: []string{"evil.example"}}, start); err != nil {
		t.Fatal(err)
	}
	refused("evil.example, below a root without constraints", verify(ignored, c.Certificate, "evil.example", start))
	if c, err = ignored.sign(h, start); err != nil {
		t.Fatal(err)
	}
	if err := verify(ignored, c.Certificate, "dev", start); err != nil {
		t.Errorf("its own name, below a root without constraints: %v", err)
	}

	another, anotherKey, err := issue(&x509.Certificate{
		NotBefore: start.Add(-day), NotAfter: start.Add(day), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = (&Authority{a.root, another, anotherKey, a.now}).sign(h, start); err != nil {
		t.Fatal(err)
	}
	if verify(a, append(c.Certificate, a.cert.Raw), "dev", start) == nil {
		t.Error("it can certify another authority")
	}
	program, _, err := issue(&x509.Certificate{
		NotBefore: start.Add(-day), NotAfter: start.Add(day), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.root)
	intermediates.AddCert(a.cert)
	if _, err := program.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: start, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}); err == nil {
		t.Error("it can certify programs")
	}
}

// What the authority was not made for is left out of what the server shows, and told.
func TestCovers(t *testing.T) {
	a, _ := opened(t, t.TempDir(), laptop(t))
	moved := host("laptop", interfaces(t, "192.168.1.9/24", "172.17.0.1/16"), netip.IPv6Unspecified(), netip.Addr{})
	covered, rest := a.Covers(moved)
	if got, want := covered.String(), "laptop.local, laptop, localhost, 172.17.0.1, 127.0.0.1, ::1"; got != want {
		t.Errorf("it covers %s; want %s", got, want)
	}
	if got, want := rest.String(), "192.168.1.9"; got != want {
		t.Errorf("it does not cover %s; want %s", got, want)
	}
	renamed := host("desk", nil, netip.IPv6Unspecified(), netip.Addr{})
	if _, rest := a.Covers(renamed); rest.String() != "desk.local, desk" {
		t.Errorf("it does not cover %s", rest)
	}
	c, err := a.config(moved).GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(a, c.Certificate, "laptop.local", start); err != nil {
		t.Errorf("after the move: %v", err)
	}
}

// The server's certificate is renewed while it runs.
func TestRenewal(t *testing.T) {
	h := laptop(t)
	a, _ := opened(t, t.TempDir(), h)
	now := start
	a.now = func() time.Time { return now }
	config := a.config(h)
	shown := func() [][]byte {
		t.Helper()
		c, err := config.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Certificate
	}
	first := shown()
	if now = start.Add(day); !slices.EqualFunc(shown(), first, slices.Equal[[]byte]) {
		t.Error("after a day it is another one")
	}
	for range 10 {
		now = now.Add(20 * day)
		if err := verify(a, shown(), "laptop", now); err != nil {
			t.Errorf("on %v: %v", now, err)
		}
	}
}

// What cannot be used is refused in one line that names the file and what helps, and
// is left as it is.
func TestOpenRefuses(t *testing.T) {
	h := laptop(t)
	whole, _ := opened(t, t.TempDir(), h)
	other, _ := opened(t, t.TempDir(), h)
	block := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	pkcs8 := func(key any) string {
		t.Helper()
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return block(keyBlock, der)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root, cert, key := string(whole.Certificate()), block(certificateBlock, whole.cert.Raw), pkcs8(whole.key)
	changed := slices.Clone(whole.root.Raw)
	changed[len(changed)-1] ^= 1 // of the signature
	all := x509.Certificate{NotBefore: start.Add(-day), NotAfter: start.Add(day), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	free, freeKey, err := issue(&all, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	below, belowKey, err := issue(&all, free, freeKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		content string
		mode    os.FileMode
		now     time.Time
		mention []string
	}{
		{"empty", "", 0o600, start, []string{"damaged", "0 certificates", "remove the file"}},
		{"noise", "\x00\xff\n\nnothing", 0o600, start, []string{"damaged", "0 certificates"}},
		{"cut off", (root + cert + key)[:len(root+cert)+40], 0o600, start, []string{"damaged", "no key"}},
		{"no root", cert + key, 0o600, start, []string{"damaged", "1 certificates"}},
		{"bad certificate", block(certificateBlock, []byte("no")) + cert + key, 0o600, start, []string{"damaged", "a certificate"}},
		{"bad key", root + cert + block(keyBlock, []byte("no")), 0o600, start, []string{"damaged", "its key"}},
		{"another kind of key", root + cert + pkcs8(rsaKey), 0o600, start, []string{"damaged", "ECDSA"}},
		{"another key", root + cert + pkcs8(other.key), 0o600, start, []string{"damaged", "not that of its certificate"}},
		{"changed", block(certificateBlock, changed) + cert + key, 0o600, start, []string{"damaged", "not signed"}},
		{"another root", string(other.Certificate()) + cert + key, 0o600, start, []string{"damaged", "not signed"}},
		{"for all names", block(certificateBlock, free.Raw) + block(certificateBlock, below.Raw) + pkcs8(belowKey), 0o600, start, []string{"damaged", "not limited"}},
		{"too long", strings.Repeat("\n", mostBytes) + root + cert + key, 0o600, start, []string{"bytes long", "at most 65536"}},
		{"for the group", root + cert + key, 0o640, start, []string{"0640", "chmod 600"}},
		{"for all", root + cert + key, 0o604, start, []string{"0604", "chmod 600"}},
		{"expired", root + cert + key, 0o600, start.Add(caLife + time.Second), []string{"expired on 2027-03-04", "remove the file", "install"}},
		{"from tomorrow", root + cert + key, 0o600, start.Add(-2 * day), []string{"2026-03-03", "clock"}},
	} {
		if tt.mode != 0o600 && runtime.GOOS == "windows" {
			continue
		}
		dir := t.TempDir()
		path := filepath.Join(dir, File)
		if err := os.WriteFile(path, []byte(tt.content), tt.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tt.mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
		_, made, err := open(dir, h, at(tt.now))
		if err == nil || made {
			t.Errorf("%s: it was taken, %v", tt.name, err)
			continue
		}
		for _, mention := range append(tt.mention, path) {
			if !strings.Contains(err.Error(), mention) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %q; want one line about %q", tt.name, err, mention)
			}
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != tt.content {
			t.Errorf("%s: the file was changed, %v", tt.name, err)
		}
	}
	// A folder in its place, and a file in the folder's.
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, File), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, file} {
		if _, _, err := Open(dir, h); err == nil || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Open(%s) = %v; want one line about it", dir, err)
		}
	}
}

// The constraints are single addresses, of both families.
func TestRanges(t *testing.T) {
	a, _ := opened(t, t.TempDir(), laptop(t))
	var got []string
	for _, n := range a.cert.PermittedIPRanges {
		got = append(got, n.String())
	}
	if want := []string{"192.168.1.7/32", "172.17.0.1/32", "fd00::7/128", "127.0.0.1/32", "::1/128"}; !slices.Equal(got, want) {
		t.Errorf("it permits %q; want %q", got, want)
	}
	if len(net.ParseIP("192.168.1.7").To4()) != len(a.cert.PermittedIPRanges[0].IP) {
		t.Error("an address of IPv4 is written as one of IPv6")
	}
}

// No file of an authority, whatever is in it, makes Open panic.
func FuzzParse(f *testing.F) {
	a, _ := opened(f, f.TempDir(), laptop(f))
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(slices.Concat(a.Certificate(),
		pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: a.cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der})))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, cert, key, err := parse(data)
		if err == nil && !key.PublicKey.Equal(cert.PublicKey) {
			t.Error("the key is another one")
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %q", err)
		}
	})
}
