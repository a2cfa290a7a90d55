package lan

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"litefront/host/web"
)

// What a device asks for before it trusts the authority.
const (
	trustPath       = "/trust.html"
	certificatePath = "/ca.crt"
)

//go:embed trust.html
var trustHTML string

//go:embed trust.css
var trustCSS string

// trustHeaders let the page show itself, and nothing else. Those that isolate a page
// are missing: browsers complain of them where they came without HTTPS.
var trustHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + styleHash() + "'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"Referrer-Policy":         "no-referrer",
	"X-Content-Type-Options":  "nosniff",
	"Cache-Control":           "no-cache",
}

func styleHash() string {
	sum := sha256.Sum256([]byte(trustCSS))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// trust answers with the page about the authority, and with its certificate.
type trust struct {
	authority   *Authority
	covered     Host
	best        string // of covered, for who came by another name or address
	port        string // of HTTPS
	certificate []byte
}

var trustPage = template.Must(template.New("trust").Parse(trustHTML))

// newTrust is for an authority whose host h is served by HTTPS on secure.
func newTrust(a *Authority, h Host, secure net.Listener) *trust {
	covered, _ := a.Covers(h)
	best := "localhost" // which every authority covers
	if listening, err := netip.ParseAddrPort(secure.Addr().String()); err == nil {
		best = append(covered.Reached(listening.Addr()), best)[0]
	}
	return &trust{authority: a, covered: covered, best: best, port: port(secure), certificate: a.Certificate()}
}

// beside has t answer for its own paths, and page for all others.
func (t *trust) beside(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains([]string{trustPath, certificatePath}, r.URL.Path) {
			t.ServeHTTP(w, r)
			return
		}
		page.ServeHTTP(w, r)
	})
}

func (t *trust) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, value := range trustHeaders {
		h.Set(name, value)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered", http.StatusMethodNotAllowed)
		return
	}
	var body []byte
	switch r.URL.Path {
	case "/", trustPath:
		var err error
		if body, err = t.render(web.Hostname(r.Host)); err != nil {
			http.Error(w, "the page cannot be made", http.StatusInternalServerError)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
	case certificatePath:
		body = t.certificate
		h.Set("Content-Type", "application/x-x509-ca-cert")
	default:
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// render makes the page for who came by the name or address host. It leads to HTTPS
// by the same if the authority covers that, and otherwise by the best name it covers.
func (t *trust) render(host string) ([]byte, error) {
	to, ok := t.covered.find(host)
	if !ok {
		to = t.best
	}
	var b bytes.Buffer
	err := trustPage.Execute(&b, map[string]any{
		"Style":       template.CSS(trustCSS),
		"Page":        "https://" + net.JoinHostPort(to, t.port) + "/",
		"Certificate": certificatePath,
		"Fingerprint": t.authority.Fingerprint(),
		"Name":        t.authority.root.Subject.CommonName,
		"Expires":     t.authority.Expires().Format("2 January 2006"),
		"Hosts":       t.covered.String(),
	})
	return b.Bytes(), err
}
