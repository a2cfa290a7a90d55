//go:build !wasm

package worker_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"litefront/internal/browsertest"
	"litefront/kernels/search"
	"litefront/searchcore/trial"
)

// TestWorkerOnGPU runs a search on the browser's GPU, and continues it there.
func TestWorkerOnGPU(t *testing.T) {
	tab := browsertest.NewWith(t, map[string]string{"enable-unsafe-webgpu": "true"})
	if err := chromedp.Do(tab); err != nil { // starts the browser
		t.Fatal(err)
	}
	p := &page{t: t, ctx: tab, server: serve(t, build(t), true), script: "worker.js"}
	p.reload()
	open := func() *trial.Device {
		p.send(search.Command{Do: search.DoOpen})
		messages := p.until(func(m search.Message) bool { return m.GPU != nil })
		return messages[len(messages)-1].GPU
	}
	gpu := open()
	if !search.OnGPU(*gpu) || gpu.CPU == "" || !strings.HasPrefix(gpu.Engine, "WebGPU of ") || !slices.Contains(gpu.Features, "isolated") {
		t.Errorf("the GPU is %+v", gpu)
	}
	onGPU := func(candidates int, messages []search.Message) {
		t.Helper()
		if got, want := done(t, messages), (trial.Done{Reason: search.DoneBudget, Measured: candidates}); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		for _, m := range messages {
			if !measured(m) {
				continue
			}
			got := m.Event.Measured.Measurement
			if !got.Device.Same(*gpu) || got.Prefill.MedianMs <= 0 || got.Decode.MedianMs <= 0 || got.MemoryBytes <= 0 || got.ModuleSHA256 == "" {
				t.Errorf("measured %+v", got)
			}
		}
	}
	q := request("2")
	q.Setup.Workload.Precision = trial.F16
	p.send(search.Command{Do: search.DoStart, Request: &q, Target: search.TargetGPU})
	onGPU(2, p.until(idle))

	p.reload() // what continues stays on the GPU, whatever is asked for
	open()
	q = request("3")
	p.send(search.Command{Do: search.DoStart, Request: &q, Target: search.TargetCPU})
	onGPU(3, p.until(idle))

	// Its precision is no WebAssembly's.
	p.send(search.Command{Do: search.DoForget})
	p.answer()
	q = request("1")
	q.Setup.Workload.Precision = trial.F16
	p.send(search.Command{Do: search.DoStart, Request: &q})
	wantError(t, p.until(idle), `workload: precision "f16" must be one of ["f32" "int8"] for WebAssembly`)
	p.send(search.Command{Do: search.DoStart, Request: &q, Target: "npu"})
	wantError(t, p.until(idle), `start: target "npu" must be "cpu" or "gpu"`)
}
