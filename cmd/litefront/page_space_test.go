//go:build unix

package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"litefront/searchcore/trial"
)

// TestPageSpace writes a space on the page: from a preset, with a mistake, from a file
// and from a link. The command line is asked what it says of the same text.
func TestPageSpace(t *testing.T) {
	pageDist(t)
	s := newSandbox(t)
	address := s.serving()
	p := openPage(t, address)
	downloads := p.keepDownloads()
	written := func() string { t.Helper(); return eval[string](p, `document.getElementById("space").value`) }
	value := func(name string) string {
		t.Helper()
		return eval[string](p, fmt.Sprintf(`[...document.querySelectorAll("#survey div")].find((e) => e.querySelector("dt").innerText === %q)?.querySelector("dd").innerText ?? ""`, name))
	}

	// A preset to begin with is that of the command line, and so is what is said of it.
	p.tabTo("#edit-space")
	p.key(kb.Enter)
	p.until(`document.activeElement.id === "space"`)
	preset := s.must("space", "show", "archai-gpt2")
	if got := written(); got != preset {
		t.Errorf("it begins with %q; space show prints %q", got, preset)
	}
	p.until(`document.querySelectorAll("#survey div").length > 0`)
	check := s.must("space", "check", "archai-gpt2")
	for _, name := range []string{"architectures", "n_layer", "d_model", "decoder parameters", "total parameters"} {
		told := ""
		for line := range strings.Lines(check) {
			if rest, ok := strings.CutPrefix(line, name+"  "); ok {
				told = strings.TrimSpace(rest)
			}
		}
		if got := value(name); got != told || told == "" {
			t.Errorf("%s: the page says %q, space check %q", name, got, told)
		}
	}
	p.until(`document.getElementById("space-status").textContent.startsWith("Architectures in the space: ")`)

	// A mistake is told with its line while it is typed, and shown.
	p.key("x")
	p.until(`document.getElementById("space-error").innerText !== "" && document.getElementById("space").getAttribute("aria-invalid") === "true"`)
	p.fill("space", strings.Replace(preset, "n_head", "heads", 1))
	p.until(`document.getElementById("space-error").innerText.includes('unknown key "heads"') && !document.getElementById("show-mistake").hidden`)
	s.write("wrong.toml", strings.Replace(preset, "n_head", "heads", 1))
	_, stderr, _ := s.run("space", "check", "wrong.toml")
	if got := eval[string](p, `document.getElementById("space-error").innerText`); !strings.Contains(stderr, got) {
		t.Errorf("the page says %q, space check %q", got, stderr)
	}
	p.click("show-mistake")
	p.until(`(({value, selectionStart, selectionEnd}) => value.slice(selectionStart, selectionEnd))(document.activeElement).startsWith("heads = ")`)
	p.click("start")
	p.do(chromedp.Sleep(300 * time.Millisecond))
	p.state("idle")

	// A file asks before it takes the place of that, and its space is searched and kept.
	own := "# tiny, with a comment\n" + tinySpace
	s.write("own.toml", own)
	p.drop(s.path("own.toml"))
	p.until(`!document.querySelector(".confirm").hidden`)
	p.click("accept")
	p.until(fmt.Sprintf(`document.getElementById("space").value === %q`, own))
	p.until(`document.getElementById("space-error").innerText === "" && document.getElementById("survey").innerText.includes("tiny (gpt2)")`)
	p.fill("prompt", "16")
	p.fill("context", "48")
	p.until(`document.getElementById("survey").innerText.includes("a prompt of 16 and a context of 48")`)
	p.screenshot("page-space.png", "preset", 1440, 900)
	link := eval[string](p, `document.getElementById("link").hash`)
	p.fill("strategy", "random")
	p.fill("budget", "2")
	p.click("start")
	p.measured(2)
	p.state("idle")
	if got := written(); got != own || !eval[bool](p, `document.getElementById("space").readOnly`) {
		t.Errorf("of the study it shows %q", got)
	}

	// A reload has the same space in other words, and goes on.
	p.reload()
	p.measured(2)
	p.state("idle")
	s.write("shown.toml", written())
	s.write("own.toml", own)
	if got, want := s.must("space", "check", "shown.toml"), s.must("space", "check", "own.toml"); got != want {
		t.Errorf("the kept study's space is\n%s\nwant\n%s", got, want)
	}
	p.fill("budget", "3")
	p.click("start")
	p.measured(3)
	p.state("idle")
	list := decodeLines(t, p.downloaded(downloads, "export", "*.jsonl"))
	if n := count(list, trial.KindMeasured); n != 3 || list[0].Started.Space.Name != "tiny" {
		t.Errorf("exported are %d measurements of %q", n, list[0].Started.Space.Name)
	}

	// The link gives another page the text, comment included; and a study that comes from
	// the command line brings its own.
	p.click("new-search")
	p.click("accept")
	p.until(`document.getElementById("new-search").disabled && !document.getElementById("space").readOnly`) // once it is discarded
	p.fill("space", "")
	p.open("about:blank")
	p.open(address + link)
	p.state("idle")
	p.until(fmt.Sprintf(`document.getElementById("space").value === %q && document.getElementById("context").value === "48"`, own))
	p.noComplaints()
	s.must(quick("--strategy", "random", "--budget", "1", "--study", "home.jsonl")...)
	p.bring(s.path("home.jsonl"), 1)
	p.until(`document.getElementById("space").readOnly && document.getElementById("space").value.includes('name = "tiny"') && !document.getElementById("space").closest("[hidden]")`)
	p.drop(s.path("own.toml"))
	p.complaint("the space of a study that is kept is settled")
}

