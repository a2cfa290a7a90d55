//go:build !wasm

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"litefront/bench/chromium"
	"litefront/bench/contest"
	"litefront/bench/programs"
	"litefront/kernels"
	"litefront/searchcore/objective"
	"litefront/searchcore/space"
	"litefront/searchcore/study"
	"litefront/searchcore/trial"
)

const (
	goalTaskMs = 100
	goalDraws  = 5 // a second
	// studied is how many candidates the study has that the page shows meanwhile.
	studied = 5000
	// watched is how long the page is watched while it searches on.
	watched = 40 * time.Second
	// turns are those of the page, at rest and drawing, while a program is timed; each
	// gives so many samples.
	turns       = 10
	turnSamples = 12
)

// fluidity is how the page behaves with many points while it searches, and what a worker
// that measures notices of it.
type fluidity struct {
	Points int `json:"points"`
	// Importing the study, as a user would: until it can be used.
	ImportMs float64 `json:"import_ms"`
	// Seconds of a search, the candidates that it measured, and the tasks of the page's
	// thread meanwhile that took more than 50 ms.
	Seconds  float64   `json:"seconds"`
	Measured int       `json:"measured"`
	TaskMs   []float64 `json:"long_task_ms"`
	// SlideMs are such tasks while a bound moves ten times a second.
	SlideMs []float64 `json:"long_task_while_sliding_ms"`
	// Draws are those of the chart in its busiest second, searching or sliding.
	Draws      int         `json:"draws_in_busiest_second"`
	Disturbing []disturbed `json:"disturbed"`
}

// disturbed are the times of a program in a worker, while the page rests and while its
// chart is updated.
type disturbed struct {
	Program string         `json:"program"`
	Resting contest.Result `json:"resting"`
	Drawing contest.Result `json:"drawing"`
}

// differs is how far the medians are apart, in ms.
func (d disturbed) differs() float64 { return math.Abs(d.Drawing.MedianMs - d.Resting.MedianMs) }

// pass reports whether they differ by less than the spread of the page at rest.
func (d disturbed) pass() bool { return d.differs() < d.Resting.IQRMs }

// lines is a journal in memory.
type lines struct{ strings.Builder }

func (l *lines) Append(e trial.Event) error {
	line, err := study.Encode(e)
	l.Write(append(line, '\n'))
	return err
}

// synthetic is the journal of a study with n measured candidates, whose times follow
// their size, by some 10 %.
func synthetic(n int) (journal string, err error) {
	sp, err := space.Preset("lts-gpt2")
	if err != nil {
		return "", err
	}
	var l lines
	s, err := study.New("synthetic", "bench", trial.Setup{
		Space: sp, Workload: trial.Workload{PromptLen: 16, Context: 32, Precision: trial.F32, Threads: 1},
		Objectives: objective.Defaults(), Strategy: "random", Protocol: trial.Litefront, Seed: 1, MemoryLimit: 1 << 30,
	}, &l, nil)
	if err != nil {
		return "", err
	}
	r := rand.New(rand.NewPCG(1, 2))
	stat := func(ms float64) trial.Stat {
		var samples []float64
		for range 12 {
			samples = append(samples, ms*(1+0.02*r.NormFloat64()))
		}
		slices.Sort(samples)
		return trial.Stat{SamplesMs: samples, Batch: 4, MedianMs: contest.Median(samples), LowMs: samples[2], HighMs: samples[9], MinMs: samples[0], MeanMs: ms, SpreadMs: samples[8] - samples[3]}
	}
	for range n {
		t, err := s.Ask()
		if err != nil {
			return "", err
		}
		ms := float64(t.Arch.DecoderParams()) / 1e6 * math.Exp(0.1*r.NormFloat64())
		if err := s.Tell(t.Number, t.Token, trial.Measurement{
			ArchID: t.Arch.ID(), Workload: s.Started().Workload, Device: trial.Device{Name: "synthetic", Features: []string{}}, Code: "bench", Protocol: trial.Litefront,
			Prefill: stat(2 * ms), Decode: stat(ms / 2), Compute: stat(4), Stream: stat(9), Slowdown: 1.01,
			MemoryBytes: 4 * t.Arch.TotalParams() / 65536 * 65536, SpentMs: 1500, Verdict: trial.OK,
		}); err != nil {
			return "", err
		}
	}
	return l.String(), nil
}

