package web

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"litefront/kernels/jobs"
)

// dist is what cmd/build leaves, with bodies that name their representation.
var dist = fstest.MapFS{
	".gitkeep":      {},
	"index.html":    {Data: []byte("<html>")},
	"index.html.br": {Data: []byte("html as br")},
	"index.html.gz": {Data: []byte("html as gz")},
	"page.wasm":     {Data: []byte("\x00asm")},
	"page.wasm.br":  {Data: []byte("wasm as br")},
	"boot.js":       {Data: []byte("js")},
	"boot.js.gz":    {Data: []byte("js as gz")},
	"style.css":     {Data: []byte("css")},
	"SHA256SUMS":    {Data: []byte("sums")},
	"odd.bin":       {Data: []byte("odd")},
	"a.webmanifest": {Data: []byte("{}")},
	"sub/logo.svg":  {Data: []byte("<svg/>")},
}

func handler(t testing.TB) http.Handler {
	t.Helper()
	h, err := Handler(dist)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "http://localhost/", nil)
	r.URL.Path = target
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFiles(t *testing.T) {
	h := handler(t)
	for _, tt := range []struct{ path, contentType, body string }{
		{"/", "text/html; charset=utf-8", "<html>"},
		{"/index.html", "text/html; charset=utf-8", "<html>"},
		{"/page.wasm", "application/wasm", "\x00asm"},
		{"/boot.js", "text/javascript; charset=utf-8", "js"},
		{"/style.css", "text/css; charset=utf-8", "css"},
		{"/SHA256SUMS", "text/plain; charset=utf-8", "sums"},
		{"/odd.bin", "application/octet-stream", "odd"},
		{"/a.webmanifest", "application/manifest+json", "{}"},
		{"/sub/logo.svg", "image/svg+xml", "<svg/>"},
	} {
		r := get(h, "GET", tt.path)
		if got := body(t, r); r.StatusCode != 200 || got != tt.body || r.Header.Get("Content-Type") != tt.contentType {
			t.Errorf("GET %s = %d %q of type %q; want %q of type %q", tt.path, r.StatusCode, got, r.Header.Get("Content-Type"), tt.body, tt.contentType)
		}
		head := get(h, "HEAD", tt.path)
		if got := body(t, head); head.StatusCode != 200 || got != "" || head.Header.Get("ETag") != r.Header.Get("ETag") {
			t.Errorf("HEAD %s = %d %q with ETag %s; want no body and ETag %s", tt.path, head.StatusCode, got, head.Header.Get("ETag"), r.Header.Get("ETag"))
		}
	}
}

// What is not in the table of files cannot be reached, whatever the path.
func TestNotFound(t *testing.T) {
	h := handler(t)
	for _, path := range []string{
		"", "index.html", "//index.html", "/.", "/..", "/sub", "/sub/", "/sub/../index.html", "/../handler.go",
		"/..%2fhandler.go", "/%2e%2e/handler.go", `/..\handler.go`, "/.gitkeep", "/page.wasm.br", "/boot.js.gz",
		"/index.html/", "/index.html\x00", "/etc/passwd", "/INDEX.HTML",
	} {
		if r := get(h, "GET", path); r.StatusCode != 404 {
			t.Errorf("GET %q = %d; want 404", path, r.StatusCode)
		}
	}
	// Nor with a real server, which cleans no path for us.
	server := httptest.NewServer(h)
	defer server.Close()
	for _, path := range []string{"/../handler.go", "/%2e%2e/handler.go", "/sub/"} {
		r, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != 404 {
			t.Errorf("GET %q = %d; want 404", path, r.StatusCode)
		}
	}
}

// A server without a fleet says so without an error, which browsers would show.
func TestNoFleet(t *testing.T) {
	r := get(handler(t), "GET", jobs.StatePath)
	if r.StatusCode != http.StatusNoContent || body(t, r) != "" || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s answers %s, %q", jobs.StatePath, r.Status, r.Header.Get("Cache-Control"))
	}
}

func TestMethods(t *testing.T) {
	h := handler(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"} {
		r := get(h, method, "/")
		if r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s = %d, Allow: %q; want 405 and GET, HEAD", method, r.StatusCode, r.Header.Get("Allow"))
		}
	}
}

