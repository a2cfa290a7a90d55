//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// comparison is what `litefront compare --json` says.
type comparison struct {
	Reference []float64 `json:"reference"`
	Studies   []struct {
		Measured    int     `json:"measured"`
		Frontier    int     `json:"frontier"`
		Hypervolume float64 `json:"hypervolume"`
	} `json:"studies"`
	Overlaps []struct {
		Of           int     `json:"of"`
		Against      int     `json:"against"`
		NotDominated float64 `json:"not_dominated"`
	} `json:"overlaps"`
}

// sides are the cells that the page's comparison is to have.
func (c comparison) sides() (rows [][]string) {
	percent := func(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }
	for i, s := range c.Studies {
		row := []string{fmt.Sprint(s.Measured), fmt.Sprint(s.Frontier), percent(s.Hypervolume)}
		for j := range c.Studies {
			cell := "–"
			for _, o := range c.Overlaps {
				if o.Of == i && o.Against == j {
					cell = percent(1 - o.NotDominated)
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// TestPageOverlay lays other studies over one, and compares what the page says with what
// the command line makes of the same journals; then has marks show a third objective.
func TestPageOverlay(t *testing.T) {
	pageDist(t)
	s := newSandbox(t)
	const quickly = "5ms"
	s.must(quick("--budget", "14", "--strategy", "random", "--seed", "1", "--study", "first.jsonl", "--trial-time", quickly)...)
	s.must(quick("--budget", "9", "--strategy", "random", "--seed", "2", "--study", "second.jsonl", "--trial-time", quickly)...)
	s.must(quick("--budget", "10", "--strategy", "lts", "--seed", "3", "--study", "third.jsonl", "--trial-time", quickly)...)
	s.must(quick("--budget", "4", "--strategy", "random", "--study", "longer.jsonl", "--trial-time", quickly, "--context", "64")...)
	compare := func(names ...string) comparison {
		t.Helper()
		var c comparison
		if err := json.Unmarshal([]byte(s.must(append([]string{"compare", "--json"}, names...)...)), &c); err != nil {
			t.Fatal(err)
		}
		return c
	}

	p := openPage(t, s.serving())
	downloads := p.keepDownloads()
	p.bring(s.path("first.jsonl"), 14)
	kept := p.frontier()
	overlay := func(name string, n int) {
		t.Helper()
		p.uploadTo("overlay", s.path(name))
		p.until(fmt.Sprintf(`document.querySelectorAll(".others li").length === %d`, n))
	}
	const cells = `[...document.querySelectorAll("#sides [data-side]")].map((row) => [...row.querySelectorAll("td")].map((e) => e.innerText))`
	check := func(names ...string) {
		t.Helper()
		want := compare(names...)
		if got := eval[[][]string](p, cells); !slices.EqualFunc(got, want.sides(), slices.Equal) {
			t.Errorf("beside %v the page says %q, the command line %q", names, got, want.sides())
		}
	}

	// One is chosen, another dropped: it might also replace the study.
	overlay("second.jsonl", 1)
	check("first.jsonl", "second.jsonl")
	p.drop(s.path("third.jsonl"))
	p.until(`document.querySelector(".confirm") && !document.getElementById("instead").hidden`)
	p.click("instead")
	p.until(`document.querySelectorAll(".others li").length === 2`)
	check("first.jsonl", "second.jsonl", "third.jsonl")
	members := compare("first.jsonl", "second.jsonl", "third.jsonl").Studies
	p.until(fmt.Sprintf(`litefrontChart.data(1).others.map((o) => o.name + " " + o.points.length).join() === "study 2 %d,study 3 %d"`, members[1].Frontier, members[2].Frontier))
	if text := eval[string](p, `document.querySelector('.others [data-slot="1"]').innerText`); !strings.Contains(text, "lts of tiny, prompt of 32 tokens, context of 48") || !strings.Contains(text, "seed 3") || !strings.Contains(text, "wazero") {
		t.Errorf("of the third study the page says %q", text)
	}
	if n := eval[int](p, `document.querySelectorAll(".others .warning").length`); n != 0 {
		t.Errorf("%d warnings of studies that compare", n)
	}
	if got := p.frontier(); !slices.Equal(got, kept) {
		t.Errorf("the frontier of the kept study is %v, was %v", got, kept)
	}

	// What does not compare is said; what is no journal is refused.
	overlay("longer.jsonl", 3)
	if text := eval[string](p, `document.querySelector('.others [data-slot="2"] .warning').innerText`); !strings.Contains(text, "workload differs") {
		t.Errorf("of another workload the page warns %q", text)
	}
	p.focus("#remove-study-4")
	p.key(kb.Enter)
	p.until(`document.querySelectorAll(".others li").length === 2 && document.activeElement.id === "overlay"`)
	p.uploadTo("overlay", s.path("tiny.toml"))
	p.complaint("overlay: line 1: not a journal")
	p.uploadTo("overlay", s.path("tiny.json"))
	p.complaint("a model's configuration")

	// Marks by a third objective; exports have the scale, and the other studies.
	p.fill("third-by", "colour")
	p.fill("third", "peak_mb")
	p.until(`litefrontChart.data(1).frontier.every((point) => Math.abs(point.z - parseFloat(document.querySelector('#frontier [data-trial="' + point.trial + '"] [data-label="peak memory"] .value').innerText)) < 1)`)
	picture := string(p.downloaded(downloads, "save-svg", "*.svg"))
	for _, want := range []string{">peak memory (MiB)<", ">study 2<", ">study 3<", ">frontier<"} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
	// The list shows each study in the colour that the picture has.
	for _, colour := range eval[[]string](p, `[...document.querySelectorAll(".sample path")].map((e) => "#" + getComputedStyle(e).stroke.match(/[0-9]+/g).map((c) => Number(c).toString(16).padStart(2, "0")).join(""))`) {
		if !strings.Contains(picture, `stroke="`+colour+`"`) {
			t.Errorf("no line of the picture is %s", colour)
		}
	}
	p.click("log-axes")
	p.fill("third-by", "size")
	p.fill("axis-x", "peak_mb")
	p.fill("third", "response_ms")
	p.until(`litefrontChart.data(1).frontier.length > 0 && litefrontChart.data(1).frontier.every((point) => point.z > 0 && point.z !== point.x)`)
	p.click("log-axes")
	p.fill("axis-x", "response_ms")
	p.fill("third-by", "colour")
	p.fill("third", "peak_mb")
	p.screenshot("page-overlay.png", "chart-title", 1440, 900)

	// The device's pace is that of the last measured candidate.
	if text := eval[string](p, `document.getElementById("pace").innerText`); !strings.Contains(text, "× its best time at the last candidate") {
		t.Errorf("of the device's pace the page says %q", text)
	}
	p.noComplaints()

	// A reload leaves what is kept, and nothing else.
	p.reload()
	p.measured(14)
	p.until(`!document.getElementById("overlay").disabled`)
	if n := eval[int](p, `document.querySelectorAll(".others li").length`); n != 0 || !slices.Equal(p.frontier(), kept) {
		t.Errorf("after a reload there are %d other studies, and the frontier is %v", n, p.frontier())
	}
}
