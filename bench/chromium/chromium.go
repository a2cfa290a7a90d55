//go:build !wasm

// Package chromium runs benchmarks in headless Chromium.
package chromium

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/chromedp/chromedp"

	"litefront/bench/contest"
	"litefront/bench/programs"
	"litefront/internal/browser"
	"litefront/kernels"
)

// Open starts a browser with a fresh profile and opens url. The context is that
// of the tab; chromedp.NewContext of it opens another one.
func Open(url string) (tab context.Context, end context.CancelFunc, err error) {
	return OpenWith(url, nil)
}

// OpenWith is Open for a browser with more flags, by their names without dashes.
func OpenWith(url string, flags map[string]string) (tab context.Context, end context.CancelFunc, err error) {
	options, err := browser.Options()
	if err != nil {
		return nil, nil, err
	}
	for name, value := range flags {
		options = append(options, chromedp.Flag(name, value))
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	tab, closeTab := chromedp.NewContext(alloc)
	end = func() {
		closeTab()
		stop()
	}
	// A blank page first, so that the browser's start is no part of the visit.
	for _, page := range []string{"about:blank", url} {
		if err := chromedp.Do(tab, chromedp.Navigate(page)); err != nil {
			end()
			return nil, nil, err
		}
	}
	return tab, end, nil
}

// Module is programs of one module, on one instance in the tab's own thread.
func Module(tab context.Context, ps ...programs.Program) (all []*contest.Contestant, err error) {
	id, err := chromedp.Run(tab, chromedp.Evaluate[int](fmt.Sprintf(`(() => {
		const { exports } = new WebAssembly.Instance(new WebAssembly.Module(%s));
		exports.init(1);
		globalThis.modules ??= [];
		return modules.push(exports) - 1;
	})()`, Bytes(ps[0].Module))))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ps[0].Name, err)
	}
	for _, p := range ps {
		all = append(all, &contest.Contestant{Name: p.Name, Work: p.FLOPs, Bytes: p.Bytes, Run: func(reps int) (int64, error) {
			ms, err := chromedp.Run(tab, chromedp.Evaluate[float64](fmt.Sprintf(`(() => {
				const start = performance.now();
				modules[%d].%s(%d, %d);
				return performance.now() - start;
			})()`, id, p.Export, p.Arg, reps)))
			return int64(ms * 1e6), err
		}})
	}
	return all, nil
}

// Bytes is an expression for the bytes of m.
func Bytes(m *kernels.Module) string {
	return fmt.Sprintf("Uint8Array.from(atob(%q), c => c.charCodeAt(0))", base64.StdEncoding.EncodeToString(m.Bytes))
}
