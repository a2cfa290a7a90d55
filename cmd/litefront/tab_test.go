//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"litefront/host/web"
	"litefront/internal/browsertest"
)

// serving starts `litefront serve` and returns its URL.
func (s sandbox) serving() string {
	s.t.Helper()
	cmd := s.command("serve", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended already
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	_, url, ok := strings.Cut(strings.TrimSpace(line), "serving ")
	if err != nil || !ok {
		s.t.Fatalf("serve printed %q, %v", line, err)
	}
	return url
}

// pageDist returns the build of the page. It skips tests that are to be quick, since a
// browser is not, and those without a build.
func pageDist(t *testing.T) fs.FS {
	t.Helper()
	if testing.Short() {
		t.Skip("it opens a browser")
	}
	dist, err := web.Dist()
	if err != nil {
		t.Skip(err)
	}
	return dist
}

// tab is the page in a browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// openPage opens a new browser at url, and waits until the page is idle. What browsers
// may complain of is as of browsertest.New.
func openPage(t *testing.T, url string, expected ...string) tab {
	t.Helper()
	p := tab{t, browsertest.New(t, expected...)}
	p.open(url)
	p.state("idle")
	return p
}

// open opens url in a window of a desk's size.
func (p tab) open(url string) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(url))
}

func (p tab) reload() { p.t.Helper(); p.do(chromedp.Reload()) }

// eval evaluates a JavaScript expression in the page, awaiting a promise.
func eval[T any](p tab, expression string) T {
	p.t.Helper()
	return browsertest.Eval[T](p.t, p.ctx, expression)
}

func (p tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	for _, a := range actions {
		if err := chromedp.Do(p.ctx, a); err != nil {
			p.t.Fatalf("%v; the page says %q", err, eval[string](p, `document.body.innerText.slice(0, 2000)`))
		}
	}
}

// until waits for a JavaScript condition.
func (p tab) until(condition string) {
	p.t.Helper()
	ok := eval[bool](p, fmt.Sprintf(`new Promise(resolve => {
		const end = performance.now() + 8 * 60e3;
		const check = () => {
			if (%s) return resolve(true);
			if (performance.now() > end) return resolve(false);
			setTimeout(check, 50);
		};
		check();
	})`, condition))
	if !ok {
		p.t.Fatalf("never came true: %s; the page says:\n%s", condition, eval[string](p, `document.body.innerText`))
	}
}

