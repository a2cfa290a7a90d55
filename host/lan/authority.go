package lan

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"litefront/host/wholefile"
)

const (
	// File is what the authority is called in its folder: root, certificate and key
	// in one file, so that there is never one without the others.
	File = "ca.pem"

	day      = 24 * time.Hour
	caLife   = 365 * day
	leafLife = 30 * day
	behind   = day // how far the clocks of devices may be behind

	mostBytes = 64 << 10 // of the file
)

// The kinds of blocks in the file, as openssl calls them.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

// remedy is what helps against every authority that cannot be used any more. A new
// one is never made silently: every device would have to install it.
const remedy = "remove the file and start again, and have devices install the certificate of the new one"

// An Authority signs certificates for one host, and its own certificate says so
// (RFC 5280, name constraints): whoever gets hold of the key can stand in for what
// this host is called, on any network where a device uses such a name or address, and
// for nothing else.
//
// What devices trust is a root above it, since the constraints of a root itself are
// not heeded everywhere, as on Apple's systems. Nobody has the root's key: it signed
// once, and was forgotten.
type Authority struct {
	root *x509.Certificate // with the same constraints
	cert *x509.Certificate
	key  *ecdsa.PrivateKey // of cert
	now  func() time.Time
}

// Open reads the authority in dir, or makes one for h if there is none. Errors are
// one line that names the file.
func Open(dir string, h Host) (a *Authority, made bool, err error) {
	return open(dir, h, time.Now)
}

func open(dir string, h Host, now func() time.Time) (a *Authority, made bool, err error) {
	path := filepath.Join(dir, File)
	data, err := readSecret(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		a, err = create(path, h, now)
		return a, err == nil, err
	case err != nil:
		return nil, false, fmt.Errorf("certificate authority %q: %w", path, err)
	}
	a = &Authority{now: now}
	if a.root, a.cert, a.key, err = parse(data); err != nil {
		return nil, false, fmt.Errorf("certificate authority %q is damaged: %w; %s", path, err, remedy)
	}
	switch t := now(); {
	case t.After(a.cert.NotAfter):
		return nil, false, fmt.Errorf("certificate authority %q expired on %s; %s", path, a.cert.NotAfter.Format(time.DateOnly), remedy)
	case t.Before(a.cert.NotBefore):
		return nil, false, fmt.Errorf("certificate authority %q is valid from %s on, and it is %s by this machine's clock; set the clock", path, a.cert.NotBefore.Format(time.DateOnly), t.Format(time.DateOnly))
	}
	return a, false, nil
}

// readSecret reads a file that only its owner may read. Windows has no such modes;
// there the user's folder keeps others out.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path) // first: a pipe's end may never open
	if err != nil {
		return nil, errors.Unwrap(err) // without the path, which callers know
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a file")
	}
	if info.Size() > mostBytes {
		return nil, fmt.Errorf("%d bytes long; an authority has at most %d", info.Size(), mostBytes)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("others may read or write the key (mode %04o); if nobody has, chmod 600 helps, otherwise %s", mode, remedy)
	}
	return io.ReadAll(io.LimitReader(f, mostBytes))
}

// parse reads what create has written.
func parse(data []byte) (root, cert *x509.Certificate, key *ecdsa.PrivateKey, err error) {
	fail := func(err error) (*x509.Certificate, *x509.Certificate, *ecdsa.PrivateKey, error) {
		return nil, nil, nil, err
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case certificateBlock:
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return fail(fmt.Errorf("a certificate: %w", err))
			}
			certs = append(certs, c)
		case keyBlock:
			k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return fail(fmt.Errorf("its key: %w", err))
			}
			var ok bool
			if key, ok = k.(*ecdsa.PrivateKey); !ok {
				return fail(errors.New("its key is not for ECDSA"))
			}
		}
	}
	if len(certs) != 2 {
		return fail(fmt.Errorf("it has %d certificates instead of 2", len(certs)))
	}
	root, cert = certs[0], certs[1]
	switch {
	case key == nil:
		return fail(errors.New("it has no key"))
	case !key.PublicKey.Equal(cert.PublicKey):
		return fail(errors.New("its key is not that of its certificate"))
	case root.CheckSignatureFrom(root) != nil || cert.CheckSignatureFrom(root) != nil:
		return fail(errors.New("a certificate is not signed by its root"))
	case !limited(root) || !limited(cert):
		return fail(errors.New("a certificate is not limited to a host"))
	}
	return root, cert, key, nil
}

