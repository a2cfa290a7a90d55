//go:build !js && !wasip1

// Package browser says how tests and benchmarks start headless Chromium.
package browser

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/chromedp/chromedp"
)

// names are Debian's Chromium, older ones and Google's Chrome; the Makefile looks
// for the same.
var names = []string{"chromium", "chromium-browser", "google-chrome"}

// Options starts the browser that is installed here with a fresh profile, whose folder
// chromedp removes once none of the browser's processes writes there any more. Nothing
// in it speaks to the network of its own accord. The error says that
// there is no browser.
func Options() ([]chromedp.ExecAllocatorOption, error) {
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		return append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
			chromedp.ExecPath(path),
			chromedp.NoSandbox,
			chromedp.Flag("disable-gpu", true),
			chromedp.Flag("disable-quic", true),
			chromedp.Flag("no-first-run", true),
			chromedp.Flag("disable-background-networking", true),
			chromedp.Flag("disable-component-update", true),
			chromedp.Flag("disable-sync", true),
		), nil
	}
	return nil, fmt.Errorf("no browser is installed (%s); make tools installs Chromium", strings.Join(names, ", "))
}