// timer is the script of a worker that times a module, at the path timerPath.
const (
	timerPath = "/bench-timer.js"
	timer     = `let exports;
onmessage = ({ data: { module, loop, arg, reps, samples } }) => {
	if (module) {
		exports = new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
		exports.init(1);
	}
	const ms = [];
	for (let i = 0; i < samples; i++) {
		const start = performance.now();
		exports[loop](arg, reps);
		ms.push((performance.now() - start) / reps);
	}
	postMessage(ms);
};`
)

// withTimer serves that script, too.
func withTimer(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != timerPath {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/javascript")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		_, _ = io.WriteString(w, timer) // the browser asks again, or the benchmark ends
	})
}

// fluid opens the page with a fresh profile, imports the study and watches.
func fluid(url string) (*fluidity, error) {
	journal, err := synthetic(studied)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "litefront-bench")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	file := filepath.Join(dir, "synthetic.jsonl")
	if err := os.WriteFile(file, []byte(journal), 0o600); err != nil {
		return nil, err
	}
	tab, end, err := chromium.Open(url)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(tab, 10*time.Minute)
	defer cancel()
	for _, a := range []chromedp.Action[chromedp.Void]{
		chromedp.EmulateViewport(1440, 900),
		chromedp.Evaluate[chromedp.Void](interactive, chromedp.EvalAwaitPromise),
		chromedp.Evaluate[chromedp.Void](watch),
		chromedp.SetUploadFiles(chromedp.CSS("#import"), []string{file}),
	} {
		if err := chromedp.Do(ctx, a); err != nil {
			return nil, err
		}
	}
	f := &fluidity{Points: studied}
	if f.ImportMs, err = chromedp.Run(ctx, chromedp.Evaluate[float64](fmt.Sprintf(imported, studied), chromedp.EvalAwaitPromise)); err != nil {
		return nil, fmt.Errorf("the study of %d candidates: %w", studied, err)
	}
	time.Sleep(settle)
	searching, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		Errors   string    `json:"errors"`
		Measured int       `json:"measured"`
		Seconds  float64   `json:"seconds"`
		TaskMs   []float64 `json:"tasks"`
		Draws    int       `json:"draws"`
	}](fmt.Sprintf(searchOn, 2*studied, watched.Milliseconds()), chromedp.EvalAwaitPromise))
	if err == nil && (searching.Errors != "" || searching.Measured == 0) {
		err = errors.New("the page measured nothing: " + searching.Errors)
	}
	if err != nil {
		return nil, fmt.Errorf("searching with %d candidates: %w", studied, err)
	}
	f.Seconds, f.Measured, f.TaskMs, f.Draws = searching.Seconds, searching.Measured, searching.TaskMs, searching.Draws

	sliding, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		TaskMs []float64 `json:"tasks"`
		Draws  int       `json:"draws"`
	}](slide, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, fmt.Errorf("sliding with %d candidates: %w", studied, err)
	}
	f.SlideMs, f.Draws = sliding.TaskMs, max(f.Draws, sliding.Draws)

	prefill, decode, err := programs.Model(kernels.Features{})
	if err != nil {
		return nil, err
	}
	for _, p := range []struct {
		programs.Program
		reps int
	}{{prefill, 1}, {decode, 10}} {
		timed, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
			Resting []float64 `json:"resting"`
			Drawing []float64 `json:"drawing"`
		}](fmt.Sprintf(disturb, timerPath, chromium.Bytes(p.Module), p.Export, p.Arg, p.reps, turnSamples, turns), chromedp.EvalAwaitPromise))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		result := func(ms []float64) contest.Result { return (&contest.Contestant{Name: p.Name, Ms: ms}).Result() }
		f.Disturbing = append(f.Disturbing, disturbed{p.Name, result(timed.Resting), result(timed.Drawing)})
	}
	return f, nil
}

// watch notes the page's long tasks, and when its chart draws: whatever a picture is
// made of, the canvas is cleared first.
const watch = `globalThis.watching = (() => {
	const tasks = [], draws = [];
	new PerformanceObserver((list) => tasks.push(...list.getEntries())).observe({ type: "longtask" });
	const clear = CanvasRenderingContext2D.prototype.clearRect;
	CanvasRenderingContext2D.prototype.clearRect = function (...area) {
		const now = performance.now();
		if (this.canvas.closest("#chart") && !(now - draws.at(-1) < 8)) draws.push(now);
		return clear.apply(this, area);
	};
	const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
	return {
		pause,
		// since resolves with the long tasks, in ms, and the draws in the busiest second
		// since then.
		since: async (start) => {
			await pause(500); // entries come late
			const then = draws.filter((at) => at >= start);
			return {
				tasks: tasks.filter((e) => e.startTime >= start).map((e) => e.duration),
				draws: Math.max(0, ...then.map((at) => then.filter((other) => other >= at && other < at + 1000).length)),
			};
		},
	};
})(), undefined`

