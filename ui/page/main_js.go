// Package page is what runs in the page: package view drawn by vugu, the chart
// beside it, and the worker that searches. It decides nothing itself; see package
// store.
//
// It builds for the browser only. Every touch of JavaScript but vugu's own goes
// through safejs.
package page

import (
	"fmt"
	"time"

	"github.com/hack-pad/safejs"
	"github.com/vugu/vugu"
	"github.com/vugu/vugu/domrender"

	"litefront/kernels/search"
	"litefront/ui/store"
	"litefront/ui/view"
)

// Run draws until the browser goes away.
func Run() {
	if err := run(); err != nil {
		fail(err)
	}
}

func run() (err error) {
	defer func() { // vugu reports what JavaScript throws by panicking
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	renderer, err := domrender.New("#app")
	if err != nil {
		return err
	}
	env, err := vugu.NewBuildEnv(renderer.EventEnv())
	if err != nil {
		return err
	}
	code, err := codeVersion()
	if err != nil {
		return err
	}
	p := &page{store: store.New(code), env: renderer.EventEnv(), changed: make(chan struct{}, 1)}
	if p.store.Surroundings, err = surroundings(); err != nil {
		return err
	}
	if err := p.watchColours(); err != nil {
		return err
	}
	if err := p.watchVisibility(); err != nil {
		return err
	}
	p.knowDevice()
	if err := p.watchLink(); err != nil {
		return err
	}
	if err := p.watchDrops(); err != nil {
		return err
	}
	p.Restart()
	go p.draw()
	go p.tick()
	go p.watchFleet()
	root := &view.Root{Store: p.store, Page: p}
	for ok := true; ok; ok = renderer.EventWait() {
		p.env.Lock()
		begun := time.Now()
		if p.postponed(begun) {
			p.env.UnlockOnly()
			continue
		}
		before := activeID()
		root.Since = time.Since(p.told)
		results := env.RunBuild(root)
		p.env.UnlockOnly()
		if err := renderer.Render(results); err != nil {
			return err
		}
		p.rendered(before, begun)
	}
	return nil
}

// page is what the components act on. The event environment's lock guards it and
// the store; vugu holds it while it handles an event.
type page struct {
	store   *store.Store
	env     vugu.EventEnv
	worker  *worker
	chart   chart
	join    joining
	weights safejs.Value // the File that the store knows by its name
	told    time.Time    // when the worker told its progress last

	drawn    time.Time     // when the page was drawn last
	took     time.Duration // the time for that
	due      bool          // a drawing was postponed
	changed  chan struct{} // holds one element while a drawing is due
	selected int           // trial whose details were last in view
	lost     string        // control that lost the focus by being hidden or disabled
	asked    bool          // the question to the user was shown
	persists bool          // the browser was asked to keep what it stores
	kept     bool          // the browser was asked to keep the page itself
	surveys  *time.Timer   // has the space that is written surveyed
}

// change runs f, which changes the store, and has the page drawn.
func (p *page) change(f func()) {
	p.env.Lock()
	defer p.wake()
	defer p.env.UnlockOnly()
	defer func() {
		if r := recover(); r != nil {
			p.store.Fail(fmt.Sprintf("this page has a bug, reload it: %v", r))
		}
	}()
	f()
}

// frame is the least time between two drawings for what the worker tells. A
// drawing costs time, which the search would have to share.
const frame = 200 * time.Millisecond

// draw draws the page whenever it was woken, once for all that changed within a
// frame.
func (p *page) draw() {
	for range p.changed {
		p.env.Lock()
		p.env.UnlockRender()
		time.Sleep(frame)
	}
}

// postponed reports whether the page must rest yet, for as long as its last drawing
// took: events of a slider may come faster than they can be drawn. One drawing then
// follows for all of them. While the page loads there is nothing to rest from.
func (p *page) postponed(now time.Time) bool {
	if p.store.Phase() == store.Loading {
		return false
	}
	rest := p.took - now.Sub(p.drawn)
	if rest > 0 && !p.due {
		p.due = true
		time.AfterFunc(rest, func() {
			p.env.Lock()
			defer p.env.UnlockRender()
			p.due = false
		})
	}
	return rest > 0
}

// wake has the page drawn soon.
func (p *page) wake() {
	select {
	case p.changed <- struct{}{}:
	default: // it will be anyway
	}
}

// tick keeps the time that is left current during a search, and notices a worker
// that has fallen silent.
func (p *page) tick() {
	for range time.Tick(time.Second) {
		p.env.Lock()
		died := p.store.Tick()
		if died {
			p.dropWorker()
		}
		searching := p.store.Phase() == store.Searching
		p.env.UnlockOnly()
		if died || searching {
			p.wake()
		}
	}
}

// Restart replaces the worker, if there is one, and asks the new one for what is
// kept.
func (p *page) Restart() {
	p.dropWorker()
	command := p.store.Open()
	var err error
	if p.worker, err = startWorker(p); err != nil {
		p.store.Die("the worker could not be started: " + err.Error())
		return
	}
	p.Send(command)
	if p.store.Hidden() {
		p.hide(true)
	}
}

// dropWorker ends the worker, if there is one. What it told stays on the page.
func (p *page) dropWorker() {
	if p.worker != nil {
		p.worker.terminate()
		p.worker = nil
		p.answered(search.Answered{Unable: "the worker has stopped"})
	}
}

// Send posts a command to the worker.
func (p *page) Send(c search.Command) {
	if c.Do == search.DoStart && !p.persists {
		p.persists = true
		persist()
	}
	if err := p.worker.send(c, p.weights); err != nil {
		p.store.Die("the worker cannot be reached: " + err.Error())
		p.answered(search.Answered{Unable: "the worker cannot be reached"})
	}
}

// codeVersion names the program in the studies that it starts, by the hash that
// cmd/build leaves in index.html.
func codeVersion() (string, error) {
	dataset, err := dataset()
	if err != nil {
		return "", err
	}
	hash, err := dataset.Get("code")
	if err != nil {
		return "", err
	}
	text, err := hash.String()
	return "page-" + text, err
}

// fail replaces the page by a message: nothing else can be drawn any more.
func fail(err error) {
	if show, e := safejs.Global().Get("litefrontFail"); e == nil {
		_, _ = show.Invoke("The page stopped: " + err.Error() + ". What was measured is kept; reload it to go on.")
	}
}