// Errors carry the headers too: a page must not be framed by way of a 404.
func TestHeaders(t *testing.T) {
	h := handler(t)
	want := map[string]string{
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Embedder-Policy": "require-corp",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; manifest-src 'self'; connect-src 'self'; " +
			"img-src 'self' data: blob:; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
	for _, r := range []*http.Response{
		get(h, "GET", "/"), get(h, "GET", "/page.wasm", "Accept-Encoding", "br"), get(h, "GET", "/none"), get(h, "POST", "/"),
		get(h, "GET", "/", "If-None-Match", get(h, "GET", "/").Header.Get("ETag")),
	} {
		for name, value := range want {
			if got := r.Header.Values(name); len(got) != 1 || got[0] != value {
				t.Errorf("%d has %s: %q; want %q", r.StatusCode, name, got, value)
			}
		}
	}
}

func TestEncodings(t *testing.T) {
	h := handler(t)
	for _, tt := range []struct{ path, accept, encoding, body string }{
		{"/", "", "", "<html>"},
		{"/", "gzip, deflate, br, zstd", "br", "html as br"},
		{"/", "gzip, deflate", "gzip", "html as gz"},
		{"/", "GZIP", "gzip", "html as gz"},
		{"/", "br;q=0.5, gzip;q=0.8", "gzip", "html as gz"},
		{"/", "br ; q=0 , gzip ; Q=0.001", "gzip", "html as gz"},
		{"/", "br;q=0, gzip;q=0", "", "<html>"},
		{"/", "*", "br", "html as br"},
		{"/", "*;q=0", "", "<html>"},
		{"/", "br;q=0, *", "gzip", "html as gz"},
		{"/", "identity, br;q=0.5", "", "<html>"},
		{"/", "identity, br", "br", "html as br"},
		{"/", "br;q=2, gzip;q=x, deflate", "", "<html>"},
		{"/", "br;level=3", "", "<html>"},
		{"/", ",,;;q=,", "", "<html>"},
		{"/boot.js", "br", "", "js"},
		{"/boot.js", "br, gzip;q=0.1", "gzip", "js as gz"},
		{"/style.css", "br, gzip", "", "css"},
	} {
		var header []string
		if tt.accept != "" {
			header = []string{"Accept-Encoding", tt.accept}
		}
		r := get(h, "GET", tt.path, header...)
		if got := body(t, r); got != tt.body || r.Header.Get("Content-Encoding") != tt.encoding {
			t.Errorf("%s accepting %q = %q encoded %q; want %q encoded %q", tt.path, tt.accept, got, r.Header.Get("Content-Encoding"), tt.body, tt.encoding)
		}
		if varies := r.Header.Get("Vary") != ""; varies != (tt.path != "/style.css") {
			t.Errorf("%s accepting %q has Vary: %q", tt.path, tt.accept, r.Header.Get("Vary"))
		}
	}
	if r := get(h, "GET", "/", "Accept-Encoding", "deflate", "Accept-Encoding", "gzip"); body(t, r) != "html as gz" {
		t.Error("the second Accept-Encoding header was not read")
	}
}

// A browser that has a file is told so, and each representation is another file.
func TestRevalidation(t *testing.T) {
	h := handler(t)
	tags := map[string]bool{}
	for _, accept := range []string{"identity", "gzip", "br"} {
		r := get(h, "GET", "/", "Accept-Encoding", accept)
		tag := r.Header.Get("ETag")
		tags[tag] = true
		if r.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("Cache-Control: %q; want no-cache", r.Header.Get("Cache-Control"))
		}
		again := get(h, "GET", "/", "Accept-Encoding", accept, "If-None-Match", tag)
		if got := body(t, again); again.StatusCode != 304 || got != "" {
			t.Errorf("revalidating %s = %d %q; want 304", accept, again.StatusCode, got)
		}
		if other := get(h, "GET", "/", "Accept-Encoding", accept, "If-None-Match", `"other"`); other.StatusCode != 200 {
			t.Errorf("another ETag = %d; want 200", other.StatusCode)
		}
	}
	if len(tags) != 3 {
		t.Errorf("ETags %q; want three", slices.Collect(maps.Keys(tags)))
	}
	// The SHA-256 of "<html>", from sha256sum.
	if tag := get(h, "GET", "/").Header.Get("ETag"); tag != `"b7d082ee12e91b756ea22e8513b8594eebcf5d39fab813da3cb55794dc888ad7"` {
		t.Errorf("ETag %s", tag)
	}
}

func TestDist(t *testing.T) {
	if _, err := complete(fstest.MapFS{".gitkeep": {}}); err == nil || !strings.Contains(err.Error(), "make build") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without artefacts: %v; want one line that names make build", err)
	}
	if got, err := complete(dist); err != nil || got == nil {
		t.Errorf("with artefacts: %v, %v", got, err)
	}
	// The program's own artefacts, where they are built, can be served.
	if dist, err := Dist(); err == nil {
		h, err := Handler(dist)
		if err != nil {
			t.Fatal(err)
		}
		if r := get(h, "GET", "/", "Accept-Encoding", "br"); r.StatusCode != 200 || r.Header.Get("Content-Encoding") != "br" {
			t.Errorf("GET / = %d encoded %q; want 200 encoded br", r.StatusCode, r.Header.Get("Content-Encoding"))
		}
	}
}

// FuzzNegotiate checks that whatever a client says, it gets what is on offer and
// nothing it refused.
func FuzzNegotiate(f *testing.F) {
	for _, accept := range []string{"", "br", "gzip, br;q=0", "*;q=0.5", "br;q=1e9", "gzip;;q=", "identity;q=0"} {
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		for _, offer := range []map[string]bool{{}, {"br": true}, {"gzip": true}, {"br": true, "gzip": true}} {
			got := negotiate([]string{accept}, offer)
			if got == "" {
				continue
			}
			if !offer[got] {
				t.Errorf("%q is not on offer", got)
			}
			if lower := strings.ToLower(accept); !strings.Contains(lower, got) && !strings.Contains(lower, "*") {
				t.Errorf("%q was not accepted by %q", got, accept)
			}
		}
	})
}
