//go:build gpu

package runtime_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"litefront/host/runtime"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

func gpuProcess(t *testing.T) *runtime.Process {
	t.Helper()
	p, err := runtime.NewGPUProcess(os.Getenv("LITEFRONT_GPU"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// A search runs on a GPU from end to end, for each backbone.
func TestGPUSearch(t *testing.T) {
	process := gpuProcess(t)
	for _, backbone := range []arch.Backbone{arch.GPT2, arch.TransformerXL} {
		t.Run(string(backbone), func(t *testing.T) {
			sp := space.Space{Name: "tiny", Backbone: backbone, Vocab: 100,
				NLayer: space.Choices{1, 2}, DModel: space.Choices{16, 32}, NHead: space.Choices{1, 2}, DInner: space.Choices{16, 32}}
			if backbone == arch.GPT2 {
				sp.MaxLen = 32
			}
			q := search.Request{Name: "test", Code: "v0", Budget: "3", TrialTimeMs: 1, Setup: trial.Setup{
				Space: sp, Workload: trial.Workload{PromptLen: 16, Context: 32, Precision: trial.F16, Threads: 1},
				Objectives: []string{"decoder_params", "prefill_ms", "peak_mb"}, Strategy: "lts", Protocol: trial.Litefront, Seed: 1, MemoryLimit: 1 << 30,
			}}
			st, done, err := q.Run(context.Background(), process, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if done.Measured != 3 || done.Failed != 0 {
				t.Errorf("the search ended with %+v", done)
			}
			for _, r := range st.Trials() {
				m := r.Measurement
				if m == nil || m.Prefill.MedianMs <= 0 || m.Decode.MedianMs <= 0 || m.MemoryBytes <= 0 || m.Slowdown <= 0 || m.Device.Name != process.Device().Name {
					t.Errorf("trial %d: measured %+v", r.Number, m)
				}
			}
		})
	}
}

// A GPU process that dies ends what ran on it as lost, and the next one is new.
func TestGPULost(t *testing.T) {
	process := gpuProcess(t)
	local, err := measure.Local(process, measure.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 50, DModel: 16, MaxLen: 32, Layers: []arch.Layer{{Heads: 1, DInner: 16}}}
	w := trial.Workload{PromptLen: 16, Context: 32, Precision: trial.F32, Threads: 1}
	time.AfterFunc(300*time.Millisecond, process.Kill)
	if _, err := local.Measure(context.Background(), trial.Trial{Proposal: trial.Proposal{Arch: a}}, w); err != nil && !errors.Is(err, measure.ErrLost) {
		t.Errorf("error %v; want one that wraps ErrLost", err)
	}
	if _, err := local.Measure(context.Background(), trial.Trial{Proposal: trial.Proposal{Arch: a}}, w); err != nil {
		t.Errorf("after it was lost: %v", err)
	}
}

// An adapter that there is not is one line that names those there are.
func TestGPUUnknownAdapter(t *testing.T) {
	_, err := runtime.NewGPUProcess("no such adapter", time.Minute)
	if err == nil || !strings.HasPrefix(err.Error(), `gpu: adapter "no such adapter" must be part of the name of one: [`) {
		t.Errorf("error %v", err)
	}
}
