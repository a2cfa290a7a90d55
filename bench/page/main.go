//go:build !wasm

// Command page measures the web page in headless Chromium: how soon a first
// visit is interactive, how much it transfers, how much slower a module's first
// prefill is than later ones, how long its worker takes to solve a space for the
// exact frontier, how fluid the page stays with thousands of candidates and whether it
// disturbs what is measured, and how fast emitted modules run there, beside wazero and
// the peak of 128-bit arithmetic, interleaved in one run; with -search also what a
// search of lts-gpt2 brings, which takes minutes. It prints a verdict per goal and writes
// bench/results/page.json. With -fluid it looks at the page's fluidity alone, and writes
// nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/chromedp/chromedp"

	"litefront/bench/chromium"
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
	search := flag.Bool("search", false, "run a search of lts-gpt2 with the page's defaults, too")
	only := flag.Bool("fluid", false, "look only at how fluid the page stays, and write no results")
	out := flag.String("out", filepath.Join("bench", "results", "page.json"), "where to write the results")
	flag.Parse()
	if err := run(*rounds, *search, *only, *out); err != nil {
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
	First   []firstPrefill  `json:"first_prefill"`
	Solving []solving       `json:"solving"`
	Search  *searched       `json:"search"` // nil if it was not run
	Fluid   *fluidity       `json:"fluid"`
}

type engineResults struct {
	Name      string            `json:"name"`
	Goal      float64           `json:"goal"` // of GEMM, as a share of the peak
	Peak      contest.Result    `json:"peak_128_bit"`
	Gemm      []contest.Result  `json:"gemm"`
	GemmI8    []contest.Result  `json:"gemm_int8"`
	Bandwidth contest.Bandwidth `json:"bandwidth"`
	Prefill   contest.Result    `json:"prefill"`
	Decode    contest.Result    `json:"decode"`
}

