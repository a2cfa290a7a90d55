package lan

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"sync"
	"time"
)

// leaf is the certificate that the server shows, which exists in memory only.
type leaf struct {
	authority *Authority
	host      Host // what the authority covers

	mu      sync.Mutex
	current *tls.Certificate
	renew   time.Time
}

// config is how to serve h by HTTPS. What a does not cover is left out: a single
// name beyond the constraints makes a certificate worthless for all.
func (a *Authority) config(h Host) *tls.Config {
	covered, _ := a.Covers(h)
	l := &leaf{authority: a, host: covered}
	return &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: l.certificate}
}

// certificate is the current one, which is followed by another in the middle of its
// life: servers may run for months.
func (l *leaf) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.authority.now().Round(0) // by the wall: the monotonic clock stands while a machine sleeps
	if l.current == nil || now.After(l.renew) {
		c, err := l.authority.sign(l.host, now)
		if err != nil {
			return nil, err
		}
		l.current, l.renew = c, now.Add(leafLife/2)
	}
	return l.current, nil
}

// sign makes a key and certifies it for h.
func (a *Authority) sign(h Host, now time.Time) (*tls.Certificate, error) {
	begin := now.Add(-behind)
	end := begin.Add(leafLife)
	if end.After(a.cert.NotAfter) {
		end = a.cert.NotAfter
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"litefront"}},
		NotBefore:   begin,
		NotAfter:    end,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    h.Names,
	}
	for _, address := range h.Addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(address.AsSlice()))
	}
	cert, key, err := issue(template, a.cert, a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key}, nil
}
