//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"litefront/host/web"
	"litefront/internal/browsertest"
	"litefront/kernels/jobs"
)

// buildSite serves the page at one address, now one build of it, now another, now
// none.
type buildSite struct {
	t       *testing.T
	address string
	stop    func()
}

func (s *buildSite) serve(dist fs.FS) {
	s.t.Helper()
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	page, err := web.Handler(dist)
	if err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(ctx, l, page) }()
	s.stop = func() {
		s.t.Helper()
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	}
}

func (s *buildSite) url() string { return "http://" + s.address + "/" }

// integrity is the hash by which browsers know a file.
func integrity(content []byte) string {
	s := sha256.Sum256(content)
	return "sha256-" + base64.StdEncoding.EncodeToString(s[:])
}

func buildName(number string) string { return strings.Repeat("0", 12-len(number)) + number }

// rebuilt is the build dist with a style sheet that says which it is.
func rebuilt(t *testing.T, dist fs.FS, number string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".br" || path.Ext(name) == ".gz" {
			return err
		}
		content, err := fs.ReadFile(dist, name)
		files[name] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	before := files["style.css"].Data
	after := slices.Concat(before, []byte("\n:root { --build: "+number+"; }\n"))
	files["style.css"].Data = after
	script := files["sw.js"].Data
	if !bytes.Contains(script, []byte(integrity(before))) {
		t.Fatal("the service worker does not know the style sheet")
	}
	script = bytes.Replace(script, []byte(integrity(before)), []byte(integrity(after)), 1)
	files["sw.js"].Data = regexp.MustCompile(`const BUILD = '[0-9a-f]{12}';`).ReplaceAll(script, []byte("const BUILD = '"+buildName(number)+"';"))
	return files
}