// imported resolves once the study can be used.
const imported = `(async () => {
	const start = performance.now();
	const page = document.documentElement.dataset;
	const errors = () => document.getElementById("errors").innerText.trim();
	while (page.measured !== "%d" || document.getElementById("import").disabled) {
		if (errors()) throw new Error(errors());
		await watching.pause(50);
	}
	return performance.now() - start;
})()`

// searchOn searches on with another budget of candidates, for some milliseconds.
const searchOn = `(async () => {
	const page = document.documentElement.dataset;
	document.getElementById("stop").click(); // to the form
	const budget = document.getElementById("budget");
	budget.value = "%d";
	budget.dispatchEvent(new Event("input", { bubbles: true }));
	await watching.pause(1000);
	const before = Number(page.measured);
	const start = performance.now();
	document.getElementById("start").click();
	await watching.pause(%d);
	const ended = performance.now();
	const measured = Number(page.measured) - before;
	const seen = await watching.since(start);
	if (page.state === "searching") document.getElementById("stop").click();
	while (page.state === "searching") await watching.pause(50);
	return { ...seen, measured, seconds: (ended - start) / 1000, errors: document.getElementById("errors").innerText.trim() };
})()`

// mover moves a bound of the page a step, by which table and chart are drawn anew.
const mover = `const slider = document.getElementById("bound-response_ms");
	let step = 0;
	const move = () => {
		slider.value = Number(slider.max) - 1 - (step++ & 15);
		slider.dispatchEvent(new Event("input", { bubbles: true }));
	};`

// slide moves it ten times a second.
const slide = `(async () => {
	` + mover + `
	const start = performance.now();
	for (let i = 0; i < 100; i++) {
		move();
		await watching.pause(100);
	}
	document.getElementById("clear-bounds").click();
	return watching.since(start);
})()`

// disturb times a program in a worker of its own, by turns while the page rests and
// while a bound of it moves twice a second: more often than a search, which takes a
// second or so for each candidate, has the page draw.
const disturb = `(async () => {
	const worker = new Worker("%s");
	const ask = (message) => new Promise((resolve, reject) => {
		worker.onmessage = ({ data }) => resolve(data);
		worker.onerror = (e) => reject(new Error(e.message));
		worker.postMessage(message);
	});
	const program = { loop: "%[3]s", arg: %[4]d, reps: %[5]d, samples: %[6]d };
	await ask({ module: %[2]s, ...program });
	` + mover + `
	const resting = [], drawing = [];
	for (let turn = 0; turn < %[7]d; turn++) {
		await watching.pause(1000);
		resting.push(...await ask(program));
		const sliding = setInterval(move, 500);
		move();
		drawing.push(...await ask(program));
		clearInterval(sliding);
	}
	worker.terminate();
	document.getElementById("clear-bounds").click();
	return { resting, drawing };
})()`

func (f *fluidity) print() {
	slowest := slices.Max(append(slices.Clone(f.TaskMs), 0))
	contest.Verdict(slowest <= goalTaskMs, "with %d points, searching for %.0f s and measuring %d candidates, the page's longest task takes %.0f ms (goal %d); %d take more than 50",
		f.Points, f.Seconds, f.Measured, slowest, goalTaskMs, len(f.TaskMs))
	contest.Verdict(f.Draws <= goalDraws, "its chart draws %d times in the busiest second, also while a bound moves ten times (goal %d); tasks then take up to %.0f ms", f.Draws, goalDraws, slices.Max(append(slices.Clone(f.SlideMs), 0)))
	for _, d := range f.Disturbing {
		contest.Verdict(d.pass(), "%s in a worker: %.2f ms while the page rests and %.2f while it draws twice a second, %.2f apart (goal: less than its spread of %.2f)",
			d.Program, d.Resting.MedianMs, d.Drawing.MedianMs, d.differs(), d.Resting.IQRMs)
	}
}
