//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"litefront/searchcore/trial"
)

// tour lists the steps of the README's tour of the page.
func tour(t *testing.T) (steps []string) {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "\n## Two minutes on the page\n")
	section, _, _ := strings.Cut(rest, "\n## ")
	for _, found := range regexp.MustCompile(`(?m)^\d+\. (.*)$`).FindAllStringSubmatch(section, -1) {
		steps = append(steps, found[1])
	}
	return steps
}

// TestPageTour does what the README's tour says, sentence by sentence, and finds what it
// promises. Prompts are short here, so that candidates are quick.
func TestPageTour(t *testing.T) {
	pageDist(t)
	s := newSandbox(t)
	p := openPage(t, s.serving())
	downloads := p.keepDownloads()
	const rows = `document.querySelectorAll("#frontier [data-arch]").length`
	measured := func() int { return eval[int](p, `Number(document.documentElement.dataset.measured)`) }
	before := 0
	steps := []struct {
		says string
		do   func()
	}{
		{"press **Start**", func() {
			p.until(`document.getElementById("start").innerText === "Start"`)
			p.fill("prompt", "16")
			p.fill("budget", "1000") // on any machine more than the tour needs
			p.click("start")
			p.state("searching")
		}},
		{"a point of the chart and a row of the table", func() {
			p.measured(2)
			p.until(`(({frontier, dominated}) => frontier.length > 0 && frontier.length + dominated.length >= 2)(litefrontChart.data(1)) && ` + rows + ` === litefrontChart.data(1).frontier.length`)
		}},
		{"hollow points are the frontier that the page predicts", func() {
			p.measured(12)
			p.until(`litefrontChart.data(1).predicted.length > 3 && /predicted in all/.test(document.getElementById("frontier-title").innerText)`)
		}},
		{"its layers are drawn in the details, and its timings", func() {
			p.clickOn("#frontier [data-trial]")
			p.until(`document.querySelector("#details .bars")?.getTotalLength() > 10 && /median/.test(document.querySelector("#details .timings")?.innerText)`)
		}},
		{"Press **Pause**, and reload", func() {
			p.click("pause")
			p.state("paused")
			before = measured()
			p.reload()
			p.state("paused")
			if n := measured(); n != before || before < 12 {
				t.Errorf("%d candidates were measured, %d after the reload", before, n)
			}
		}},
		{"move the slider of the response latency", func() {
			all := eval[int](p, rows)
			p.fill("bound-response_ms", "1")
			p.until(fmt.Sprintf(`document.getElementById("frontier-title").innerText.includes("within the bounds") && %s < %d`, rows, all))
			p.click("clear-bounds")
			p.until(fmt.Sprintf(`%s === %d`, rows, all))
		}},
		{"Tick **Compare** in two rows", func() {
			for i := range 2 {
				p.clickOn(fmt.Sprintf("#frontier tbody tr:nth-child(%d) .tick", i+1))
				p.until(fmt.Sprintf(`document.querySelectorAll("#compare [data-compared]").length === %d`, i+1))
			}
		}},
		{"Press **Where does the time go?**", func() {
			p.clickOn("#frontier [data-trial]")
			p.until(`document.getElementById("profile").innerText === "Where does the time go?" && !document.getElementById("profile").disabled`)
			p.click("profile")
			p.until(`[...document.querySelectorAll("#profile-result [data-op]")].filter((e) => /%/.test(e.innerText)).length > 5`)
			p.state("paused")
		}},
		{"Press **Generate**", func() {
			p.until(`document.getElementById("try-generate").innerText === "Generate" && !document.getElementById("try-generate").disabled`)
			p.click("try-generate")
			p.until(`/^\d+( \d+)*/.test(document.getElementById("try-ids").innerText) && /Decoding: .*×/.test(document.getElementById("try-output").innerText)`)
		}},
		{"Press **model.onnx** under **Take it home**", func() {
			if data := p.downloaded(downloads, "take-model.onnx", "*.onnx"); len(data) < 1<<16 || !bytes.Contains(data, []byte("litefront")) {
				t.Errorf("model.onnx has %d bytes", len(data))
			}
		}},
		{"Press **Export**", func() {
			list := decodeLines(t, p.downloaded(downloads, "export", "*.jsonl"))
			if n := count(list, trial.KindMeasured); n != before {
				t.Errorf("the file has %d measurements of %d", n, before)
			}
			p.until(`document.querySelector('label[for="import"]').innerText === "Import"`)
		}},
	}
	sentences := tour(t)
	if !slices.EqualFunc(steps, sentences, func(step struct {
		says string
		do   func()
	}, sentence string) bool {
		return strings.Contains(sentence, step.says)
	}) {
		t.Fatalf("the README's tour has other steps than this test: %q", sentences)
	}
	for _, step := range steps {
		step.do()
	}
	p.noComplaints()
}
