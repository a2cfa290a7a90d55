package device

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

const (
	certificatePath  = "/ca.crt" // of a host that serves by HTTPS of its own
	mostCertificate  = 64 << 10  // bytes
	mostCertificates = 16
)

// certificates reads a PEM file of certificates and nothing else.
func certificates(data []byte) (list []*x509.Certificate, err error) {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%.40q in the file is no certificate", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %.200s", len(list)+1, err)
		}
		if list = append(list, cert); len(list) > mostCertificates {
			return nil, fmt.Errorf("more than %d certificates", mostCertificates)
		}
		data = rest
	}
	if len(list) == 0 {
		return nil, errors.New("no certificate in PEM format")
	}
	return list, nil
}

// matches demands that data is one certificate and has the fingerprint.
func matches(data []byte, fingerprint string) error {
	list, err := certificates(data)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return fmt.Errorf("%d certificates instead of one", len(list))
	}
	sum := sha256.Sum256(list[0].Raw)
	if got := hex.EncodeToString(sum[:]); got != fingerprint {
		return fmt.Errorf("its SHA-256 is %s, and the invitation says %s", got, fingerprint)
	}
	return nil
}

// readRoots reads the file that --ca-file names; a's fingerprint must be its own, if
// there is one.
func readRoots(path string, a Address) (string, error) {
	if a.Scheme != "https" {
		return "", fmt.Errorf("ca-file %q is for https, and the URL says http", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("ca-file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostCertificate+1))
	if err == nil && len(data) > mostCertificate {
		err = fmt.Errorf("more than %d bytes", mostCertificate)
	}
	if err == nil && a.CA != "" {
		err = matches(data, a.CA)
	} else if err == nil {
		_, err = certificates(data)
	}
	if err != nil {
		return "", fmt.Errorf("ca-file %q: %w", path, err)
	}
	return string(data), nil
}

// fetchRoot asks the host for the certificate whose fingerprint a has. Whoever answers
// need not be trusted: nothing but that certificate is taken.
func fetchRoot(ctx context.Context, a Address) (string, error) {
	// By what follows alone is decided whether this is the host.
	client := httpClient(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	defer client.CloseIdleConnections()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url(certificatePath), nil)
	if err != nil {
		return "", err
	}
	r, err := client.Do(q)
	if err != nil {
		return "", plain(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		err := fmt.Errorf("host %s: it answers %d for %s", a.Host, r.StatusCode, certificatePath)
		if passing(r.StatusCode) {
			return "", err
		}
		return "", final{err}
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, mostCertificate+1))
	if err != nil {
		return "", plain(err)
	}
	if len(data) > mostCertificate {
		return "", final{fmt.Errorf("host %s: a certificate of more than %d bytes", a.Host, mostCertificate)}
	}
	if err := matches(data, a.CA); err != nil {
		return "", final{fmt.Errorf("host %s is not the one that invited this device, or somebody is in between: %w", a.Host, err)}
	}
	return string(data), nil
}

// config is how to reach a by TLS, where roots are PEM, or empty for the system's.
func config(roots string) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if roots != "" {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM([]byte(roots)) // which certificates has read
	}
	return c
}

// httpClient follows no redirect: what is meant for one host is for no other.
func httpClient(c *tls.Config) *http.Client {
	return &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{TLSClientConfig: c, TLSHandshakeTimeout: patience, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// passing reports whether a host that answers so may answer otherwise later.
func passing(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests
}

// final wraps an error against which no new attempt helps.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// plain makes an error of one line.
func plain(err error) error {
	if err == nil || !strings.Contains(err.Error(), "\n") {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
}
