//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"litefront/searchcore/trial"
)

// TestPage uses the page as a person would, in a real browser: a search, a click
// on a point, a reload, a pause, and studies that move to the command line and
// back. It takes the pictures in the README.
func TestPage(t *testing.T) {
	pageDist(t)
	s := newSandbox(t)
	p := openPage(t, s.serving())
	downloads := p.keepDownloads()

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
	paused := eval[int](p, `Number(document.documentElement.dataset.measured)`)
	p.click("pause") // continues
	p.measured(max(21, paused+1))
	p.state("idle") // the budget is spent
	frontier := p.frontier()
	if len(frontier) < 3 {
		t.Errorf("the frontier has %d members", len(frontier))
	}
	// A dozen candidates make a model, and the model a frontier.
	p.until(`/predicted in all/.test(document.getElementById("frontier-title").innerText)`)
	if n := eval[int](p, `litefrontChart.data(1).predicted.length`); n < 3 {
		t.Errorf("the chart shows %d predicted members", n)
	}

	// The mouse over a point of the chart draws its architecture, and a click shows its
	// details.
	last := eval[int](p, `Number([...document.querySelectorAll("#frontier [data-trial]")].at(-1).dataset.trial)`)
	eval[bool](p, `document.getElementById("chart").scrollIntoView({block: "center"}), true`)
	p.do(chromedp.Sleep(300 * time.Millisecond))
	p.until(fmt.Sprintf(`litefrontChart.locate(1, %d) !== null`, last))
	at := eval[[]float64](p, fmt.Sprintf(`litefrontChart.locate(1, %d)`, last))
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	const hovered = `document.querySelector("#chart .drawing .bars")?.getAttribute("d")`
	p.until(hovered + ` !== undefined && document.querySelector("#chart .drawing").getBoundingClientRect().width > 100`)
	sketch := eval[string](p, hovered)
	p.do(chromedp.MouseClickXY(at[0], at[1]))
	p.until(fmt.Sprintf(`document.getElementById("details").innerText.includes(%q)`, frontier[len(frontier)-1]))
	if got := eval[string](p, `document.querySelector("#details .bars").getAttribute("d")`); got != sketch {
		t.Errorf("the mouse over the point draws %q, its details %q", sketch, got)
	}
	if !eval[bool](p, `document.querySelector("#details .drawing").getBoundingClientRect().height > 5 && document.querySelector("#details .bars").getTotalLength() > 100`) {
		t.Error("the layers are not drawn")
	}
	p.screenshot("page.png", "app", 1440, 900)
	p.screenshot("phone.png", "progress", 390, 844)
	p.do(chromedp.EmulateViewport(1440, 900))

	// A reload brings the study back, and a larger budget continues it.
	p.reload()
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
	linear := eval[string](p, where)
	// Texts that are selected to be copied stay so, since a drawing leaves alone what it
	// does not change.
	const selected = `getSelection().toString()`
	eval[bool](p, `((from, to) => getSelection().setBaseAndExtent(from, 0, to, to.length))(
		...[".arch", ".interval:not(:empty)"].map((of) => document.querySelector("#frontier tbody " + of).firstChild)), true`)
	before := eval[string](p, selected)
	eval[bool](p, `document.getElementById("log-axes").click(), true`)
	p.until(fmt.Sprintf(`%s !== %q`, where, linear))
	if after := eval[string](p, selected); after != before || !strings.Contains(after, "gpt2") || !strings.Contains(after, " – ") {
		t.Errorf("selected was %q, and once the page is drawn anew %q", before, after)
	}
	p.click("log-axes")
	p.fill("axis-y", "peak_mb")
	p.until(`litefrontChart.data(1).frontier.some((point) => Math.abs(point.y - parseFloat(document.querySelector('#frontier [data-trial="' + point.trial + '"] [data-label="peak memory"] .value').innerText)) < 1)`)
	p.fill("axis-y", "decoder_params")

	// The plot is a picture of the chart.
	if picture, err := png.Decode(bytes.NewReader(p.downloaded(downloads, "save-plot", "*.png"))); err != nil || picture.Bounds().Dx() < 400 || picture.Bounds().Dy() < 300 {
		t.Errorf("the saved plot: %v, %v", picture.Bounds(), err)
	}

	// The study goes to the command line,
	data := p.downloaded(downloads, "export", "*.jsonl")
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
	p.upload(s.path("page.jsonl"))
	p.until(`!document.querySelector(".confirm").hidden || document.documentElement.dataset.measured === "27"`)
	if eval[bool](p, `!document.querySelector(".confirm").hidden`) {
		p.click("accept")
	}
	p.measured(27)
	p.until(`!document.getElementById("start").disabled`)
	// A constraint that comes late takes members from the frontier.
	const peaks = `[...document.querySelectorAll('#frontier [data-label="peak memory"] .value')].map(e => parseFloat(e.innerText))`
	middle := eval[float64](p, `Math.ceil(`+peaks+`.sort((a, b) => a - b)[1])`)
	p.fill("constraints", fmt.Sprintf("peak_mb<=%g", middle))
	p.fill("budget", "28")
	p.click("start")
	p.measured(28)
	p.state("idle")
	p.until(`/infeasible/.test(document.getElementById("frontier-title").innerText)`)
	for _, peak := range eval[[]float64](p, peaks) {
		if peak > middle {
			t.Errorf("a member of the frontier takes %g MiB, more than %g", peak, middle)
		}
	}
	// The link has the whole setup of what is kept.
	if link := eval[string](p, `document.getElementById("link").hash`); !strings.Contains(link, "prompt=16") || !strings.Contains(link, "constraints=peak_mb") {
		t.Errorf("the link is %q", link)
	}
	p.noComplaints()
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
