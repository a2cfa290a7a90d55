package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hack-pad/safejs"

	"litefront/kernels/search"
	"litefront/ui/store"
)

// rendered brings up to date what vugu does not draw. The element with the ID
// before had the focus until then, and drawing began at the given time.
func (p *page) rendered(before string, begun time.Time) {
	p.env.Lock()
	defer p.env.UnlockOnly()
	defer func() {
		p.drawn = time.Now()
		p.took = min(p.drawn.Sub(begun), frame) // a suspended device makes it any length
	}()
	if err := p.announce(); err != nil {
		p.store.Fail(err.Error())
	}
	if err := p.drawChart(); err != nil && !p.chart.broken {
		p.chart.broken = true
		p.store.Fail("the chart cannot be drawn, the table can: " + err.Error())
		p.wake()
	}
	p.keepFocus(before)
	p.showDetails()
	p.surveySoon()
	// Once the page can be used, lest keeping it make its first visit longer.
	if phase := p.store.Phase(); !p.kept && phase != store.Loading && phase != store.Dead {
		p.kept = true
		if err := p.keepOffline(); err != nil {
			p.store.Fail("the page cannot be kept for use without its server: " + err.Error())
			p.wake()
		}
	}
}

// typingPause is how long nothing is typed before what was typed is judged.
const typingPause = 300 * time.Millisecond

// surveySoon has the worker survey the space that is written once typing pauses. It is
// called after each drawing, so also whenever something was typed.
func (p *page) surveySoon() {
	if p.surveys != nil {
		p.surveys.Stop()
	}
	if p.store.SurveyDue() {
		p.surveys = time.AfterFunc(typingPause, func() {
			p.change(func() {
				if command, ok := p.store.Survey(); ok {
					p.Send(command)
				}
			})
		})
	}
}

// announce tells the state to those who hear the page, and to its tests. A text
// that has not changed is left alone, or it would be read out again.
func (p *page) announce() error {
	dataset, err := dataset()
	if err != nil {
		return err
	}
	if err := dataset.Set("state", string(p.store.Phase())); err != nil {
		return err
	}
	if err := dataset.Set("measured", strconv.Itoa(p.store.Progress(0).Measured)); err != nil {
		return err
	}
	alert := ""
	if n := len(p.store.Errors); n > 0 {
		alert = p.store.Errors[n-1]
	}
	for id, text := range map[string]string{"alert": alert, "status": p.store.Status(), "point": p.store.Point(), "renewal": p.store.Renewal(), "join-status": p.store.JoinStatus(), "space-status": p.store.SpaceStatus()} {
		if err := setText(id, text); err != nil {
			return err
		}
	}
	return nil
}

// dataset holds the data attributes of the page.
func dataset() (safejs.Value, error) {
	document, err := safejs.Global().Get("document")
	if err != nil {
		return safejs.Value{}, err
	}
	html, err := document.Get("documentElement")
	if err != nil {
		return safejs.Value{}, err
	}
	return html.Get("dataset")
}

func setText(id, text string) error {
	e, err := element(id)
	if err != nil {
		return err
	}
	content, err := e.Get("textContent")
	if err != nil {
		return err
	}
	if shown, err := content.String(); err != nil || shown == text {
		return err
	}
	return e.Set("textContent", text)
}

