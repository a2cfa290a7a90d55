package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vugu/html"

	"litefront/kernels/search"
	"litefront/searchcore/trial"
	"litefront/ui/store"
)

func tellEvent(kind trial.Kind, fill func(*trial.Event)) search.Message {
	e := trial.Event{V: trial.EventVersion, Kind: kind}
	fill(&e)
	return search.Message{Event: &e}
}

// cells are the texts of a table's rows, by the attribute that names a row.
func (v *screen) cells(id, name string) (names, texts []string) {
	v.t.Helper()
	for _, row := range all(v.element(id), func(n *html.Node) bool { return has(n, name) }) {
		names, texts = append(names, attribute(row, name)), append(texts, strings.Join(strings.Fields(text(row)), " "))
	}
	return names, texts
}

func TestProfile(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("profile") {
		t.Error("nothing is selected and its profile can be measured")
	}
	v.search(2)
	v.store.Select(1)
	v.render()
	if v.usable("profile") || !strings.Contains(v.text("profile-note"), "Pause the search") {
		t.Errorf("while a search runs the note is %q", v.text("profile-note"))
	}
	names, texts := v.cells("memory", "data-part")
	parts := v.store.MemoryParts()
	for i, p := range parts {
		if names[i] != p.Name || !strings.Contains(texts[i], store.Size(p.Bytes)) || !strings.Contains(texts[i], fmt.Sprint(p.Tensors)) {
			t.Errorf("part %d is shown as %q, want %+v", i, texts[i], p)
		}
	}
	v.apply(search.Message{State: search.StateIdle})
	if v.visible("profile-stop") {
		t.Error("there is nothing to stop")
	}
	v.click("profile")
	if v.usable("profile") || !v.visible("profile-stop") || v.usable("profile-stop") || v.text("pause") != "Continue" {
		t.Errorf("it begins: pause says %q", v.text("pause"))
	}
	v.apply(search.Message{State: search.StateMeasuring})
	if !v.usable("profile-stop") || !strings.Contains(v.text("profile-note"), "Measuring") || v.usable("sustain") || v.usable("pause") {
		t.Errorf("it measures: the note is %q", v.text("profile-note"))
	}
	stat := func(ms float64) trial.Stat { return trial.Stat{MedianMs: ms, LowMs: 0.9 * ms, HighMs: 1.2 * ms} }
	phase := func(scale float64) trial.PhaseProfile {
		return trial.PhaseProfile{Whole: stat(11 * scale), SumMs: 10 * scale, Ops: []trial.OpProfile{
			{Name: "norm", Count: 5, Time: stat(2 * scale), Share: 0.2, GFLOPS: 1.5},
			{Name: "mlp.<b>fc</b>", Count: 4, Time: stat(8 * scale), Share: 0.8, GFLOPS: 33.4}}}
	}
	v.apply(tellEvent(trial.KindProfile, func(e *trial.Event) {
		e.Profile = &trial.Profile{ArchID: v.store.Selected().ArchID(), Workload: v.store.Study.Workload, Prefill: phase(10), Decode: phase(1)}
	}), search.Message{State: search.StateIdle})
	for id, want := range map[string][]string{
		"profile-prefill": {"mlp.<b>fc</b> × 4 80.0 72.0 – 96.0 80 % 33.4", "norm × 5 20.0 18.0 – 24.0 20 % 1.50"},
		"profile-decode":  {"mlp.<b>fc</b> × 4 8.00 7.20 – 9.60 80 % 33.4", "norm × 5 2.00 1.80 – 2.40 20 % 1.50"},
	} {
		if _, got := v.cells(id, "data-op"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	w := v.store.Study.Workload
	for id, want := range map[string]string{
		"profile-prefill-title": fmt.Sprintf("A prefill of %d tokens: 110 ms [99.0, 132]; its parts add up to 100 ms", w.PromptLen),
		"profile-decode-title":  fmt.Sprintf("A decoding step at %d: 11.0 ms [9.90, 13.2]; its parts add up to 10.0 ms", w.DecodePos()),
	} {
		if got := v.text(id); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	for _, d := range []string{shareBar(0.8), "M72.0 3H96.0"} {
		if n := v.find(v.results.Out.Out[0], byAttribute("d", d)); n == nil || n.Namespace != "svg" {
			t.Errorf("%q is not drawn", d)
		}
	}
	v.store.Select(2)
	v.render()
	if len(all(v.element("profile-result"), func(n *html.Node) bool { return n.Data == "table" })) != 0 {
		t.Error("another candidate shows the profile")
	}
	v.click("profile")
	v.apply(search.Message{State: search.StateMeasuring})
	v.click("profile-stop")
	var sent []string
	for _, c := range v.page.sent {
		sent = append(sent, c.Do)
	}
	if want := []string{search.DoStart, search.DoProfile, search.DoProfile, search.DoStop}; !slices.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}
}

func TestSustained(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("sustain") {
		t.Error("without a study something can run")
	}
	v.search(3)
	if v.usable("sustain") || !strings.Contains(v.text("sustained-help"), "Pause the search") {
		t.Errorf("while a search runs the note is %q", v.text("sustained-help"))
	}
	v.apply(search.Message{State: search.StateIdle})
	if v.usable("sustain") || !strings.Contains(v.text("sustained-help"), "Select a candidate") {
		t.Errorf("with nothing selected the note is %q", v.text("sustained-help"))
	}
	v.store.Select(1)
	v.render()
	if !v.usable("sustain") || v.text("sustain") != "Run" {
		t.Errorf("the button says %q", v.text("sustain"))
	}
	v.store.Compare(2, true)
	v.store.Compare(3, true)
	v.input("input", "sustained-for", "3s")
	if v.usable("sustain") || attribute(v.element("sustained-for"), "aria-invalid") != "true" || !strings.Contains(v.text("sustained-error"), "10s to 600s") {
		t.Errorf("of 3s is said %q", v.text("sustained-error"))
	}
	v.input("input", "sustained-for", "20s")
	if v.text("sustain") != "Run 2 candidates" || has(v.element("sustained-for"), "aria-invalid") {
		t.Errorf("the button says %q", v.text("sustain"))
	}
	v.click("sustain")
	v.apply(search.Message{State: search.StateMeasuring})
	if v.text("sustained-help") != "Running: 0 s of 20 s." || len(all(v.element("sustained"), func(n *html.Node) bool { return n.Data == "svg" })) != 0 {
		t.Errorf("it begins: %q", v.text("sustained-help"))
	}
	var rounds []trial.Round
	for i := range 100 {
		share := 1.0
		if i >= 50 {
			share = 0.5
		}
		rounds = append(rounds, trial.Round{AtMs: 100 * float64(i), ComputeMs: 1, StreamMs: 8, PrefillMs: []float64{10 / share, 10}, DecodeMs: []float64{1 / share, 1}})
	}
	v.apply(tellEvent(trial.KindRounds, func(e *trial.Event) { e.Rounds = rounds }))
	c := &Sustained{Store: v.store}
	plots := c.plots()
	if len(plots) != 2 || plots[0].verdict != "" || !strings.Contains(plots[0].label, "Now 0.50 of its first speed, the machine 1.00.") || c.percent() != "50" {
		t.Fatalf("half-way the plots are %+v, %s %%", plots, c.percent())
	}
	// In one scale from 0.5 to 1, and half as wide as there is room.
	if p := plots[0]; p.high != "1.0" || p.low != "0.5" || !strings.HasPrefix(p.line, "M3.3 0.0L10.0 0.0") || !strings.HasSuffix(p.line, "L196.7 100.0") || p.first != "M0 0.0H400" || p.last != "20 s" {
		t.Errorf("the plot is %+v", p)
	}
	if p := plots[1]; p.low != "0.5" || !strings.HasSuffix(p.line, "L196.7 0.0") || p.machine != plots[0].machine {
		t.Errorf("the other plot is %+v", p)
	}
	for _, d := range []string{plots[0].line, plots[1].line} {
		if n := v.find(v.results.Out.Out[0], byAttribute("d", d)); n == nil || n.Namespace != "svg" {
			t.Errorf("%q is not drawn", d)
		}
	}
	v.store.SetHidden(true)
	v.click("sustain-stop")
	v.apply(search.Message{State: search.StateIdle})
	names, texts := v.cells("sustained", "data-sustained")
	if want := []string{v.store.Trial(2).ArchID(), v.store.Trial(3).ArchID()}; !slices.Equal(names, want) ||
		!strings.Contains(texts[0], "After 10 s it runs at 0.50 of its first speed") || !strings.Contains(texts[1], "runs at 1.00 of") || !v.visible("sustained-hidden") {
		t.Errorf("of %v is shown %q", names, texts)
	}
}
