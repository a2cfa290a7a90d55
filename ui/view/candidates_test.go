package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vugu/html"
	"github.com/vugu/vugu"

	"litefront/searchcore/importance"
	"litefront/searchcore/study"
	"litefront/ui/store"
)

// searched is a page with a search of n candidates that asks nothing of its results.
func searched(t *testing.T, n int) (*screen, *study.Study) {
	t.Helper()
	v := show(t)
	v.apply(idle())
	v.input("change", "strategy", "random")
	return v, v.search(n)
}

// rows lists what an attribute of the table's rows says.
func (v *screen) rows(attr string) (values []string) {
	v.t.Helper()
	for _, row := range all(v.element("frontier"), func(n *html.Node) bool { return has(n, "data-trial") }) {
		values = append(values, attribute(row, attr))
	}
	return values
}

func TestTable(t *testing.T) {
	v, st := searched(t, 12)
	asked, err := st.Ask()
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Fail(asked.Number, asked.Token, "RangeError: no <i>memory</i>"); err != nil {
		t.Fatal(err)
	}
	v.input("change", "table-group", store.GroupAll)
	if got := v.rows("data-trial"); len(got) != 13 || v.text("frontier-title") != "All candidates (13)" {
		t.Errorf("rows %v under %q", got, v.text("frontier-title"))
	}
	if got := v.rows("data-standing"); got[12] != "failed" || !strings.Contains(v.text("frontier"), "✗ RangeError: no <i>memory</i>") {
		t.Errorf("standings %v, table %q", got, v.text("frontier"))
	}

	// A failed candidate has details, with the reason.
	v.store.Select(asked.Number)
	v.render()
	if details := v.text("details"); !strings.Contains(details, "Not measured: RangeError: no <i>memory</i>.") || strings.Contains(details, "Timings") || v.usable("compare-selected") {
		t.Errorf("the details of a failed candidate: %q", details)
	}
	v.store.Select(0)

	// A header sorts, and says so.
	header := func(column string) *html.Node {
		return all(v.element("frontier"), func(n *html.Node) bool { return attribute(n, "data-sort") == column })[0].Parent
	}
	for _, order := range []string{"none", "ascending", "descending", "none"} {
		if got := attribute(header("decoder_params"), "aria-sort"); got != order || attribute(header("verdict"), "aria-sort") != "none" {
			t.Errorf("aria-sort %q, want %q", got, order)
		}
		rows, _ := v.store.Rows()
		if got := v.rows("data-arch"); got[0] != rows[0].Arch.ID() || len(got) != len(rows) {
			t.Errorf("%s: the first of %d rows is %s", order, len(got), got[0])
		}
		v.handle("click", &event{}, byAttribute("data-sort", "decoder_params"))
	}

	// A filter leaves what has its text.
	v.input("input", "table-filter", st.Trials()[3].Arch.ID())
	if got := v.rows("data-trial"); !slices.Equal(got, []string{"4"}) {
		t.Errorf("the filter leaves %v", got)
	}
	v.input("input", "table-filter", "nothing like it")
	if len(v.rows("data-trial")) != 0 || !v.visible("table-empty") {
		t.Error("an empty list is not said")
	}
	v.input("input", "table-filter", "")

	// Columns come and go.
	if v.visible("columns") || attribute(v.element("table-columns"), "aria-expanded") != "false" {
		t.Error("the choice of columns is open at first")
	}
	v.click("table-columns")
	if !v.visible("columns") || attribute(v.element("table-columns"), "aria-expanded") != "true" {
		t.Error("the choice of columns does not open")
	}
	v.input("change", "column-flops", true)
	v.input("change", "column-peak_mb", false)
	var columns []string
	for _, n := range all(v.element("frontier"), func(n *html.Node) bool { return has(n, "data-sort") }) {
		columns = append(columns, attribute(n, "data-sort"))
	}
	if want := []string{"architecture", "standing", "decoder_params", "flops", "response_ms", "verdict"}; !slices.Equal(columns, want) {
		t.Errorf("columns %v, want %v", columns, want)
	}
	cells := all(v.element("frontier"), func(n *html.Node) bool { return attribute(n, "data-label") == "operations per response" })
	if len(cells) != 13 || len(strings.TrimSpace(text(cells[0]))) < 2 {
		t.Errorf("%d cells of operations, the first %q", len(cells), text(cells[0]))
	}
}

