//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"litefront/ui/store"
)

// TestPageTakeHome takes a study home as reports and a plot, and a model as files. All
// are compared with what the command line writes of the same study. What is imported
// and makes no sense leaves it as it was.
func TestPageTakeHome(t *testing.T) {
	pageDist(t)
	s := newSandbox(t)
	s.must(quick("--budget", "24", "--study", "home.jsonl", "--overlay", "tiny.json", "--out", "results")...)
	p := openPage(t, s.serving())
	dir := p.keepDownloads()
	p.bring(s.path("home.jsonl"), 25)

	for id, names := range map[string][2]string{
		"save-csv":  {"litefront-tiny-seed-1.csv", "trials.csv"},
		"save-json": {"litefront-tiny-seed-1.json", "study.json"},
	} {
		want, err := os.ReadFile(s.path("results/" + names[1]))
		if err != nil {
			t.Fatal(err)
		}
		got := p.downloaded(dir, id, names[0])
		if difference := differs(got, want); difference != "" {
			t.Errorf("the page's %s differs from the command line's: %s", names[1], difference)
		}
	}
	p.checkSVG(p.downloaded(dir, "save-svg", "litefront-tiny-seed-1.svg"))
	p.checkModels(s, dir)
	p.checkMalformed(s)

	// While a search runs it has the device for itself.
	p.fill("budget", "1000")
	p.click("start")
	p.state("searching")
	p.until(`document.getElementById("take-note").innerText.includes("Pause the search") && document.getElementById("save-csv").disabled`)
	if n := eval[int](p, `document.querySelectorAll(".files button").length`); n != 0 {
		t.Errorf("%d files are on offer while a search runs", n)
	}
	p.click("pause")
	p.state("paused")
	p.until(`document.querySelectorAll(".files button:enabled").length === 6`)
	p.noComplaints()
}

var fraction = regexp.MustCompile(`[0-9]+\.[0-9]+(e[-+]?[0-9]+)?`)

// differs says where one report differs from another by more than a billionth of a
// number, or empty: logarithms and powers may differ in their last bit between the
// processor's and those of WebAssembly.
func differs(got, want []byte) string {
	lines, others := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	if len(lines) != len(others) {
		return fmt.Sprintf("%d lines, want %d", len(lines), len(others))
	}
	for i, line := range lines {
		x, y := fraction.FindAllString(line, -1), fraction.FindAllString(others[i], -1)
		same := len(x) == len(y) && fraction.ReplaceAllString(line, "") == fraction.ReplaceAllString(others[i], "")
		for k := 0; same && k < len(x); k++ {
			a, errA := strconv.ParseFloat(x[k], 64)
			b, errB := strconv.ParseFloat(y[k], 64)
			same = errA == nil && errB == nil && math.Abs(a-b) <= 1e-9*math.Abs(b)
		}
		if !same {
			return fmt.Sprintf("line %d is %q, want %q", i+1, line, others[i])
		}
	}
	return ""
}

// checkModels takes all files of a member of the frontier home.
func (p tab) checkModels(s sandbox, dir string) {
	p.t.Helper()
	members := s.replay("home.jsonl").Frontier()
	a := members[len(members)-1].Arch
	config, err := json.Marshal(a)
	if err != nil {
		p.t.Fatal(err)
	}
	s.write("member.json", string(config))
	s.must("export", "member.json", "--format", "wasm,onnx,hf,pytorch", "--prompt", "32", "--context", "48", "--out", "member")
	p.clickOn(fmt.Sprintf(`#frontier [data-arch=%q]`, a.ID()))
	p.until(fmt.Sprintf(`document.getElementById("details").innerText.includes(%q)`, a.ID()))
	if note := eval[string](p, `document.querySelector(".take-home").innerText`); !strings.Contains(note, "Untrained weights") {
		p.t.Errorf("beside the files stands %q", note)
	}
	for _, name := range []string{"model.wasm", "model.json", "model.onnx", "config.json", "model.safetensors", "model.py"} {
		want, err := os.ReadFile(s.path("member/" + name))
		if err != nil {
			p.t.Fatal(err)
		}
		about := eval[string](p, fmt.Sprintf(`document.getElementById("take-%s").parentElement.innerText`, name))
		if !strings.Contains(about, store.Size(int64(len(want)))+": ") {
			p.t.Errorf("%s of %d bytes is announced as %q", name, len(want), about)
		}
		if got := p.downloaded(dir, "take-"+name, name); !bytes.Equal(got, want) {
			p.t.Errorf("the page's %s has %d bytes and differs from the command line's, which has %d", name, len(got), len(want))
		}
	}
}