func run(rounds int, search, only bool, out string) error {
	dist, err := web.Dist()
	if err != nil {
		return err
	}
	var transferred atomic.Int64
	handler, err := web.Handler(dist)
	if err != nil {
		return err
	}
	server := httptest.NewServer(withTimer(counting(handler, &transferred)))
	defer server.Close()
	r := results{Code: runtime.CodeVersion(), Rounds: rounds}
	if only {
		if r.Fluid, err = fluid(server.URL); err == nil {
			r.Fluid.print()
		}
		return err
	}
	for range visits {
		transferred.Store(0)
		ms, err := visit(server.URL)
		if err != nil {
			return err
		}
		r.InteractiveMs = append(r.InteractiveMs, ms)
		r.Bytes = max(r.Bytes, transferred.Load())
	}
	if r.Fluid, err = fluid(server.URL); err != nil {
		return err
	}
	if r.First, err = firstPrefills(server.URL); err != nil {
		return err
	}
	if r.Solving, err = solvings(server.URL); err != nil {
		return err
	}
	if search {
		if r.Search, err = defaultSearch(server.URL); err != nil {
			return err
		}
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

// interactive resolves when the page can be used, with the milliseconds since
// navigation began.
const interactive = `new Promise(resolve => {
	const check = () => document.documentElement.dataset.state === "idle"
		? resolve(performance.now()) : setTimeout(check, 5);
	check();
})`

// visit opens the page with a fresh profile.
func visit(url string) (ms float64, err error) {
	tab, end, err := chromium.Open("about:blank")
	if err != nil {
		return 0, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(tab, 30*time.Second)
	defer cancel()
	time.Sleep(settle)
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		return 0, err
	}
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
	tab, end, err := chromium.Open(url + "/style.css")
	if err != nil {
		return err
	}
	defer end()
	if r.Browser, err = chromedp.Run(tab, chromedp.Evaluate[string](`navigator.userAgent`)); err != nil {
		return err
	}
	enter := []struct {
		name     string
		goal     float64 // of GEMM, as a share of the engine's own peak
		features kernels.Features
		contest  func(...programs.Program) ([]*contest.Contestant, error)
	}{
		{"wazero", 0.72, native.Features(), func(ps ...programs.Program) ([]*contest.Contestant, error) { return contest.Native(native, ps...) }},
		{"Chromium", 0.75, kernels.Features{}, func(ps ...programs.Program) ([]*contest.Contestant, error) { return chromium.Module(tab, ps...) }},
		{"Chromium, relaxed SIMD", 0.88, kernels.Features{RelaxedSIMD: true}, func(ps ...programs.Program) ([]*contest.Contestant, error) { return chromium.Module(tab, ps...) }},
	}
	var all []*contest.Contestant
	engines := make([]contestants, len(enter))
	for i, e := range enter {
		add := func(to *[]*contest.Contestant, ps ...programs.Program) error {
			cs, err := e.contest(ps...)
			*to = append(*to, cs...)
			all = append(all, cs...)
			return err
		}
		c := &engines[i]
		if err := add(&c.peak, programs.Peak()); err != nil {
			return err
		}
		for _, x := range []struct {
			precision trial.Precision
			to        *[]*contest.Contestant
		}{{trial.F32, &c.gemm}, {trial.I8, &c.gemmI8}} {
			for _, s := range programs.Shapes() {
				p, err := programs.Gemm(s, x.precision, e.features)
				if err == nil {
					err = add(x.to, p)
				}
				if err != nil {
					return err
				}
			}
		}
		reading, err := programs.Bandwidth(e.features)
		if err != nil {
			return err
		}
		for _, p := range reading {
			if err := add(&c.bandwidth, p); err != nil {
				return err
			}
		}
		prefill, decode, err := programs.Model(e.features)
		if err == nil {
			err = add(&c.model, prefill, decode)
		}
		if err != nil {
			return err
		}
	}
	if err := contest.Run(all, r.Rounds); err != nil {
		return err
	}
	for i, c := range engines {
		r.Engines = append(r.Engines, engineResults{Name: enter[i].name, Goal: enter[i].goal, Peak: c.peak[0].Result(), Gemm: resultsOf(c.gemm), GemmI8: resultsOf(c.gemmI8),
			Bandwidth: contest.BandwidthOf(c.bandwidth), Prefill: c.model[0].Result(), Decode: c.model[1].Result()})
	}
	return nil
}

// contestants are those of one engine.
type contestants struct{ peak, gemm, gemmI8, bandwidth, model []*contest.Contestant }

func resultsOf(all []*contest.Contestant) (list []contest.Result) {
	for _, c := range all {
		list = append(list, c.Result())
	}
	return list
}

// rate is the median over the shapes, in GFLOP/s.
func rate(gemm []contest.Result) float64 {
	var rates []float64
	for _, g := range gemm {
		rates = append(rates, g.GFLOPS)
	}
	return contest.Median(rates)
}

func (r results) print() {
	w := io.Writer(os.Stdout)
	fmt.Fprintf(w, "%s, %s\n%s\n%d rounds interleaved; medians\n\n", r.Device.CPU, r.Device.Engine, r.Browser, r.Rounds)
	fmt.Fprintf(w, "%-24s %12s %12s %10s %14s %12s %12s\n", "", "GEMM GFLOP/s", "own peak", "share", "int8, the same", "prefill ms", "decode ms")
	for _, e := range r.Engines {
		gemm := rate(e.Gemm)
		fmt.Fprintf(w, "%-24s %12.1f %12.1f %8.0f %% %14.1f %12.1f %12.2f\n", e.Name, gemm, e.Peak.GFLOPS,
			100*gemm/e.Peak.GFLOPS, rate(e.GemmI8), e.Prefill.MedianMs, e.Decode.MedianMs)
	}
	fmt.Fprintln(w)
	contest.BandwidthHeader()
	for _, e := range r.Engines {
		e.Bandwidth.Print(e.Name)
	}
	fmt.Fprintln(w, "\nA peak is 128-bit arithmetic in registers on the row's own engine, with separate multiplications and additions.\n"+
		"Relaxed SIMD fuses the two, so its share may exceed 100 %.")
	fmt.Fprintln(w)
	interactiveMs := contest.Median(r.InteractiveMs)
	contest.Verdict(interactiveMs <= goalInteractiveMs, "a first visit is interactive after %.0f ms (goal %d)", interactiveMs, goalInteractiveMs)
	contest.Verdict(float64(r.Bytes) <= goalBytes, "a first visit transfers %.2f MB (goal %.1f)", float64(r.Bytes)/1e6, goalBytes/1e6)
	for _, e := range r.Engines {
		share := rate(e.Gemm) / e.Peak.GFLOPS
		contest.Verdict(share >= e.Goal, "%s: GEMM at %.0f %% of the 128-bit peak (goal %.0f %%)", e.Name, 100*share, 100*e.Goal)
	}
	for _, f := range r.First {
		contest.Verdict(f.ratio() <= goalFirstPrefill, "%s: the first prefill takes %.2f× a steady one of %.0f ms (goal %.1f×)",
			f.Name, f.ratio(), contest.Median(f.SteadyMs), goalFirstPrefill)
	}
	for _, s := range r.Solving {
		ms := contest.Median(s.Ms)
		contest.Verdict(ms <= goalSolveMs, "%s: the worker, opening a study of %d measurements, has the exact frontier of %d members after %.1f s [%.1f, %.1f] (goal %d)",
			s.Space, s.Fitted, s.Members, ms/1e3, slices.Min(s.Ms)/1e3, slices.Max(s.Ms)/1e3, goalSolveMs/1000)
	}
	r.Fluid.print()
	r.Search.print()
}
