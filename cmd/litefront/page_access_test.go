//go:build unix

package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"litefront/host/web"
	"litefront/internal/browsertest"
	"litefront/searchcore/trial"
)

// axe is the script of axe-core, which judges what is wrong with a page for those who
// do not see it, or see and use it in another way.
func axe(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("..", "..", "internal", "browsertest", "node_modules", "axe-core", "axe.min.js"))
	if err != nil && os.Getenv(browsertest.Required) != "" {
		t.Fatalf("%v; make axe installs it", err)
	} else if err != nil {
		t.Skipf("%v; make axe installs it", err)
	}
	return string(script)
}

// judged has axe-core, which the page has loaded, look at a view of the page in both
// colour schemes, on a desk and on a phone. It returns how many rules found something.
func (p tab) judged(view string) (rules int) {
	p.t.Helper()
	for _, size := range [][2]int64{{1440, 900}, {390, 844}} {
		for _, scheme := range []string{"light", "dark"} {
			p.do(chromedp.EmulateViewport(size[0], size[1]))
			p.prefer("prefers-color-scheme", scheme)
			// The page draws itself anew, and so does the chart once it has seen that.
			eval[bool](p, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(true), 300))))`)
			if width := eval[int64](p, `document.documentElement.scrollWidth`); width > size[0] {
				p.t.Errorf("%s, %s: %d wide, it scrolls sideways over %d", view, scheme, size[0], width)
			}
			found := eval[struct {
				Passes     int
				Violations []string
			}](p, `axe.run(document, {resultTypes: ["violations"], preload: false, iframes: false}).then((r) => ({
				Passes: r.passes.length,
				Violations: r.violations.filter((v) => v.impact === "serious" || v.impact === "critical")
					.flatMap((v) => v.nodes.map((n) => v.impact + " " + v.id + ": " + n.target.join(" ") + ": " + n.failureSummary)),
			}))`)
			rules = max(rules, found.Passes)
			for _, violation := range found.Violations {
				p.t.Errorf("%s, %s, %d wide: %s", view, scheme, size[0], violation)
			}
		}
	}
	p.do(chromedp.EmulateViewport(1440, 900))
	return rules
}

// TestPageAccessibility has every view of the page judged.
func TestPageAccessibility(t *testing.T) {
	pageDist(t)
	script := axe(t)
	s := newSandbox(t)
	p := openPage(t, s.serving())
	eval[bool](p, script+"\n;true")
	rules := 0
	look := func(view string) {
		t.Helper()
		rules = max(rules, p.judged(view))
	}
	look("setup")
	p.click("edit-space")
	p.fill("space", strings.Replace(tinySpace, "n_head", "heads", 1))
	p.until(`!document.getElementById("show-mistake").hidden`)
	look("own space, with a mistake")
	p.fill("space", tinySpace+"inner_ratio = 1.7\n")
	p.until(`document.querySelectorAll("#survey div").length > 0 && !document.getElementById("survey-notes").hidden`)
	look("own space")
	const n = 21 // as many as tell which dimension matters
	s.must(quick("--strategy", "random", "--budget", fmt.Sprint(n), "--study", "quick.jsonl", "--trial-time", "5ms")...)
	p.bring(s.path("quick.jsonl"), n)
	p.clickOn("#frontier tbody tr")
	p.until(`document.querySelector("#details .drawing") !== null`)
	look("study and details")
	p.click("try-generate")
	p.until(`document.getElementById("try-output").innerText.includes("Decoding: ")`)
	p.fill("try-tokens", "none")
	p.click("try-generate")
	p.until(`document.getElementById("try-tokens-error").innerText !== ""`)
	look("what was generated")
	p.profiled()
	p.click("sustain")
	p.until(`document.querySelectorAll("#sustained .lasting").length === 1`)
	p.click("sustain-stop")
	p.until(`document.querySelector("#sustained .verdict-line")?.innerText && document.getElementById("sustain-stop").hidden`)
	look("a candidate's profile and its speed over time")
	p.upload(s.path("tiny.json"))
	p.fill("table-group", "all")
	p.click("table-columns")
	p.until(`document.querySelectorAll("#frontier .tick").length >= 21 && document.getElementById("references").innerText !== ""`)
	for i := range 2 {
		p.clickOn(fmt.Sprintf("#frontier tbody tr:nth-child(%d) .tick", i+1))
	}
	p.fill("bound-response_ms", "3")
	p.until(`document.querySelectorAll("#compare [data-compared]").length === 2 && document.querySelectorAll("#importance [data-dimension]").length > 0`)
	look("comparison, importance, bounds, columns and references")
	p.prefer("prefers-color-scheme", "light")
	p.screenshot("page-compare.png", "frontier-title", 1440, 900)
	p.prefer("prefers-color-scheme", "dark")
	p.screenshot("phone-dark.png", "compare-title", 390, 844)
	p.do(chromedp.EmulateViewport(1440, 900))
	p.fill("third-by", "colour")
	p.uploadTo("overlay", s.path("quick.jsonl"))
	p.until(`document.querySelectorAll(".others li").length === 1`)
	look("another study over it")
	p.upload(s.path("quick.jsonl"))
	p.until(`!document.querySelector(".confirm").hidden`)
	look("question")
	p.click("decline")
	p.fill("budget", "nonsense")
	p.follow("#seed=9") // which waits, and says so
	p.until(`document.querySelectorAll("#errors .error-text").length === 1 && document.getElementById("budget-error").innerText !== ""`)
	look("errors")
	if rules < 15 {
		t.Errorf("only %d rules found something to judge", rules)
	}
}

// TestPageByKeyboard searches, looks at candidates and takes the study home without a
// mouse.
func TestPageByKeyboard(t *testing.T) {
	pageDist(t)
	s := newSandbox(t)
	p := openPage(t, s.serving())
	downloads := p.keepDownloads()

	// The first stop leads past the setup, and is no setup itself.
	p.tabTo(".skip")
	p.key(kb.Enter)
	p.until(`document.activeElement.id === "chart" && location.hash === ""`)
	p.reload()
	p.state("idle")

	for _, field := range []struct{ id, value string }{{"budget", "2"}, {"prompt", "16"}, {"context", "48"}} {
		p.tabTo("#" + field.id) // which selects what it has
		p.key(field.value)
		p.until(fmt.Sprintf(`document.getElementById(%q).value === %q`, field.id, field.value))
	}
	p.tabTo("#start", chromedp.ModifierShift)
	p.key(kb.Enter)
	p.measured(2)
	p.state("idle")

	// The chart is walked through from left to right, and each point is heard.
	p.tabTo("#chart")
	p.until(`litefrontChart.data(1).frontier.length + litefrontChart.data(1).dominated.length === 2`)
	order := eval[[]int](p, `(({frontier, dominated}) => frontier.concat(dominated).sort((a, b) => a.x - b.x).map((point) => point.trial))(litefrontChart.data(1))`)
	for _, tt := range []struct {
		key string
		at  int
	}{{kb.End, 1}, {kb.Home, 0}, {kb.ArrowRight, 1}, {kb.ArrowRight, 1}, {kb.ArrowLeft, 0}} {
		p.key(tt.key)
		p.until(fmt.Sprintf(`document.getElementById("details-title").innerText === "Candidate %[1]d" && document.getElementById("point").textContent.startsWith("Candidate %[1]d, ") && litefrontChart.data(1).selected[0]?.trial === %[1]d`, order[tt.at]))
	}
	if at := eval[string](p, `document.activeElement.id`); at != "chart" {
		t.Errorf("the focus went to %q", at)
	}

	// So is the table.
	p.tabTo("#frontier tbody tr")
	p.key(kb.Enter)
	p.until(`document.activeElement.getAttribute("aria-selected") === "true" && document.getElementById("details").innerText.includes(document.activeElement.dataset.arch)`)

	p.tabTo("#export", chromedp.ModifierShift)
	p.key(kb.Enter)
	list := decodeLines(t, p.download(downloads, "*.jsonl"))
	if n := count(list, trial.KindMeasured); n != 2 {
		t.Errorf("the exported study has %d measurements; want 2", n)
	}
	for _, e := range list {
		if e.Started != nil && (e.Started.Workload.PromptLen != 16 || e.Started.Workload.Context != 48) {
			t.Errorf("the exported study's workload is %+v", e.Started.Workload)
		}
	}
	if link := eval[string](p, `document.getElementById("link").hash`); !strings.Contains(link, "context=48") {
		t.Errorf("the link is %q", link)
	}

	// Nothing moves for those who prefer that.
	moving := func() int {
		t.Helper()
		return eval[int](p, fmt.Sprintf(`(async () => {
			document.getElementById("chart").scrollIntoView({block: "center", behavior: "instant"});
			for (const trial of %s) {
				const [clientX, clientY] = litefrontChart.locate(1, trial);
				document.querySelector("#chart canvas").dispatchEvent(new MouseEvent("mousemove", {clientX, clientY, bubbles: true}));
				await new Promise((resolve) => setTimeout(resolve, 300));
			}
			return [...document.querySelectorAll("#app *")].filter((e) => getComputedStyle(e).transitionDuration.split(", ").some((d) => parseFloat(d) > 0)).length;
		})()`, fmt.Sprint("[", order[0], ",", order[1], "]")))
	}
	if moving() == 0 {
		t.Error("not even the tooltip of the chart moves")
	}
	p.prefer("prefers-reduced-motion", "reduce")
	if n := moving(); n > 0 {
		t.Errorf("%d elements move", n)
	}
}

// TestPageOffers opens the page where something is missing.
func TestPageOffers(t *testing.T) {
	handler, err := web.Handler(pageDist(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := browsertest.New(t)
	for _, tt := range []struct {
		name        string
		notIsolated bool
		missing     []string // names, with what must stand beside them
	}{
		{"isolated", false, nil},
		{"not isolated", true, []string{
			"Isolation from other sites: Cross-Origin-Embedder-Policy", "Threads over shared memory: one thread", "Timer step: instead of 2",
		}},
	} {
		site := &faultySite{page: handler, notIsolated: tt.notIsolated}
		server := httptest.NewServer(site) // an origin of its own
		t.Cleanup(server.Close)
		p := tab{t, ctx}
		p.open(server.URL)
		p.state("idle")
		texts := eval[map[string]string](p, `Object.fromEntries([...document.querySelectorAll("#offers [data-missing]")].map((e) => [e.querySelector("dt").innerText, e.querySelector("dd").innerText]))`)
		for _, want := range tt.missing {
			name, beside, _ := strings.Cut(want, ": ")
			if !strings.Contains(texts[name], beside) {
				t.Errorf("%s: of %s the page says %q; want %q", tt.name, name, texts[name], beside)
			}
		}
		if len(texts) != len(tt.missing) {
			t.Errorf("%s: missing are %q", tt.name, texts)
		}
		if n := eval[int](p, `document.querySelectorAll("#offers > div").length`); n < 9 {
			t.Errorf("%s: the page tells %d things", tt.name, n)
		}
	}
}
