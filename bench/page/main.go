//go:build !wasm

// Command page measures the web page in headless Chromium: how soon a first
// visit is interactive, how much it transfers, and how fast emitted modules run
// there, beside wazero and the peak of 128-bit arithmetic, interleaved in one
// run. It prints a verdict per goal and writes bench/results/page.json.
package main

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/chromedp/chromedp"

	"litefront/bench/contest"
	"litefront/bench/programs"
	"litefront/host/runtime"
	"litefront/host/web"
	"litefront/kernels"
	"litefront/searchcore/trial"
)

const (
	goalInteractiveMs = 1500
	goalBytes         = 2.5e6
	visits            = 5
)

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 7, "rounds of the kernels; each runs everything once")
	out := flag.String("out", filepath.Join("bench", "results", "page.json"), "where to write the results")
	flag.Parse()
	if err := run(*rounds, *out); err != nil {
		log.Fatal("bench: ", err)
	}
}

type results struct {
	Code          string       `json:"code"`
	Device        trial.Device `json:"device"`
	Browser       string       `json:"browser"`
	InteractiveMs []float64    `json:"interactive_ms"` // of first visits, each with a fresh profile
	Bytes         int64        `json:"first_visit_bytes"`
	Rounds        int          `json:"rounds"`
	// By engine: wazero, Chromium, Chromium with relaxed SIMD.
	Engines []engineResults `json:"engines"`
}

type engineResults struct {
	Name    string           `json:"name"`
	Peak    contest.Result   `json:"peak_128_bit"`
	Gemm    []contest.Result `json:"gemm"`
	Prefill contest.Result   `json:"prefill"`
	Decode  contest.Result   `json:"decode"`
}

func run(rounds int, out string) error {
	dist, err := web.Dist()
	if err != nil {
		return err
	}
	var transferred atomic.Int64
	handler, err := web.Handler(dist)
	if err != nil {
		return err
	}
	server := httptest.NewServer(counting(handler, &transferred))
	defer server.Close()
	r := results{Code: runtime.CodeVersion(), Rounds: rounds}
	for range visits {
		transferred.Store(0)
		ms, err := visit(server.URL)
		if err != nil {
			return err
		}
		r.InteractiveMs = append(r.InteractiveMs, ms)
		r.Bytes = max(r.Bytes, transferred.Load())
	}
	if err := r.kernels(server.URL); err != nil {
		return err
	}
	r.print()
	return contest.Write(out, r)
}

// counting adds up the bytes of response bodies, as compressed.
func counting(h http.Handler, n *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h.ServeHTTP(&countingWriter{w, n}, req)
	})
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// browser starts Chromium with a fresh profile and opens url.
func browser(url string) (context.Context, context.CancelFunc, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, nil, err
	}
	profile, err := os.MkdirTemp("", "litefront-bench")
	if err != nil {
		return nil, nil, err
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	tab, closeTab := chromedp.NewContext(alloc)
	end := func() {
		closeTab()
		stop()
		_ = os.RemoveAll(profile) // a temporary directory
	}
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil {
		end()
		return nil, nil, err
	}
	if url != "" {
		if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
			end()
			return nil, nil, err
		}
	}
	return tab, end, nil
}

// interactive resolves when the page can be used, with the milliseconds since
// navigation began.
const interactive = `new Promise(resolve => {
	const check = () => document.documentElement.dataset.state === "idle"
		? resolve(performance.now()) : setTimeout(check, 5);
	check();
})`

