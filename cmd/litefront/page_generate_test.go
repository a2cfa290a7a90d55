//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// generates waits until the page has generated n tokens, and compares them with what
// the command line makes of the same prompt.
func (p tab) generates(s sandbox, n int, args ...string) {
	p.t.Helper()
	var want []string
	for _, id := range generated(s, append([]string{"member.json", "--tokens", fmt.Sprint(n)}, args...)...).Tokens {
		want = append(want, fmt.Sprint(id))
	}
	p.until(fmt.Sprintf(`document.getElementById("try-output").innerText.includes("%d of %[1]d tokens, by ") && !document.getElementById("try-generate").disabled &&
		document.getElementById("try-ids").innerText === %q`, n, strings.Join(want, ", ")))
}

// choose selects the member of the frontier with the most parameters, and writes its
// configuration to member.json.
func (p tab) choose(s sandbox, study string) {
	p.t.Helper()
	members := s.replay(study).Frontier()
	a := members[0].Arch
	for _, m := range members {
		if m.Arch.DecoderParams() > a.DecoderParams() {
			a = m.Arch
		}
	}
	config, err := json.Marshal(a)
	if err != nil {
		p.t.Fatal(err)
	}
	s.write("member.json", string(config))
	p.clickOn(fmt.Sprintf(`#frontier [data-arch=%q]`, a.ID()))
	p.until(`!document.getElementById("try-generate").disabled && document.getElementById("try-generate").getBoundingClientRect().height > 0`)
}

var pace = regexp.MustCompile(`: ([0-9.]+) tokens/s; the study measured, on .+, ([0-9]+)/([0-9.e-]+) ms = ([0-9.]+): ([0-9.]+)×\.$`)

// checkPace checks the arithmetic of a line about speed.
func (p tab) checkPace(line string, tokens int) {
	p.t.Helper()
	m := pace.FindStringSubmatch(line)
	if m == nil {
		p.t.Errorf("of the speed the page says %q", line)
		return
	}
	var x [5]float64
	for i := range x {
		x[i], _ = strconv.ParseFloat(m[i+1], 64)
	}
	near := func(a, b float64) bool { return math.Abs(a-b) <= 0.02*b+0.006 }
	if int(x[1]) != tokens || !near(x[3], 1e3*x[1]/x[2]) || !near(x[4], x[0]/x[3]) {
		p.t.Errorf("the numbers of %q do not agree", line)
	}
}

