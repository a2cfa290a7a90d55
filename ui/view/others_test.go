package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vugu/html"

	"litefront/kernels/search"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
	"litefront/ui/store"
)

// other is what a worker says of another study, whose frontier is a single candidate.
func other(started trial.Started, values map[string]float64) search.Message {
	o := &search.Other{Started: started, Device: &trial.Device{Name: "<i>a phone</i>", Engine: "V8 (Chromium 156)"}, Devices: 2, Measured: 12}
	for _, name := range []string{"decoder_params", "response_ms", "peak_mb"} {
		o.Objectives = append(o.Objectives, name)
		o.Best, o.Worst = append(o.Best, values[name]), append(o.Worst, values[name])
	}
	o.Frontier = []search.OtherPoint{{Number: 3, Values: values}}
	return search.Message{Other: o}
}

// Other studies are listed, compared and removed; nothing is promised to be kept.
func TestOthers(t *testing.T) {
	v, st := searched(t, 12)
	if v.usable("overlay") || !strings.Contains(v.text("others-note"), "Pause the search") {
		t.Errorf("during a search the note is %q", v.text("others-note"))
	}
	v.click("pause")
	v.apply(search.Message{State: search.StateIdle})
	if !v.usable("overlay") || !strings.Contains(v.text("others-note"), "after a reload it is gone") || v.visible("sides") {
		t.Errorf("the note is %q", v.text("others-note"))
	}
	v.handle("change", &event{}, byAttribute("id", "overlay"))
	if v.page.overlaid != 1 {
		t.Errorf("overlaid %d times", v.page.overlaid)
	}

	started := st.Started()
	started.Study, started.Strategy, started.Seed = "<b>theirs</b>", "lts", 77
	v.apply(other(started, map[string]float64{"decoder_params": 1, "response_ms": 1e9, "peak_mb": 1e6}))
	items := all(v.html, func(n *html.Node) bool { return n.Data == "li" && has(n, "data-slot") })
	if len(items) != 1 {
		t.Fatalf("%d other studies are listed", len(items))
	}
	for _, want := range []string{"2: <b>theirs</b>", "<i>a phone</i> · V8 (Chromium 156) and 1 more", "lts of " + started.Space.Name, "prompt of 192 tokens, context of 256, f32", "seed 77"} {
		if !strings.Contains(text(items[0]), want) {
			t.Errorf("the list says %q; want %q", text(items[0]), want)
		}
	}
	if strings.Contains(text(items[0]), "differs") {
		t.Errorf("a like study is warned of: %q", text(items[0]))
	}
	side := func(number int) []string {
		t.Helper()
		row := all(v.element("sides"), func(n *html.Node) bool { return attribute(n, "data-side") == fmt.Sprint(number) })
		var cells []string
		for _, c := range all(row[0], func(n *html.Node) bool { return n.Data == "th" || n.Data == "td" }) {
			cells = append(cells, text(c))
		}
		return cells
	}
	want := []string{"1: this study", "12", fmt.Sprint(len(st.Frontier())), "100.0 %", "–", "0.0 %"}
	if got := side(1); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("this study's side is %q, want %q", got, want)
	}
	want = []string{"2: <b>theirs</b>", "12", "1", "0.0 %", "100.0 %", "–"}
	if got := side(2); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("the other's side is %q, want %q", got, want)
	}
	if got := v.text("sides-reference"); !strings.Contains(got, "response latency 1000000000 ms") || !strings.Contains(got, "litefront compare") {
		t.Errorf("of the reference it says %q", got)
	}

	// A study of another workload is warned of.
	started.Workload.Context = 200
	v.apply(other(started, map[string]float64{"decoder_params": 2, "response_ms": 9, "peak_mb": 9}))
	if got := text(all(v.html, func(n *html.Node) bool { return attribute(n, "data-slot") == "1" })[0]); !strings.Contains(got, "workload differs: the numbers do not compare") {
		t.Errorf("the list says %q", got)
	}
	v.click("remove-study-2")
	if others := v.store.Others(); len(others) != 1 || others[0].Number() != 3 {
		t.Errorf("the others are %v", others)
	}
	v.click("remove-study-3")
	if v.visible("sides") || v.visible("sides-reference") {
		t.Error("a table without other studies")
	}
}

