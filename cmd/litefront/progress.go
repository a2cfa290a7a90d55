package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// progress shows how a search goes: as a bar on a terminal, elsewhere as a line
// per candidate, and not at all beside machine-readable output.
type progress struct {
	w      io.Writer
	budget search.Budget
	quiet  bool
	last   atomic.Pointer[snapshot] // the bar is drawn on mpb's goroutine

	bars *mpb.Progress // nil without a terminal
	bar  *mpb.Bar
	stop chan struct{} // closed when it is over
}

// snapshot is a progress event and when it came.
type snapshot struct {
	trial.Progress
	at time.Time
}

// refresh is how often the bar is drawn.
const refresh = 200 * time.Millisecond

// newProgress shows progress on w, which is standard error: as a bar if it is a
// terminal. Otherwise quiet drops the lines.
func newProgress(w io.Writer, budget search.Budget, quiet bool) *progress {
	p := &progress{w: w, budget: budget}
	p.last.Store(&snapshot{at: time.Now()})
	f, ok := w.(*os.File)
	tty := ok && term.IsTerminal(int(f.Fd()))
	if tty {
		width, _, err := term.GetSize(int(f.Fd()))
		tty = err == nil && width > 0 // a bar needs room; some terminals tell no size
	}
	p.quiet = quiet && !tty
	if !tty {
		return p
	}
	p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(refresh))
	p.bar = p.bars.AddBar(p.total(), mpb.AppendDecorators(
		decor.Any(func(decor.Statistics) string { return p.last.Load().text(time.Now()) })))
	p.stop = make(chan struct{})
	go func() {
		tick := time.NewTicker(refresh)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				p.bar.SetCurrent(p.current(now))
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

// total is the length of the bar: candidates, or milliseconds.
func (p *progress) total() int64 {
	if p.budget.Trials > 0 {
		return int64(p.budget.Trials)
	}
	return p.budget.Time.Milliseconds()
}

// current is how far the bar has come. It stops short of its end, where mpb
// would take the search to be over.
func (p *progress) current(now time.Time) int64 {
	s := p.last.Load()
	at := int64(s.ElapsedMs) + now.Sub(s.at).Milliseconds()
	if p.budget.Trials > 0 {
		at = int64(s.Measured + s.Failed)
	}
	return min(at, p.total()-1)
}

// watch follows a study's events.
func (p *progress) watch(e trial.Event) {
	switch {
	case e.Kind == trial.KindFailed && !p.quiet:
		p.line("candidate %d failed: %s", e.Failed.Number, e.Failed.Reason)
	case e.Kind == trial.KindProgress:
		before := p.last.Swap(&snapshot{*e.Progress, time.Now()})
		ended := e.Progress.Measured + e.Progress.Failed
		if p.bar == nil && !p.quiet && ended > before.Measured+before.Failed {
			p.line("%s", p.last.Load().text(time.Now()))
		}
	}
}

// line prints a line above the bar, or alone.
func (p *progress) line(format string, args ...any) {
	w := p.w
	if p.bars != nil {
		w = p.bars
	}
	fmt.Fprintf(w, format+"\n", args...)
}

// done leaves the terminal as it was.
func (p *progress) done() {
	if p.bars != nil {
		close(p.stop)
		p.bar.Abort(true)
		p.bars.Wait()
	}
}

// text says what s says, as of now.
func (s *snapshot) text(now time.Time) string {
	since := float64(now.Sub(s.at).Milliseconds())
	text := fmt.Sprintf("%d measured, %.0f a minute, hypervolume %.3f",
		s.Measured, 60e3*float64(s.Measured+s.Failed)/max(s.ElapsedMs+since, 1), s.Hypervolume)
	if s.LeftMs > 0 {
		text += fmt.Sprintf(", %v left", time.Duration(max(s.LeftMs-since, 0)*1e6).Round(time.Second))
	}
	return text
}
