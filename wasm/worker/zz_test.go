//go:build !wasm

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"litefront/internal/browsertest"
	"litefront/kernels/search"
	"litefront/searchcore/space"
)

func rss() (mx int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		if strings.Contains(string(b), "type=renderer") {
			s, _ := os.ReadFile(filepath.Dir(f) + "/status")
			for _, l := range strings.Split(string(s), "\n") {
				if strings.HasPrefix(l, "VmRSS:") {
					var k int
					fmt.Sscanf(strings.TrimPrefix(l, "VmRSS:"), "%d", &k)
					mx = max(mx, k/1024)
				}
			}
		}
	}
	return
}

func TestZZ(t *testing.T) {
	tab := browsertest.New(t, 3*time.Minute)
	if err := chromedp.Do(tab); err != nil {
		t.Fatal(err)
	}
	server := serve(t, build(t), true)
	p := &page{t: t, ctx: tab, server: server, script: "worker.js"}
	p.reload()
	d, _ := p.open()
	t.Logf("%+v", d)
	q := request("14")
	q.Setup.Space.DModel = space.Choices{1024}
	q.Setup.Space.NLayer = space.Choices{3, 4, 5, 6, 7, 8}
	q.Setup.Space.DInner = space.Choices{2048, 3072, 4096}
	p.send(search.Command{Do: search.DoStart, Request: &q})
	start := time.Now()
	p.until(func(m search.Message) bool {
		if m.Error != "" {
			t.Log(m.Error)
		}
		if m.Event != nil && m.Event.Measured != nil {
			e := m.Event.Measured.Measurement
			t.Logf("%v trial %d mem %d MB rss %d MB compile %.1f init %.1f prefill %.2f spent %.0f", time.Since(start), m.Event.Measured.Number, e.MemoryBytes>>20, rss(), e.CompileMs, e.InitMs, e.Prefill.MedianMs, e.SpentMs)
		}
		return idle(m)
	})
}