func (p tab) state(state string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.documentElement.dataset.state === %q`, state))
}

func (p tab) measured(n int) {
	p.t.Helper()
	p.until(fmt.Sprintf(`Number(document.documentElement.dataset.measured) >= %d`, n))
}

// fill types a value as a person would, so that the page hears of it.
func (p tab) fill(id, value string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`(() => {
		const e = document.getElementById(%q);
		e.value = %q;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		e.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})()`, id, value))
}

// follow opens a link to a setup.
func (p tab) follow(fragment string) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`location.hash = %q, true`, fragment))
}

// frontier lists the IDs of the architectures in the table.
func (p tab) frontier() []string {
	p.t.Helper()
	return eval[[]string](p, `[...document.querySelectorAll("#frontier [data-arch]")].map(e => e.dataset.arch)`)
}

// screenshot takes a picture of the window scrolled to the element with the ID.
func (p tab) screenshot(name, id string, width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
	p.do(chromedp.Sleep(600 * time.Millisecond)) // the chart follows the window with a pause
	eval[bool](p, fmt.Sprintf(`document.getElementById(%q).scrollIntoView(), true`, id))
	p.do(chromedp.Sleep(100 * time.Millisecond))
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", name), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// click clicks on the element with the ID.
func (p tab) click(id string) { p.t.Helper(); p.clickOn(fmt.Sprintf("[id=%q]", id)) }

// clickOn clicks on the first element that a selector finds, once that can be clicked:
// what the page was told just before may still have to enable it. It clicks again where
// the element moved meanwhile and did not get it.
func (p tab) clickOn(selector string) {
	p.t.Helper()
	for range 5 {
		p.until(fmt.Sprintf(`document.querySelector(%q)?.matches(":not(:disabled)")`, selector))
		eval[bool](p, fmt.Sprintf(`(() => {
			window.missed = "no click at all";
			document.addEventListener("click", (e) => { window.missed = document.querySelector(%q)?.contains(e.target) ? "" : e.target.outerHTML.slice(0, 200); }, {capture: true, once: true});
			return true;
		})()`, selector))
		p.do(chromedp.Click(chromedp.CSS(selector)))
		missed := eval[string](p, `window.missed ?? ""`) // the click may have left the page
		if missed == "" {
			return
		}
		p.t.Logf("a click on %s reached %s", selector, missed)
	}
	p.t.Fatalf("%s cannot be clicked on", selector)
}

// prefer has the page think that the user prefers a value of a media feature; an empty
// one ends that.
func (p tab) prefer(feature, value string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
	}); err != nil {
		p.t.Fatal(err)
	}
}

// key sends a key, as a keyboard does.
func (p tab) key(key string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(key, chromedp.KeyModifiers(modifiers...)))
}

// tabTo presses Tab until an element that the selector matches has the focus. Each
// stop on the way must show that it has it.
func (p tab) tabTo(selector string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	for range 120 {
		p.key(kb.Tab, modifiers...)
		at := eval[struct {
			There, Seen bool
			HTML        string
		}](p, fmt.Sprintf(`(() => {
			const e = document.activeElement;
			const outlined = (e) => e !== null && getComputedStyle(e).outlineStyle !== "none" && parseFloat(getComputedStyle(e).outlineWidth) >= 2;
			return {There: e.matches(%q), Seen: e === document.body || outlined(e) || outlined(e.nextElementSibling), HTML: e.outerHTML.slice(0, 200)};
		})()`, selector))
		if !at.Seen {
			p.t.Errorf("nothing shows that this has the focus: %s", at.HTML)
		}
		if at.There {
			return
		}
	}
	p.t.Fatalf("Tab does not lead to %s", selector)
}

// focus puts the focus on the first element that a selector finds.
func (p tab) focus(selector string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`(document.querySelector(%q)?.focus(), document.activeElement.matches(%[1]q))`, selector))
}

// upload chooses a file to import, and brings it once the page can take it.
func (p tab) upload(path string) {
	p.t.Helper()
	p.uploadTo("import", path)
}

// uploadTo chooses a file in an input, once that can take one.
func (p tab) uploadTo(id, path string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`!document.getElementById(%q).disabled`, id))
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#"+id), []string{path}))
}

// bring imports a study of n candidates, and waits until the page has it.
func (p tab) bring(path string, n int) {
	p.t.Helper()
	p.upload(path)
	p.measured(n)
	p.until(`!document.getElementById("start").disabled`)
}

// keepDownloads has the browser put downloads into a folder, which is returned.
func (p tab) keepDownloads() (dir string) {
	p.t.Helper()
	dir = p.t.TempDir()
	if _, err := chromedp.Call(p.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
	}); err != nil {
		p.t.Fatal(err)
	}
	return dir
}

// downloaded clicks on the element with the ID, and returns the file in dir that comes
// of it, whose name matches the pattern.
func (p tab) downloaded(dir, id, pattern string) []byte {
	p.t.Helper()
	p.until(fmt.Sprintf(`!document.getElementById(%q).disabled`, id))
	p.click(id)
	return p.download(dir, pattern)
}

// download returns the file in dir whose name matches the pattern, once it is there.
func (p tab) download(dir, pattern string) []byte {
	p.t.Helper()
	var data []byte
	if !eventually(func() bool {
		// Chromium reserves the name with an empty file, and moves the whole one there.
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			p.t.Fatal(err)
		}
		if len(names) != 1 {
			return false
		}
		data, err = os.ReadFile(names[0])
		return err == nil && len(data) > 0
	}) {
		names, _ := filepath.Glob(filepath.Join(dir, "*"))
		p.t.Fatalf("%s was not downloaded, there are %q; the page says %q", pattern, names, eval[string](p, `document.getElementById("errors").innerText`))
	}
	return data
}

// eventually asks until something is so, for as long as a machine with much to do may need.
func eventually(so func() bool) bool { return within(8*time.Minute, so) }

// within asks until something is so, ten times a second.
func within(limit time.Duration, so func() bool) bool {
	for end := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		if so() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// noComplaints checks that the page shows no message.
func (p tab) noComplaints() {
	p.t.Helper()
	if text := eval[string](p, `document.getElementById("errors").innerText.trim()`); text != "" {
		p.t.Errorf("the page complains: %s", text)
	}
}