// visit opens the page with a fresh profile.
func visit(url string) (ms float64, err error) {
	tab, end, err := browser(url)
	if err != nil {
		return 0, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(tab, 30*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[float64](interactive, chromedp.EvalAwaitPromise))
}

// kernels times the programs in both engines.
func (r *results) kernels(url string) error {
	native, err := runtime.NewEngine("")
	if err != nil {
		return err
	}
	defer native.Close()
	r.Device = native.Device()
	// The page itself is not loaded: its worker would share the cores. Any file of
	// the site gives an isolated document.
	tab, end, err := browser(url + "/style.css")
	if err != nil {
		return err
	}
	defer end()
	if r.Browser, err = chromedp.Run(tab, chromedp.Evaluate[string](`programs = []; navigator.userAgent`)); err != nil {
		return err
	}
	enter := []struct {
		name     string
		features kernels.Features
		contest  func(programs.Program) (*contest.Contestant, error)
	}{
		{"wazero", native.Features(), func(p programs.Program) (*contest.Contestant, error) { return contest.Native(native, p) }},
		{"Chromium", kernels.Features{}, func(p programs.Program) (*contest.Contestant, error) { return inTab(tab, p) }},
		{"Chromium, relaxed SIMD", kernels.Features{RelaxedSIMD: true}, func(p programs.Program) (*contest.Contestant, error) { return inTab(tab, p) }},
	}
	var all []*contest.Contestant
	for _, e := range enter {
		list := []programs.Program{programs.Peak()}
		for _, s := range programs.Shapes() {
			p, err := programs.Gemm(s, e.features)
			if err != nil {
				return err
			}
			list = append(list, p)
		}
		prefill, decode, err := programs.Model(e.features)
		if err != nil {
			return err
		}
		for _, p := range append(list, prefill, decode) {
			c, err := e.contest(p)
			if err != nil {
				return err
			}
			all = append(all, c)
		}
	}
	if err := contest.Run(all, r.Rounds); err != nil {
		return err
	}
	n := len(all) / len(enter)
	for i, e := range enter {
		mine := all[i*n : (i+1)*n]
		er := engineResults{Name: e.name, Peak: mine[0].Result(), Prefill: mine[n-2].Result(), Decode: mine[n-1].Result()}
		for _, c := range mine[1 : n-2] {
			er.Gemm = append(er.Gemm, c.Result())
		}
		r.Engines = append(r.Engines, er)
	}
	return nil
}

// inTab is a program in the tab's own thread.
func inTab(tab context.Context, p programs.Program) (*contest.Contestant, error) {
	id, err := chromedp.Run(tab, chromedp.Evaluate[int](fmt.Sprintf(`(() => {
		const bytes = Uint8Array.from(atob(%q), c => c.charCodeAt(0));
		const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
		exports.init(1);
		return programs.push(exports) - 1;
	})()`, base64.StdEncoding.EncodeToString(p.Module.Bytes))))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	return &contest.Contestant{Name: p.Name, Work: p.FLOPs, Run: func(reps int) (int64, error) {
		ms, err := chromedp.Run(tab, chromedp.Evaluate[float64](fmt.Sprintf(`(() => {
			const start = performance.now();
			programs[%d].%s(%d, %d);
			return performance.now() - start;
		})()`, id, p.Export, p.Arg, reps)))
		return int64(ms * 1e6), err
	}}, nil
}

func (r results) print() {
	w := io.Writer(os.Stdout)
	fmt.Fprintf(w, "%s, %s\n%s\n%d rounds interleaved; medians\n\n", r.Device.CPU, r.Device.Engine, r.Browser, r.Rounds)
	fmt.Fprintf(w, "%-24s %12s %12s %10s %12s %12s\n", "", "GEMM GFLOP/s", "128-bit peak", "share", "prefill ms", "decode ms")
	for _, e := range r.Engines {
		var rates []float64
		for _, g := range e.Gemm {
			rates = append(rates, g.GFLOPS)
		}
		gemm := contest.Median(rates)
		fmt.Fprintf(w, "%-24s %12.1f %12.1f %8.0f %% %12.1f %12.2f\n", e.Name, gemm, e.Peak.GFLOPS,
			100*gemm/r.Engines[0].Peak.GFLOPS, e.Prefill.MedianMs, e.Decode.MedianMs)
	}
	fmt.Fprintln(w)
	interactiveMs := contest.Median(r.InteractiveMs)
	contest.Verdict(interactiveMs <= goalInteractiveMs, "a first visit is interactive after %.0f ms (goal %d)", interactiveMs, goalInteractiveMs)
	contest.Verdict(float64(r.Bytes) <= goalBytes, "a first visit transfers %.2f MB (goal %.1f)", float64(r.Bytes)/1e6, goalBytes/1e6)
}
