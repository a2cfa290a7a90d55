//go:build ignore

package main

import (
	"encoding/base64"
	"fmt"

	"github.com/chromedp/chromedp"

	"litefront/bench/chromium"
	"litefront/bench/programs"
	"litefront/kernels"
)

func main() {
	p, _, err := programs.Model(kernels.Features{})
	if err != nil {
		panic(err)
	}
	for range 4 {
		for _, pre := range []string{"", "exports.prefill(2);", "exports.prefill(8);"} {
			tab, end, err := chromium.Open("about:blank")
			if err != nil {
				panic(err)
			}
			ms, err := chromedp.Run(tab, chromedp.Evaluate[[]float64](fmt.Sprintf(`(() => {
				const bytes = Uint8Array.from(atob(%q), c => c.charCodeAt(0));
				const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
				const t1 = performance.now();
				%s
				const t1b = performance.now();
				exports.init(1);
				const t2 = performance.now();
				const out = [t1b-t1, t2-t1b];
				for (let i = 0; i < 10; i++) {
					const start = performance.now();
					exports.prefill(128);
					out.push(performance.now() - start);
				}
				return out;
			})()`, base64.StdEncoding.EncodeToString(p.Module.Bytes), pre)))
			end()
			fmt.Printf("%-20s %.1f %v\n", pre, ms, err)
		}
	}
}
