package browser_test

import (
	"slices"
	"strings"
	"testing"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/searchcore/trial"
	"litefront/wasm/worker/internal/browser"
)

func TestDescribeGPU(t *testing.T) {
	d := trial.Device{Name: "Chromium 156", CPU: "", Engine: "V8 (Chromium 156)", Features: []string{"simd128", measure.NotIsolated}, TimerStepNs: 5000}
	got := browser.DescribeGPU(d, " google\nswiftshader "+strings.Repeat("x", 100), kernels.GPU{MaxBufferSize: 7, MaxStorageBufferBindingSize: 5, Timestamps: true, Subgroup: 32, Software: true})
	want := []string{"webgpu", "maxBufferSize=7", "maxStorageBufferBindingSize=5", measure.NotIsolated, "timestamp-query", "subgroup=32", measure.SoftwareAdapter}
	if !slices.Equal(got.Features, want) || got.Engine != "WebGPU of V8 (Chromium 156)" || !strings.HasPrefix(got.CPU, "google") || len(got.CPU) > 64 || got.TimerStepNs != 100_000 {
		t.Errorf("described as %+v", got)
	}
	if !slices.Equal(d.Features, []string{"simd128", measure.NotIsolated}) {
		t.Errorf("the browser's own device became %+v", d)
	}
	if got := browser.DescribeGPU(d, "\x00", kernels.GPU{}); got.CPU != "unnamed GPU" || got.TimerStepNs != 5000 {
		t.Errorf("a GPU without a name or timestamps: %+v", got)
	}
}