// checkSVG looks for the members of the frontier in a saved plot, at the places where
// the chart on the page has them.
func (p tab) checkSVG(file []byte) {
	p.t.Helper()
	type place struct{ X, Y float64 }
	var marks []place // of shapes in the frontier's colour
	var words []string
	width, height := "", ""
	for d := xml.NewDecoder(bytes.NewReader(file)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.t.Fatalf("the saved plot is no XML: %v", err)
		}
		switch token := token.(type) {
		case xml.CharData:
			words = append(words, strings.TrimSpace(string(token)))
		case xml.StartElement:
			attributes := map[string]string{}
			for _, a := range token.Attr {
				attributes[a.Name.Local] = a.Value
			}
			if token.Name.Local == "svg" {
				width, height = attributes["width"], attributes["height"]
			}
			var m [6]float64
			matrix := strings.NewReplacer("matrix(", "", ")", "", ",", " ").Replace(attributes["transform"])
			if n, _ := fmt.Sscan(matrix, &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]); n == 6 && attributes["fill"] == "#0072b2" {
				marks = append(marks, place{m[4], m[5]})
			}
		}
	}
	box := eval[[]float64](p, `(() => { const b = document.querySelector(".chart-canvas").getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()`)
	if want := fmt.Sprintf("%.0f %.0f", math.Floor(box[2]), math.Floor(box[3])); width+" "+height != want {
		p.t.Errorf("the saved plot is %s × %s, the chart %s", width, height, want)
	}
	for _, want := range []string{"decoder parameters (proxy)", "response latency (ms)", "frontier"} {
		if !slices.Contains(words, want) {
			p.t.Errorf("the saved plot does not say %q: %q", want, words)
		}
	}
	drawn := eval[[][]float64](p, `litefrontChart.data(1).frontier.map((point) => litefrontChart.locate(1, point.trial))`)
	if len(drawn) == 0 {
		p.t.Fatal("the chart has no frontier")
	}
	for _, at := range drawn {
		x, y := at[0]-box[0], at[1]-box[1]
		if !slices.ContainsFunc(marks, func(m place) bool { return math.Hypot(m.X-x, m.Y-y) < 1.5 }) {
			p.t.Errorf("the saved plot has no mark at %.1f, %.1f, but at %.1f", x, y, marks)
		}
	}
}

// checkMalformed imports what is no study. The page asks before it would replace the one
// that is kept, then says in one line what is wrong, and keeps it.
func (p tab) checkMalformed(s sandbox) {
	p.t.Helper()
	journal, err := os.ReadFile(s.path("home.jsonl"))
	if err != nil {
		p.t.Fatal(err)
	}
	before := p.frontier()
	for name, test := range map[string]struct{ text, want string }{
		"torn":     {string(journal[:80]), "line 1: damaged line"},
		"checksum": {strings.Replace(string(journal), `"seed":1`, `"seed":2`, 1), "line 1: damaged line: checksum does not match"},
		"crlf":     {strings.ReplaceAll(string(journal), "\n", "\r\n"), "CR LF"},
		"binary":   {"\x89PNG\r\n\x1a\n\x00\xff\xfe", "not a journal"},
		"empty":    {"", "the file is empty"},
	} {
		s.write(name, test.text)
		p.upload(s.path(name))
		p.until(fmt.Sprintf(`!document.querySelector(".confirm").hidden || document.getElementById("errors").innerText.includes(%q)`, test.want))
		if eval[bool](p, `!document.querySelector(".confirm").hidden`) {
			p.click("accept")
		}
		p.until(fmt.Sprintf(`[...document.querySelectorAll("#errors .error-text")].some((e) => e.innerText.includes(%q))`, test.want))
		if n := eval[int](p, `document.querySelectorAll("#errors .error-text").length`); n != 1 {
			p.t.Errorf("%s: the page says %d lines", name, n)
		}
		p.clickOn("#errors .dismiss")
		p.until(`document.querySelectorAll("#errors .error-text").length === 0`)
	}
	p.reload()
	p.measured(25)
	p.until(`!document.getElementById("start").disabled`)
	if after := p.frontier(); !slices.Equal(after, before) {
		p.t.Errorf("the frontier was %v, and after what made no sense is %v", before, after)
	}
	p.clickOn("#frontier [data-trial]")
}
