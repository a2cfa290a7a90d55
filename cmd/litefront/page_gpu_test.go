//go:build unix

package main

import (
	"strings"
	"testing"

	"litefront/internal/browsertest"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// TestPageGPU searches on the browser's GPU, from the page's form to the exported study.
func TestPageGPU(t *testing.T) {
	pageDist(t)
	s := newSandbox(t)
	p := tab{t, browsertest.NewWith(t, map[string]string{"enable-unsafe-webgpu": "true"})}
	p.open(s.serving())
	downloads := p.keepDownloads()
	p.until(`document.getElementById("target") !== null && !document.getElementById("target").closest(".field").hidden`)
	p.fill("target", search.TargetGPU)
	p.until(`document.getElementById("target-help").innerText.includes("“")`)
	p.until(`[...document.querySelectorAll("#precision option")].map((o) => o.value).join() === "f32,f16"`)
	p.fill("precision", "f16")
	p.fill("preset", "own")
	p.fill("space", tinySpace)
	p.fill("prompt", "16")
	p.fill("context", "32")
	p.fill("strategy", "random")
	p.fill("budget", "2")
	p.click("start")
	p.measured(2)
	p.state("idle")
	list := decodeLines(t, p.downloaded(downloads, "export", "*.jsonl"))
	for _, e := range list {
		if e.Kind != trial.KindMeasured {
			continue
		}
		m := e.Measured.Measurement
		if !search.OnGPU(m.Device) || m.Workload.Precision != trial.F16 || m.Prefill.MedianMs <= 0 || !strings.Contains(m.Device.Engine, "WebGPU") {
			t.Errorf("measured %+v", m)
		}
	}
	if n := count(list, trial.KindMeasured); n != 2 {
		t.Errorf("exported are %d measurements", n)
	}
}
