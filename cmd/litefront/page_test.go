//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"litefront/host/web"
	"litefront/internal/browsertest"
	"litefront/searchcore/trial"
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

// tab is the page in a browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func (p tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	for _, a := range actions {
		if err := chromedp.Do(p.ctx, a); err != nil {
			p.t.Fatalf("%v; the page says %q", err, browsertest.Eval[string](p.t, p.ctx, `document.body.innerText.slice(0, 2000)`))
		}
	}
}

// until waits for a JavaScript condition.
func (p tab) until(condition string) {
	p.t.Helper()
	ok := browsertest.Eval[bool](p.t, p.ctx, fmt.Sprintf(`new Promise(resolve => {
		const end = performance.now() + 120000;
		const check = () => {
			if (%s) return resolve(true);
			if (performance.now() > end) return resolve(false);
			setTimeout(check, 50);
		};
		check();
	})`, condition))
	if !ok {
		p.t.Fatalf("never came true: %s; the page says:\n%s", condition, browsertest.Eval[string](p.t, p.ctx, `document.body.innerText`))
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
	browsertest.Eval[bool](p.t, p.ctx, fmt.Sprintf(`(() => {
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
	browsertest.Eval[bool](p.t, p.ctx, fmt.Sprintf(`location.hash = %q, true`, fragment))
}

func (p tab) click(id string) { p.t.Helper(); p.do(chromedp.Click(chromedp.CSS("#" + id))) }

// frontier lists the IDs of the architectures in the table.
func (p tab) frontier() []string {
	p.t.Helper()
	return browsertest.Eval[[]string](p.t, p.ctx, `[...document.querySelectorAll("#frontier [data-arch]")].map(e => e.dataset.arch)`)
}

// screenshot takes a picture of the window scrolled to the element with the ID.
func (p tab) screenshot(name, id string, width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
	p.do(chromedp.Sleep(600 * time.Millisecond)) // the chart follows the window with a pause
	browsertest.Eval[bool](p.t, p.ctx, fmt.Sprintf(`document.getElementById(%q).scrollIntoView(), true`, id))
	p.do(chromedp.Sleep(100 * time.Millisecond))
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", name), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// TestPage uses the page as a person would, in a real browser: a search, a click
// on a point, a reload, a pause, and studies that move to the command line and
// back. It takes the pictures in the README.
func TestPage(t *testing.T) {
	if testing.Short() {
		t.Skip("a search in a browser takes a minute")
	}
	if _, err := web.Dist(); err != nil {
		t.Skip(err)
	}
	p := tab{t, browsertest.New(t, 8*time.Minute)}
	s := newSandbox(t)
	downloads := t.TempDir()
	url := s.serving()
	p.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(url))
	if _, err := chromedp.Call(p.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: downloads,
	}); err != nil {
		t.Fatal(err)
	}
	p.state("idle")

	// A link fills in the form, and says what of it is wrong. A short prompt keeps
	// candidates quick.
	p.follow("#prompt=16&strategy=luck")
	p.until(`document.getElementById("strategy-error").innerText.includes("luck") && document.getElementById("errors").innerText.includes("luck")`)
	p.follow("#prompt=16&seed=1")
	p.until(`document.getElementById("prompt").value === "16" && document.getElementById("strategy-error").innerText === ""`)
	p.fill("constraints", "peak_mb<1")
	p.until(`document.getElementById("constraints-error").innerText.includes("peak_mb<1")`)
	p.fill("constraints", "")
	p.fill("budget", "nonsense")
	p.until(`document.getElementById("budget-error").innerText.includes("nonsense")`)
	p.fill("budget", "23")
	p.click("start")
	p.state("searching")
	p.measured(4)
	p.click("pause")
	p.state("paused")
	paused := browsertest.Eval[int](t, p.ctx, `Number(document.documentElement.dataset.measured)`)
	p.click("pause") // continues
	p.measured(max(21, paused+1))
	p.state("idle") // the budget is spent
	frontier := p.frontier()
	if len(frontier) < 3 {
		t.Errorf("the frontier has %d members", len(frontier))
	}
	// A dozen candidates make a model, and the model a frontier.
	p.until(`/predicted in all/.test(document.getElementById("frontier-title").innerText)`)
	if n := browsertest.Eval[int](t, p.ctx, `litefrontChart.data(1).predicted.length`); n < 3 {
		t.Errorf("the chart shows %d predicted members", n)
	}

	// A click on a point of the chart shows its details.
	last := browsertest.Eval[int](t, p.ctx, `Number([...document.querySelectorAll("#frontier [data-trial]")].at(-1).dataset.trial)`)
	browsertest.Eval[bool](t, p.ctx, `document.getElementById("chart").scrollIntoView({block: "center"}), true`)
	p.do(chromedp.Sleep(300 * time.Millisecond))
	at := browsertest.Eval[[]float64](t, p.ctx, fmt.Sprintf(`litefrontChart.locate(1, %d)`, last))
	p.do(chromedp.MouseClickXY(at[0], at[1]))
	p.until(fmt.Sprintf(`document.getElementById("details").innerText.includes(%q)`, frontier[len(frontier)-1]))
	if !browsertest.Eval[bool](t, p.ctx, `document.querySelector("#details .drawing").getBoundingClientRect().height > 5 && document.querySelector("#details .bars").getTotalLength() > 100`) {
		t.Error("the layers are not drawn")
	}
	p.screenshot("page.png", "app", 1440, 900)
	p.screenshot("phone.png", "progress", 390, 844)
	p.do(chromedp.EmulateViewport(1440, 900))

	// A reload brings the study back, and a larger budget continues it.
	p.do(chromedp.Reload())
	p.measured(23)
	p.state("idle")
	if again := p.frontier(); !slices.Equal(again, frontier) {
		t.Errorf("the frontier was %v before the reload and is %v after it", frontier, again)
	}
	p.fill("budget", "25")
	p.click("start")
	p.measured(25)
	p.state("idle")

	// Logarithmic axes move what is not at their ends.
	const where = `litefrontChart.locate(1, Number([...document.querySelectorAll("#frontier [data-trial]")].at(-2).dataset.trial)).join()`
	linear := browsertest.Eval[string](t, p.ctx, where)
	p.click("log-axes")
	p.until(fmt.Sprintf(`%s !== %q`, where, linear))
	p.click("log-axes")
	p.fill("axis-y", "peak_mb")
	p.until(`litefrontChart.data(1).frontier.some((point) => Math.abs(point.y - parseFloat(document.querySelector('#frontier [data-trial="' + point.trial + '"] [data-label="peak memory"] .value').innerText)) < 1)`)
	p.fill("axis-y", "decoder_params")

	// The plot is a picture of the chart.
	p.click("save-plot")
	plot, err := os.Open(waitForFile(t, downloads, "png"))
	if err != nil {
		t.Fatal(err)
	}
	defer plot.Close()
	if picture, err := png.Decode(plot); err != nil || picture.Bounds().Dx() < 400 || picture.Bounds().Dy() < 300 {
		t.Errorf("the saved plot: %v, %v", picture.Bounds(), err)
	}

	// The study goes to the command line,
	p.click("export")
	exported := waitForFile(t, downloads, "jsonl")
	data, err := os.ReadFile(exported)
	if err != nil {
		t.Fatal(err)
	}
	s.write("page.jsonl", string(data))
	list := events(t, strings.NewReader(s.must("search", "--study", "page.jsonl", "--budget", "27", "--trial-time", "50ms", "--json")))
	if n := count(list, trial.KindMeasured); n != 2 {
		t.Errorf("two candidates more were asked for, the command line measured %d", n)
	}
	// which proposes, with the same seed, what the page proposed (and after its
	// pause handed out once more),
	native := events(t, strings.NewReader(s.must("search", "--prompt", "16", "--context", "80", "--budget", "8", "--trial-time", "50ms", "--protocol", "lts", "--json")))
	if page, here := slices.Compact(asked(decodeLines(t, data))), asked(native); !slices.Equal(page[:len(here)], here) {
		t.Errorf("the page proposed %v, the command line %v", page, here)
	}
	// and comes back.
	p.do(chromedp.SetUploadFiles(chromedp.CSS("#import"), []string{s.path("page.jsonl")}))
	p.until(`!document.querySelector(".confirm").hidden || document.documentElement.dataset.measured === "27"`)
	if browsertest.Eval[bool](t, p.ctx, `!document.querySelector(".confirm").hidden`) {
		p.click("accept")
	}
	p.measured(27)
	p.until(`!document.getElementById("start").disabled`)
	// A constraint that comes late takes members from the frontier.
	const peaks = `[...document.querySelectorAll('#frontier [data-label="peak memory"] .value')].map(e => parseFloat(e.innerText))`
	middle := browsertest.Eval[float64](t, p.ctx, `Math.ceil(`+peaks+`.sort((a, b) => a - b)[1])`)
	p.fill("constraints", fmt.Sprintf("peak_mb<=%g", middle))
	p.fill("budget", "28")
	p.click("start")
	p.measured(28)
	p.state("idle")
	p.until(`/infeasible/.test(document.getElementById("frontier-title").innerText)`)
	for _, peak := range browsertest.Eval[[]float64](t, p.ctx, peaks) {
		if peak > middle {
			t.Errorf("a member of the frontier takes %g MiB, more than %g", peak, middle)
		}
	}
	// The link has the whole setup of what is kept.
	if link := browsertest.Eval[string](t, p.ctx, `document.getElementById("link").hash`); !strings.Contains(link, "prompt=16") || !strings.Contains(link, "constraints=peak_mb") {
		t.Errorf("the link is %q", link)
	}
	if errs := browsertest.Eval[string](t, p.ctx, `document.getElementById("errors").innerText.trim()`); errs != "" {
		t.Errorf("the page complains: %s", errs)
	}
}

// decodeLines reads the events of a journal, whose checksums the program checks.
func decodeLines(t *testing.T, data []byte) (list []trial.Event) {
	t.Helper()
	for line := range strings.Lines(string(data)) {
		var e trial.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// waitForFile returns the file that a download leaves in dir.
func waitForFile(t *testing.T, dir, extension string) string {
	t.Helper()
	for range 100 {
		names, err := filepath.Glob(filepath.Join(dir, "*."+extension))
		if err != nil {
			t.Fatal(err)
		}
		if len(names) == 1 {
			return names[0]
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("nothing was downloaded")
	return ""
}
