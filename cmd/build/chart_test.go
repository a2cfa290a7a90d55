//go:build !wasm

package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chromedp/chromedp"

	"litefront/host/web"
	"litefront/internal/browsertest"
)

// chartPage is a page with the chart, under the policy that the program serves.
// Before the chart it notes what the window has, and then what the policy refuses.
var chartPage = map[string]string{
	"index.html": `<!doctype html><link rel="icon" href="data:,"><link rel="stylesheet" href="style.css"><div id="chart"></div><script src="before.js"></script><script src="chart.js"></script>`,
	"style.css":  `body { margin: 0 } #chart { width: 800px; height: 500px }`,
	"before.js": `var refused = [], clicked = [];
document.addEventListener('securitypolicyviolation', (e) => refused.push(e.violatedDirective + ' ' + e.sourceFile + ':' + e.lineNumber));
var before = Object.getOwnPropertyNames(window).concat('before');`,
}

func evaluate[T any](t *testing.T, tab context.Context, format string, args ...any) T {
	t.Helper()
	return browsertest.Eval[T](t, tab, fmt.Sprintf(format, args...))
}

// point is a point as update takes it.
type point struct{ trial, x, y, xLow, xHigh, flags, z float32 }

// floats is the JavaScript expression of points as one Float32Array.
func floats(points ...point) string {
	var b []byte
	for _, p := range points {
		for _, f := range []float32{p.trial, p.x, p.y, p.xLow, p.xHigh, p.flags, p.z} {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
	}
	return fmt.Sprintf("new Float32Array(Uint8Array.from(atob(%q), (c) => c.charCodeAt(0)).buffer)", base64.StdEncoding.EncodeToString(b))
}

// drawn is what data answers, by group: trial numbers alone.
func drawn(t *testing.T, tab context.Context) map[string][]int {
	t.Helper()
	return evaluate[map[string][]int](t, tab, `Object.fromEntries(Object.entries(litefrontChart.data(chart)).map(([k, list]) => [k, list.map((p) => p.trial)]))`)
}

// TestChart runs the bundle in a browser as the page does.
func TestChart(t *testing.T) {
	if testing.Short() {
		t.Skip("what runs here is not Go")
	}
	script, err := bundle(chartDir(t), "litefrontChart", "ECharts")
	if err != nil {
		t.Fatal(err)
	}
	dist := fstest.MapFS{"chart.js": {Data: script}}
	for name, text := range chartPage {
		dist[name] = &fstest.MapFile{Data: []byte(text)}
	}
	h, err := web.Handler(dist)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	tab := browsertest.New(t)
	if err := chromedp.Do(tab, chromedp.EmulateViewport(800, 500), chromedp.Navigate(server.URL)); err != nil {
		t.Fatal(err)
	}

	if got := evaluate[[]string](t, tab, `Object.getOwnPropertyNames(window).filter((name) => !before.includes(name))`); !slices.Equal(got, []string{"litefrontChart"}) {
		t.Errorf("new globals: %q; want litefrontChart alone", got)
	}
	evaluate[chromedp.Void](t, tab, `var chart = litefrontChart.create(document.getElementById('chart'));
		litefrontChart.onClick(chart, () => clicked.push('replaced'));
		litefrontChart.onClick(chart, (trial) => clicked.push(trial));`)

	nan := float32(math.NaN())
	points := []point{
		{1, 20, 2e6, 20, 20, 0, 1},
		{2, 10, 1e6, 9, 11, 1, 20},
		{3, 30, 5e6, 29, 33, 1 | 8, 100},
		{4, 35, 4e6, 34, 36, 2, -1},
		{5, 25, 3e6, 24, 26, 4 | 1, 50},
		{6, nan, 3e6, nan, nan, 0, 500},
		{7, -5, 3e6, nan, nan, 0, 70},
		{-1, 28, 4.5e6, 26, 30, 16, 30},
	}
	const options = `{"xName":"prefill latency (ms)","yName":"<img src=x onerror=alert(1)>","dark":true,"xLog":%v,"frontier":[2,5,3,99]}`
	// Only the last of updates in quick succession is drawn.
	evaluate[chromedp.Void](t, tab, `for (const log of [true, true, false]) litefrontChart.update(chart, %q.replace('%%v', log), %s)`, options, floats(points...))
	settle := func() { evaluate[chromedp.Void](t, tab, `new Promise((done) => setTimeout(done, 400))`) }
	settle()
	want := map[string][]int{"dominated": {1, 7}, "predicted": {-1}, "infeasible": {4}, "line": {2, 5, 3}, "frontier": {2, 3}, "overlay": {5}, "selected": {3}, "others": {}}
	if got := drawn(t, tab); !reflect.DeepEqual(got, want) {
		t.Errorf("drawn: %v; want %v", got, want)
	}
	type row struct{ X, Y, XLow, XHigh float64 }
	if got := evaluate[row](t, tab, `litefrontChart.data(chart).frontier[0]`); got != (row{10, 1e6, 9, 11}) {
		t.Errorf("the first of the frontier: %v", got)
	}

	// The picture to save is a file of its own, in which a name is text.
	if texts := textsOf(t, evaluate[string](t, tab, `litefrontChart.svg(chart)`)); !slices.Contains(texts, "prefill latency (ms)") || !slices.Contains(texts, "<img src=x onerror=alert(1)>") {
		t.Errorf("the picture says %q", texts)
	}
	if got := evaluate[string](t, tab, `litefrontChart.png(chart).slice(0, 22)`); got != "data:image/png;base64," {
		t.Errorf("the other picture begins %q", got)
	}

	// Clicking across the middle of the canvas finds points, whichever they are;
	// hovering over one tells what it is in plain text.
	x, y := find(t, tab, "trial 3")
	if err := chromedp.Do(tab, chromedp.MouseClickXY(x, y)); err != nil {
		t.Fatal(err)
	}
	if got := evaluate[[]any](t, tab, `clicked`); len(got) != 1 || got[0] != 3.0 {
		t.Errorf("clicked: %v; want [3]", got)
	}
	if got := evaluate[string](t, tab, tooltipText); !strings.Contains(got, "trial 3") || !strings.Contains(got, "prefill latency (ms): 30 (29–33)") || !strings.Contains(got, "<img src=x onerror=alert(1)>: 5M") {
		t.Errorf("the tooltip says %q", got)
	}
	// A tooltip shows the sketch of its trial, if there is one.
	const sketched = `[...document.querySelectorAll('#chart > div:not(:has(canvas)) path')].map((e) => e.getAttribute('class') + ' ' + e.getAttribute('d')).join()`
	if got := evaluate[string](t, tab, sketched); got != "" {
		t.Errorf("without a sketch %q is drawn", got)
	}
	evaluate[chromedp.Void](t, tab, `litefrontChart.onHover(chart, (trial) => (trial === 3 ? {box: '0 0 9 9', label: 'three', paths: {bars: 'M3 0h1', ticks: 'M0 3v1'}} : null))`)
	find(t, tab, "trial 2")
	if got := evaluate[string](t, tab, sketched); got != "" {
		t.Errorf("of another trial %q is drawn", got)
	}
	find(t, tab, "trial 3")
	if got := evaluate[string](t, tab, sketched); got != "bars M3 0h1,ticks M0 3v1" {
		t.Errorf("the sketch is %q", got)
	}
	if n := evaluate[int](t, tab, `document.querySelectorAll('img').length`); n != 0 {
		t.Errorf("a name became %d elements", n)
	}

	third(t, tab, floats(points...))
	others(t, tab, floats(points...))

	// A logarithmic axis has no place for what is not positive.
	evaluate[chromedp.Void](t, tab, `litefrontChart.update(chart, %q.replace('%%v', true), %s)`, options, floats(points...))
	settle()
	if got := drawn(t, tab)["dominated"]; !slices.Equal(got, []int{1}) {
		t.Errorf("dominated on a logarithmic axis: %v; want [1]", got)
	}

	// Many points are drawn in ECharts' large mode, and still found.
	many := []point{{9000, 5, 9e6, 5, 5, 1, -1}}
	for i := range 8000 {
		f := float32(i)
		many = append(many, point{f, 50 + 0.01*f, 1e6 + 100*f, 0, 0, 0, -1})
	}
	evaluate[chromedp.Void](t, tab, `litefrontChart.update(chart, '{}', %s)`, floats(many...))
	settle()
	if got := drawn(t, tab); len(got["dominated"]) != 8000 || len(got["line"]) != 0 {
		t.Errorf("%d dominated, %d on the line; want 8000, 0", len(got["dominated"]), len(got["line"]))
	}
	find(t, tab, "trial")

	// The chart follows its element.
	evaluate[chromedp.Void](t, tab, `document.getElementById('chart').style.width = '300px'`)
	settle()
	if got := evaluate[float64](t, tab, `document.querySelector('canvas').getBoundingClientRect().width`); got != 300 {
		t.Errorf("the canvas is %v wide; want 300", got)
	}

	for _, wrong := range []string{
		`litefrontChart.update(chart, '{', new Float32Array())`,
		`litefrontChart.update(chart, '{}', new Float32Array(8))`,
		`litefrontChart.update(chart, '{}', [1, 2, 3, 4, 5, 6, 7])`,
		`litefrontChart.update(99, '{}', new Float32Array())`,
		`(litefrontChart.dispose(chart), litefrontChart.resize(chart))`,
	} {
		if got := evaluate[string](t, tab, `(() => { try { %s; return ''; } catch (e) { return e.message; } })()`, wrong); got == "" {
			t.Errorf("%s throws nothing", wrong)
		}
	}
	if n := evaluate[int](t, tab, `document.querySelectorAll('canvas').length`); n != 0 {
		t.Errorf("%d canvases are left of a disposed chart", n)
	}
	if got := evaluate[[]string](t, tab, `refused`); len(got) > 0 {
		t.Errorf("the policy refused: %q", got)
	}
}

// third has marks show a third objective, and looks at the picture to save, which has
// the scale: that must be told apart by lightness alone, and from the page.
func third(t *testing.T, tab context.Context, points string) {
	t.Helper()
	picture := func(options string) string {
		evaluate[chromedp.Void](t, tab, `litefrontChart.update(chart, %q, %s)`, options, points)
		evaluate[chromedp.Void](t, tab, `new Promise((done) => setTimeout(done, 400))`)
		return evaluate[string](t, tab, `litefrontChart.svg(chart)`)
	}
	for _, dark := range []bool{false, true} {
		plain := swatches(t, picture(fmt.Sprintf(`{"xName":"x","yName":"y","frontier":[2,3],"dark":%t}`, dark)))
		text := picture(fmt.Sprintf(`{"xName":"x","yName":"y","frontier":[2,3],"dark":%t,"zBy":"colour","zName":"peak memory (MiB)","zLog":false}`, dark))
		if texts := textsOf(t, text); !slices.Contains(texts, "peak memory (MiB)") || !slices.Contains(texts, "1") || !slices.Contains(texts, "100") {
			t.Errorf("the picture with colours says %q", texts)
		}
		scale := swatches(t, text)
		if len(scale) != 7 || len(plain) != 0 {
			t.Fatalf("%d swatches, without a third objective %d", len(scale), len(plain))
		}
		back := luminance(t, "#ffffff")
		if dark {
			back = luminance(t, "#202020")
		}
		last := back
		for i, c := range scale {
			l := luminance(t, c)
			if contrast := (max(l, back) + 0.05) / (min(l, back) + 0.05); contrast < 3 || (l > last) != dark {
				t.Errorf("dark %t: step %d, %s, has a contrast of %.2f to the page, and is lighter than the one before: %t", dark, i, c, contrast, l > last)
			}
			last = l
		}
		// Each mark has the colour of its step: 1 the first, 100 the last.
		for _, step := range []int{0, 6} {
			if n := strings.Count(text, `fill="`+scale[step]+`"`); n != 2 {
				t.Errorf("dark %t: step %d is %d times in the picture; want 2, in the scale and as a mark", dark, step, n)
			}
		}
	}
	text := picture(`{"xName":"x","yName":"y","frontier":[2,3],"zBy":"size","zName":"decode latency (ms)","zLog":true}`)
	if texts := textsOf(t, text); len(swatches(t, text)) != 0 || !slices.Contains(texts, "decode latency (ms)") {
		t.Errorf("the picture with sizes says %q", texts)
	}
	x, y := find(t, tab, "trial 3")
	if got := evaluate[string](t, tab, tooltipText); !strings.Contains(got, "decode latency (ms): 100") {
		t.Errorf("at %v, %v the tooltip says %q", x, y, got)
	}
}

// swatches are the colours of the scale in a picture, in its order: those of the only
// rectangles of their size.
func swatches(t *testing.T, file string) (colours []string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(file)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return colours
		}
		if err != nil {
			t.Fatalf("%v in %s", err, file)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		attributes := map[string]string{}
		for _, a := range e.Attr {
			attributes[a.Name.Local] = a.Value
		}
		if e.Name.Local == "path" && strings.HasSuffix(attributes["d"], "l22 0l0 12l-22 0Z") {
			colours = append(colours, attributes["fill"])
		}
	}
}