// limited reports whether cert has constraints as limit makes them: single names, with
// nothing below them, and single addresses.
func limited(cert *x509.Certificate) bool {
	below := func(name string) bool { return !slices.Contains(cert.ExcludedDNSDomains, "."+name) }
	several := func(n *net.IPNet) bool {
		ones, bits := n.Mask.Size()
		return ones != bits
	}
	return cert.PermittedDNSDomainsCritical &&
		slices.Contains(cert.PermittedDNSDomains, "localhost") && !slices.ContainsFunc(cert.PermittedDNSDomains, below) &&
		len(cert.PermittedIPRanges) > 0 && !slices.ContainsFunc(cert.PermittedIPRanges, several)
}

// create makes an authority for h and keeps it in the file at path.
func create(path string, h Host, now func() time.Time) (*Authority, error) {
	a, err := invent(h, now)
	if err != nil {
		return nil, fmt.Errorf("certificate authority %q: %w", path, err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate authority %q: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("certificate authority %q: %w", path, err)
	}
	err = wholefile.WriteSecret(path, func(w io.Writer) error {
		return errors.Join(
			pem.Encode(w, &pem.Block{Type: certificateBlock, Bytes: a.root.Raw}),
			pem.Encode(w, &pem.Block{Type: certificateBlock, Bytes: a.cert.Raw}),
			pem.Encode(w, &pem.Block{Type: keyBlock, Bytes: secret}),
		)
	})
	if err != nil {
		return nil, fmt.Errorf("certificate authority %q: %w", path, err)
	}
	return a, nil
}

// invent makes the root, which signs an authority for h and can then sign no more.
func invent(h Host, now func() time.Time) (*Authority, error) {
	begin := now()
	template := x509.Certificate{
		NotBefore:             begin.Add(-behind),
		NotAfter:              begin.Add(caLife),
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, // neither mail nor programs
	}
	limit(&template, h)
	above, below := template, template
	above.Subject = pkix.Name{Organization: []string{"litefront"}, CommonName: commonName(h, begin)}
	above.MaxPathLen = 1
	below.Subject = pkix.Name{Organization: []string{"litefront"}, CommonName: "litefront serve --lan"}
	below.MaxPathLenZero = true // no other authority below it
	root, rootKey, err := issue(&above, nil, nil)
	if err != nil {
		return nil, err
	}
	cert, key, err := issue(&below, root, rootKey)
	if err != nil {
		return nil, err
	}
	return &Authority{root, cert, key, now}, nil
}

// issue makes a key, and a certificate for it that by signs, or its own key without
// by.
func issue(template, by *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if by == nil {
		by, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

// commonName is what people find the root by who want to remove it, cut to the
// 64 bytes that X.509 has for it.
func commonName(h Host, begin time.Time) string {
	name, _, _ := strings.Cut(h.Names[0], ".")
	end := begin.Format(", 2006-01-02")
	name = "litefront on " + name
	return name[:min(len(name), 64-len(end))] + end
}

// limit adds the constraints that permit the names and addresses of h and nothing
// else. A permitted name permits all below it as well, and a host that is called dev
// would have an authority for every site in .dev; so what is below is excluded.
// That a leading dot leaves out the name itself is not in RFC 5280 (erratum 5997),
// but it is so in the verifiers of Go, OpenSSL, Chromium and Apple.
func limit(cert *x509.Certificate, h Host) {
	cert.PermittedDNSDomainsCritical = true
	for _, name := range h.Names {
		cert.PermittedDNSDomains = append(cert.PermittedDNSDomains, name)
		cert.ExcludedDNSDomains = append(cert.ExcludedDNSDomains, "."+name)
	}
	for _, a := range h.Addresses {
		cert.PermittedIPRanges = append(cert.PermittedIPRanges, &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())})
	}
}

// Certificate is the root, for devices to install, as PEM.
func (a *Authority) Certificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: a.root.Raw})
}

// Fingerprint is the SHA-256 of the root, as devices show it.
func (a *Authority) Fingerprint() string {
	sum := sha256.Sum256(a.root.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// Expires is when the root and the authority do.
func (a *Authority) Expires() time.Time { return a.cert.NotAfter }

// Covers splits h into what a can certify and the rest, which it was not made for.
func (a *Authority) Covers(h Host) (covered, rest Host) {
	for _, name := range h.Names {
		of := &rest
		if slices.Contains(a.cert.PermittedDNSDomains, name) {
			of = &covered
		}
		of.Names = append(of.Names, name)
	}
	for _, address := range h.Addresses {
		of := &rest
		if slices.ContainsFunc(a.cert.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(address.AsSlice()) }) {
			of = &covered
		}
		of.Addresses = append(of.Addresses, address)
	}
	return covered, rest
}
