//go:build !wasm

package chromium

import (
	"embed"
	"net/http"
)

//go:embed engine.html worker.js
var files embed.FS

// Isolated serves engine.html and its worker, in which modules run as in the page of
// litefront, on several threads too; other files, engine.js and thread.js among them,
// are next's. All may use threads and the fine clock.
func Isolated(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", next)
	for _, path := range []string{"/engine.html", "/worker.js"} {
		mux.Handle(path, http.FileServerFS(files))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}