// ask is eval of a page that may reload meanwhile: then the browser answers with an
// error, or never.
func ask[T any](p tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// said is which build the page runs, and its state; while it reloads, an error.
func (p tab) said() string {
	text, err := ask[string](p, `getComputedStyle(document.documentElement).getPropertyValue("--build").trim() + " " + document.documentElement.dataset.state`)
	if err != nil {
		return err.Error()
	}
	return text
}

// runs waits until the page runs a build and is idle, whether or not it reloads
// meanwhile.
func (p tab) runs(number string) {
	p.t.Helper()
	want := number + " idle"
	if !eventually(func() bool { return p.said() == want }) {
		p.t.Fatalf("the page is %q; want %q", p.said(), want)
	}
}

// takeBuild presses the button until the page is as it should be: again wherever the
// page asks for it, since a browser with much to do does not answer in time.
func (p tab) takeBuild(so func() bool) {
	p.t.Helper()
	p.click("take-build")
	if !eventually(func() bool {
		_, err := ask[bool](p, `(() => {
			const silent = document.getElementById("errors").innerText.includes("take the new version again");
			if (silent) for (const id of [".dismiss", "#take-build"]) document.querySelector(id).click();
			return silent;
		})()`)
		return err == nil && so() // it fails while the page reloads
	}) {
		p.t.Fatalf("the newer build was asked for; the page is %q", p.said())
	}
}

// visitUntil visits the page again until it runs a build. It does not wait for it to
// load: where the page takes another build it reloads itself before it has, which nobody
// is told.
func (p tab) visitUntil(number string) {
	p.t.Helper()
	want := number + " idle"
	if !eventually(func() bool {
		// Not while it loads, which would then begin again.
		if said := p.said(); strings.HasSuffix(said, " idle") && said != want {
			_, _ = ask[bool](p, `setTimeout(() => location.reload()), true`) // again, if it was not heard
			return within(8*time.Second, func() bool { return p.said() == want })
		}
		return p.said() == want
	}) {
		p.t.Fatalf("the page is %q, not the build %s that waited", p.said(), number)
	}
}

const offered = `!document.getElementById("take-build").hidden`

// TestPageOffline visits the page once, stops its server, and searches; and then
// follows it from build to build, none of which may get files of another.
func TestPageOffline(t *testing.T) {
	dist := pageDist(t)
	site := &buildSite{t: t, address: "127.0.0.1:0"}
	site.serve(dist)
	p := tab{t, browsertest.New(t, "net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_RESET", "net::ERR_EMPTY_RESPONSE")}
	p.open(site.url())
	p.runs("")

	// The browser would install it.
	manifest, err := chromedp.Call(p.ctx, page.GetAppManifest, page.GetAppManifestParams{})
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Errors) > 0 || !strings.Contains(manifest.Data, `"start_url"`) {
		t.Errorf("the manifest: %v, %s", manifest.Errors, manifest.Data)
	}

	// What it loaded is kept, and what a search loads later.
	eval[bool](p, `navigator.serviceWorker.ready.then(() => true)`)
	kept := eval[[]string](p, `(async () => {
		const names = await caches.keys();
		const requests = await (await caches.open(names[0])).keys();
		return names.slice(1).concat(requests.map((r) => new URL(r.url).pathname.slice(1)));
	})()`)
	loaded := eval[[]string](p, `performance.getEntriesByType("resource").map((e) => new URL(e.name).pathname.slice(1))`)
	for _, name := range append(loaded, "index.html", "engine.js", "thread.js", "icon-512.png") {
		// How a fleet is, only its host can say.
		if !slices.Contains(kept, name) && name != "sw.js" && "/"+name != jobs.StatePath {
			t.Errorf("%s is not kept: %q", name, kept)
		}
	}
	for _, name := range kept {
		if _, err := fs.Stat(dist, name); err != nil || name == "edge.wasm" || name == "SHA256SUMS" {
			t.Errorf("%s is kept", name)
		}
	}

	// Without the server there is the page, isolated as before, and it searches with
	// threads, each of which loads a script.
	site.stop()
	if r, err := http.Get(site.url()); err == nil {
		r.Body.Close()
		t.Fatal("the server still answers")
	}
	p.do(chromedp.Navigate(site.url()))
	p.runs("")
	if !eval[bool](p, `crossOriginIsolated && performance.getEntriesByType("navigation")[0].workerStart > 0`) {
		t.Error("without its server the page is not isolated, or not from its service worker")
	}
	p.fill("prompt", "16")
	p.fill("threads", eval[string](p, `String(Math.min(2, navigator.hardwareConcurrency))`))
	p.fill("budget", "1")
	p.click("start")
	p.measured(1)
	p.runs("")
	p.noComplaints()

	// Another build is offered, and taken by a click. Before that nothing of it is seen.
	site.serve(rebuilt(t, dist, "2"))
	p.reload()
	p.runs("")
	p.until(offered)
	p.runs("")
	p.takeBuild(func() bool { return p.said() == "2 idle" })
	p.measured(1)
	if names := eval[[]string](p, `caches.keys()`); len(names) != 1 || names[0] != "litefront / "+buildName("2") {
		t.Errorf("there are the caches %q", names)
	}

	// Or by the next visit.
	site.stop()
	site.serve(rebuilt(t, dist, "3"))
	p.reload()
	p.runs("2")
	p.until(offered)
	p.visitUntil("3")

	// Not while another tab runs the build before.
	site.stop()
	site.serve(rebuilt(t, dist, "4"))
	p.reload()
	p.runs("3")
	p.until(offered)
	ctx, closeTab := chromedp.NewContext(p.ctx)
	other := tab{t, ctx}
	other.do(chromedp.Navigate(site.url()))
	other.runs("3")
	p.takeBuild(func() bool {
		refused, err := ask[bool](p, `document.getElementById("errors").innerText.includes("other tabs")`)
		return refused && err == nil
	})
	p.runs("3")
	closeTab()
	p.visitUntil("4") // the browser takes its time to close the tab
	p.do(chromedp.Navigate("about:blank"))

	// And another program gets the address back.
	site.stop()
	site.serve(fstest.MapFS{"index.html": {Data: []byte(`<html data-state="idle"><title>other</title>`)}})
	ctx, closeTab = chromedp.NewContext(p.ctx) // in which the browser may miss sw.js
	defer closeTab()
	other = tab{t, ctx}
	other.do(chromedp.Navigate(site.url()))
	if !eventually(func() bool {
		title, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.title`))
		return err == nil && title == "other"
	}) {
		t.Error("another program's page is hidden by the one that is kept")
	}
}