// A journal that is brought may replace the study, be laid over it, or be left alone.
func TestOverlayInstead(t *testing.T) {
	v, _ := searched(t, 2)
	v.apply(search.Message{State: search.StateIdle})
	v.click("new-search")
	if v.visible("instead") || !v.visible("accept") {
		t.Error("a study can be discarded or overlaid")
	}
	v.click("decline")
	v.store.Import(`{"v":1}`)
	v.render()
	if v.text("instead") != "Overlay" || v.text("accept") != "Replace" {
		t.Errorf("the question %q has %q and %q", v.text("question"), v.text("instead"), v.text("accept"))
	}
	v.click("instead")
	if sent := v.page.sent[len(v.page.sent)-1]; sent.Do != search.DoRead || v.visible("question") {
		t.Errorf("sent %q", sent.Do)
	}
}

// The marks' objective can be chosen once they show one.
func TestThirdControls(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.usable("third") {
		t.Error("an objective can be chosen that nothing shows")
	}
	v.input("change", "third-by", store.ThirdSize)
	v.input("change", "third", "flops")
	if v.store.Third.By != store.ThirdSize || v.store.Third.Objective.Name != "flops" || !v.usable("third") {
		t.Errorf("the third is %+v", v.store.Third)
	}
}

// A search says how fast the device is.
func TestPace(t *testing.T) {
	v, st := searched(t, 1) // whose measurement has no sentinels
	if v.visible("pace") || v.visible("pace-plot") {
		t.Errorf("without sentinels it says %q", v.text("pace"))
	}
	measured := func(slowdown float64, verdict trial.Verdict) {
		t.Helper()
		tell(t, st, slowdown, verdict)
		v.render()
	}
	measured(1.02, trial.OK)
	if got := v.text("pace"); got != "The device took 1.02× its best time at the last candidate: steady." || has(v.element("pace"), "data-slow") {
		t.Errorf("it says %q", got)
	}
	measured(1.5, trial.Drifted)
	if got := v.text("pace"); !strings.Contains(got, "1.50×") || !strings.Contains(got, "marked ↯ drifted") || !has(v.element("pace"), "data-slow") {
		t.Errorf("it says %q", got)
	}
	measured(1.25, trial.Noisy)
	if got := v.text("pace"); !strings.Contains(got, "1.25×") || strings.Contains(got, "drifted") || !strings.HasSuffix(got, "Slowest lately was 1.50×, at candidate 3.") {
		t.Errorf("it says %q", got)
	}
	// Nobody else is to blame for what was measured while the page was hidden.
	if got := told(store.Pace{Slowdown: 1, Drifted: true, Background: true}); !strings.HasSuffix(got, "marked ↯ drifted: this tab was in the background.") {
		t.Errorf("it says %q", got)
	}
	plot := v.element("pace-plot")
	var d []string
	for _, p := range all(plot, func(n *html.Node) bool { return n.Data == "path" }) {
		d = append(d, attribute(p, "d"))
	}
	// 1.5 is at the top, 0, and 1 at the bottom, 30.
	if len(d) != 2 || d[0] != "M0 24.0H400" || d[1] != "M0.0 28.8L200.0 0.0L400.0 15.0" {
		t.Errorf("it is plotted as %q", d)
	}
	if got := attribute(plot, "aria-label"); !strings.Contains(got, "last 3 candidates, from 1× to 1.50×") {
		t.Errorf("it is labelled %q", got)
	}
}

func tell(t *testing.T, st *study.Study, slowdown float64, verdict trial.Verdict) {
	t.Helper()
	asked, err := st.Ask()
	if err != nil {
		t.Fatal(err)
	}
	stat := trial.Stat{MedianMs: 5, LowMs: 4, HighMs: 6}
	if err := st.Tell(asked.Number, asked.Token, trial.Measurement{
		ArchID: asked.Arch.ID(), Workload: st.Started().Workload, Protocol: st.Started().Protocol,
		Prefill: stat, Decode: stat, MemoryBytes: 32 << 20, Verdict: verdict, Slowdown: slowdown,
	}); err != nil {
		t.Fatal(err)
	}
}