// luminance is the relative luminance of WCAG 2.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var channels [3]uint8
	if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &channels[0], &channels[1], &channels[2]); err != nil {
		t.Fatalf("colour %q: %v", colour, err)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(channels[i]) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// others lays two studies over the chart. Their points are told as theirs, and a click
// on one selects nothing.
func others(t *testing.T, tab context.Context, points string) {
	t.Helper()
	const options = `{"xName":"x","yName":"y","frontier":[2,3],"xLog":%t,"others":[
		{"name":"study 2","slot":0,"points":[[1,12,2.5e6],[2,18,4.9e6],[9,-3,1e6]],"line":[0,1,2]},
		{"name":"study 4","slot":2,"points":[[7,32,1.2e6]],"line":[0]}]}`
	draw := func(log bool) map[string][][]int {
		t.Helper()
		evaluate[chromedp.Void](t, tab, `litefrontChart.update(chart, %q, %s)`, fmt.Sprintf(options, log), points)
		evaluate[chromedp.Void](t, tab, `new Promise((done) => setTimeout(done, 400))`)
		return evaluate[map[string][][]int](t, tab, `Object.fromEntries(litefrontChart.data(chart).others.map((o) => [o.name, [o.points, o.line].map((list) => list.map((p) => p.trial))]))`)
	}
	if got, want := draw(true), (map[string][][]int{"study 2": {{1, 2}, {1, 2}}, "study 4": {{7}, {7}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("on a logarithmic axis the others are %v, want %v", got, want)
	}
	if got, want := draw(false), (map[string][][]int{"study 2": {{1, 2, 9}, {1, 2, 9}}, "study 4": {{7}, {7}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("the others are %v, want %v", got, want)
	}
	text := evaluate[string](t, tab, `litefrontChart.svg(chart)`)
	if texts := textsOf(t, text); !slices.Contains(texts, "study 2") || !slices.Contains(texts, "study 4") || strings.Count(text, "stroke-dasharray") < 2 {
		t.Errorf("the picture with other studies says %q", texts)
	}
	before := evaluate[int](t, tab, `clicked.length`)
	x, y := find(t, tab, "study 4, trial 7")
	if err := chromedp.Do(tab, chromedp.MouseClickXY(x, y)); err != nil {
		t.Fatal(err)
	}
	if n := evaluate[int](t, tab, `clicked.length`); n != before {
		t.Error("a click on another study's point selects something")
	}
}

// textsOf lists the texts of an SVG file.
func textsOf(t *testing.T, file string) (texts []string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(file)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("%v in %s", err, file)
		}
		if text, ok := token.(xml.CharData); ok {
			texts = append(texts, string(text))
		}
	}
}

// tooltipText is the text of the tooltip, empty while it is hidden.
const tooltipText = `[...document.querySelectorAll('#chart > div:not(:has(canvas))')].filter((e) => getComputedStyle(e).visibility !== 'hidden' && e.style.opacity !== '0').map((e) => e.innerText).join()`

// find moves the mouse over the chart until the tooltip mentions what is wanted.
func find(t *testing.T, tab context.Context, mention string) (x, y float64) {
	t.Helper()
	at := evaluate[[]float64](t, tab, `(() => {
		const canvas = document.querySelector('canvas');
		for (let y = 40; y < 480; y += 4) for (let x = 40; x < 790; x += 4) {
			canvas.dispatchEvent(new MouseEvent('mousemove', {clientX: x, clientY: y, bubbles: true}));
			if ((%s).includes(%q)) return [x, y];
		}
		return [];
	})()`, tooltipText, mention)
	if len(at) != 2 {
		t.Fatalf("no point's tooltip mentions %q", mention)
	}
	return at[0], at[1]
}