// The sliders cut the frontier, and what they leave out is crossed.
func TestBounds(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("bounds") {
		t.Error("there are sliders without a study")
	}
	v, st := searched(t, 12)
	whole := v.rows("data-trial")
	slider := v.element("bound-decoder_params")
	last := v.store.Bounds()[0].Last
	if attribute(slider, "max") != fmt.Sprint(last) || v.usable("clear-bounds") || attribute(slider, "aria-valuetext") != "any" {
		t.Errorf("the slider goes to %s of %d and says %q", attribute(slider, "max"), last, attribute(slider, "aria-valuetext"))
	}
	v.input("input", "bound-decoder_params", fmt.Sprint(last-1))
	if got := v.rows("data-trial"); len(got) < 1 || len(got) > 2 || len(whole) <= 2 {
		t.Errorf("above all but two sizes the frontier is %v, was %v", got, whole)
	}
	if got := attribute(v.element("bound-decoder_params"), "aria-valuetext"); !strings.HasPrefix(got, "≥ ") || !strings.Contains(v.text("bounds"), got) {
		t.Errorf("the slider says %q of %q", got, v.text("bounds"))
	}
	if !strings.Contains(v.text("frontier-title"), "infeasible") || !strings.Contains(v.text("bounds-note"), "of 12 measured candidates are within") {
		t.Errorf("heading %q, note %q", v.text("frontier-title"), v.text("bounds-note"))
	}
	v.input("change", "table-group", store.GroupAll)
	crossed := 0
	for _, row := range all(v.element("frontier"), func(n *html.Node) bool { return has(n, "data-infeasible") }) {
		crossed++
		if attribute(row, "data-standing") != "infeasible" {
			t.Errorf("a crossed row is %s", attribute(row, "data-standing"))
		}
	}
	if crossed < 10 || crossed > 11 {
		t.Errorf("%d rows are crossed", crossed)
	}
	v.store.Select(slices.MinFunc(st.Trials(), func(a, b study.Record) int { return int(a.Arch.DecoderParams() - b.Arch.DecoderParams()) }).Number)
	v.render()
	if !strings.Contains(v.text("details"), "Outside the bound that is shown: decoder parameters (proxy) ≥ ") {
		t.Errorf("the details say %q", v.text("details"))
	}
	v.input("change", "table-group", store.GroupFrontier)
	v.click("clear-bounds")
	if got := v.rows("data-trial"); !slices.Equal(got, whole) || v.usable("clear-bounds") {
		t.Errorf("cleared, the frontier is %v, was %v", got, whole)
	}
	// A slider that was drawn before the latest candidates came bounds nothing at its end.
	v.handle("input", &event{properties: map[string]any{"target.value": "3", "target.max": "3"}}, byAttribute("id", "bound-response_ms"))
	if v.store.Bounded() {
		t.Error("the loose end of a slider is a bound")
	}
	v.handle("input", &event{properties: map[string]any{"target.value": "3", "target.max": "4"}}, byAttribute("id", "bound-response_ms"))
	if !v.store.Bounded() {
		t.Error("another place of it is none")
	}
	v.click("clear-bounds")
	v.input("input", "bound-decoder_params", "far")
	if v.store.Bounded() {
		t.Error("a slider moves to no number")
	}
}

func TestCompare(t *testing.T) {
	v, st := searched(t, 8)
	if v.visible("compare") {
		t.Error("nothing is compared, and a table is shown")
	}
	v.input("change", "table-group", store.GroupAll)
	for _, n := range []int{2, 5, 7} {
		v.input("click", fmt.Sprintf("compare-%d", n), true)
	}
	v.store.Select(1)
	v.render()
	v.input("change", "compare-selected", true)
	compared := func() (ids []string) {
		for _, n := range all(v.element("compare"), func(n *html.Node) bool { return has(n, "data-compared") }) {
			ids = append(ids, attribute(n, "data-compared"))
		}
		return ids
	}
	trials := st.Trials()
	want := []string{trials[1].Arch.ID(), trials[4].Arch.ID(), trials[6].Arch.ID(), trials[0].Arch.ID()}
	if !slices.Equal(compared(), want) || !v.visible("compare") {
		t.Errorf("%v are compared, want %v", compared(), want)
	}
	v.input("click", "compare-3", true)
	if !slices.Equal(compared(), want) || !strings.Contains(v.text("errors"), "remove one") {
		t.Errorf("a fifth: %v are compared, the page says %q", compared(), v.text("errors"))
	}
	line := func(name string) string {
		found := all(v.element("compare"), func(n *html.Node) bool { return attribute(n, "data-line") == name })
		if len(found) != 1 {
			t.Fatalf("%d lines of %s", len(found), name)
		}
		return text(found[0])
	}
	params := func(i int) float64 { return float64(trials[i].Arch.DecoderParams()) }
	for _, i := range []int{4, 6, 0} {
		if ratio := fmt.Sprintf("%.2f×", params(i)/params(1)); !strings.Contains(line("decoder parameters (proxy)"), ratio) {
			t.Errorf("the ratio %s is missing: %q", ratio, line("decoder parameters (proxy)"))
		}
	}
	for name, want := range map[string]string{"compiling the module": "0.00 ms", "verdict": "noisy", "standing": "frontier", "response latency": "65.0 – 650000"} {
		if !strings.Contains(line(name), want) {
			t.Errorf("%s: %q lacks %q", name, line(name), want)
		}
	}

	// All layers are drawn in one scale: the widest bar of all is the widest there is.
	widest, bars := 0, (&Compare{Store: v.store}).drawings()
	for i, d := range bars {
		layers := v.store.Compared()[i].Arch.Layers
		widest = max(widest, widestInner(layers))
		if strings.Count(d.Bars, "z") != len(layers) {
			t.Errorf("%d bars for %d layers", strings.Count(d.Bars, "z"), len(layers))
		}
	}
	for i, d := range bars {
		has := strings.Contains(d.Bars, fmt.Sprintf("h%.1fv", float64(widestBar)))
		if inner := widestInner(v.store.Compared()[i].Arch.Layers); has != (inner == widest) {
			t.Errorf("drawing %d is as wide as there is room, %v, with d_inner %d of %d", i, has, inner, widest)
		}
	}

	v.handle("click", &event{}, byAttribute("aria-label", "Remove "+trials[4].Arch.String()))
	v.input("click", "compare-7", false)
	if want := []string{want[0], want[3]}; !slices.Equal(compared(), want) {
		t.Errorf("%v are compared, want %v", compared(), want)
	}
}

