package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vugu/html"
	"github.com/vugu/vugu"
	"github.com/vugu/vugu/staticrender"

	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/proxy"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
	"litefront/ui/store"
)

// recorder is a page that notes what it is asked.
type recorder struct {
	store     *store.Store
	sent      []search.Command
	restarted int
	imported  int
	weights   int
	overlaid  int
	taken     int
	focused   string
	marked    string
	joined    []string // what was pressed
}

func (r *recorder) Send(c search.Command) { r.sent = append(r.sent, c) }
func (r *recorder) Restart()              { r.restarted++ }
func (r *recorder) ImportFile()           { r.imported++ }
func (r *recorder) ChooseWeights()        { r.weights++ }
func (r *recorder) OverlayFile()          { r.overlaid++ }
func (r *recorder) SavePlot(string)       {}
func (r *recorder) TakeBuild()            { r.taken++ }
func (r *recorder) Focus(id string)       { r.focused = id }

func (r *recorder) Join() { r.joined = append(r.joined, "join"); r.store.BeginJoin() }
func (r *recorder) PauseJoin() {
	r.joined = append(r.joined, "pause")
	r.store.PauseJoin(!r.store.Join.Paused)
}
func (r *recorder) LeaveJoin() { r.joined = append(r.joined, "leave") }
func (r *recorder) Invite()    { r.joined = append(r.joined, "invite"); r.store.AskInvitation() }

func (r *recorder) OpenClass(class string) { r.joined = append(r.joined, "open "+class) }

func (r *recorder) Mark(id string, start, end int) { r.marked = fmt.Sprint(id, " ", start, " ", end) }

// screen is a page as a browser would show it.
type screen struct {
	t       testing.TB
	store   *store.Store
	page    *recorder
	env     *vugu.BuildEnv
	root    *Root
	results *vugu.BuildResults
	html    *html.Node
}

