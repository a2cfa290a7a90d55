package web

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"litefront/kernels/jobs"
)

// policy is what the page may do. 'wasm-unsafe-eval' lets it compile
// WebAssembly, and nothing else that is made at run time. Scripts still place
// elements by their style property, as ECharts does with its tooltip; what is
// refused is style in markup.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self' 'wasm-unsafe-eval'",
	"worker-src 'self'",
	"manifest-src 'self'",
	"connect-src 'self'",
	"img-src 'self' data: blob:",
	"style-src 'self'",
	"base-uri 'none'",
	"form-action 'none'",
	"frame-ancestors 'none'",
}, "; ")

// The three Cross-Origin headers isolate the page from other origins. Browsers
// give an isolated page shared memory and timers that step 5 µs, not 100 µs.
var headers = map[string]string{
	"Content-Security-Policy":      policy,
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Embedder-Policy": "require-corp",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
}

// types are the media types that browsers insist on: a wrong one stops
// streaming compilation or the script.
var types = map[string]string{
	".css":         "text/css; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".wasm":        "application/wasm",
	".webmanifest": "application/manifest+json",
	"":             "text/plain; charset=utf-8",
}

// content is one representation of a file.
type content struct {
	bytes []byte
	etag  string
}

// file is what one path answers.
type file struct {
	contentType string
	content                        // as it is
	encoded     map[string]content // by content coding
}

// files answers requests from memory. Only what was found at the start can be
// reached, so a path cannot lead anywhere else.
type files map[string]file // by URL path

// Handler serves the files of dist, with index.html at the root. A file next to
// another one, called the same with .br or .gz added, is what clients get that
// accept that encoding. The page finds no fleet here. Clients revalidate on every load, the service worker's script
// included; what it keeps it serves itself.
func Handler(dist fs.FS) (http.Handler, error) {
	served := files{}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name()[0] == '.' || suffixes[path.Ext(name)] != "" {
			return err
		}
		f := file{encoded: map[string]content{}}
		if f.content, err = read(dist, name); err != nil {
			return err
		}
		for suffix, encoding := range suffixes {
			if _, err := fs.Stat(dist, name+suffix); err != nil {
				continue
			}
			if f.encoded[encoding], err = read(dist, name+suffix); err != nil {
				return err
			}
		}
		var known bool
		if f.contentType, known = types[path.Ext(name)]; !known {
			f.contentType = "application/octet-stream"
		}
		served["/"+name] = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	if index, ok := served["/index.html"]; ok {
		served["/"] = index
	}
	return served, nil
}

func read(dist fs.FS, name string) (content, error) {
	b, err := fs.ReadFile(dist, name)
	return content{b, fmt.Sprintf(`"%x"`, sha256.Sum256(b))}, err
}

func (s files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, value := range headers {
		h.Set(name, value)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered", http.StatusMethodNotAllowed)
		return
	}
	f, ok := s[r.URL.Path]
	if !ok && r.URL.Path == jobs.StatePath { // which the page asks for: a server without a fleet
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	body := f.content
	if len(f.encoded) > 0 {
		h.Set("Vary", "Accept-Encoding")
		if encoding := negotiate(r.Header.Values("Accept-Encoding"), f.encoded); encoding != "" {
			h.Set("Content-Encoding", encoding)
			body = f.encoded[encoding]
		}
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", body.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body.bytes))
}