// tampered are fragments that no page has made, with what the page says of them.
var tampered = []struct{ fragment, want string }{
	{"seed=%zz", "cannot be read"},
	{"seed=1;budget=2", "cannot be read"},
	{"seed=1&seed=2", "has seed 2 times"},
	{"seed=-1", "the link's seed is wrong"},
	{"seed=1e3", "the link's seed is wrong"},
	{"seed=18446744073709551616", "the link's seed is wrong"},
	{"colour=red", "unknown field \"colour\""},
	{"<img src=x onerror=alert(1)>", "unknown field"},
	{"preset=../lts-gpt2", "the link's preset is wrong"},
	{"preset=own", "has the preset own, but no space"},
	{"prompt=1e9", "the link's prompt is wrong"},
	{"prompt=64&context=63", "the link's context is wrong"},
	{"threads=65", "the link's threads is wrong"},
	{"precision=int4", "the link's precision is wrong"},
	{"objectives=luck", "the link's objectives is wrong"},
	{"constraints=decode_ms<20", "the link's constraints is wrong"},
	{"budget=0s", "the link's budget is wrong"},
	{"strategy=luck", "the link's strategy is wrong"},
	{"space=" + url.QueryEscape(strings.Replace(tinySpace, "n_head", "heads", 1)), "the link's space is wrong: line 9: unknown key \"heads\""},
	{"space=" + url.QueryEscape(tinySpace)[:120], "the link's space is wrong"},
	{"preset=lts-gpt2&space=" + url.QueryEscape(tinySpace), "a space of its own beside the preset"},
	{"space=" + strings.Repeat("%23", 8000), "at most 16384 are allowed"},
}

// linksTampered follows links that were changed on their way: each makes one message,
// and none hurts the page.
func linksTampered(p faultyPage) {
	p.state("idle")
	for _, link := range tampered {
		p.follow("#" + link.fragment)
		p.wantMessages(link.want)
		p.dismiss()
	}
	if n := eval[int](p.tab, `document.querySelectorAll("#app img").length`); n != 0 {
		p.t.Error("a link becomes markup")
	}
	p.follow("#prompt=16&seed=3")
	p.until(`document.getElementById("seed").value === "3"`)
	p.search(1)
}