// TestPageGenerate has a candidate generate tokens, with weights of a seed and of a
// file, in both precisions and on several threads. The command line generates the same.
func TestPageGenerate(t *testing.T) {
	pageDist(t)
	s := newSandbox(t)
	s.must(quick("--budget", "4", "--study", "try.jsonl")...)
	p := openPage(t, s.serving())
	p.bring(s.path("try.jsonl"), 4)
	p.choose(s, "try.jsonl")
	if note := eval[string](p, `document.getElementById("try-note").innerText`); !strings.Contains(note, "Untrained weights") || !strings.Contains(note, "no meaning") {
		t.Errorf("before anything is generated the page says %q", note)
	}

	// From the keyboard, with weights of a seed.
	p.focus("#try-seed")
	p.fill("try-seed", "5")
	p.fill("try-prompt", "7, 8 9")
	p.key(kb.Enter)
	p.generates(s, 16, "--prompt-ids", "7,8,9", "--seed", "5")
	lines := eval[[]string](p, `[...document.querySelectorAll("#try-output .help p")].map((e) => e.innerText)`)
	if len(lines) != 4 || !strings.HasPrefix(lines[1], "Prompt of 3 tokens: ") || !strings.HasPrefix(lines[2], "Decoding: ") {
		t.Fatalf("the page says %q", lines)
	}
	if at := eval[string](p, `document.activeElement.id`); at != "try-seed" {
		t.Errorf("the focus went to %q", at)
	}
	p.checkPace(lines[1], 32)
	p.checkPace(lines[2], 1)
	p.until(`document.getElementById("status").textContent.startsWith("16 tokens generated.")`)

	// What is drawn follows the seed, and what is wrong stands beside its field.
	p.fill("try-temperature", "1")
	p.click("try-generate")
	p.generates(s, 16, "--prompt-ids", "7,8,9", "--seed", "5", "--temperature", "1")
	p.fill("try-temperature", "0")
	p.fill("try-prompt", "300")
	p.click("try-generate")
	p.until(`document.getElementById("try-prompt-error").innerText.includes("token 300 must be 0 to 299") && document.activeElement.id === "try-prompt"`)

	// Weights of a file, chosen and dropped; of a wrong one the page says what is wrong.
	s.must("export", "member.json", "--format", "hf", "--out", "home", "--seed", "9")
	s.must("export", "tiny.json", "--format", "hf", "--out", "other")
	s.write("junk.safetensors", strings.Repeat("junk", 100))
	p.fill("try-prompt", "250 1")
	weights := func(path string) {
		t.Helper()
		p.do(chromedp.SetUploadFiles(chromedp.CSS("#weights"), []string{s.path(path)}))
		p.until(fmt.Sprintf(`document.getElementById("try-note").innerText.includes("Weights from %s")`, path[strings.LastIndex(path, "/")+1:]))
		p.click("try-generate")
	}
	weights("junk.safetensors")
	p.complaint("junk.safetensors: safetensors: header of ")
	weights("other/model.safetensors")
	p.complaint("model.safetensors: safetensors: tensor ")
	weights("home/model.safetensors")
	p.generates(s, 16, "--prompt-ids", "250,1", "--weights", "home/model.safetensors")
	p.screenshot("page-generate.png", "try-note", 1440, 900)
	p.click("try-seeded")
	p.until(`document.getElementById("try-note").innerText.startsWith("Untrained weights")`)
	p.drop(s.path("home/model.safetensors"))
	p.click("try-fill")
	p.click("try-generate")
	p.until(`document.getElementById("try-output").innerText.includes("Prompt of 32 tokens: ") && document.getElementById("try-output").innerText.includes("with weights of model.safetensors")`)
	p.noComplaints()

	// Not while a search runs.
	p.fill("budget", "1000")
	p.click("start")
	p.state("searching")
	p.until(`document.getElementById("try-generate").disabled && document.getElementById("try-note").innerText.includes("Pause the search")`)
	p.click("pause")
	p.state("paused")

	// In int8, on the threads of the study, with another context, and not to the end.
	s.write("tiny.toml", strings.Replace(tinySpace, "max_sequence_length = 64", "max_sequence_length = 60000", 1))
	s.must(quick("--budget", "3", "--precision", "int8", "--threads", fmt.Sprint(min(2, runtime.NumCPU())), "--study", "int8.jsonl")...)
	p.upload(s.path("int8.jsonl"))
	p.until(`!document.querySelector(".confirm").hidden`)
	p.click("accept")
	p.until(`document.documentElement.dataset.measured === "3" && !document.getElementById("start").disabled`)
	p.choose(s, "int8.jsonl")
	p.click("try-seeded")
	p.fill("try-prompt", "1,2,3")
	p.fill("try-seed", "4")
	p.click("try-generate")
	p.generates(s, 16, "--prompt-ids", "1,2,3", "--seed", "4", "--precision", "int8")
	p.fill("try-context", "60000")
	p.fill("try-tokens", "59000")
	p.click("try-generate")
	p.until(`document.getElementById("try-ids").innerText.split(", ").length > 16`)
	p.until(`document.activeElement.id === "try-stop"`)
	p.key(kb.Enter)
	p.until(`!document.getElementById("try-generate").disabled && document.getElementById("try-output").innerText.includes("Decoding: ")`)
	if n := eval[int](p, `document.getElementById("try-ids").innerText.split(", ").length`); n < 17 || n > 58000 {
		t.Errorf("stopped, there are %d tokens", n)
	}
	p.noComplaints()
}
