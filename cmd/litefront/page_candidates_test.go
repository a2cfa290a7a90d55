//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"litefront/searchcore/trial"
)

// frontUnder lists the frontier that the command line finds under constraints.
func (s sandbox) frontUnder(study string, constraints ...string) (ids []string) {
	s.t.Helper()
	args := []string{"front", study, "--format", "json"}
	for _, c := range constraints {
		args = append(args, "--constraint", c)
	}
	var document struct {
		Trials []struct {
			Standing string `json:"standing"`
			ArchID   string `json:"arch_id"`
		} `json:"trials"`
	}
	if err := json.Unmarshal([]byte(s.must(args...)), &document); err != nil {
		s.t.Fatal(err)
	}
	for _, r := range document.Trials {
		if r.Standing != "frontier" {
			s.t.Fatalf("front lists a candidate that is %q", r.Standing)
		}
		ids = append(ids, r.ArchID)
	}
	slices.Sort(ids)
	return ids
}

// TestPageCandidates looks at an imported study in every way that the page has, and
// compares what it shows with the journal and with what the command line makes of it.
func TestPageCandidates(t *testing.T) {
	pageDist(t)
	s := newSandbox(t)
	const n = 52
	s.must(quick("--budget", fmt.Sprint(n), "--strategy", "random", "--study", "tiny.jsonl", "--trial-time", "5ms")...)
	journal, err := os.ReadFile(s.path("tiny.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var measured []trial.Measured
	archs := map[int]string{}
	for _, e := range decodeLines(t, journal) {
		switch e.Kind {
		case trial.KindAsked:
			archs[e.Asked.Number] = e.Asked.Arch.ID()
		case trial.KindMeasured:
			measured = append(measured, *e.Measured)
		}
	}
	if len(measured) != n {
		t.Fatalf("%d candidates are measured", len(measured))
	}
	values := func(objective int) (list []float64) {
		for _, m := range measured {
			list = append(list, m.Values[objective])
		}
		slices.Sort(list)
		return slices.Compact(list)
	}

	p := openPage(t, s.serving())
	p.bring(s.path("tiny.jsonl"), n)
	frontier := func() []string {
		ids := p.frontier()
		slices.Sort(ids)
		return ids
	}
	whole := s.frontUnder("tiny.jsonl")
	if got := frontier(); !slices.Equal(got, whole) {
		t.Errorf("the frontier is %v, want %v", got, whole)
	}

	// All candidates, by pages, sorted with the mouse and from the keyboard.
	p.fill("table-group", "all")
	p.until(`document.querySelectorAll("#frontier [data-arch]").length === 50`)
	p.click("table-more")
	p.until(fmt.Sprintf(`document.querySelectorAll("#frontier [data-arch]").length === %d`, n))
	sorted := func(objective int, descending bool) []float64 {
		var list []float64
		for _, n := range eval[[]int](p, `[...document.querySelectorAll("#frontier [data-trial]")].map((e) => Number(e.dataset.trial))`) {
			i := slices.IndexFunc(measured, func(m trial.Measured) bool { return m.Number == n })
			if i < 0 {
				t.Fatalf("the table has a trial %d, which is not measured", n)
			}
			list = append(list, measured[i].Values[objective])
		}
		if descending {
			slices.Reverse(list)
		}
		return list
	}
	const header = `#frontier [data-sort="decoder_params"]`
	p.clickOn(header)
	p.until(`document.querySelector('th[aria-sort="ascending"]')?.innerText.includes("decoder parameters")`)
	if got := sorted(0, false); len(got) != n || !slices.IsSorted(got) {
		t.Errorf("sorted by parameters, the table lists %v", got)
	}
	p.focus(header)
	p.key(kb.Enter)
	p.until(`document.querySelector('th[aria-sort="descending"]')?.innerText.includes("decoder parameters")`)
	if got := sorted(0, true); len(got) != n || !slices.IsSorted(got) {
		t.Errorf("sorted by parameters from the most, the table lists %v", got)
	}
	p.clickOn(header)
	p.until(`document.querySelectorAll('th[aria-sort$="ending"]').length === 0`)

	// Another column, and a filter.
	p.click("table-columns")
	p.click("column-flops")
	p.until(fmt.Sprintf(`[...document.querySelectorAll('#frontier [data-label="operations per response"] .value')].filter((e) => /^[0-9.]+[kMB]?$/.test(e.innerText)).length === %d`, n))
	id := archs[measured[n/2].Number]
	p.fill("table-filter", id[:12])
	p.until(fmt.Sprintf(`[...document.querySelectorAll("#frontier [data-arch]")].map((e) => e.dataset.arch).join() === %q`, id))
	p.fill("table-filter", "")
	p.fill("table-group", "frontier")

	// The sliders cut the frontier as the command line does.
	responses, peaks := values(1), values(2)
	fast, small := len(responses)/2, len(peaks)*2/3
	p.fill("bound-response_ms", fmt.Sprint(fast))
	p.fill("bound-peak_mb", fmt.Sprint(small))
	want := s.frontUnder("tiny.jsonl", fmt.Sprintf("response_ms<=%v", responses[fast]), fmt.Sprintf("peak_mb<=%v", peaks[small]))
	p.until(`document.getElementById("frontier-title").innerText.includes("within the bounds")`)
	outside := 0
	for _, m := range measured {
		if m.Values[1] > responses[fast] || m.Values[2] > peaks[small] {
			outside++
		}
	}
	p.until(fmt.Sprintf(`litefrontChart.data(1).infeasible.length === %d && litefrontChart.data(1).frontier.length === %d`, outside, len(want)))
	if got := frontier(); !slices.Equal(got, want) || slices.Equal(want, whole) {
		t.Errorf("within the bounds the frontier is %v, want %v", got, want)
	}
	// The keyboard moves them too; at the loosest end they bound nothing.
	p.focus("#bound-response_ms")
	p.key(kb.End)
	p.until(`document.getElementById("bound-response_ms").getAttribute("aria-valuetext") === "any"`)
	p.click("clear-bounds")
	p.until(`!document.getElementById("frontier-title").innerText.includes("within the bounds")`)
	if got := frontier(); !slices.Equal(got, whole) {
		t.Errorf("without bounds the frontier is %v, want %v", got, whole)
	}
	p.until(`litefrontChart.data(1).infeasible.length === 0`)

	// Four are compared side by side, the fifth is refused.
	p.fill("table-group", "all")
	p.until(`document.querySelectorAll("#frontier .tick").length >= 50`)
	var chosen []string
	for i := range 5 {
		number := measured[n-1-i].Number
		if i < 4 {
			chosen = append(chosen, archs[number])
		}
		p.focus(fmt.Sprintf("#compare-%d", number))
		p.key(" ")
		p.until(fmt.Sprintf(`document.querySelectorAll("#compare [data-compared]").length === %d`, len(chosen)))
	}
	p.until(`document.getElementById("errors").innerText.includes("remove one")`)
	const compared = `[...document.querySelectorAll("#compare [data-compared]")].map((e) => e.dataset.compared)`
	if got := eval[[]string](p, compared); !slices.Equal(got, chosen) {
		t.Errorf("%v are compared, want %v", got, chosen)
	}
	if eval[bool](p, fmt.Sprintf(`document.getElementById("compare-%d").checked`, measured[n-5].Number)) {
		t.Error("the fifth stays ticked")
	}
	first, second := measured[n-1].Values[0], measured[n-2].Values[0]
	ratio := fmt.Sprintf("%.2f×", second/first)
	p.until(fmt.Sprintf(`document.querySelector('#compare [data-line="decoder parameters (proxy)"]').innerText.includes(%q)`, ratio))
	if drawn := eval[int](p, `[...document.querySelectorAll("#compare .bars")].filter((e) => e.getTotalLength() > 10 && e.getBoundingClientRect().width > 5).length`); drawn != 4 {
		t.Errorf("%d of 4 candidates are drawn", drawn)
	}
	p.clickOn("#compare [data-compared] button")
	p.until(fmt.Sprintf(`%s.join() === %q`, compared, strings.Join(chosen[1:], ",")))
	p.clickOn("#errors .dismiss")
	p.until(`document.querySelectorAll("#errors .dismiss").length === 0`)

	// What matters, and how the hypervolume grew.
	shares := eval[[]string](p, `[...document.querySelectorAll("#importance [data-dimension] .value")].map((e) => e.innerText)`)
	if len(shares) < 9 || len(shares)%3 != 0 || slices.ContainsFunc(shares, func(text string) bool { return !strings.HasSuffix(text, " %") }) {
		t.Errorf("the dimensions explain %q", shares)
	}
	p.until(`(() => {
		const tile = [...document.querySelectorAll(".tile")].find((e) => e.innerText.includes("hypervolume")).querySelector("dd").innerText;
		return Number(tile) > 0 && document.getElementById("volume-now").innerText.includes("now " + tile + ",");
	})()`)
	if !eval[bool](p, `document.querySelector("#volume .plot-line").getTotalLength() > 400 && document.querySelector("#volume .plot-line").getBoundingClientRect().width > 100`) {
		t.Error("the hypervolume is not plotted")
	}
	p.noComplaints()
}
