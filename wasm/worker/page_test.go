//go:build !wasm

package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"litefront/internal/browsertest"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// TestWorker runs the worker alone in Chromium.
func TestWorker(t *testing.T) {
	tab := browsertest.New(t)
	if err := chromedp.Do(tab); err != nil { // starts the browser
		t.Fatal(err)
	}
	module := build(t)
	isolated, plain := serve(t, module, true), serve(t, module, false)
	for _, test := range []struct {
		name, server, script string
		run                  func(*testing.T, *page)
	}{
		{"search", isolated, "worker.js", searchOn(12, "simd128", "relaxed-simd", "isolated")},
		{"search portable", isolated, "portable.js", searchOn(12, "simd128", "isolated")},
		{"search not isolated", plain, "worker.js", searchOn(2, "simd128", "relaxed-simd", "not-isolated")},
		{"search with threads", isolated, "worker.js", searchThreads},
		{"threads not isolated", plain, "worker.js", threadsNotIsolated},
		{"same logits with threads", isolated, "bare.js", sameLogits},
		{"a thread fails", isolated, "bare.js", threadFails},
		{"threads meet", isolated, "bare.js", threadsMeet},
		{"stop and continue", isolated, "worker.js", stopAndContinue},
		{"export and import", isolated, "worker.js", exportAndImport},
		{"memory refused", isolated, "little.js", memoryRefused},
		{"no SIMD", isolated, "nosimd.js", noSIMD},
		{"not a command", isolated, "worker.js", notACommand},
		{"not loaded", isolated, "unloadable.js", notLoaded},
		{"forgotten elsewhere", isolated, "worker.js", changedElsewhere("store.clear()")},
		{"replaced elsewhere", isolated, "worker.js", changedElsewhere(`store.count().onsuccess = (e) => store.put("other", e.target.result)`)},
		{"added to elsewhere", isolated, "worker.js", changedElsewhere(`store.count().onsuccess = (e) => store.add("other", e.target.result + 1)`)},
		{"two searches", isolated, "worker.js", twoSearches},
		{"newer journal", isolated, "worker.js", newerJournal},
		{"newer database", isolated, "worker.js", newerDatabase},
		{"quota", isolated, "worker.js", quota},
	} {
		t.Run(test.name, func(t *testing.T) {
			// A profile of its own, so that tests share no storage.
			ctx, cancel := chromedp.NewContext(tab, chromedp.WithNewBrowserContext())
			t.Cleanup(cancel)
			p := &page{t: t, ctx: ctx, server: test.server, script: test.script}
			p.reload()
			test.run(t, p)
		})
	}
}

// build compiles the program that the worker runs and returns its file.
func build(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.wasm")
	cmd := exec.Command("go", "build", "-o", file, "../../cmd/page")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return file
}

// serve serves the worker, to pages that are isolated from others or not.
func serve(t *testing.T, module string, isolated bool) (url string) {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for name, file := range map[string]string{
		"page.wasm":    module,
		"worker.js":    filepath.Join("..", "..", "ui", "static", "worker.js"),
		"thread.js":    filepath.Join("..", "..", "ui", "static", "thread.js"),
		"gpu.js":       filepath.Join("..", "..", "ui", "static", "gpu.js"),
		"engine.js":    filepath.Join("..", "..", "ui", "static", "engine.js"),
		"wasm_exec.js": filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec.js"),
	} {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	mux.Handle("/", http.FileServer(http.Dir("testdata")))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'")
		if isolated {
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Cross-Origin-Embedder-Policy", "require-corp")
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// page is a tab with a worker.
type page struct {
	t              *testing.T
	ctx            context.Context
	server, script string
	seen           int // messages
}

// reload opens the page anew, with a new worker.
func (p *page) reload() {
	p.t.Helper()
	p.seen = 0
	url := p.server + "/page.html#" + p.script
	// By way of another page: the same address alone would load nothing.
	if err := chromedp.Do(p.ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url)); err != nil {
		p.t.Fatal(err)
	}
}

// post sends any text to the worker.
func (p *page) post(text string) {
	p.t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		p.t.Fatal(err)
	}
	browsertest.Eval[bool](p.t, p.ctx, fmt.Sprintf("worker.postMessage(%s), true", quoted))
}

func (p *page) send(c search.Command) {
	p.t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		p.t.Fatal(err)
	}
	p.post(string(text))
}

// until returns what the worker says, up to the message that is the last.
func (p *page) until(last func(search.Message) bool) (messages []search.Message) {
	p.t.Helper()
	for {
		for _, text := range browsertest.Eval[[]string](p.t, p.ctx, fmt.Sprintf("after(%d)", p.seen)) {
			p.seen++
			var m search.Message
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				p.t.Fatalf("message %s: %v", text, err)
			}
			if strings.ContainsAny(m.Error, "\n\r") {
				p.t.Errorf("error %q is not one line", m.Error)
			}
			messages = append(messages, m)
			if last(m) {
				return messages
			}
			if strings.HasPrefix(m.Error, "onerror: ") {
				p.t.Fatalf("the worker is dead: %+v", messages)
			}
		}
	}
}

// open returns the device and what else the worker says of itself.
func (p *page) open() (*trial.Device, []search.Message) {
	p.t.Helper()
	p.send(search.Command{Do: search.DoOpen})
	messages := p.answer()
	last := len(messages) - 1
	if messages[0].Device == nil || messages[last].State != search.StateIdle {
		p.t.Fatalf("open says %+v", messages)
	}
	return messages[0].Device, messages[1:last]
}

// answer returns all that is said in answer to the commands sent: up to the
// echo of one that does not exist.
func (p *page) answer() []search.Message {
	p.t.Helper()
	p.send(search.Command{Do: "echo"})
	messages := p.until(func(m search.Message) bool { return strings.Contains(m.Error, `"echo"`) })
	return messages[:len(messages)-1]
}

// search runs a search to its end.
func (p *page) search(q search.Request) []search.Message {
	p.t.Helper()
	p.send(search.Command{Do: search.DoStart, Request: &q})
	return p.until(idle)
}

func idle(m search.Message) bool { return m.State == search.StateIdle }

func measured(m search.Message) bool { return m.Event != nil && m.Event.Kind == trial.KindMeasured }

func (p *page) export() string {
	p.t.Helper()
	p.send(search.Command{Do: search.DoExport})
	messages := p.answer()
	if len(messages) != 1 || messages[0].Journal == "" {
		p.t.Fatalf("export says %+v", messages)
	}
	return messages[0].Journal
}