// successors are the controls that take the focus over, best first, where the
// one that had it is gone.
var successors = map[string][]string{
	"start":      {"start", "pause"},
	"pause":      {"pause", "start", "restart"},
	"stop":       {"stop", "start", "pause", "restart"},
	"restart":    {"start", "pause", "restart"},
	"new-search": {"new-search", "start"},
	"accept":     {"start", "pause"},
	"decline":    {"new-search", "import", "start"},
	"instead":    {"overlay", "import", "start", "pause"}, // once the study was read
	"overlay":    {"overlay", "import", "start", "pause"},
	"save-csv":   {"save-csv"}, // until the file has come
	"save-json":  {"save-json"},
	"edit-space": {"space"},
	"import":     {"import", "start", "pause"}, // once the journal was read

	"try-generate":    {"try-stop", "try-generate"},
	"try-stop":        {"try-stop", "try-generate"},
	"try-seeded":      {"weights"},
	"clear-bounds":    {"bound-decoder_params", "axis-x"},
	"table-more":      {"table-group"},
	"drop-references": {"start", "pause"},

	"join":            {"join-pause"},
	"join-pause":      {"join", "start"},
	"join-stop":       {"join", "start"},
	"invite":          {"invite"}, // until it is there
	"drop-invitation": {"invite"},

	"profile":       {"profile-stop", "profile"},
	"profile-stop":  {"profile"},
	"sustain":       {"sustain-stop", "sustain"},
	"sustain-stop":  {"sustain"},
	"sustained-for": {"sustain-stop", "sustain"},
}

// successorsOf returns those of a control; nil if it needs none.
func successorsOf(id string) []string {
	switch {
	case strings.HasPrefix(id, "take-"): // as those that save reports
		return []string{id}
	case strings.HasPrefix(id, "remove-study-"):
		return []string{"overlay"}
	case strings.HasPrefix(id, "remove-"): // from the comparison
		return []string{"compare-selected", "table-group"}
	}
	return successors[id]
}

// keepFocus saves keyboard users from falling back to the top of the page when a
// button disappears under them.
func (p *page) keepFocus(before string) {
	if asks := p.store.Confirm.Asks(); asks != p.asked {
		if p.asked = asks; asks {
			focus("decline")
			show("decline") // the question stands where the search is started
			return
		}
	}
	if successorsOf(before) != nil && !focusable(before) {
		p.lost = before
	}
	if p.lost == "" {
		return
	}
	if active := activeID(); active != "" && active != p.lost {
		p.lost = "" // the user went elsewhere
		return
	}
	next := successorsOf(p.lost)
	if i := slices.IndexFunc(next, focusable); i >= 0 {
		focus(next[i])
		p.lost = ""
	}
}

// showDetails scrolls to a trial that was just selected, where the details are
// far from what was selected: in a narrow window.
func (p *page) showDetails() {
	number := 0
	if t := p.store.Selected(); t != nil {
		number = t.Number
	}
	if number == p.selected {
		return
	}
	// Who steps through the chart by keyboard stays there.
	if p.selected = number; number == 0 || byKeyboard("chart") || !matches("(max-width: 1199px)") {
		return
	}
	show("details")
}

// show scrolls to an element, as far as it is out of view.
func show(id string) {
	behavior := "smooth"
	if matches("(prefers-reduced-motion: reduce)") {
		behavior = "auto"
	}
	if e, err := element(id); err == nil {
		_, _ = e.Call("scrollIntoView", map[string]any{"block": "nearest", "behavior": behavior})
	}
}

// watchColours follows whether the page is dark.
func (p *page) watchColours() error {
	const query = "(prefers-color-scheme: dark)"
	list, err := safejs.Global().Call("matchMedia", query)
	if err != nil {
		return err
	}
	handler, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		p.change(func() { p.store.SetDark(matches(query)) })
		return nil
	})
	if err != nil {
		return err
	}
	p.store.SetDark(matches(query))
	_, err = list.Call("addEventListener", "change", handler)
	return err
}

// watchVisibility follows whether the page is in the background.
func (p *page) watchVisibility() error {
	document, err := safejs.Global().Get("document")
	if err != nil {
		return err
	}
	hidden := func() bool {
		v, err := document.Get("hidden")
		if err != nil {
			return false
		}
		is, err := v.Truthy()
		return is && err == nil
	}
	handler, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		p.change(func() { p.hide(hidden()) })
		return nil
	})
	if err != nil {
		return err
	}
	p.store.SetHidden(hidden())
	_, err = document.Call("addEventListener", "visibilitychange", handler)
	return err
}