func show(t testing.TB) *screen {
	t.Helper()
	env, err := vugu.NewBuildEnv(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := store.New("test")
	p := &recorder{store: s}
	s.Open()
	v := &screen{t: t, store: s, page: p, env: env, root: &Root{Store: s, Page: p}}
	v.render()
	return v
}

func (v *screen) render() {
	v.t.Helper()
	v.results = v.env.RunBuild(v.root)
	var text strings.Builder
	if err := staticrender.New(&text).Render(v.results); err != nil {
		v.t.Fatal(err)
	}
	var err error
	if v.html, err = html.Parse(strings.NewReader(text.String())); err != nil {
		v.t.Fatal(err)
	}
}

// apply hands messages to the store and draws.
func (v *screen) apply(messages ...search.Message) {
	for _, m := range messages {
		v.store.Apply(m)
	}
	v.render()
}

func idle() search.Message {
	return search.Message{State: search.StateIdle, Device: &trial.Device{
		Name: "Firefox 150 on Android", Engine: "SpiderMonkey (Firefox 150)", Cores: 8, Features: []string{"simd128"}, TimerStepNs: 1_000_000,
	}}
}

// search runs a search of n candidates on the page.
func (v *screen) search(n int) *study.Study {
	v.t.Helper()
	v.click("start")
	q := v.page.sent[len(v.page.sent)-1].Request
	v.apply(search.Message{State: search.StateSearching})
	st, err := q.Open(nil, func(e trial.Event) { v.store.Apply(search.Message{Event: &e}) })
	if err != nil {
		v.t.Fatal(err)
	}
	for range n {
		asked, err := st.Ask()
		if err != nil {
			v.t.Fatal(err)
		}
		stat := trial.Stat{SamplesMs: []float64{1, 2}, Batch: 3, MedianMs: float64(asked.Arch.DecoderParams()) / 1e5, LowMs: 1, HighMs: 1e4}
		err = st.Tell(asked.Number, asked.Token, trial.Measurement{
			ArchID: asked.Arch.ID(), Workload: q.Setup.Workload, Protocol: q.Setup.Protocol,
			Prefill: stat, Decode: stat, MemoryBytes: 32 << 20, Verdict: trial.Noisy, ModuleSHA256: "cafe",
			Device: trial.Device{Name: "<b>a device</b>"},
		})
		if err != nil {
			v.t.Fatal(err)
		}
	}
	v.render()
	return st
}

// element returns the element with that ID as a browser shows it.
func (v *screen) element(id string) *html.Node {
	v.t.Helper()
	found := all(v.html, func(n *html.Node) bool { return attribute(n, "id") == id })
	if len(found) != 1 {
		v.t.Fatalf("%d elements with the ID %q", len(found), id)
	}
	return found[0]
}

func (v *screen) text(id string) string { return text(v.element(id)) }

// visible reports whether neither the element nor one around it is hidden.
func (v *screen) visible(id string) bool {
	for n := v.element(id); n != nil; n = n.Parent {
		if has(n, "hidden") {
			return false
		}
	}
	return true
}

// usable reports whether a control can be used.
func (v *screen) usable(id string) bool { return v.visible(id) && !has(v.element(id), "disabled") }

// event is what vugu hands to a handler.
type event struct {
	vugu.DOMEvent
	properties map[string]any
	prevented  bool
}

func (e *event) PropString(keys ...string) string {
	text, _ := e.properties[strings.Join(keys, ".")].(string)
	return text
}

func (e *event) PropBool(keys ...string) bool {
	is, _ := e.properties[strings.Join(keys, ".")].(bool)
	return is
}

func (e *event) PreventDefault() { e.prevented = true }

// handle sends an event to the first element for which match holds, and draws.
func (v *screen) handle(kind string, e *event, match func(*vugu.VGNode) bool) {
	v.t.Helper()
	n := v.find(v.results.Out.Out[0], match)
	if n == nil {
		v.t.Fatalf("no element for the event %q", kind)
	}
	for _, spec := range n.DOMEventHandlerSpecList {
		if spec.EventType == kind {
			spec.Func(e)
			v.render()
			return
		}
	}
	v.t.Fatalf("<%s> hears no %q", n.Data, kind)
}

func (v *screen) find(n *vugu.VGNode, match func(*vugu.VGNode) bool) *vugu.VGNode {
	if n.Component != nil {
		return v.find(v.results.ResultFor(n.Component).Out[0], match)
	}
	if match(n) {
		return n
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		if found := v.find(child, match); found != nil {
			return found
		}
	}
	return nil
}

func byAttribute(key, value string) func(*vugu.VGNode) bool {
	return func(n *vugu.VGNode) bool { return slices.Contains(n.Attr, vugu.VGAttribute{Key: key, Val: value}) }
}

// click presses a control that can be pressed.
func (v *screen) click(id string) {
	v.t.Helper()
	if !v.usable(id) {
		v.t.Fatalf("%q cannot be used", id)
	}
	v.handle("click", &event{}, byAttribute("id", id))
}

func (v *screen) input(kind, id string, value any) {
	v.t.Helper()
	key := "target.value"
	if _, is := value.(bool); is {
		key = "target.checked"
	}
	v.handle(kind, &event{properties: map[string]any{key: value}}, byAttribute("id", id))
}

func all(n *html.Node, match func(*html.Node) bool) (found []*html.Node) {
	if n.Type == html.ElementNode && match(n) {
		found = append(found, n)
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		found = append(found, all(child, match)...)
	}
	return found
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		b.WriteString(text(child))
	}
	return b.String()
}