// A tick in a row is none of the row's business.
func TestTickDoesNotSelect(t *testing.T) {
	v, _ := searched(t, 3)
	first := v.rows("data-trial")[0]
	for kind, properties := range map[string]map[string]any{
		"click":   {"target.type": "checkbox"},
		"keydown": {"target.type": "checkbox", "key": " "},
	} {
		e := &event{properties: properties}
		v.handle(kind, e, byAttribute("data-trial", first))
		if v.store.Selected() != nil || e.prevented {
			t.Errorf("%s of the tick: selected %v, prevented %v", kind, v.store.Selected(), e.prevented)
		}
	}
}

func TestImportance(t *testing.T) {
	v, _ := searched(t, importance.MinPoints-1)
	if !strings.Contains(v.text("importance-few"), "it takes 20") || v.visible("importance") {
		t.Errorf("few are measured, and the page says %q", v.text("importance-few"))
	}
	v, st := searched(t, 40)
	rows, _ := v.store.Importance()
	found := all(v.element("importance"), func(n *html.Node) bool { return has(n, "data-dimension") })
	if len(rows) < 3 || len(found) != len(rows) || v.visible("importance-few") || len(st.Trials()) != 40 {
		t.Fatalf("%d rows for %d dimensions", len(found), len(rows))
	}
	for i, row := range found {
		if attribute(row, "data-dimension") != rows[i].Dimension || !strings.Contains(text(row), percent(rows[i].Shares[0])) {
			t.Errorf("row %d is %q, want %v", i, text(row), rows[i])
		}
	}
	want := shareBar(rows[0].Shares[0])
	if n := v.find(v.results.Out.Out[0], byAttribute("d", want)); n == nil || n.Namespace != "svg" || want != fmt.Sprintf("M0 0h%.1fv6H0z", 100*rows[0].Shares[0]) {
		t.Errorf("the bar %q is not drawn", want)
	}
}

func TestVolume(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("volume") {
		t.Error("the hypervolume of nothing is plotted")
	}
	v, st := searched(t, 30)
	now := fmt.Sprintf("%.3f", st.Progress().Hypervolume)
	if got := v.text("volume-now"); got != "now "+now+", after 30 candidates" {
		t.Errorf("the page says %q, want %s", got, now)
	}
	c := &Volume{Store: v.store}
	steps, _ := v.store.Hypervolume()
	if d := c.line(); !strings.HasPrefix(d, "M0 100.0H") || !strings.HasSuffix(d, "V0.0H400") || strings.Count(d, "V") != len(steps)-1 {
		t.Errorf("%d steps are drawn as %q", len(steps), d)
	}
	if c.high() != now || c.low() != fmt.Sprintf("%.3f", steps[0].Hypervolume) || c.last() != "30 candidates" {
		t.Errorf("the axes end at %s, %s and %s", c.high(), c.low(), c.last())
	}
	if n := v.find(v.results.Out.Out[0], func(n *vugu.VGNode) bool { return slices.Contains(n.Attr, vugu.VGAttribute{Key: "d", Val: c.line()}) }); n == nil {
		t.Error("the line is not drawn")
	}
}