// hide tells store and worker whether the page is in the background.
func (p *page) hide(hidden bool) {
	p.store.SetHidden(hidden)
	if p.worker != nil {
		p.Send(search.Command{Do: search.DoHide, Hidden: hidden})
	}
	p.holdJoin()
	p.awake()
}

// watchLink follows the fragment of the page's address, which may hold a setup, or an
// invitation to measure for the host.
func (p *page) watchLink() error {
	location, err := safejs.Global().Get("location")
	if err != nil {
		return err
	}
	open := func() error {
		fragment := textOf(location, "hash")
		if !store.IsInvitation(fragment) {
			p.store.OpenLink(fragment)
			return nil
		}
		p.store.TakeInvitation(fragment)
		keepInvitation(fragment)
		// Whoever sees the address, or copies it, must not see the invitation.
		history, err := safejs.Global().Get("history")
		if err == nil {
			_, err = history.Call("replaceState", safejs.Null(), "", textOf(location, "pathname")+textOf(location, "search"))
		}
		return err
	}
	handler, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		p.change(func() {
			if err := open(); err != nil {
				p.store.Fail(err.Error())
			}
		})
		return nil
	})
	if err != nil {
		return err
	}
	if err := open(); err != nil {
		return err
	}
	_, err = safejs.Global().Call("addEventListener", "hashchange", handler)
	return err
}

// matches reports whether a media query does.
func matches(query string) bool {
	list, err := safejs.Global().Call("matchMedia", query)
	if err != nil {
		return false
	}
	v, err := list.Get("matches")
	if err != nil {
		return false
	}
	ok, err := v.Truthy()
	return ok && err == nil
}

// element returns the element with that ID.
func element(id string) (safejs.Value, error) {
	document, err := safejs.Global().Get("document")
	if err != nil {
		return safejs.Value{}, err
	}
	e, err := document.Call("getElementById", id)
	if err == nil && e.IsNull() {
		err = fmt.Errorf("the page has no element %q", id)
	}
	return e, err
}

// activeID is the ID of the element that has the focus; empty for the body.
func activeID() string {
	document, err := safejs.Global().Get("document")
	if err != nil {
		return ""
	}
	active, err := document.Get("activeElement")
	if err != nil || active.Type() != safejs.TypeObject {
		return ""
	}
	return textOf(active, "id")
}

// textOf is a property that is a text; empty if there is none.
func textOf(v safejs.Value, name string) string {
	property, err := v.Get(name)
	if err != nil {
		return ""
	}
	text, err := property.String()
	if err != nil {
		return ""
	}
	return text
}

// Focus moves the keyboard's focus to an element, and shows it.
func (p *page) Focus(id string) {
	if e, err := element(id); err == nil {
		_, _ = e.Call("focus")
	}
}

// Mark selects a part of a text field and shows it.
func (p *page) Mark(id string, start, end int) {
	if e, err := element(id); err == nil {
		_, _ = e.Call("setSelectionRange", start, end) // first: to focus a selection is to show it
		_, _ = e.Call("focus")
	}
}

// byKeyboard reports whether the element has the focus and shows it, as it does for
// those who use the keyboard.
func byKeyboard(id string) bool {
	e, err := element(id)
	if err != nil {
		return false
	}
	shows, err := e.Call("matches", ":focus-visible")
	if err != nil {
		return false
	}
	is, err := shows.Truthy()
	return is && err == nil
}

func focus(id string) {
	if e, err := element(id); err == nil {
		_, _ = e.Call("focus", map[string]any{"preventScroll": true})
	}
}

// focusable reports whether the element can take the focus.
func focusable(id string) bool {
	e, err := element(id)
	if err != nil {
		return false
	}
	disabled, err := e.Call("matches", ":disabled")
	if err != nil {
		return false
	}
	if is, err := disabled.Truthy(); is || err != nil {
		return false
	}
	hidden, err := e.Call("closest", "[hidden]")
	return err == nil && hidden.IsNull()
}
