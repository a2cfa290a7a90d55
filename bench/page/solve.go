//go:build !wasm

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/chromedp"

	"litefront/bench/chromium"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
	"litefront/ui/store"
)

const (
	goalSolveMs = 5000
	// observed is how many candidates a study measures before it is opened: those
	// that the first model needs.
	observed = 20
	// trialTimeMs is spent on each: enough for a model, whose quality does not count
	// here.
	trialTimeMs = 200
)

// solving is how long the page's worker takes from being asked for a study that it
// keeps to the exact frontier under the model fitted to it. Reading and fitting are
// the least of it.
type solving struct {
	Space   string    `json:"space"`
	Fitted  int       `json:"fitted"`  // measurements
	Members int       `json:"members"` // of the frontier
	Ms      []float64 `json:"ms"`      // each in a new worker
}

func solvings(url string) (all []solving, err error) {
	for _, preset := range []string{"lts-gpt2", "lts-transformer-xl"} {
		s, err := solve(url, preset)
		if err != nil {
			return nil, fmt.Errorf("solving %s: %w", preset, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// solve has the worker measure a few candidates of the space, and opens their study.
func solve(url, preset string) (solving, error) {
	start, err := request(preset)
	if err != nil {
		return solving{}, err
	}
	tab, end, err := chromium.Open(url + "/style.css") // the page has a worker of its own
	if err != nil {
		return solving{}, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(tab, 5*time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(measureStudy, start), chromedp.EvalAwaitPromise)); err != nil {
		return solving{}, err
	}
	s := solving{Space: preset}
	for range visits {
		opened, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
			Ms        float64         `json:"ms"`
			Predicted trial.Predicted `json:"predicted"`
		}](openStudy, chromedp.EvalAwaitPromise))
		if err != nil {
			return solving{}, err
		}
		s.Ms = append(s.Ms, opened.Ms)
		s.Fitted, s.Members = opened.Predicted.Fitted, opened.Predicted.Total
	}
	return s, nil
}

// request is the text of the command by which the page starts a search of the space,
// of few and short measurements.
func request(preset string) (string, error) {
	page := store.New("bench")
	page.Apply(search.Message{Device: &trial.Device{}, State: search.StateIdle})
	page.SetField(store.FieldPreset, preset)
	page.SetField(store.FieldBudget, fmt.Sprint(observed))
	c, ok := page.Start()
	if !ok {
		return "", errors.New("the page would not start a search")
	}
	c.Request.TrialTimeMs = trialTimeMs
	text, err := json.Marshal(c)
	return string(text), err
}

// ask posts commands to a worker and resolves with the message that is the last.
const ask = `const ask = (worker, commands, last) => new Promise((resolve, reject) => {
	worker.onerror = (e) => reject(new Error(e.message));
	worker.onmessage = ({ data }) => {
		const m = JSON.parse(data);
		if (m.error) reject(new Error(m.error));
		else if (last(m)) resolve(m);
	};
	commands.forEach((c) => worker.postMessage(JSON.stringify(c)));
});`

const measureStudy = `(async () => {
	` + ask + `
	const worker = new Worker("worker.js");
	await ask(worker, [%s], (m) => m.state === "idle");
	worker.terminate();
})()`

// openStudy begins when the worker is there. It is an error, by the last command,
// which does not exist, if nothing is predicted.
const openStudy = `(async () => {
	` + ask + `
	const worker = new Worker("worker.js");
	await ask(worker, [{ do: "stop" }], (m) => m.state === "idle");
	const start = performance.now();
	const m = await ask(worker, [{ do: "open" }, { do: "predict" }], (m) => m.event?.kind === "predicted");
	const ms = performance.now() - start;
	worker.terminate();
	return { ms, predicted: m.event.predicted };
})()`