// Which controls can be used in each phase.
func TestControls(t *testing.T) {
	controls := []string{"start", "pause", "stop", "restart", "new-search", "export", "import"}
	check := func(v *screen, when string, want ...string) {
		t.Helper()
		var usable []string
		for _, id := range controls {
			if v.usable(id) {
				usable = append(usable, id)
			}
		}
		if !slices.Equal(usable, want) {
			t.Errorf("%s: %v can be used, want %v", when, usable, want)
		}
	}
	v := show(t)
	check(v, "loading")
	unreadable := show(t)
	unreadable.apply(search.Message{Device: &trial.Device{}}, search.Message{Error: "the kept study cannot be read"})
	check(unreadable, "before all is told")
	unreadable.apply(search.Message{State: search.StateIdle, Kept: true})
	check(unreadable, "unreadable", "start", "new-search", "export", "import")
	v.apply(idle())
	check(v, "idle", "start", "import")
	v.search(2)
	check(v, "searching", "pause", "stop", "export")
	if v.visible("preset") || v.text("pause") != "Pause" {
		t.Errorf("searching: form shown %v, pause says %q", v.visible("preset"), v.text("pause"))
	}
	v.click("pause")
	check(v, "about to pause")
	v.apply(search.Message{State: search.StateIdle})
	check(v, "paused", "pause", "stop", "new-search", "export", "import")
	if v.text("pause") != "Continue" {
		t.Errorf("paused: pause says %q", v.text("pause"))
	}
	v.click("stop")
	check(v, "stopped", "start", "new-search", "export", "import")
	if v.text("start") != "Continue" || !v.visible("budget") {
		t.Errorf("stopped: start says %q, form shown %v", v.text("start"), v.visible("budget"))
	}
	v.click("new-search")
	if !v.visible("question") {
		t.Error("nothing asks before the study is discarded")
	}
	v.click("accept")
	v.apply(idle())
	check(v, "discarded", "start", "import")
	v.store.Die("the worker does not answer")
	v.render()
	check(v, "dead", "restart")
	if !v.visible("errors") || !strings.Contains(v.text("errors"), "does not answer") {
		t.Errorf("dead: errors %q", v.text("errors"))
	}
	v.click("restart")
	if v.page.restarted != 1 {
		t.Errorf("restarted %d times", v.page.restarted)
	}
	var sent []string
	for _, c := range v.page.sent {
		sent = append(sent, c.Do)
	}
	if want := []string{search.DoStart, search.DoStop, search.DoForget}; !slices.Equal(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
}

func TestForm(t *testing.T) {
	v := show(t)
	v.apply(idle())
	for _, label := range all(v.html, func(n *html.Node) bool { return n.Data == "label" }) {
		v.element(attribute(label, "for")) // fails if there is none
	}
	for _, n := range all(v.html, func(n *html.Node) bool { return has(n, "aria-describedby") }) {
		for _, id := range strings.Fields(attribute(n, "aria-describedby")) {
			v.element(id)
		}
	}
	v.input("input", "prompt", "many")
	if got := v.text("prompt-error"); !strings.Contains(got, `"many"`) || attribute(v.element("prompt"), "aria-invalid") != "true" {
		t.Errorf("beside the prompt: %q", got)
	}
	v.click("start")
	if len(v.page.sent) != 0 {
		t.Fatal("a search starts with a wrong field")
	}
	v.input("input", "context", "none")
	if got := v.text("context-error"); !strings.Contains(got, `"none"`) {
		t.Errorf("beside the context: %q", got)
	}
	v.input("input", "context", "")
	v.input("input", "prompt", "32")
	v.input("change", "objective-response_ms", false)
	v.input("change", "objective-peak_mb", false)
	if got := v.text("objectives-error"); !strings.Contains(got, "at least 2") {
		t.Errorf("beside the objectives: %q", got)
	}
	v.input("change", "objective-decode_ms", true)
	v.input("change", "preset", "lts-gpt2")
	v.input("change", "precision", "int8")
	v.input("change", "strategy", "random")
	v.input("input", "seed", "9")
	v.input("input", "budget", "20")
	submit := &event{}
	v.handle("submit", submit, func(n *vugu.VGNode) bool { return n.Data == "form" })
	if len(v.page.sent) != 1 || !submit.prevented {
		t.Fatalf("Enter in a field: sent %v, default prevented %v", v.page.sent, submit.prevented)
	}
	q := v.page.sent[0].Request
	if s := q.Setup; s.Space.Name != "lts-gpt2" || s.Workload.PromptLen != 32 || s.Workload.Context != 96 || s.Workload.Precision != trial.I8 || s.Strategy != "random" || s.Seed != 9 || q.Budget != "20" ||
		!slices.Equal(s.Objectives, []string{"decoder_params", "decode_ms"}) {
		t.Errorf("request %+v with budget %s", s, q.Budget)
	}
	options := all(v.element("preset"), func(n *html.Node) bool { return attribute(n, "value") != "" })
	if want := len(space.Presets()) + 1; len(options) != want { // and one's own
		t.Errorf("%d search spaces are on offer, want %d", len(options), want)
	}
}

func TestFrontierAndDetails(t *testing.T) {
	v := show(t)
	v.apply(idle())
	st := v.search(12)
	rows := func() []*html.Node {
		return all(v.element("frontier"), func(n *html.Node) bool { return has(n, "data-trial") })
	}
	frontier := st.Frontier()
	if len(rows()) != len(frontier) {
		t.Fatalf("%d rows for a frontier of %d", len(rows()), len(frontier))
	}
	for i, row := range rows() {
		r := frontier[i]
		if attribute(row, "data-trial") != fmt.Sprint(r.Number) || attribute(row, "data-arch") != r.Arch.ID() || !strings.Contains(text(row), r.Arch.String()) {
			t.Errorf("row %d is %q for trial %d", i, text(row), r.Number)
		}
		if !strings.Contains(text(row), "noisy") || !strings.Contains(text(row), "65.0 – 650000") {
			t.Errorf("row %d lacks interval or verdict: %q", i, text(row))
		}
	}
	for kind, e := range map[string]*event{"click": {}, "keydown": {properties: map[string]any{"key": "Enter"}}} {
		v.store.Select(0)
		last := rows()[len(rows())-1]
		v.handle(kind, e, byAttribute("data-trial", attribute(last, "data-trial")))
		last = rows()[len(rows())-1]
		if attribute(last, "aria-selected") != "true" || attribute(rows()[0], "aria-selected") != "false" {
			t.Errorf("%s does not select", kind)
		}
	}
	r := frontier[len(frontier)-1]
	got := v.text("details")
	for _, want := range []string{r.Arch.ID(), r.Arch.String(), "cafe", "2 × 3", "32.0 MiB", "<b>a device</b>", "On the frontier", "noisy"} {
		if !strings.Contains(got, want) {
			t.Errorf("the details lack %q: %q", want, got)
		}
	}
	if all(v.html, func(n *html.Node) bool { return n.Data == "b" }) != nil {
		t.Error("text from the worker becomes markup")
	}
	v.handle("keydown", &event{properties: map[string]any{"key": "Tab"}}, byAttribute("data-trial", fmt.Sprint(frontier[0].Number)))
	if v.store.Selected().Number != r.Number {
		t.Error("Tab selects")
	}
}

// The page tells perplexities of the selected candidate, and which neighbours on the
// frontier are ties by them.
func TestPerplexities(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("ties") {
		t.Errorf("ties without a study: %q", v.text("ties"))
	}
	st := v.search(12)
	var members []arch.Architecture
	for _, r := range st.Frontier() {
		members = append(members, r.Arch)
	}
	ties := proxy.CompareNeighbours(members)
	if ties.Overlaps == 0 || !v.visible("ties") || !strings.Contains(v.text("ties"), ties.String()) {
		t.Errorf("%q, want %q", v.text("ties"), ties)
	}
	rows := all(v.element("frontier"), func(n *html.Node) bool { return has(n, "data-trial") })
	for i, row := range rows {
		if strings.Contains(text(row), " ~") != ties.Tied[i] {
			t.Errorf("row %d: tied %v, %q", i, ties.Tied[i], text(row))
		}
	}
	v.store.Select(st.Frontier()[0].Number)
	v.render()
	predictions := proxy.Perplexities(members[0])
	if len(predictions) == 0 {
		t.Fatal("no corpus is calibrated")
	}
	for _, p := range predictions {
		if want := "predicted perplexity on " + p.Corpus + p.String(); !strings.Contains(v.text("details"), want) {
			t.Errorf("the details lack %q: %q", want, v.text("details"))
		}
	}
}

// A large frontier is drawn in pages.
func TestLargeFrontier(t *testing.T) {
	v := show(t)
	v.apply(idle())
	a := v.search(1).Trials()[0].Arch
	var frontier trial.Frontier
	for n := 2; n <= store.PageRows+11; n++ {
		v.store.Apply(search.Message{Event: &trial.Event{V: 1, Kind: trial.KindAsked, Asked: &trial.Trial{Number: n, Proposal: trial.Proposal{Arch: a}}}})
		v.store.Apply(search.Message{Event: &trial.Event{V: 1, Kind: trial.KindMeasured, Measured: &trial.Measured{Number: n, Values: []float64{1, 2, 3}}}})
		frontier.Points = append(frontier.Points, trial.FrontierPoint{Number: n})
	}
	v.apply(search.Message{Event: &trial.Event{V: 1, Kind: trial.KindFrontier, Frontier: &frontier}})
	rows := func() int {
		return len(all(v.element("frontier"), func(n *html.Node) bool { return has(n, "data-trial") }))
	}
	if rows() != store.PageRows || v.text("frontier-title") != fmt.Sprintf("Frontier (%d)", store.PageRows+10) || v.text("table-more") != "Show 10 more of 10" {
		t.Errorf("%d rows under %q above %q", rows(), v.text("frontier-title"), v.text("table-more"))
	}
	v.click("table-more")
	if rows() != store.PageRows+10 || v.visible("table-more") {
		t.Errorf("%d rows after asking for more", rows())
	}
}

// A vugu render matches elements by their place: what other programs draw into
// must keep its own.
func TestForeignElementsStayInPlace(t *testing.T) {
	place := func(v *screen, id string) (path []int) {
		for n := v.element(id); n.Parent != nil; n = n.Parent {
			i := 0
			for sibling := n.PrevSibling; sibling != nil; sibling = sibling.PrevSibling {
				i++
			}
			path = append(path, i)
		}
		return path
	}
	v := show(t)
	places := map[string][]int{}
	for _, id := range []string{"chart", "point", "status", "alert", "renewal", "space-status"} {
		places[id] = place(v, id)
	}
	check := func(when string) {
		t.Helper()
		for id, want := range places {
			if !slices.Equal(place(v, id), want) {
				t.Errorf("%s: %s has moved", when, id)
			}
			if v.element(id).FirstChild != nil {
				t.Errorf("%s: vugu writes into %s", when, id)
			}
		}
	}
	v.apply(idle())
	check("idle")
	v.search(6)
	check("searching")
	v.store.Select(1)
	v.store.Fail("one")
	v.store.Fail("two")
	v.apply(search.Message{State: search.StateIdle})
	check("selected, paused, with errors")
	v.store.NewSearch()
	v.store.OfferBuild()
	v.render()
	check("asking, with a newer build")
	v.store.Die("three")
	v.render()
	check("dead")
}

func TestHeader(t *testing.T) {
	v := show(t)
	v.apply(idle())
	badges := all(v.html, func(n *html.Node) bool { return attribute(n, "class") == "badge" })
	var missing []string
	for _, b := range badges {
		if has(b, "data-missing") {
			missing = append(missing, text(b))
		}
	}
	if len(missing) != 2 || !strings.Contains(missing[0], "not isolated") || !strings.Contains(missing[1], "relaxed") {
		t.Errorf("missing: %q", missing)
	}
	if !strings.Contains(text(v.html), "timer step 1000 µs") {
		t.Error("the timer's step is not told")
	}
}

// The panel says what follows from what is missing.
func TestOffersPanel(t *testing.T) {
	v := show(t)
	if strings.TrimSpace(v.text("offers")) != "" {
		t.Errorf("before the worker has told its device: %q", v.text("offers"))
	}
	v.apply(idle())
	var missing []string
	for _, n := range all(v.element("offers"), func(n *html.Node) bool { return has(n, "data-missing") }) {
		missing = append(missing, text(n))
	}
	if got := strings.Join(missing, ""); len(missing) < 4 || !strings.Contains(got, "instead of 2") || !strings.Contains(got, "HTTPS or as localhost") {
		t.Errorf("missing: %q", missing)
	}
}

// The keyboard steps through the chart, and leaves the browser's own keys alone.
func TestChartKeys(t *testing.T) {
	v := show(t)
	v.apply(idle())
	v.search(6)
	press := func(key, modifier string) *event {
		t.Helper()
		e := &event{properties: map[string]any{"key": key, modifier: true}}
		v.handle("keydown", e, byAttribute("id", "chart"))
		return e
	}
	for _, tt := range []struct {
		key, modifier string
		moves         bool
	}{
		{"End", "", true}, {"Home", "", true}, {"ArrowRight", "", true}, {"ArrowLeft", "shiftKey", true}, {"ArrowUp", "", true}, {"ArrowDown", "", true},
		{"Tab", "", false}, {"ArrowRight", "altKey", false}, {"Home", "ctrlKey", false}, {"End", "metaKey", false},
	} {
		before := v.store.Selected()
		if e := press(tt.key, tt.modifier); e.prevented != tt.moves || (v.store.Selected() != before) != tt.moves {
			t.Errorf("%s with %q: default prevented %v, selected %v after %v", tt.key, tt.modifier, e.prevented, v.store.Selected(), before)
		}
	}
}

func TestSkip(t *testing.T) {
	v := show(t)
	e := &event{}
	v.handle("click", e, byAttribute("class", "skip"))
	if !e.prevented || v.page.focused != "chart" {
		t.Errorf("default prevented %v, focus on %q", e.prevented, v.page.focused)
	}
}

// A newer build is offered by a button, which waits for the search to end.
func TestNewBuild(t *testing.T) {
	v := show(t)
	v.apply(idle())
	if v.visible("take-build") {
		t.Error("there is none, and it is offered")
	}
	v.search(1)
	v.store.OfferBuild()
	v.render()
	if !v.visible("take-build") || v.usable("take-build") {
		t.Errorf("during a search: offered %v, can be taken %v", v.visible("take-build"), v.usable("take-build"))
	}
	v.apply(search.Message{State: search.StateIdle})
	v.click("take-build")
	if v.page.taken != 1 {
		t.Errorf("taken %d times", v.page.taken)
	}
}

func TestAxes(t *testing.T) {
	v := show(t)
	v.apply(idle())
	for _, axis := range []string{"axis-x", "axis-y"} {
		if !strings.Contains(v.text(axis), "peak memory") {
			t.Errorf("%s offers %q", axis, v.text(axis))
		}
	}
	v.input("change", "axis-x", "decode_ms")
	v.input("change", "axis-y", "peak_mb")
	v.input("change", "log-axes", true)
	if a := v.store.Axes; a.X.Name != "decode_ms" || a.Y.Name != "peak_mb" || !v.store.Log {
		t.Errorf("the chart shows %s against %s, logarithmic %v", a.Y.Name, a.X.Name, v.store.Log)
	}
}

// A layer is a bar that is cut into its heads.
func TestDrawing(t *testing.T) {
	v := show(t)
	v.apply(idle())
	v.search(2)
	v.store.Select(v.store.Frontier()[0].Number)
	d := (&Details{Store: v.store}).drawing()
	layers := v.store.Selected().Arch.Layers
	ticks := 0
	for _, l := range layers {
		ticks += l.Heads - 1
	}
	if bars := strings.Count(d.Bars, "z"); bars != len(layers) || strings.Count(d.Ticks, "M") != ticks {
		t.Errorf("%d bars and %d ticks for %d layers with %d", bars, strings.Count(d.Ticks, "M"), len(layers), ticks)
	}
	v.render()
	if n := v.find(v.results.Out.Out[0], func(n *vugu.VGNode) bool { return slices.Contains(n.Attr, vugu.VGAttribute{Key: "d", Val: d.Bars}) }); n == nil || n.Namespace != "svg" {
		t.Errorf("the bars are not drawn: %+v", n)
	}
}

func TestProgressBar(t *testing.T) {
	v := show(t)
	v.apply(idle())
	v.search(1)
	v.apply(search.Message{Event: &trial.Event{V: 1, Kind: trial.KindProgress, Progress: &trial.Progress{ElapsedMs: 70_000}}})
	v.root.Since = 15 * time.Second
	v.render()
	if got := attribute(v.element("progress"), "value"); got != "50" {
		t.Errorf("85 of 170 s are %s %%", got)
	}
}

// A handler that panics must not end the program.
func TestGuard(t *testing.T) {
	s := store.New("test")
	guard(s, func() { panic("boom") })
	if len(s.Errors) != 1 || !strings.Contains(s.Errors[0], "boom") {
		t.Errorf("errors %q", s.Errors)
	}
}
