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
	bars   *mpb.Progress // nil without a terminal
	bar    *mpb.Bar
	text   atomic.Pointer[string] // what stands beside the bar; mpb draws on its own goroutine
	last   trial.Progress
	quiet  bool
}

func newProgress(w io.Writer, budget search.Budget, quiet bool) *progress {
	p := &progress{w: w, budget: budget}
	f, ok := w.(*os.File)
	tty := ok && term.IsTerminal(int(f.Fd()))
	p.quiet = quiet && !tty
	if tty {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(200*time.Millisecond))
		p.text.Store(new(string))
		p.bar = p.bars.AddBar(p.total(), mpb.AppendDecorators(
			decor.Any(func(decor.Statistics) string { return *p.text.Load() })))
	}
	return p
}

// total is the length of the bar: candidates, or milliseconds.
func (p *progress) total() int64 {
	if p.budget.Trials > 0 {
		return int64(p.budget.Trials)
	}
	return p.budget.Time.Milliseconds()
}

// watch follows the progress events.
func (p *progress) watch(e trial.Event) {
	switch {
	case e.Kind == trial.KindFailed && !p.quiet:
		p.line("candidate %d failed: %s", e.Failed.Number, e.Failed.Reason)
	case e.Kind == trial.KindProgress:
		p.show(*e.Progress)
	}
}

func (p *progress) show(now trial.Progress) {
	ended := now.Measured + now.Failed
	text := fmt.Sprintf("%d measured, %.0f a minute, hypervolume %.3f, %s left",
		now.Measured, 60e3*float64(ended)/max(now.ElapsedMs, 1), now.Hypervolume, left(now.LeftMs))
	if p.bar != nil {
		p.text.Store(&text)
		at := int64(now.ElapsedMs)
		if p.budget.Trials > 0 {
			at = int64(ended)
		}
		p.bar.SetCurrent(min(at, p.total()))
	} else if !p.quiet && ended > p.last.Measured+p.last.Failed {
		p.line("%s", text)
	}
	p.last = now
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
		p.bar.Abort(true)
		p.bars.Wait()
	}
}

func left(ms float64) string {
	if ms <= 0 {
		return "?"
	}
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}
