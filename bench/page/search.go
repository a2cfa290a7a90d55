//go:build !wasm

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/chromedp"

	"litefront/bench/chromium"
	"litefront/bench/contest"
)

const (
	goalSearch = 3 * time.Minute
	// grace is what a budget of time may run over: it is looked at between calls.
	grace = time.Second
)

// searchSpace is searched, with the page's defaults otherwise.
const searchSpace = "lts-gpt2"

// searched is the search of a space that one tap on the page starts, as the page shows
// it when it is done.
type searched struct {
	Space    string  `json:"space"`
	Ms       float64 `json:"ms"` // from the tap
	Status   string  `json:"status"`
	Heading  string  `json:"heading"` // of the frontier
	Measured int     `json:"measured"`
	// Members of the frontier in the chart, and those of them without an interval.
	Frontier  int `json:"frontier"`
	Predicted int `json:"predicted"`
	Bare      int `json:"without_interval"`
}

// defaultSearch opens the page with a fresh profile, chooses the space and taps.
func defaultSearch(url string) (*searched, error) {
	tab, end, err := chromium.Open(url)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(tab, 2*goalSearch)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](interactive, chromedp.EvalAwaitPromise)); err != nil {
		return nil, err
	}
	time.Sleep(settle)
	r, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		searched
		Errors string `json:"errors"`
	}](fmt.Sprintf(tap, searchSpace), chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, fmt.Errorf("the default search: %w", err)
	}
	if r.Errors != "" {
		return nil, errors.New("the default search: the page says: " + r.Errors)
	}
	r.Space = searchSpace
	return &r.searched, nil
}

// tap resolves when the search has ended. The chart follows the page with a pause.
const tap = `(async () => {
	const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
	const state = () => document.documentElement.dataset.state;
	const text = (id) => document.getElementById(id).innerText.trim();
	const preset = document.getElementById("preset");
	preset.value = %q;
	preset.dispatchEvent(new Event("change", { bubbles: true }));
	const start = performance.now();
	document.getElementById("start").click();
	while (state() === "idle" && !text("errors")) await pause(5);
	while (state() === "searching") await pause(20);
	const ms = performance.now() - start;
	await pause(1000);
	const { frontier, predicted } = litefrontChart.data(1);
	return {
		ms, errors: text("errors"), status: text("status"), heading: text("frontier-title"),
		measured: Number(document.documentElement.dataset.measured),
		frontier: frontier.length, predicted: predicted.length,
		without_interval: [...frontier, ...predicted].filter(({ x, xLow, xHigh }) => !(xLow < xHigh && xLow <= x && x <= xHigh)).length,
	};
})()`

// pass reports whether the search ended in time, with a frontier and every member's
// interval.
func (s searched) pass() bool {
	return s.time() <= goalSearch+grace && s.Frontier > 0 && s.Bare == 0
}

func (s searched) time() time.Duration { return time.Duration(s.Ms * float64(time.Millisecond)) }

func (s *searched) print() {
	if s == nil {
		contest.Unmeasured(fmt.Sprintf("the search of %s, done within %v (-search)", searchSpace, goalSearch))
		return
	}
	contest.Verdict(s.pass(), "%s searched with the page's defaults: %q after %v (goal %v), %d measured; %s, of which the chart shows %d measured and %d predicted, %d of these without an interval (goal 0)",
		s.Space, s.Status, s.time().Round(100*time.Millisecond), goalSearch, s.Measured, s.Heading, s.Frontier, s.Predicted, s.Bare)
}
